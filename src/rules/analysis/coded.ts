/** What an expression is as formulas: its value, and where it is in error. */
import type { Term, Terms } from './term.ts';

export interface Coded {
  /** Says something only where there is no error. */
  readonly value: Term;
  /** Of a number: what it can be where there is no error. */
  readonly least: bigint;
  readonly most: bigint;
  /** In error, of whichever verdict. */
  readonly error: Term;
  /** In error, of the verdict DENY. */
  readonly denied: Term;
}

/** A truth without error. */
export function sure(terms: Terms, value: Term): Coded {
  return { value, least: 0n, most: 1n, error: terms.false, denied: terms.false };
}
