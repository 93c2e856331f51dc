/** What somebody outside of the device can check of its answers, with node:crypto: whether a signature verifies, whether a secret is shared. */
import { constants, createECDH, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { p256, p384 } from '@noble/curves/nist.js';
import type { Quirks } from '../../firmware-sim/profile.ts';
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import { toHex } from '../../src/kit/bytes.ts';

const hashes = { ES256: 'sha256', ES384: 'sha384', EdDSA: null, PS256: 'sha256' } as const;
const known = new Map<string, KeyObject>();

function publicKey(algorithm: SignatureAlgorithm, point: Uint8Array): KeyObject {
  const name = toHex(point);
  const before = known.get(name);
  if (before !== undefined) return before;
  if (algorithm === 'PS256') return createPublicKey({ key: Buffer.from(point), format: 'der', type: 'spki' });
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  const half = (point.length - 1) / 2;
  const key =
    algorithm === 'EdDSA'
      ? { kty: 'OKP', crv: 'Ed25519', x: text(point) }
      : {
          kty: 'EC',
          crv: algorithm === 'ES256' ? 'P-256' : 'P-384',
          x: text(point.subarray(1, 1 + half)),
          y: text(point.subarray(1 + half)),
        };
  const made = createPublicKey({ key, format: 'jwk' });
  known.set(name, made);
  return made;
}

/** Of the hash that ECDSA signs, bytes; undefined where there is none outside of the signature. */
export function digestLength(algorithm: SignatureAlgorithm): number | undefined {
  return algorithm === 'ES256' ? 32 : algorithm === 'ES384' ? 48 : undefined;
}

/** Whether `signature`, r ‖ s for ECDSA, is one of `message`, or of what has this as its digest; false for what is no signature at all. */
export function isSignature(
  { algorithm, point }: { readonly algorithm: SignatureAlgorithm; readonly point: Uint8Array },
  message: Uint8Array,
  signature: Uint8Array,
  isDigest = false,
): boolean {
  if (isDigest) {
    const curve = algorithm === 'ES256' ? p256 : p384;
    return curve.verify(signature, message, point, { prehash: false, lowS: false });
  }
  const key = publicKey(algorithm, point);
  const options =
    algorithm === 'PS256'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { key, dsaEncoding: 'ieee-p1363' as const };
  return verify(hashes[algorithm], message, options, signature);
}

/** r ‖ s of what the vendor's chip gives; undefined where it is nothing of the kind. */
export function readSignature(
  algorithm: SignatureAlgorithm,
  given: Uint8Array,
  { signature }: Quirks,
): Uint8Array | undefined {
  if (algorithm === 'PS256') return given;
  const length = algorithm === 'ES384' ? 96 : 64;
  if (signature === 'raw' || algorithm === 'EdDSA') return given.length === length ? given : undefined;
  const curve = algorithm === 'ES256' ? p256 : p384;
  return curve.Signature.fromBytes(given, 'der').toBytes('compact');
}

/** The point of what the vendor's chip gives, of RSA its SubjectPublicKeyInfo; undefined where it is nothing of the kind. */
export function readPoint(
  algorithm: SignatureAlgorithm,
  given: Uint8Array,
  { publicKey: form }: Quirks,
): Uint8Array | undefined {
  if (algorithm === 'PS256') return given;
  const length = algorithm === 'ES256' ? 65 : algorithm === 'ES384' ? 97 : 32;
  if (form === 'point') return given.length === length ? given : undefined;
  const key = createPublicKey({ key: Buffer.from(given), format: 'der', type: 'spki' });
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const parts = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  const point = algorithm === 'EdDSA' ? parts[0] : Buffer.concat([Uint8Array.of(4), ...parts]);
  return point?.length === length ? new Uint8Array(point) : undefined;
}

/** The half of an ECDSA signature that may be low only. */
export function hasLowS(algorithm: SignatureAlgorithm, signature: Uint8Array): boolean {
  if (algorithm === 'EdDSA' || algorithm === 'PS256') return true;
  const order =
    algorithm === 'ES256'
      ? 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
      : 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
  return 2n * BigInt(`0x${toHex(signature.subarray(signature.length / 2))}`) <= order;
}

/** The point of the other side of a key agreement, 65 bytes. */
export function agreementPoint(secret: Uint8Array): Uint8Array {
  const own = createECDH('prime256v1');
  own.setPrivateKey(secret);
  return new Uint8Array(own.getPublicKey());
}

/** What the other side shares with `point`. */
export function sharedWith(secret: Uint8Array, point: Uint8Array): Uint8Array {
  const own = createECDH('prime256v1');
  own.setPrivateKey(secret);
  return new Uint8Array(own.computeSecret(point));
}
