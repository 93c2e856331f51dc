/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding is cborg's, decoding at a trust boundary is cbor2's in its strict profile (CDE): it
 * refuses indefinite lengths, long forms, unsorted or duplicate keys and floats in a long form.
 */

import { cdeDecodeOptions, decode } from 'cbor2';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { type Result, refuse, succeed } from './result.ts';

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
