/** Generates keys inside a token, and audits what the token made of them. */
import pkcs11js from 'pkcs11js';
import { SetupError } from './setup-error.js';
import { isSecret } from './template.js';
import { findObject } from './token.js';

/** @typedef {import('./template.js').KeyTemplate} KeyTemplate */
/** @typedef {import('./template.js').KeyType} KeyType */
/** @typedef {import('./token.js').OpenToken} OpenToken */
/** @typedef {{ name: string, type: number, value: boolean }} ExpectedAttribute */

/** CKM_EC_EDWARDS_KEY_PAIR_GEN and CKM_EDDSA (PKCS#11 v3.0), which pkcs11js 2.1.7 does not name. */
const edwardsKeyPairGeneration = 0x1055;
export const eddsa = 0x1057;

/** CKA_EC_PARAMS: DER object identifiers (RFC 5480 §2.1.1.1, RFC 8410 §3). */
const curves = Object.freeze({
  'ec-p256': '06082a8648ce3d030107',
  'ec-p384': '06052b81040022',
  ed25519: '06032b6570',
});

/**
 * @param {KeyType} type
 * @returns {number} the mechanism that generates it
 */
function generationMechanism(type) {
  if (isSecret(type)) return pkcs11js.CKM_AES_KEY_GEN;
  if (type === 'ed25519') return edwardsKeyPairGeneration;
  return type === 'ec-p256' || type === 'ec-p384'
    ? pkcs11js.CKM_EC_KEY_PAIR_GEN
    : pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN;
}

/**
 * Generates a key whose private part is in the token for good. Every value below has the JavaScript type that pkcs11js
 * takes: another one (an object, a BigInt) would abort the process.
 *
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 */
export function generateKey(token, key) {
  const { module, session, slot } = token;
  const mechanism = generationMechanism(key.type);
  if (!module.C_GetMechanismList(slot).includes(mechanism))
    throw new SetupError(
      'mechanism_missing',
      `this SoftHSM cannot make the key \`${key.name}\` of type ${key.type}: it was built without that mechanism`,
    );
  const uses = (/** @type {string} */ use) => key.usage.some((known) => known === use);
  const common = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: key.label },
    { type: pkcs11js.CKA_ID, value: Buffer.from(key.id, 'hex') },
  ];
  const kept = [
    ...common,
    ...expectedAttributes(key)
      .filter(({ type }) => settable.has(type))
      .map(({ type, value }) => ({ type, value })),
  ];
  if (isSecret(key.type)) {
    module.C_GenerateKey(session, { mechanism }, [
      ...kept,
      { type: pkcs11js.CKA_VALUE_LEN, value: key.type === 'aes-128' ? 16 : 32 },
    ]);
    return;
  }
  const curve = Object.entries(curves).find(([type]) => type === key.type)?.[1];
  module.C_GenerateKeyPair(
    session,
    { mechanism },
    [
      ...common,
      { type: pkcs11js.CKA_VERIFY, value: uses('sign') },
      { type: pkcs11js.CKA_ENCRYPT, value: uses('decrypt') },
      { type: pkcs11js.CKA_WRAP, value: false },
      ...(curve === undefined
        ? [
            { type: pkcs11js.CKA_MODULUS_BITS, value: Number(key.type.slice('rsa-'.length)) },
            { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
          ]
        : [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(curve, 'hex') }]),
    ],
    kept,
  );
}

/** What a template may set; the token itself finds the others. */
const settable = new Set([
  pkcs11js.CKA_PRIVATE,
  pkcs11js.CKA_SENSITIVE,
  pkcs11js.CKA_EXTRACTABLE,
  pkcs11js.CKA_SIGN,
  pkcs11js.CKA_DECRYPT,
  pkcs11js.CKA_DERIVE,
  pkcs11js.CKA_UNWRAP,
  pkcs11js.CKA_SIGN_RECOVER,
]);

/**
 * What the token has to say of the private or secret key: it was made in the token, has never been outside, and can do
 * what it was declared for and nothing else.
 *
 * @param {KeyTemplate} key
 * @returns {ExpectedAttribute[]}
 */
function expectedAttributes({ type, usage }) {
  const uses = (/** @type {string} */ use) => usage.some((known) => known === use);
  return [
    { name: 'CKA_TOKEN', type: pkcs11js.CKA_TOKEN, value: true },
    { name: 'CKA_PRIVATE', type: pkcs11js.CKA_PRIVATE, value: true },
    { name: 'CKA_SENSITIVE', type: pkcs11js.CKA_SENSITIVE, value: true },
    { name: 'CKA_ALWAYS_SENSITIVE', type: pkcs11js.CKA_ALWAYS_SENSITIVE, value: true },
    { name: 'CKA_EXTRACTABLE', type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { name: 'CKA_NEVER_EXTRACTABLE', type: pkcs11js.CKA_NEVER_EXTRACTABLE, value: true },
    { name: 'CKA_LOCAL', type: pkcs11js.CKA_LOCAL, value: true },
    { name: 'CKA_SIGN', type: pkcs11js.CKA_SIGN, value: uses('sign') },
    { name: 'CKA_DECRYPT', type: pkcs11js.CKA_DECRYPT, value: uses('decrypt') },
    { name: 'CKA_DERIVE', type: pkcs11js.CKA_DERIVE, value: uses('derive') },
    { name: 'CKA_UNWRAP', type: pkcs11js.CKA_UNWRAP, value: false },
    // Secret keys know nothing of it; of others SoftHSM says true where nothing was said.
    ...(type.startsWith('aes')
      ? []
      : [{ name: 'CKA_SIGN_RECOVER', type: pkcs11js.CKA_SIGN_RECOVER, value: false }]),
  ];
}

/**
 * Throws `audit_failed` where the token holds the key in another way than was declared.
 *
 * @param {OpenToken} token
 * @param {KeyTemplate} key
 * @returns {Record<string, boolean>} the attributes by name, as the token says them
 */
export function auditKey(token, key) {
  const object = findObject(
    token,
    isSecret(key.type) ? pkcs11js.CKO_SECRET_KEY : pkcs11js.CKO_PRIVATE_KEY,
    key,
  );
  const expected = expectedAttributes(key);
  const read = token.module.C_GetAttributeValue(
    token.session,
    object,
    expected.map(({ type }) => ({ type })),
  );
  /** @type {Record<string, boolean>} */
  const attributes = {};
  for (const [index, { name, value }] of expected.entries()) {
    const actual = read[index]?.value;
    if (!(actual instanceof Buffer) || actual.length !== 1 || (actual[0] === 1) !== value)
      throw new SetupError(
        'audit_failed',
        `the token holds the key \`${key.name}\` with ${name} other than ${value}`,
      );
    attributes[name] = value;
  }
  return attributes;
}
