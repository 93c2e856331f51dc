/** Facts as words of the machine: how a symbol, a key or a number is written into a segment, and what stands for one that is not there. */
import { sha256Into } from '../../kit/bytes.ts';
import type { Value } from '../checker/checked.ts';
import { leastWord, mostWord } from './node.ts';

/** Of a number that is missing. */
export const missingNumber: bigint = leastWord;

/** Of a symbol that is missing, and of a text that is none; no symbol has such a word. */
export const missingSymbol = 0n;
export const malformedSymbol = 1n;

/** Whether a key is there. */
export const keyStates = { missing: 0n, there: 1n, malformed: 2n } as const;

/** A number that no word can hold is as one that is as far out as a word can be. */
export function wordOfNumber(value: unknown): bigint {
  if (typeof value !== 'bigint') return value === undefined ? missingNumber : mostWord;
  if (value > mostWord) return mostWord;
  return value <= leastWord ? leastWord + 1n : value;
}

const scratch = new DataView(new ArrayBuffer(32));
const scratchBytes = new Uint8Array(scratch.buffer);

/** Up to 8 printable ASCII characters, the first in the highest byte, zeros after the last. */
export function wordOfSymbol(value: unknown): bigint {
  if (typeof value !== 'string') return value === undefined ? missingSymbol : malformedSymbol;
  const { length } = value;
  if (length === 0 || length > 8) return malformedSymbol;
  for (let index = 0; index < 8; index++) {
    const unit = index < length ? value.charCodeAt(index) : 0;
    if (index < length && (unit < 0x20 || unit > 0x7e)) return malformedSymbol;
    scratchBytes[index] = unit;
  }
  return scratch.getBigInt64(0);
}

/** The text of a symbol's word; `undefined` of what stands for none. */
export function symbolOfWord(word: bigint): string | undefined {
  if (word === missingSymbol || word === malformedSymbol) return undefined;
  scratch.setBigInt64(0, word);
  let text = '';
  for (let index = 0; index < 8 && scratchBytes[index] !== 0; index++)
    text += String.fromCharCode(scratchBytes[index] as number);
  return text;
}

export interface KeyWords {
  readonly high: bigint;
  /** Even: the words that fill up a list are not. */
  readonly low: bigint;
}

/**
 * The first 127 bits of SHA-256 of the key, so that nobody finds a key that passes for another one: of the key's own first bytes anybody could
 * make one.
 */
export function wordsOfKey(key: Uint8Array): KeyWords {
  sha256Into(key, scratchBytes, 0, 16);
  return { high: scratch.getBigInt64(0), low: scratch.getBigInt64(8) & -2n };
}

export function isKey(value: Value | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}
