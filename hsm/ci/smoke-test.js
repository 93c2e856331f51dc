/**
 * Uses a key in its token, and checks the outcome outside: with node:crypto and the public key alone. Of a secret key
 * nothing is outside, so that one is checked by a round trip, and the result says so.
 */
import { constants, createECDH, createHash, publicEncrypt, randomBytes, verify } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import { eddsa } from './key-generation.js';
import { SetupError } from './setup-error.js';
import { isSecret } from './template.js';
import { findObject, readAttribute } from './token.js';

/** @typedef {import('./template.js').KeyTemplate} KeyTemplate */
/** @typedef {import('./token.js').OpenToken} OpenToken */
/** @typedef {import('node:crypto').KeyObject} KeyObject */
/** @typedef {{ use: string, mechanism: string, checked: 'outside' | 'round trip' }} SmokeResult */

/** CKD_NULL (PKCS#11 v3.1 §6.3.2): the shared secret as it is. */
const noDerivation = 1;
/** CKZ_DATA_SPECIFIED (PKCS#11 v3.1 §6.1.8), which pkcs11js 2.1.7 does not name. */
const dataSpecified = 1;

/**
 * Throws `smoke_failed` where a use of the key gives a wrong result.
 *
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @param {KeyObject | undefined} publicKey
 * @returns {SmokeResult[]}
 */
export function tryKey(token, key, publicKey) {
  if (isSecret(key.type)) return [tryRoundTrip(token, key)];
  if (publicKey === undefined) throw new TypeError('a key pair is tried with its public key');
  return key.usage.map((use) => {
    if (use === 'sign') return trySigning(token, key, publicKey);
    return use === 'derive' ? tryDerivation(token, key, publicKey) : tryDecryption(token, key, publicKey);
  });
}

/**
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @param {KeyObject} publicKey
 * @returns {SmokeResult}
 */
function trySigning(token, key, publicKey) {
  const message = randomBytes(64);
  const hash = key.type === 'ec-p384' ? 'sha384' : 'sha256';
  const digest = createHash(hash).update(message).digest();
  // CKM_ECDSA signs what it is given, of any length, so that the hash is made here.
  const { name, mechanism, input, length } =
    key.type === 'ed25519'
      ? { name: 'CKM_EDDSA', mechanism: eddsa, input: message, length: 64 }
      : key.type.startsWith('rsa-')
        ? {
            name: 'CKM_SHA256_RSA_PKCS',
            mechanism: pkcs11js.CKM_SHA256_RSA_PKCS,
            input: message,
            length: 512,
          }
        : { name: 'CKM_ECDSA', mechanism: pkcs11js.CKM_ECDSA, input: digest, length: 2 * digest.length };
  token.module.C_SignInit(token.session, { mechanism }, privateKey(token, key));
  const signature = token.module.C_Sign(token.session, input, Buffer.alloc(length));
  const isRight = (/** @type {Buffer} */ signed) =>
    verify(
      key.type === 'ed25519' ? null : hash,
      signed,
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      signature,
    );
  if (!isRight(message))
    throw new SetupError('smoke_failed', `the token signed wrongly with the key \`${key.name}\``);
  // A check that cannot fail would say nothing: one bit further, the same signature is wrong.
  const altered = Buffer.from(message);
  altered[0] = (altered[0] ?? 0) ^ 1;
  if (isRight(altered))
    throw new SetupError('smoke_failed', `a signature of \`${key.name}\` verifies over another message`);
  return { use: 'sign', mechanism: name, checked: 'outside' };
}

/**
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @param {KeyObject} publicKey
 * @returns {SmokeResult}
 */
function tryDerivation(token, key, publicKey) {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const peer = createECDH(key.type === 'ec-p256' ? 'prime256v1' : 'secp384r1');
  const publicData = peer.generateKeys();
  const own = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const expected = peer.computeSecret(own);
  const parameter = { type: pkcs11js.CK_PARAMS_EC_DH, kdf: noDerivation, publicData };
  const secret = token.module.C_DeriveKey(
    token.session,
    { mechanism: pkcs11js.CKM_ECDH1_DERIVE, parameter },
    privateKey(token, key),
    [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
      { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_GENERIC_SECRET },
      { type: pkcs11js.CKA_TOKEN, value: false },
      { type: pkcs11js.CKA_SENSITIVE, value: false },
      { type: pkcs11js.CKA_EXTRACTABLE, value: true },
      { type: pkcs11js.CKA_VALUE_LEN, value: expected.length },
    ],
  );
  const derived = readAttribute(token, secret, pkcs11js.CKA_VALUE);
  token.module.C_DestroyObject(token.session, secret);
  // SoftHSM leaves leading zeros out.
  if (!Buffer.concat([Buffer.alloc(expected.length - derived.length), derived]).equals(expected))
    throw new SetupError('smoke_failed', `the token agreed on another secret with the key \`${key.name}\``);
  return { use: 'derive', mechanism: 'CKM_ECDH1_DERIVE', checked: 'outside' };
}

/**
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @param {KeyObject} publicKey
 * @returns {SmokeResult}
 */
function tryDecryption(token, key, publicKey) {
  const message = randomBytes(32);
  // SoftHSM 2.6 has OAEP with SHA-1 only.
  const encrypted = publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
    message,
  );
  const parameter = {
    type: pkcs11js.CK_PARAMS_RSA_OAEP,
    hashAlg: pkcs11js.CKM_SHA_1,
    mgf: pkcs11js.CKG_MGF1_SHA1,
    source: dataSpecified,
  };
  const mechanism = { mechanism: pkcs11js.CKM_RSA_PKCS_OAEP, parameter };
  token.module.C_DecryptInit(token.session, mechanism, privateKey(token, key));
  const decrypted = token.module.C_Decrypt(token.session, encrypted, Buffer.alloc(512));
  if (!decrypted.equals(message))
    throw new SetupError('smoke_failed', `the token decrypted wrongly with the key \`${key.name}\``);
  return { use: 'decrypt', mechanism: 'CKM_RSA_PKCS_OAEP', checked: 'outside' };
}

/**
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @returns {SmokeResult}
 */
function tryRoundTrip(token, key) {
  const { module, session } = token;
  const secret = findObject(token, pkcs11js.CKO_SECRET_KEY, key);
  const message = randomBytes(48);
  const mechanism = { mechanism: pkcs11js.CKM_AES_CBC_PAD, parameter: randomBytes(16) };
  module.C_EncryptInit(session, mechanism, secret);
  const encrypted = module.C_Encrypt(session, message, Buffer.alloc(64));
  module.C_DecryptInit(session, mechanism, secret);
  const decrypted = module.C_Decrypt(session, encrypted, Buffer.alloc(64));
  if (encrypted.length !== 64 || encrypted.includes(message.subarray(0, 16)) || !decrypted.equals(message))
    throw new SetupError(
      'smoke_failed',
      `the token encrypts or decrypts wrongly with the key \`${key.name}\``,
    );
  return { use: 'decrypt', mechanism: 'CKM_AES_CBC_PAD', checked: 'round trip' };
}

/**
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 */
function privateKey(token, key) {
  return findObject(token, pkcs11js.CKO_PRIVATE_KEY, key);
}
