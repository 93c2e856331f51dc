/** Whose secrets an expression looks at, in any part, whether it is taken or not. */
import type { CheckedModule, Rule, Typed } from './checked.ts';
import { expressionsBelow, fieldsBelow } from './part.ts';

type Owned = Pick<CheckedModule, 'jurisdictions'>;

/** As a group is named, and the owner of a module's secrets: `FR + US`. */
export function jurisdictionOf({ jurisdictions }: Owned): string {
  return jurisdictions.join(' + ');
}

/** `issuer`, and the module's jurisdictions; none where it looks at no secret. */
export function ownersOf(typed: Typed, module: Owned): ReadonlySet<string> {
  const owners = new Set<string>();
  for (const part of expressionsBelow([typed])) {
    if (part.op === 'field' && part.field.secret !== undefined) owners.add(part.field.secret);
    const isOwn =
      (part.op === 'parameter' && part.parameter.secret) || (part.op === 'listed' && part.list.secret);
    if (isOwn) owners.add(jurisdictionOf(module));
  }
  return owners;
}

/** Of a rule's `when`, cap and measure: who is cleared for whether it applies. */
export function ownersOfRule(rule: Pick<Rule, 'when' | 'body'>, module: Owned): ReadonlySet<string> {
  return new Set(expressionsOf(rule).flatMap((typed) => [...ownersOf(typed, module)]));
}

/** A rule's `when`, cap and measure. */
export function expressionsOf(rule: Pick<Rule, 'when' | 'body'>): readonly Typed[] {
  const { when, body } = rule;
  return [...(when === undefined ? [] : [when]), ...(body.kind === 'cap' ? [body.cap, body.measure] : [])];
}

const fieldsRead = new WeakMap<Rule, ReadonlySet<string>>();

/** The fields that the condition or the numbers of a rule look at. */
export function fieldsOfRule(rule: Rule): ReadonlySet<string> {
  let fields = fieldsRead.get(rule);
  if (fields === undefined) {
    fields = fieldsBelow(expressionsOf(rule));
    fieldsRead.set(rule, fields);
  }
  return fields;
}
