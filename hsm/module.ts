/**
 * A PKCS#11 module through pkcs11js, in a process of its own: a native crash takes nothing else down.
 *
 * Measured (Node 20, SoftHSM 2.6.1): without CKF_OS_LOCKING_OK concurrent signing crashed in 15 of 15 runs. A template with a value of
 * another JavaScript type than pkcs11js expects aborts the process: it is checked here, before the call.
 */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import pkcs11js, { type Handle, type InitializationOptions, type PKCS11, type Template } from 'pkcs11js';
import { type Recovery, returnValue } from './ckr.ts';
import { namesToken, parsePkcs11Uri, type TokenDescription } from './pkcs11-uri.ts';
import { SignerError } from './signer.ts';

/** Loads and initialises the module; throws `module_missing` or `module_unusable`. */
export function loadModule(path: string, libraryParameters: string | undefined): PKCS11 {
  if (!existsSync(path)) {
    throw new SignerError(
      'module_missing',
      `no PKCS#11 module at \`${path}\`: install SoftHSM (hsm/ci/install-softhsm), or set SOFTHSM2_MODULE to the module's path`,
    );
  }
  const module = new pkcs11js.PKCS11();
  const options: InitializationOptions = { flags: pkcs11js.CKF_OS_LOCKING_OK };
  if (libraryParameters !== undefined) options.libraryParameters = libraryParameters;
  try {
    module.load(path);
  } catch (error) {
    throw new SignerError(
      'module_unusable',
      `\`${path}\` does not load as a PKCS#11 module: ${(error as Error).message}`,
    );
  }
  try {
    module.C_Initialize(options);
  } catch (error) {
    throw new SignerError(
      'module_unusable',
      `\`${path}\` does not start (${(error as Error).message}): are its configuration and what that names still there?`,
    );
  }
  return module;
}

/** Another process's login is over in less than a millisecond; together they wait less than a second for a token that is not there. */
const openingTries = 6;
const openingPauseMs = 100;

/**
 * What `open` gives of the initialised module; where it throws, the module is finalised. It is tried again, on the module initialised anew,
 * where the token is missing or the module answers CKR_GENERAL_ERROR: SoftHSM 2.6.1 empties token.object at each login and writes it anew
 * (hsm/token-snapshot.ts), and a process that reads it in between has no such token until it initialises the module again. 20 of 1,612
 * openings were such, beside another process that did nothing but open. A refusal of the PIN is never tried again.
 */
export async function openModule<T>(
  path: string,
  libraryParameters: string | undefined,
  open: (module: PKCS11) => T,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const module = loadModule(path, libraryParameters);
    try {
      return open(module);
    } catch (error) {
      finalise(module);
      if (tries === openingTries || !mayPass(error)) throw error;
    }
    await pause(openingPauseMs);
  }
}

/** What fails here hides nothing: that the opening failed is what is told. */
function finalise(module: PKCS11): void {
  try {
    module.C_Finalize();
  } catch (error) {
    if (!(error instanceof pkcs11js.Pkcs11Error)) throw error;
  }
}

function mayPass(error: unknown): boolean {
  if (error instanceof pkcs11js.Pkcs11Error) return error.code === pkcs11js.CKR_GENERAL_ERROR;
  return error instanceof SignerError && error.code === 'token_missing';
}

