/** Signatures of others, and of vendors: by keys whose points are not known to be any. signing.ts is for the device's own keys. */
import { createHash } from 'node:crypto';
import { GlitchError } from '../chip/cpu.ts';
import type { CurveAlgorithm } from './sign1.ts';
import { isSignature, makeSignature } from './signing.ts';

const lengths: Record<
  CurveAlgorithm,
  { readonly point: number; readonly signature: number; readonly seed: number }
> = {
  ES256: { point: 65, signature: 64, seed: 48 },
  ES384: { point: 97, signature: 96, seed: 72 },
  EdDSA: { point: 32, signature: 64, seed: 32 },
};

/** Of how many bytes a secret is made: more than it has, so that one is as likely as another (FIPS 186-5 §A.2.1). */
export function seedBytesOf(algorithm: CurveAlgorithm): number {
  return lengths[algorithm].seed;
}

/** Of the whole message: r ‖ s for ECDSA (RFC 9053 §2.1), RFC 8032 for EdDSA. */
export function signWholly(algorithm: CurveAlgorithm, secret: Uint8Array, message: Uint8Array): Uint8Array {
  return makeSignature({ algorithm, secret, message, lowS: false });
}

/** What was found right in this process, by hash: of it all a boot of a sweep asks anew, and a quarter of its time is saved. */
const known = new Set<string>();
const knownLimit = 4_096;

/** Whether `signature` over `message` is by the key of `point`; false for any malformed input, never a throw. */
export function isSignedBy(
  algorithm: CurveAlgorithm,
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { point: pointBytes, signature: signatureBytes } = lengths[algorithm];
  if (signature.length !== signatureBytes || point.length !== pointBytes) return false;
  // OpenSSL also takes the hybrid form, 0x06 or 0x07 (X9.62 §4.3.6), which would give a key a second name.
  if (algorithm !== 'EdDSA' && point[0] !== 0x04) return false;
  const name = createHash('sha256')
    .update(algorithm)
    .update(point)
    .update(signature)
    .update(message)
    .digest('base64');
  if (known.has(name)) return true;
  try {
    const isRight = isSignature({ algorithm, point, message, signature });
    if (isRight && known.size < knownLimit) known.add(name);
    return isRight;
  } catch (error) {
    // What is no point is a fault where it is the device's own, and a refusal where it is somebody's.
    if (error instanceof GlitchError) return false;
    throw error;
  }
}
