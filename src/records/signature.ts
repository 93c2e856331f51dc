/** Keys that verify records, and their COSE form. Verification itself is passed in: node:crypto or @noble/curves. */
import { concatBytes, sha256 } from '../kit/bytes.ts';
import type { CborValue } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';

export interface VerificationKey {
  readonly algorithm: 'ES256';
  /** RFC 9679 thumbprint of the COSE_Key, SHA-256, 32 bytes. */
  readonly keyId: Uint8Array;
  /** SEC 1 §2.3.3 uncompressed point, 65 bytes. */
  readonly point: Uint8Array;
}

/** Tells whether `signature` (r ‖ s, 64 bytes, RFC 9053 §2.1) over `message` is by `key`; false for any malformed input, never a throw. */
export type VerifySignature = (key: VerificationKey, message: Uint8Array, signature: Uint8Array) => boolean;

/** COSE_Key (RFC 9053 §7.1.1): kty 1 = EC2 2, crv -1 = P-256 1, x -2, y -3. */
export function encodeCoseKey(point: Uint8Array): ReadonlyMap<number, CborValue> {
  assert(point.length === 65 && point[0] === 4, 'an uncompressed P-256 point has 65 bytes');
  return new Map<number, CborValue>([
    [1, 2],
    [-1, 1],
    [-2, point.slice(1, 33)],
    [-3, point.slice(33)],
  ]);
}

/** The key of a COSE_Key map, or `undefined` where it is not an EC2 key on P-256 of just these four labels. */
export function decodeCoseKey(value: CborValue | undefined): VerificationKey | undefined {
  if (!(value instanceof Map) || value.size !== 4 || value.get(1) !== 2 || value.get(-1) !== 1)
    return undefined;
  const x = value.get(-2);
  const y = value.get(-3);
  if (!(x instanceof Uint8Array) || !(y instanceof Uint8Array) || x.length !== 32 || y.length !== 32)
    return undefined;
  return verificationKey(concatBytes(Uint8Array.of(4), x, y));
}

export function verificationKey(point: Uint8Array): VerificationKey {
  return { algorithm: 'ES256', keyId: keyThumbprint(point), point };
}

/**
 * The key's id: SHA-256 over the deterministic CBOR of {1: 2, -1: 1, -2: x, -3: y} (RFC 9679 §3), 32 bytes.
 */
export function keyThumbprint(point: Uint8Array): Uint8Array {
  assert(point.length === 65 && point[0] === 4, 'an uncompressed P-256 point has 65 bytes');
  const head = Uint8Array.of(0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20);
  const between = Uint8Array.of(0x22, 0x58, 0x20);
  return sha256(concatBytes(head, point.subarray(1, 33), between, point.subarray(33)));
}
