/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding and decoding are cborg's; a test holds what is accepted against cbor2's strict profile (CDE), which takes twenty times as
 * long for a small record.
 */
import { type DecodeOptions, decode, encode, rfc8949EncodeOptions } from 'cborg';
import { equalBytes } from './bytes.ts';
import { type Refusal, type Result, refuse, succeed } from './result.ts';

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
