/** Signatures checked by @noble/curves: portable, for a browser and as the second opinion to node:crypto. */
import { p256 } from '@noble/curves/nist.js';
import type { VerifySignature } from '../records/signature.ts';

export const verifySignatureNoble: VerifySignature = (key, message, signature) => {
  if (signature.length !== 64 || key.point.length !== 65 || key.point[0] !== 4) return false;
  try {
    // High S is right in ECDSA and half of an HSM's signatures have it; identity is never the signature's.
    return p256.verify(signature, message, key.point, { lowS: false });
  } catch {
    // noble throws for a point that is not on the curve: no signature is by such a key.
    return false;
  }
};
