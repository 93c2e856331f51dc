/** Whose secrets an expression looks at, in any part, whether it is taken or not. */
import type { CheckedModule, Rule, Typed } from './checked.ts';
import { partsOf } from './part.ts';

type Owned = Pick<CheckedModule, 'jurisdictions'>;

/** `issuer`, and the module's jurisdictions joined with ' + '; none where it looks at no secret. */
export function ownersOf(typed: Typed, module: Owned): ReadonlySet<string> {
  const owners = new Set<string>();
  const seen = new Set<Typed>();
  const look = (part: Typed): void => {
    if (seen.has(part)) return;
    seen.add(part);
    if (part.op === 'field' && part.field.secret !== undefined) owners.add(part.field.secret);
    const isOwn =
      (part.op === 'parameter' && part.parameter.secret) || (part.op === 'listed' && part.list.secret);
    if (isOwn) owners.add(module.jurisdictions.join(' + '));
    for (const inner of partsOf(part)) look(inner);
  };
  look(typed);
  return owners;
}

/** Of a rule's `when`, cap and measure: who is cleared for whether it applies. */
export function ownersOfRule(rule: Pick<Rule, 'when' | 'body'>, module: Owned): ReadonlySet<string> {
  const owners = new Set<string>();
  for (const typed of expressionsOf(rule)) for (const owner of ownersOf(typed, module)) owners.add(owner);
  return owners;
}

/** A rule's `when`, cap and measure. */
export function expressionsOf(rule: Pick<Rule, 'when' | 'body'>): readonly Typed[] {
  const { when, body } = rule;
  return [...(when === undefined ? [] : [when]), ...(body.kind === 'cap' ? [body.cap, body.measure] : [])];
}
