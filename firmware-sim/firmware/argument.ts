/** What arguments may be: each check gives a refusal that names the argument, what it was and what would be accepted, or nothing. */
import { quote, type Refusal, refuse } from '../../src/kit/result.ts';
import type { Head } from '../protocol.ts';

export type ArgumentRefusal = Refusal<'argument_invalid'>;

export function invalid(argument: string, was: string, accepted: string): ArgumentRefusal {
  return refuse('argument_invalid', `\`${argument}\` is ${was}: ${accepted} is accepted`, argument);
}

export function checkLength(
  argument: string,
  bytes: Uint8Array,
  least: number,
  most = least,
): ArgumentRefusal | undefined {
  const { length } = bytes;
  if (length >= least && length <= most) return undefined;
  const accepted = least === most ? `${least}` : `${least} to ${most}`;
  return invalid(argument, `${length} bytes`, accepted);
}

export function checkOne<T extends string>(
  argument: string,
  value: T,
  known: readonly T[],
): ArgumentRefusal | undefined {
  return known.includes(value)
    ? undefined
    : invalid(argument, quote(value), known.map((one) => `\`${one}\``).join(', '));
}

const labelPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;

/** Of a key. */
export function checkLabel(label: string): ArgumentRefusal | undefined {
  return labelPattern.test(label)
    ? undefined
    : invalid('label', quote(label), '1 to 32 of letters, digits, `.`, `_` and `-`, the first no mark,');
}

/** As in hsm/anchor.ts. */
const namePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** Of a journal. */
export function checkName(name: string): ArgumentRefusal | undefined {
  return namePattern.test(name)
    ? undefined
    : invalid('name', quote(name), '1 to 32 of `a`-`z`, `0`-`9` and `-`, a letter first,');
}

export function checkHead(argument: string, { sequence, hash }: Head): ArgumentRefusal | undefined {
  return Number.isSafeInteger(sequence) && sequence >= 0
    ? checkLength(`${argument}.hash`, hash, 32)
    : invalid(`${argument}.sequence`, quote(sequence), 'a whole number from 0 to 2^53-1');
}
