/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding and decoding are cborg's; a test holds what is accepted against cbor2's strict profile (CDE), which takes twenty times as
 * long for a small record.
 */
import { type DecodeOptions, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { equalBytes } from './bytes.ts';
import { assert, type Refusal, type Result, refuse, succeed } from './result.ts';

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

const decodeOptions: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  rejectDuplicateMapKeys: true,
  useMaps: true,
};

/** Levels of arrays and maps; the deepest record has 6. */
const depthLimit = 8;

/**
 * Decodes untrusted bytes, or refuses them as `not_cbor`: malformed, not deterministic, deeper than 8,
 * a tag, a float, or anything but integers of 64 bits, byte and text strings, arrays, maps, booleans and null.
 *
 * What was decoded is encoded again and has to give the same bytes: a value has one encoding, so whatever else stands for it, an
 * unsorted map, a float that is a whole number, text that is no UTF-8, is refused without a list of such cases.
 */
export function decodeCbor(bytes: Uint8Array): Result<CborValue, 'not_cbor'> {
  let decoded: unknown;
  try {
    decoded = decode(bytes, decodeOptions);
  } catch (error) {
    // The library tells of bad input by throwing, with errors of several classes; each is a refusal here.
    return notDeterministic((error as Error).message);
  }
  if (!isCborValue(decoded, depthLimit)) {
    return refuse(
      'not_cbor',
      'CBOR holds a tag or a type that no record uses, or is deeper than 8: only integers, strings, arrays and maps are accepted',
    );
  }
  if (!equalBytes(encode(decoded, rfc8949EncodeOptions), bytes))
    return notDeterministic('encoded again it has other bytes');
  return succeed(decoded);
}

function notDeterministic(why: string): Refusal<'not_cbor'> {
  return refuse('not_cbor', `not deterministic CBOR (RFC 8949 §4.2.1): ${why}`);
}

function isCborValue(value: unknown, depth: number): value is CborValue {
  switch (typeof value) {
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0);
    case 'bigint':
    case 'string':
    case 'boolean':
      return true;
    case 'object':
      if (value === null || value instanceof Uint8Array) return true;
      if (depth === 0) return false;
      if (Array.isArray(value)) {
        for (const item of value) if (!isCborValue(item, depth - 1)) return false;
        return true;
      }
      if (!(value instanceof Map)) return false;
      for (const [key, item] of value) {
        if (typeof key !== 'string' && !Number.isSafeInteger(key)) return false;
        if (!isCborValue(item, depth - 1)) return false;
      }
      return true;
    default:
      return false;
  }
}
