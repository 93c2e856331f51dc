/** RSA keys: made by node:crypto, since they cannot be derived, and sealed with a key that is. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import { GlitchError } from '../chip/cpu.ts';

const modulusBits = 2048;
const saltLength = 32;
/** Each sealing key seals one RSA key. */
const nonce = new Uint8Array(12);

/** PKCS #8 of a new key: random numbers are node:crypto's own. */
export function makeRsaKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: modulusBits });
  return new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }));
}

/** SubjectPublicKeyInfo. */
export function rsaPublicOf(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createPublicKey(privateKeyOf(secret)).export({ format: 'der', type: 'spki' }));
}

/** RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8230 §2): random, by the scheme. */
export function signWithRsa(secret: Uint8Array, message: Uint8Array): Uint8Array {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return new Uint8Array(sign('sha256', message, { key: privateKeyOf(secret), padding, saltLength }));
}

export function sealRsaKey(secret: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return new Uint8Array(Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
}

/** Throws GlitchError where it was sealed with another key. */
export function openRsaKey(sealed: Uint8Array, key: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  const end = Math.max(0, sealed.length - 16);
  try {
    decipher.setAuthTag(sealed.subarray(end));
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]));
  } catch {
    // node:crypto has no other way to say that it does not open.
    throw new GlitchError('a sealed key does not open');
  }
}

function privateKeyOf(secret: Uint8Array) {
  return createPrivateKey({ key: Buffer.from(secret), format: 'der', type: 'pkcs8' });
}
