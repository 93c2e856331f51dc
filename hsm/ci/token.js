/**
 * One role's token through pkcs11js; only in a process of its own, since SoftHSM reads SOFTHSM2_CONF once a process, and
 * a native crash must not take the caller along.
 */
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { SetupError } from './setup-error.js';

/** @typedef {import('pkcs11js').Handle} Handle */
/** @typedef {import('pkcs11js').PKCS11} Module */
/** @typedef {{ module: Module, session: Handle, slot: Handle }} OpenToken */

/**
 * Without CKF_OS_LOCKING_OK, concurrent calls crashed the process (15 of 15 runs, Node 20, SoftHSM 2.6.1).
 *
 * @param {string} path
 * @returns {Module}
 */
export function loadModule(path) {
  const module = new pkcs11js.PKCS11();
  try {
    module.load(path);
    module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  } catch (error) {
    throw new SetupError(
      'softhsm_unusable',
      `\`${path}\` does not load as a PKCS#11 module (${/** @type {Error} */ (error).message}): is a library that it needs missing? ldd tells`,
    );
  }
  return module;
}

/**
 * The version of the library that is loaded, as the library itself says it; it has no third number.
 *
 * @param {Module} module
 * @returns {{ manufacturer: string, version: string }}
 */
export function describeModule(module) {
  const { manufacturerID, libraryVersion } = module.C_GetInfo();
  return { manufacturer: manufacturerID.trim(), version: `${libraryVersion.major}.${libraryVersion.minor}` };
}

/**
 * Initialises the free slot as a token, and gives its serial number, by which it is addressed from then on.
 *
 * @param {Module} module
 * @param {{ label: string, pinFile: string, soPinFile: string }} role
 * @returns {string}
 */
export function initialiseToken(module, { label, pinFile, soPinFile }) {
  const free = module
    .C_GetSlotList(true)
    .find((slot) => (module.C_GetTokenInfo(slot).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
  if (free === undefined)
    throw new SetupError('token_failed', 'SoftHSM shows no free slot to make a token in');
  const soPin = readFileSync(soPinFile, 'latin1');
  // The label has 32 bytes, padded with blanks (PKCS#11 v3.1 §5.5.7); pkcs11js 2.1.7 would pad it with NUL.
  module.C_InitToken(free, soPin, label.padEnd(32, ' '));
  const made = slotsOf(module).filter((token) => token.label === label);
  const [token] = made;
  if (token === undefined || made.length !== 1)
    throw new SetupError(
      'token_failed',
      `SoftHSM shows ${made.length} tokens labelled \`${label}\` after making one`,
    );
  const session = openSession(module, token.slot);
  module.C_Login(session, pkcs11js.CKU_SO, soPin);
  module.C_InitPIN(session, readFileSync(pinFile, 'latin1'));
  module.C_CloseSession(session);
  return token.serial;
}

/**
 * Finds the token by label and serial, never by slot number, and logs in.
 *
 * @param {Module} module
 * @param {{ label: string, serial: string, pinFile: string }} role
 * @returns {OpenToken}
 */
export function openToken(module, { label, serial, pinFile }) {
  const found = slotsOf(module).find((token) => token.label === label && token.serial === serial);
  if (found === undefined)
    throw new SetupError(
      'token_lost',
      `the token \`${label}\` with the serial number ${serial} is not there any more`,
    );
  const session = openSession(module, found.slot);
  module.C_Login(session, pkcs11js.CKU_USER, readFileSync(pinFile, 'latin1'));
  return { module, session, slot: found.slot };
}

/** @param {Module} module */
function slotsOf(module) {
  return module.C_GetSlotList(true).flatMap((slot) => {
    const { flags, label, serialNumber } = module.C_GetTokenInfo(slot);
    if ((flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0) return [];
    return [{ slot, label: label.trim(), serial: serialNumber.trim() }];
  });
}

/**
 * @param {Module} module
 * @param {Handle} slot
 */
function openSession(module, slot) {
  return module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
}

/**
 * The one object of a class with this CKA_ID and CKA_LABEL.
 *
 * @param {OpenToken} token
 * @param {number} objectClass
 * @param {{ id: string, label: string }} key
 * @returns {Handle}
 */
export function findObject({ module, session }, objectClass, { id, label }) {
  module.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: objectClass },
    { type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') },
    { type: pkcs11js.CKA_LABEL, value: label },
  ]);
  const found = module.C_FindObjects(session, 2);
  module.C_FindObjectsFinal(session);
  const [object] = found;
  if (object === undefined || found.length !== 1)
    throw new SetupError(
      'token_lost',
      `the token has ${found.length} objects for the key \`${label}\` with the id ${id}: one is accepted`,
    );
  return object;
}

/**
 * @param {OpenToken} token
 * @param {Handle} object
 * @param {number} type
 * @returns {Buffer}
 */
export function readAttribute({ module, session }, object, type) {
  const value = module.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
  if (!(value instanceof Buffer))
    throw new SetupError('token_failed', `the token gave no bytes for the attribute ${type}`);
  return value;
}
