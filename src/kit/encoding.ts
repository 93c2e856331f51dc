/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding is cborg's, decoding at a trust boundary is cbor2's in its strict profile (CDE): it
 * refuses indefinite lengths, long forms, unsorted or duplicate keys and floats in a long form.
 */

import { cdeDecodeOptions, decode } from 'cbor2';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { assert, type Result, refuse, succeed } from './result.ts';

export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>;

export function encodeCbor(value: CborValue): Uint8Array {
  // cborg gives a Buffer in Node, at times from a shared pool: a copy is its own, and plain.
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

/** The most bytes that `putHead` writes. */
export const headLimit = 9;

/**
 * Writes the head of an item (RFC 8949 §3), `argument` in its shortest form, and gives the place behind it. `major` is the major type,
 * 0 for an unsigned integer.
 *
 * For what is encoded by the ten thousand: of such an integer a call of the library takes some twenty times as long. Asserts that the
 * argument has at most 53 bits.
 *
 * @example
 * putHead(bytes, 0, 0, 500); // 3: bytes begins with 19 01 f4, which is 500
 */
export function putHead(into: Uint8Array, at: number, major: 0 | 2 | 4, argument: number): number {
  assert(Number.isSafeInteger(argument) && argument >= 0, 'the argument of a head has at most 53 bits');
  const type = major << 5;
  if (argument < 24) {
    into[at] = type | argument;
    return at + 1;
  }
  const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  into[at] = type | (size === 1 ? 24 : size === 2 ? 25 : size === 4 ? 26 : 27);
  let left = argument;
  for (let i = at + size; i > at; i--) {
    into[i] = left % 256;
    left = Math.floor(left / 256);
  }
  return at + 1 + size;
}

const decodeOptions = {
  ...cdeDecodeOptions,
  rejectLongFloats: true,
  rejectFloats: true,
  rejectBigInts: true,
  rejectUndefined: true,
  rejectSimple: true,
  preferMap: true,
  // cbor2 2.3.0 counts two a level: 8 levels, where the deepest record has 5.
  maxDepth: 16,
} as const;

/**
 * Decodes untrusted bytes, or refuses them as `not_cbor`: malformed, not deterministic, deeper than 8,
 * a tag, a float, or anything but integers of 64 bits, byte and text strings, arrays, maps, booleans and null.
 */
export function decodeCbor(bytes: Uint8Array): Result<CborValue, 'not_cbor'> {
  let decoded: unknown;
  try {
    decoded = decode(bytes, decodeOptions);
  } catch (error) {
    // The library tells of bad input by throwing, with errors of several classes; each is a refusal here.
    return refuse('not_cbor', `not deterministic CBOR (RFC 8949 §4.2.1): ${(error as Error).message}`);
  }
  if (!isCborValue(decoded)) {
    return refuse(
      'not_cbor',
      'CBOR holds a tag or a type that no record uses: only integers, strings, arrays and maps are accepted',
    );
  }
  return succeed(decoded);
}

function isCborValue(value: unknown): value is CborValue {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value);
    case 'bigint':
    case 'string':
    case 'boolean':
      return true;
    case 'object':
      if (value === null || value instanceof Uint8Array) return true;
      if (Array.isArray(value)) return value.every(isCborValue);
      if (value instanceof Map) {
        for (const [key, item] of value) {
          if (typeof key !== 'string' && !Number.isSafeInteger(key)) return false;
          if (!isCborValue(item)) return false;
        }
        return true;
      }
      return false;
    default:
      return false;
  }
}
