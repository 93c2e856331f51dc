/** Public keys on P-256 out of what OpenSSL and others write. */
import { createPublicKey, type KeyObject } from 'node:crypto';

/** The uncompressed point, 65 bytes, of a public key in PEM; `undefined` for everything else. */
export function pointOfPem(text: string): Uint8Array | undefined {
  // A private key would be taken too, and should be in no file that is handed to others.
  if (!text.startsWith('-----BEGIN PUBLIC KEY-----')) return undefined;
  try {
    return pointOfKey(createPublicKey(text));
  } catch {
    // Node tells of a text that is no key with errors of several kinds.
    return undefined;
  }
}

/** The uncompressed point of a public key, or of the public half of a private one; `undefined` where it is not on P-256. */
export function pointOfKey(key: KeyObject): Uint8Array | undefined {
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined;
  const { x = '', y = '' } = (key.type === 'public' ? key : createPublicKey(key)).export({ format: 'jwk' });
  return new Uint8Array(
    Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]),
  );
}
