/** The expressions of modules. */
import type { CheckedModule, Typed } from '../checker/checked.ts';
import { expressionsOf } from '../checker/owners.ts';
import { expressionsBelow } from '../checker/part.ts';

/** Of rules and properties; a `let` that nothing uses is not among them. */
export function expressionsOfModule({ rules, properties }: CheckedModule): ReadonlySet<Typed> {
  return expressionsBelow([
    ...rules.flatMap(expressionsOf),
    ...properties.flatMap(({ claim }) => (claim.kind === 'bound' ? [claim.when] : [])),
  ]);
}
