/** Public keys out of a token, as keys of node:crypto. */
import { createPublicKey } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import { SetupError } from './setup-error.js';
import { findObject, readAttribute } from './token.js';

/**
 * The public part of a key pair.
 *
 * @param {import('./token.js').OpenToken} token
 * @param {import('./template.js').KeyTemplate} key
 * @returns {import('node:crypto').KeyObject}
 */
export function readPublicKey(token, key) {
  const object = findObject(token, pkcs11js.CKO_PUBLIC_KEY, key);
  if (key.type.startsWith('rsa-')) {
    const n = readAttribute(token, object, pkcs11js.CKA_MODULUS).toString('base64url');
    const e = readAttribute(token, object, pkcs11js.CKA_PUBLIC_EXPONENT).toString('base64url');
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
  }
  const point = unwrapOctetString(readAttribute(token, object, pkcs11js.CKA_EC_POINT), key.name);
  if (key.type === 'ed25519')
    return createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') },
      format: 'jwk',
    });
  const length = key.type === 'ec-p256' ? 32 : 48;
  if (point.length !== 1 + 2 * length || point[0] !== 0x04)
    throw new SetupError(
      'token_failed',
      `the key \`${key.name}\` has a point of ${point.length} bytes, which is none of ${key.type}`,
    );
  const x = point.subarray(1, 1 + length).toString('base64url');
  const y = point.subarray(1 + length).toString('base64url');
  return createPublicKey({
    key: { kty: 'EC', crv: key.type === 'ec-p256' ? 'P-256' : 'P-384', x, y },
    format: 'jwk',
  });
}

/**
 * CKA_EC_POINT is a DER OCTET STRING around the point (PKCS#11 v3.1 §6.3.3); at most 127 bytes here, so that its length
 * has one byte.
 *
 * @param {Buffer} der
 * @param {string} name
 */
function unwrapOctetString(der, name) {
  if (der[0] !== 0x04 || der[1] !== der.length - 2 || der.length > 129)
    throw new SetupError('token_failed', `the point of the key \`${name}\` is not a DER OCTET STRING`);
  return der.subarray(2);
}
