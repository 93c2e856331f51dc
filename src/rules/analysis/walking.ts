/** What expressions are made of. */
import type { CheckedModule, Rule, Typed } from '../checker/checked.ts';

/** The expressions that an expression is made of at once. */
export function partsOf(typed: Typed): readonly Typed[] {
  switch (typed.op) {
    case 'constant':
    case 'field':
    case 'has':
    case 'parameter':
    case 'feed':
    case 'spent':
    case 'count':
      return [];
    case 'listed':
      return [typed.item];
    case 'not':
    case 'negate':
      return [typed.operand];
    case 'select':
      return [typed.condition, typed.then, typed.otherwise];
    case 'scale':
    case 'share':
      return [typed.amount, typed.by];
    case 'convert':
      return [typed.amount];
    default:
      return [typed.left, typed.right];
  }
}

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
