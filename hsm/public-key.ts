/** P-256 public keys outside the HSM: their key ids, and the check that every signature passes before it is let out. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type PublicKey, SignerError } from './signer.ts';

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2) for P-256, up to the point. */
const subjectPublicKeyInfo = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** The key of an uncompressed point; the key id is SHA-256 over {1: 2, -1: 1, -2: x, -3: y} in deterministic CBOR (RFC 9679 §3). */
export function publicKeyOf(point: Uint8Array): PublicKey {
  const hash = createHash('sha256');
  hash.update(Buffer.from('a401022001215820', 'hex')).update(point.subarray(1, 33));
  hash.update(Buffer.from('225820', 'hex')).update(point.subarray(33));
  return { algorithm: 'ES256', keyId: new Uint8Array(hash.digest()), point };
}

/**
 * The point as a key of node:crypto. Throws `point_invalid` where it is not an uncompressed point of the
 * curve (SEC 1 §3.2.2.1; P-256 has cofactor 1, so that being on the curve is enough).
 */
export function importPoint(point: Uint8Array): KeyObject {
  if (point.length !== 65 || point[0] !== 0x04) {
    throw new SignerError(
      'point_invalid',
      `a point of ${point.length} bytes: 65, beginning with 0x04, are accepted`,
    );
  }
  try {
    return createPublicKey({
      key: Buffer.concat([subjectPublicKeyInfo, point]),
      format: 'der',
      type: 'spki',
    });
  } catch {
    // OpenSSL tells of a point off the curve by throwing; the 65 bytes leave no other reason.
    throw new SignerError('point_invalid', 'the point is not on P-256: a point of that curve is accepted');
  }
}

/** Whether `signature` (r ‖ s, 64 bytes) is right; worked out on another thread, so that the event loop is not held. */
export function isRight(key: KeyObject, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== 64) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature, (error, right) => {
      if (error === null) resolve(right);
      else reject(error);
    });
  });
}
