/** The expressions of rules and modules. */
import type { CheckedModule, Rule, Typed } from '../checker/checked.ts';
import { partsOf } from '../checker/part.ts';

/** All expressions below `roots`, themselves too, each once. */
export function expressionsBelow(roots: readonly Typed[]): ReadonlySet<Typed> {
  const found = new Set<Typed>();
  const visit = (typed: Typed): void => {
    if (found.has(typed)) return;
    found.add(typed);
    for (const part of partsOf(typed)) visit(part);
  };
  for (const root of roots) visit(root);
  return found;
}

/** The condition and the numbers of a rule. */
export function expressionsOfRule({ when, body }: Rule): readonly Typed[] {
  return [...(when === undefined ? [] : [when]), ...(body.kind === 'cap' ? [body.cap, body.measure] : [])];
}

/** Of rules and properties; a `let` that nothing uses is not among them. */
export function expressionsOfModule({ rules, properties }: CheckedModule): ReadonlySet<Typed> {
  return expressionsBelow([
    ...rules.flatMap(expressionsOfRule),
    ...properties.flatMap(({ claim }) => (claim.kind === 'bound' ? [claim.when] : [])),
  ]);
}
