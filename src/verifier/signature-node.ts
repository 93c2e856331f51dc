/** Signatures checked by node:crypto (OpenSSL): some 9,000 a second on P-256, where the portable one does 1,000. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { toHex } from '../kit/bytes.ts';
import type { VerificationKey, VerifySignature } from '../records/signature.ts';

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2) for P-256, up to the uncompressed point. */
const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** A verifier that keeps the key objects it has made: a bundle has a handful of keys. */
export function makeNodeVerifySignature(): VerifySignature {
  const keys = new Map<string, KeyObject | undefined>();
  return (key, message, signature) => {
    if (signature.length !== 64 || key.point.length !== 65 || key.point[0] !== 4) return false;
    const id = toHex(key.point);
    if (!keys.has(id)) keys.set(id, importKey(key));
    const object = keys.get(id);
    return (
      object !== undefined && verify('sha256', message, { key: object, dsaEncoding: 'ieee-p1363' }, signature)
    );
  };
}

function importKey(key: VerificationKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([p256Prefix, key.point]), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL throws for a point that is not on the curve: no signature is by such a key.
    return undefined;
  }
}
