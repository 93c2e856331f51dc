/**
 * Signatures of the chip, on P-256, P-384 and Ed25519: made by @noble/curves with nonces that are derived (RFC 6979, RFC 8032), so that a
 * random number which a glitch corrupted gives no key away; checked by node:crypto, which shares no code with it.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { assert } from '../../src/kit/result.ts';
import type { CurveAlgorithm } from './sign1.ts';

interface Curve {
  /** Bytes of which a secret is made; more than it has, so that it is as likely to be one as another (FIPS 186-5 §A.2.1). */
  readonly seedBytes: number;
  readonly pointBytes: number;
  readonly signatureBytes: number;
  readonly hash: 'sha256' | 'sha384' | null;
  /** DER of a SubjectPublicKeyInfo (RFC 5480 §2, RFC 8410 §4) up to the point. */
  readonly spki: Buffer;
}

const curves: Record<CurveAlgorithm, Curve> = {
  ES256: {
    seedBytes: 48,
    pointBytes: 65,
    signatureBytes: 64,
    hash: 'sha256',
    spki: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  },
  ES384: {
    seedBytes: 72,
    pointBytes: 97,
    signatureBytes: 96,
    hash: 'sha384',
    spki: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
  },
  EdDSA: {
    seedBytes: 32,
    pointBytes: 32,
    signatureBytes: 64,
    hash: null,
    spki: Buffer.from('302a300506032b6570032100', 'hex'),
  },
};

/** How many bytes `secretOf` takes. */
export function seedBytesOf(algorithm: CurveAlgorithm): number {
  return curves[algorithm].seedBytes;
}

/** The secret key of a seed of `seedBytesOf` bytes, which have to be random, or derived from what is. */
export function secretOf(algorithm: CurveAlgorithm, seed: Uint8Array): Uint8Array {
  assert(seed.length === curves[algorithm].seedBytes, 'a seed has the length that its curve asks for');
  switch (algorithm) {
    case 'ES256':
      return p256.utils.randomSecretKey(seed);
    case 'ES384':
      return p384.utils.randomSecretKey(seed);
    case 'EdDSA':
      return seed.slice();
  }
}

/** SEC 1 §2.3.3 uncompressed; for EdDSA the 32 bytes of RFC 8032 §5.1.2. */
export function pointOf(algorithm: CurveAlgorithm, secret: Uint8Array): Uint8Array {
  switch (algorithm) {
    case 'ES256':
      return p256.getPublicKey(secret, false);
    case 'ES384':
      return p384.getPublicKey(secret, false);
    case 'EdDSA':
      return ed25519.getPublicKey(secret);
  }
}

/** Of the whole message: r ‖ s for ECDSA (RFC 9053 §2.1), RFC 8032 for EdDSA. With `lowS`, s is at most half the order. */
export function signWith(
  algorithm: CurveAlgorithm,
  secret: Uint8Array,
  message: Uint8Array,
  lowS = false,
): Uint8Array {
  switch (algorithm) {
    case 'ES256':
      return p256.sign(message, secret, { lowS });
    case 'ES384':
      return p384.sign(message, secret, { lowS });
    case 'EdDSA':
      return ed25519.sign(message, secret);
  }
}

/** Whether `signature` over `message` is by the key of `point`; false for any malformed input, never a throw. */
export function isSignedBy(
  algorithm: CurveAlgorithm,
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, signatureBytes } = curves[algorithm];
  if (signature.length !== signatureBytes) return false;
  const key = importPoint(algorithm, point);
  return key !== undefined && verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** By bytes: importing a point takes longer than checking a signature. The oldest goes first. */
const imported = new Map<string, KeyObject>();
const importedMost = 256;

/** The point as node:crypto has it; `undefined` where it is none of that curve. */
function importPoint(algorithm: CurveAlgorithm, point: Uint8Array): KeyObject | undefined {
  const { pointBytes, spki } = curves[algorithm];
  if (point.length !== pointBytes || (pointBytes !== 32 && point[0] !== 0x04)) return undefined;
  const name = algorithm + Buffer.from(point.buffer, point.byteOffset, point.length).toString('latin1');
  const known = imported.get(name);
  if (known !== undefined) return known;
  try {
    const key = createPublicKey({ key: Buffer.concat([spki, point]), format: 'der', type: 'spki' });
    if (imported.size >= importedMost) imported.delete(imported.keys().next().value as string);
    imported.set(name, key);
    return key;
  } catch {
    // OpenSSL tells of a point off the curve by throwing; its length leaves no other reason.
    return undefined;
  }
}
