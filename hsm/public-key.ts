/** Public keys outside the HSM: their key ids, and the check that every signature passes before it is let out. */
import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { algorithmOf } from './algorithm.ts';
import { type PublicKey, SignerError } from './signer.ts';

/** DER of a SubjectPublicKeyInfo (RFC 5480 §2, RFC 8410 §4) up to the point, by its length. */
const headers: ReadonlyMap<number, Buffer> = new Map([
  [65, Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')],
  [97, Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')],
  [32, Buffer.from('302a300506032b6570032100', 'hex')],
]);

/** The key of an uncompressed point on P-256 or P-384, or of an Ed25519 point, told apart by length. */
export function publicKeyOf(point: Uint8Array): PublicKey {
  if (point.length === 32) {
    return { algorithm: 'EdDSA', point, keyId: thumbprint(Buffer.from('a301012006215820', 'hex'), point) };
  }
  const size = (point.length - 1) / 2;
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return size === 48
    ? {
        algorithm: 'ES384',
        point,
        keyId: thumbprint(Buffer.from('a401022002215830', 'hex'), x, Buffer.from('225830', 'hex'), y),
      }
    : {
        algorithm: 'ES256',
        point,
        keyId: thumbprint(Buffer.from('a401022001215820', 'hex'), x, Buffer.from('225820', 'hex'), y),
      };
}

/** The key of an RSA modulus and exponent, both big-endian without leading zeros. */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): PublicKey {
  return {
    algorithm: 'PS256',
    modulus,
    exponent,
    // {1: 3, -1: n, -2: e}
    keyId: thumbprint(
      Buffer.from('a3010320', 'hex'),
      byteString(modulus),
      Buffer.of(0x21),
      byteString(exponent),
    ),
  };
}

/** SHA-256 over the deterministic CBOR of the COSE_Key's required parameters (RFC 9679 §3). */
function thumbprint(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function byteString(bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const head =
    length < 24 ? [0x40 + length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/**
 * The point as a key of node:crypto. Throws `point_invalid` where it is no point of P-256, P-384 (SEC 1 §3.2.2.1, uncompressed; both have
 * cofactor 1, so that being on the curve is enough) or Ed25519.
 */
export function importPoint(point: Uint8Array): KeyObject {
  const header = headers.get(point.length);
  if (header === undefined || (point.length !== 32 && point[0] !== 0x04)) {
    throw new SignerError(
      'point_invalid',
      `a point of ${point.length} bytes: 65 or 97 that begin with 0x04, or 32, are accepted`,
    );
  }
  try {
    return createPublicKey({ key: Buffer.concat([header, point]), format: 'der', type: 'spki' });
  } catch {
    // OpenSSL tells of a point off the curve by throwing; its length leaves no other reason.
    throw new SignerError(
      'point_invalid',
      'the point is not on its curve: a point of that curve is accepted',
    );
  }
}

/** The key as node:crypto has it; throws `point_invalid`. */
function importKey(key: PublicKey): KeyObject {
  if (key.algorithm !== 'PS256') return importPoint(key.point);
  const { modulus, exponent } = key;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n: text(modulus), e: text(exponent) }, format: 'jwk' });
}

/** How long a signature by `key` is, bytes. */
export function signatureLengthOf(key: PublicKey): number {
  return key.algorithm === 'PS256' ? key.modulus.length : (algorithmOf(key.algorithm).signatureLength ?? 0);
}

/** Tells whether `signature` is right; worked out on another thread, so that the event loop is not held. */
export function verifierOf(key: PublicKey): (message: Uint8Array, signature: Uint8Array) => Promise<boolean> {
  const imported = importKey(key);
  const length = signatureLengthOf(key);
  const hash = algorithmOf(key.algorithm).hash ?? null;
  const options =
    key.algorithm === 'PS256'
      ? { key: imported, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : key.algorithm === 'EdDSA'
        ? imported
        : { key: imported, dsaEncoding: 'ieee-p1363' as const };
  return (message, signature) => {
    if (signature.length !== length) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      verify(hash, message, options, signature, (error, right) => {
        if (error === null) resolve(right);
        else reject(error);
      });
    });
  };
}
