/** Readers, and how the label machine sees one. */
import { everybody, makeLabel } from '../../vm/label.ts';
import { jurisdictionOf } from './checker/owners.ts';
import { secretSecrecy } from './compiler/program.ts';
import type { Reader } from './decision.ts';
import type { RuleSet } from './set/rule-set.ts';

export interface Clearance {
  /** Bits of the owners that have cleared the reader. */
  readonly owners: number;
  readonly label: number;
}

/** What a reader is cleared for in a program with these owners, by number. */
export function clearanceOf({ clearedFor }: Reader, owners: readonly string[]): Clearance {
  if (clearedFor.length === 0) return { owners: 0, label: everybody };
  const categories = [...owners.keys()].filter((number) => clearedFor.includes(owners[number] ?? ''));
  const bits = categories.reduce((all, number) => all | (1 << number), 0);
  return { owners: bits, label: makeLabel({ secrecy: secretSecrecy, authority: 0, categories }) };
}

/** Everybody who has a secret in one of the sets: whoever has their files has all of it. */
export function wholeReader(...sets: readonly RuleSet[]): Reader {
  const owners = sets.flatMap(({ modules }) => modules.map(jurisdictionOf));
  return { clearedFor: [...new Set(['issuer', ...owners])].sort() };
}
