/**
 * One PKCS#11 token through pkcs11js, inside a signer process: a native crash here takes nothing else down.
 *
 * hsm/ may import itself only. Measured facts that shape this file (Node 20, SoftHSM 2.6.1): without
 * CKF_OS_LOCKING_OK concurrent signing crashed in 15 of 15 runs; C_SignAsync with its input kept alive
 * gave 0 wrong signatures of 1,600; after an error a session may stay CKR_OPERATION_ACTIVE for good.
 */
import { existsSync, readFileSync } from 'node:fs';
import pkcs11js, { type Handle, type PKCS11, type Template } from 'pkcs11js';
import { type Recovery, returnValue } from './ckr.ts';
import type { TokenAddress } from './messages.ts';
import { SignerError } from './signer.ts';

/** OBJECT IDENTIFIER of P-256 (RFC 5480 §2.1.1.1), DER. */
export const p256Parameters = Buffer.from('06082a8648ce3d030107', 'hex');

/** CKD_NULL (PKCS#11 v3.1 §6.3.2): the shared secret as it is; the KDF is COSE's. */
const noDerivation = 1;

/** Loads and initialises the module; throws `module_missing` or `module_unusable`. */
export function loadModule(path: string): PKCS11 {
  if (!existsSync(path)) {
    throw new SignerError(
      'module_missing',
      `no PKCS#11 module at \`${path}\`: install SoftHSM (hsm/ci/install-softhsm), or set SOFTHSM2_MODULE to the module's path`,
    );
  }
  const module = new pkcs11js.PKCS11();
  try {
    module.load(path);
    module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  } catch (error) {
    throw new SignerError(
      'module_unusable',
      `\`${path}\` does not load as a PKCS#11 module: ${(error as Error).message}`,
    );
  }
  return module;
}

/** The slot whose token has `label`: slot numbers change, labels do not. */
export function findSlot(module: PKCS11, label: string): Handle {
  const found = module.C_GetSlotList(true).filter((slot) => {
    const info = module.C_GetTokenInfo(slot);
    return (info.flags & pkcs11js.CKF_TOKEN_INITIALIZED) !== 0 && info.label.trim() === label;
  });
  const [slot] = found;
  if (slot === undefined)
    throw new SignerError(
      'token_missing',
      `no token labelled \`${label}\`: has its directory gone, or was \`ringmint init\` not run?`,
    );
  if (found.length > 1)
    throw new SignerError(
      'key_ambiguous',
      `${found.length} tokens are labelled \`${label}\`: one is accepted`,
    );
  return slot;
}

export function readPin(path: string): string {
  let pin: string;
  try {
    pin = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new SignerError(
      'pin_missing',
      `cannot read the PIN from \`${path}\` (${(error as NodeJS.ErrnoException).code}): a file with the PIN is accepted`,
    );
  }
  // Never tried: some tokens count an empty PIN as a wrong one.
  if (pin === '')
    throw new SignerError('pin_missing', `the file \`${path}\` is empty: a file with the PIN is accepted`);
  return pin;
}

/** What was thrown, as a SignerError, with what it costs; pkcs11js's own errors without a code cost the process. */
export function signerError(thrown: unknown): { error: SignerError; recovery: Recovery } {
  if (thrown instanceof SignerError) return { error: thrown, recovery: 'none' };
  if (!(thrown instanceof pkcs11js.Pkcs11Error)) {
    return {
      error: new SignerError('device_error', `the module failed: ${String(thrown)}`),
      recovery: 'process',
    };
  }
  const { name, code, recovery } = returnValue(thrown.code);
  const message =
    code === 'pin_incorrect'
      ? 'the token refuses the PIN: put the right one into the PIN file; nothing is tried again by itself'
      : `the token answered ${name}`;
  return { error: new SignerError(code, message, name), recovery };
}

/** An open token: logged in once, with a pool of sessions, each with one operation in flight. */
export class Token {
  readonly signingPoint: Uint8Array;
  readonly agreementPoint: Uint8Array | undefined;
  private readonly module: PKCS11;
  private readonly slot: Handle;
  private readonly signingKey: Handle;
  private readonly agreementKey: Handle | undefined;
  private readonly idle: Handle[] = [];
  private readonly waiting: ((session: Handle) => void)[] = [];
  /** Buffers that a native thread reads or writes just now: pkcs11js keeps only their addresses. */
  private readonly pinned = new Set<Buffer>();
  /** Keeps the login: it ends with a process's last session (PKCS#11 v3.1 §5.6.2). */
  private readonly keeper: Handle;

  constructor(
    address: TokenAddress,
    labels: { signing: string; agreement: string | undefined },
    sessions: number,
  ) {
    this.module = loadModule(address.module);
    this.slot = findSlot(this.module, address.tokenLabel);
    this.keeper = this.openSession();
    this.module.C_Login(this.keeper, pkcs11js.CKU_USER, readPin(address.pinFile));
    this.signingKey = findKey(this.module, this.keeper, pkcs11js.CKO_PRIVATE_KEY, labels.signing);
    this.signingPoint = readPoint(this.module, this.keeper, labels.signing);
    if (labels.agreement !== undefined) {
      this.agreementKey = findKey(this.module, this.keeper, pkcs11js.CKO_PRIVATE_KEY, labels.agreement);
      this.agreementPoint = readPoint(this.module, this.keeper, labels.agreement);
    }
    for (let i = 0; i < sessions; i++) this.idle.push(this.openSession());
  }