/** Every token that was initialised. */
export function listTokens(module: PKCS11): { slot: Handle; description: TokenDescription }[] {
  return module.C_GetSlotList(true).flatMap((slot) => {
    const info = module.C_GetTokenInfo(slot);
    if ((info.flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0) return [];
    const description = {
      label: info.label.trim(),
      serial: info.serialNumber.trim(),
      manufacturer: info.manufacturerID.trim(),
      model: info.model.trim(),
      slotId: slot.readUInt32LE(),
    };
    return [{ slot, description }];
  });
}

/** The slot of the one token that `uri` names: slot numbers change, labels and serials do not. */
export function findSlot(module: PKCS11, uri: string): Handle {
  const wanted = parsePkcs11Uri(uri);
  const found = listTokens(module).filter(({ description }) => namesToken(wanted, description));
  const [first] = found;
  if (first === undefined)
    throw new SignerError(
      'token_missing',
      `no token is named by \`${uri}\`: has it gone, or was \`ringmint init\` not run?`,
    );
  if (found.length > 1)
    throw new SignerError(
      'token_ambiguous',
      `${found.length} tokens are named by \`${uri}\`: one is accepted`,
    );
  return first.slot;
}

/** The objects of a class with a label; at most two. */
export function findKeys(module: PKCS11, session: Handle, objectClass: number, label: string): Handle[] {
  module.C_FindObjectsInit(
    session,
    checkTemplate([
      { type: pkcs11js.CKA_CLASS, value: objectClass },
      { type: pkcs11js.CKA_LABEL, value: label },
    ]),
  );
  const found = module.C_FindObjects(session, 2);
  module.C_FindObjectsFinal(session);
  return found;
}

/** The one object of a class with a label; throws `key_missing` or `key_ambiguous`. */
export function findKey(module: PKCS11, session: Handle, objectClass: number, label: string): Handle {
  const found = findKeys(module, session, objectClass, label);
  const [key] = found;
  if (key === undefined) throw new SignerError('key_missing', `the token has no key labelled \`${label}\``);
  if (found.length > 1)
    throw new SignerError('key_ambiguous', `the token has more than one key labelled \`${label}\``);
  return key;
}

/** The bytes of an attribute; throws `device_error` where the token gives none. */
export function readBytes(module: PKCS11, session: Handle, object: Handle, type: number): Uint8Array {
  const [attribute] = module.C_GetAttributeValue(session, object, [{ type }]);
  if (!(attribute?.value instanceof Buffer))
    throw new SignerError('device_error', 'the token gave no bytes for an attribute that has some');
  return new Uint8Array(attribute.value);
}

/** A CK_ULONG of the machine's own byte order, all of whose values that are used here fit 32 bits. */
export function readNumber(module: PKCS11, session: Handle, object: Handle, type: number): number {
  return Buffer.from(readBytes(module, session, object, type)).readUInt32LE();
}

/** The template itself, where pkcs11js can read each of its values; it aborts the process for any other. */
export function checkTemplate(template: Template): Template {
  for (const { type, value } of template) {
    const isReadable =
      value === undefined ||
      typeof value === 'boolean' ||
      typeof value === 'string' ||
      (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 0xffff_ffff) ||
      value instanceof Buffer;
    if (!Number.isSafeInteger(type) || !isReadable)
      throw new TypeError(
        `attribute 0x${type.toString(16)} of a template is a ${typeof value}: a boolean, a string, a number of 32 bits or a Buffer is accepted`,
      );
  }
  return template;
}

/** What was thrown, as a SignerError, with what is done about it; pkcs11js's own errors without a code cost the process. */
export function signerError(thrown: unknown): { error: SignerError; recovery: Recovery } {
  if (thrown instanceof SignerError) return { error: thrown, recovery: 'refuse' };
  if (!(thrown instanceof pkcs11js.Pkcs11Error)) {
    return {
      error: new SignerError('device_error', `the module failed: ${String(thrown)}`),
      recovery: 'replace',
    };
  }
  const { name, code, failure, recovery } = returnValue(thrown.code);
  // Only a login refuses a PIN: another call that says so is broken.
  if (failure === 'pin')
    return {
      error: new SignerError('device_error', `the token answered ${name}`, name),
      recovery: 'replace',
    };
  return { error: new SignerError(code, `the token answered ${name}`, name), recovery };
}

/** What C_Login threw: a refusal of the PIN by its own code. */
export function loginError(thrown: unknown): unknown {
  if (!(thrown instanceof pkcs11js.Pkcs11Error)) return thrown;
  const { name, code, failure } = returnValue(thrown.code);
  if (failure !== 'pin') return thrown;
  return new SignerError(
    code,
    `the token refuses the PIN (${name}): put the right one where it is read from; nothing is tried again by itself`,
    name,
  );
}
