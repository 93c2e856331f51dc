/** Signatures checked by node:crypto (OpenSSL): some 9,000 a second on P-256, where the portable one does 1,000. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { toHex } from '../kit/bytes.ts';
import type { VerificationKey, VerifySignature } from '../records/signature.ts';

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2) for P-256, up to the uncompressed point. */
const p256Prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** A bundle has a handful of keys, and each owner one. */
const mostKeys = 1_000;
/** Key objects by their points, for all verifiers: to import a key takes as long as to verify a signature. */
const imported = new Map<string, KeyObject | undefined>();

/** A verifier on key objects that are kept, the latest thousand of them. */
export function makeNodeVerifySignature(): VerifySignature {
  return (key, message, signature) => {
    if (signature.length !== 64 || key.point.length !== 65 || key.point[0] !== 4) return false;
    const object = keyObject(key);
    return (
      object !== undefined && verify('sha256', message, { key: object, dsaEncoding: 'ieee-p1363' }, signature)
    );
  };
}

function keyObject(key: VerificationKey): KeyObject | undefined {
  const id = toHex(key.point);
  const known = imported.get(id);
  if (known !== undefined || imported.has(id)) return known;
  for (const oldest of imported.keys()) {
    if (imported.size < mostKeys) break;
    imported.delete(oldest);
  }
  const object = importKey(key);
  imported.set(id, object);
  return object;
}

function importKey(key: VerificationKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.concat([p256Prefix, key.point]), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL throws for a point that is not on the curve: no signature is by such a key.
    return undefined;
  }
}