  private openSession(): Handle {
    return this.module.C_OpenSession(this.slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  }

  /** CKM_ECDSA (PKCS#11 v3.1 §6.3.12) over a SHA-256 digest; r ‖ s, 64 bytes. SoftHSM signs any length, so it is held here. */
  async sign(digest: Uint8Array): Promise<Uint8Array> {
    if (digest.length !== 32)
      throw new SignerError('device_error', `a digest of ${digest.length} bytes: 32 are accepted`);
    const input = Buffer.from(digest);
    const output = Buffer.alloc(64);
    const signature = await this.withSession(async (session) => {
      this.module.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, this.signingKey);
      this.pinned.add(input).add(output);
      try {
        return await this.module.C_SignAsync(session, input, output);
      } finally {
        this.pinned.delete(input);
        this.pinned.delete(output);
      }
    });
    if (signature.length !== 64)
      throw new SignerError(
        'device_error',
        `a signature of ${signature.length} bytes: an ES256 signature has 64`,
      );
    return new Uint8Array(signature);
  }

  /** CKM_ECDH1_DERIVE (PKCS#11 v3.1 §6.3.18): the x-coordinate of the shared point, 32 bytes; its object is destroyed at once. */
  async derive(peerPoint: Uint8Array): Promise<Uint8Array> {
    const { agreementKey } = this;
    if (agreementKey === undefined)
      throw new SignerError('key_missing', 'this token was opened without a key-agreement key');
    return this.withSession(async (session) => {
      const template: Template = [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
        { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_GENERIC_SECRET },
        { type: pkcs11js.CKA_TOKEN, value: false },
        { type: pkcs11js.CKA_SENSITIVE, value: false },
        { type: pkcs11js.CKA_EXTRACTABLE, value: true },
        { type: pkcs11js.CKA_VALUE_LEN, value: 32 },
      ];
      const parameter = {
        type: pkcs11js.CK_PARAMS_EC_DH,
        kdf: noDerivation,
        publicData: Buffer.from(peerPoint),
      };
      // Not C_DeriveKeyAsync: pkcs11js 2.1.7 keeps a bare pointer into publicData for its thread (params.cpp,
      // get_params_ec_dh), which nothing holds against the garbage collector.
      const secret = this.module.C_DeriveKey(
        session,
        { mechanism: pkcs11js.CKM_ECDH1_DERIVE, parameter },
        agreementKey,
        template,
      );
      try {
        const value = readBytes(this.module, session, secret, pkcs11js.CKA_VALUE);
        const shared = new Uint8Array(32);
        shared.set(value, 32 - value.length);
        return shared;
      } finally {
        this.module.C_DestroyObject(session, secret);
      }
    });
  }

  /** Runs one operation on a session of its own; a session that has seen an error is thrown away. */
  private async withSession<T>(operate: (session: Handle) => Promise<T>): Promise<T> {
    const session = this.idle.pop() ?? (await new Promise<Handle>((resolve) => this.waiting.push(resolve)));
    let next = session;
    try {
      return await operate(session);
    } catch (error) {
      next = this.replaceSession(session);
      throw error;
    } finally {
      const waiter = this.waiting.shift();
      if (waiter === undefined) this.idle.push(next);
      else waiter(next);
    }
  }

  private replaceSession(session: Handle): Handle {
    try {
      this.module.C_CloseSession(session);
      return this.openSession();
    } catch {
      // The token is gone: the operation's own error says so, and it ends this process.
      return session;
    }
  }

  /** Finalises the module; false where an operation is in flight, which C_Finalize must not meet (v3.1 §5.4.2). */
  close(): boolean {
    if (this.pinned.size > 0) return false;
    this.module.C_Finalize();
    return true;
  }
}

function findKey(module: PKCS11, session: Handle, objectClass: number, label: string): Handle {
  module.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: objectClass },
    { type: pkcs11js.CKA_LABEL, value: label },
  ]);
  const found = module.C_FindObjects(session, 2);
  module.C_FindObjectsFinal(session);
  const [key] = found;
  if (key === undefined) throw new SignerError('key_missing', `the token has no key labelled \`${label}\``);
  if (found.length > 1)
    throw new SignerError('key_ambiguous', `the token has more than one key labelled \`${label}\``);
  return key;
}

function readBytes(module: PKCS11, session: Handle, object: Handle, type: number): Uint8Array {
  const [attribute] = module.C_GetAttributeValue(session, object, [{ type }]);
  if (!(attribute?.value instanceof Buffer))
    throw new SignerError('device_error', 'the token gave no bytes for an attribute that has some');
  return attribute.value;
}

/** The public point of a key pair: CKA_EC_POINT is a DER OCTET STRING around it (PKCS#11 v3.1 §6.3.3). */
export function readPoint(module: PKCS11, session: Handle, label: string): Uint8Array {
  const der = readBytes(
    module,
    session,
    findKey(module, session, pkcs11js.CKO_PUBLIC_KEY, label),
    pkcs11js.CKA_EC_POINT,
  );
  if (der.length !== 67 || der[0] !== 0x04 || der[1] !== 65 || der[2] !== 0x04) {
    throw new SignerError(
      'key_missing',
      `the key labelled \`${label}\` is not on P-256: a key on P-256 is accepted`,
    );
  }
  return new Uint8Array(der.subarray(2));
}
