/** A module inside a task's process: loaded, with the calls that every task makes, and a record of what it answers. */
import pkcs11js, { type Handle, type PKCS11, type Template } from 'pkcs11js';
import type { Answer } from './module-task.ts';
import type { ModuleAddress } from './started-module.ts';

export const readWrite = pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION;

/**
 * The name of the code that was thrown, or `no code: …`. C_FindObjects, C_CreateObject, C_CopyObject and
 * C_SetAttributeValue of pkcs11js 2.1.7 throw a plain Error, whose message is `CKR_NAME:NUMBER`.
 */
export function answerOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof pkcs11js.Pkcs11Error) return nameOf(thrown.code, text);
  const [, code] = /^CKR_\w+:(\d+)/.exec(text) ?? [];
  return code === undefined ? `no code: ${text.split('\n')[0]}` : nameOf(Number(code), text);
}

const codeNames = new Map(
  Object.entries(pkcs11js).flatMap(([name, value]) =>
    name.startsWith('CKR_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

const newerCodes: Readonly<Record<number, string>> = {
  27: 'CKR_ACTION_PROHIBITED',
  320: 'CKR_CURVE_NOT_SUPPORTED',
  // pkcs11t.h of NSS: CKR_NSS + 1.
  3461563217: 'CKR_NSS_CERTDB_FAILED',
  3461563218: 'CKR_NSS_KEYDB_FAILED',
};

/** Codes of PKCS#11 v3.0 that pkcs11js has no names for, and vendors' own as numbers. */
function nameOf(code: number, text: string): string {
  const known = codeNames.get(code);
  if (known !== undefined) return known;
  const named = newerCodes[code];
  if (named !== undefined) return named;
  return code === 0 ? `no code: ${text}` : `0x${code.toString(16)}`;
}

export class TokenSession {
  readonly module: PKCS11 = new pkcs11js.PKCS11();
  readonly address: ModuleAddress;
  private readonly report: (answer: Answer) => void;
  private readonly announce: (call: string, when: string) => void;

  constructor(
    address: ModuleAddress,
    report: (answer: Answer) => void,
    announce: (call: string, when: string) => void,
  ) {
    this.address = address;
    this.report = report;
    this.announce = announce;
    this.module.load(address.modulePath);
  }

  /** Makes a call and records the answer; gives undefined where it failed. */
  ask<T>(call: string, when: string, make: () => T, note?: (value: T) => string): T | undefined {
    this.announce(call, when);
    try {
      const value = make();
      this.report({ call, when, answer: 'CKR_OK', ...(note === undefined ? {} : { note: note(value) }) });
      return value;
    } catch (error) {
      this.report({ call, when, answer: answerOf(error) });
      return undefined;
    }
  }

  /** The same for a call that gives a promise. */
  async askAsync<T>(
    call: string,
    when: string,
    make: () => Promise<T>,
    note?: (value: T) => string,
  ): Promise<T | undefined> {
    this.announce(call, when);
    try {
      const value = await make();
      this.report({ call, when, answer: 'CKR_OK', ...(note === undefined ? {} : { note: note(value) }) });
      return value;
    } catch (error) {
      this.report({ call, when, answer: answerOf(error) });
      return undefined;
    }
  }

  initialise(flags = pkcs11js.CKF_OS_LOCKING_OK): void {
    const { initParameters } = this.address;
    this.module.C_Initialize(
      initParameters === undefined ? { flags } : { flags, libraryParameters: initParameters },
    );
  }

  slot(): Handle {
    const slot = this.module
      .C_GetSlotList(true)
      .find((candidate) => this.module.C_GetTokenInfo(candidate).label.trim() === this.address.tokenLabel);
    if (slot === undefined) throw new Error(`no token labelled \`${this.address.tokenLabel}\``);
    return slot;
  }

  open(flags = readWrite): Handle {
    return this.module.C_OpenSession(this.slot(), flags);
  }

  login(session: Handle): void {
    this.module.C_Login(session, pkcs11js.CKU_USER, this.address.pin);
  }

  /** Initialised, with a session that is logged in. */
  openLoggedIn(): Handle {
    this.initialise();
    const session = this.open();
    this.login(session);
    return session;
  }

  find(session: Handle, objectClass: number, label: string): Handle | undefined {
    const template: Template = [
      { type: pkcs11js.CKA_CLASS, value: objectClass },
      { type: pkcs11js.CKA_LABEL, value: label },
    ];
    this.module.C_FindObjectsInit(session, template);
    try {
      return this.module.C_FindObjects(session, 2)[0];
    } finally {
      this.module.C_FindObjectsFinal(session);
    }
  }

  privateKey(session: Handle, label: string): Handle {
    const key = this.find(session, pkcs11js.CKO_PRIVATE_KEY, label);
    if (key === undefined) throw new Error(`no private key labelled \`${label}\``);
    return key;
  }

  bytes(session: Handle, object: Handle, type: number): Buffer {
    const value = this.module.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
    if (!(value instanceof Buffer)) throw new Error(`attribute 0x${type.toString(16)} has no bytes`);
    return value;
  }
}

/** A handle as PKCS#11 has it: eight bytes, little-endian here. */
export function handleOf(value: bigint): Handle {
  const handle = Buffer.alloc(8);
  handle.writeBigUInt64LE(value);
  return handle;
}
