/** Makes a token's keys inside the token, and audits their attributes; runs in a signer process. */
import { createHash } from 'node:crypto';
import pkcs11js, { type Handle, type PKCS11, type Template } from 'pkcs11js';
import { algorithmOf } from './algorithm.ts';
import { auditKeyPair } from './attribute-audit.ts';
import { isFinding, showFindings } from './attribute-reading.ts';
import { readPublicKey } from './key-pair.ts';
import type { KeyTemplate, TokenAddress } from './messages.ts';
import { checkTemplate, findKeys, findSlot, loadModule, loginError, openModule } from './module.ts';
import type { PinSource } from './pin-source.ts';
import { parsePkcs11Uri } from './pkcs11-uri.ts';
import { type PublicKey, SignerError } from './signer.ts';

const rsaBits = 3072;

/**
 * Initialises the first free slot as the token of `address` and generates `keys` in it.
 *
 * A crash in here leaves a token without its marker file, which the caller then removes whole: its keys
 * were never published, so nothing was ever signed with them.
 */
export function provision(
  address: TokenAddress,
  soPinSource: PinSource,
  keys: readonly KeyTemplate[],
  readPin: (source: PinSource) => string,
): PublicKey[] {
  const { token: label } = parsePkcs11Uri(address.uri);
  if (label === undefined)
    throw new SignerError('uri_malformed', `\`${address.uri}\` names no token: token=LABEL is accepted`);
  const module = loadModule(address.module, address.libraryParameters);
  try {
    const free = module
      .C_GetSlotList(true)
      .find((slot) => (module.C_GetTokenInfo(slot).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
    if (free === undefined)
      throw new SignerError('token_missing', 'the module has no free slot to make a token in');
    const soPin = readPin(soPinSource);
    // The label has 32 bytes, padded with blanks (PKCS#11 v3.1 §5.5.7); pkcs11js 2.1.7 would pad it with NUL.
    module.C_InitToken(free, soPin, label.padEnd(32, ' '));
    const slot = findSlot(module, address.uri);
    const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    module.C_Login(session, pkcs11js.CKU_SO, soPin);
    module.C_InitPIN(session, readPin(address.pin));
    module.C_Logout(session);
    module.C_Login(session, pkcs11js.CKU_USER, readPin(address.pin));
    return keys.map((key) => generateKey(module, session, key));
  } finally {
    module.C_Finalize();
  }
}

/**
 * Generates one more key in the token of `address`; throws `key_ambiguous` where it has one of that label.
 *
 * A crash in here leaves a key that is published nowhere, so that nobody takes what it signs.
 */
export async function generate(
  address: TokenAddress,
  key: KeyTemplate,
  readPin: (source: PinSource) => string,
): Promise<PublicKey> {
  const { module, session } = await openModule(address.module, address.libraryParameters, (opened) => ({
    module: opened,
    session: logIn(opened, address, readPin),
  }));
  try {
    if (findKeys(module, session, pkcs11js.CKO_PRIVATE_KEY, key.label).length > 0)
      throw new SignerError(
        'key_ambiguous',
        `the token has a key labelled \`${key.label}\` already: a new label is accepted`,
      );
    return generateKey(module, session, key);
  } finally {
    module.C_Finalize();
  }
}

function logIn(module: PKCS11, address: TokenAddress, readPin: (source: PinSource) => string): Handle {
  const slot = findSlot(module, address.uri);
  const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  try {
    module.C_Login(session, pkcs11js.CKU_USER, readPin(address.pin));
  } catch (error) {
    throw loginError(error);
  }
  return session;
}

function generateKey(module: PKCS11, session: Handle, key: KeyTemplate): PublicKey {
  const signing = key.kind === 'signing';
  const { generation, curve } = algorithmOf(key.algorithm ?? 'ES256');
  const common: Template = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: key.label },
    { type: pkcs11js.CKA_ID, value: createHash('sha256').update(key.label).digest().subarray(0, 8) },
  ];
  const kind: Template =
    curve === undefined
      ? [
          { type: pkcs11js.CKA_MODULUS_BITS, value: rsaBits },
          { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        ]
      : [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(curve) }];
  const pair = module.C_GenerateKeyPair(
    session,
    { mechanism: generation },
    checkTemplate([
      ...common,
      ...kind,
      // Neither CKA_VERIFY nor CKA_ENCRYPT: tpm2-pkcs11 1.9.0 ties them to CKA_DECRYPT and CKA_SIGN of the private key, and
      // makes no signing key that says otherwise. Signatures are verified outside.
      { type: pkcs11js.CKA_WRAP, value: false },
      { type: pkcs11js.CKA_DERIVE, value: !signing },
    ]),
    checkTemplate([
      ...common,
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
      { type: pkcs11js.CKA_SIGN, value: signing },
      { type: pkcs11js.CKA_DERIVE, value: !signing },
      { type: pkcs11js.CKA_DECRYPT, value: false },
      { type: pkcs11js.CKA_UNWRAP, value: false },
      { type: pkcs11js.CKA_SIGN_RECOVER, value: false },
      // Otherwise whoever is logged in could give the key other uses later on (docs/HSM-MODULES.md).
      { type: pkcs11js.CKA_MODIFIABLE, value: false },
    ]),
  );
  const findings = auditKeyPair(module, session, { ...key, ...pair }).filter(isFinding);
  if (findings.length > 0)
    throw new SignerError(
      'key_unfit',
      `this token cannot hold an issuing key: it made one of which ${showFindings(findings)}`,
    );
  return readPublicKey(module, session, key.label);
}
