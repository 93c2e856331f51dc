/**
 * A process of its own that signs through a module without hsm/, and prints what each step gave, one JSON object
 * a line, at once: a crash leaves the lines before it.
 *
 * Argument: the options below as JSON. Environment: SOFTHSM2_CONF.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pkcs11js from 'pkcs11js';

interface Options {
  readonly module: string;
  readonly tokenLabel: string;
  readonly pinFile: string;
  readonly signatures: number;
  /** Whether all signatures are made on one session, whatever it has seen. */
  readonly oneSession: boolean;
  /** Whether all calls of C_Sign are made at once, on threads, each on a session of its own. */
  readonly atOnce: boolean;
  /** Plans that C_Initialize is tried with, before the one that is there. */
  readonly plans: readonly string[];
}

const options = JSON.parse(process.argv[2] ?? '') as Options;
const module = new pkcs11js.PKCS11();

function print(step: string, result: object): void {
  writeSync(1, `${JSON.stringify({ step, ...result })}\n`);
}

function nameOf(error: unknown): string {
  return error instanceof pkcs11js.Pkcs11Error ? error.message : `no CKR: ${String(error)}`;
}

/** Makes a step; ends the process where it fails and nothing can follow. */
function make<T>(step: string, run: () => T, needed = true): T | undefined {
  const startedMs = performance.now();
  try {
    const value = run();
    const ms = Math.round(performance.now() - startedMs);
    print(step, { ms, ...(value instanceof Buffer ? { bytes: value.toString('hex') } : {}) });
    return value;
  } catch (error) {
    print(step, { error: nameOf(error), ms: Math.round(performance.now() - startedMs) });
    if (needed) process.exit(0);
    return undefined;
  }
}

function login(session: Buffer): void {
  module.C_Login(session, pkcs11js.CKU_USER, readFileSync(options.pinFile, 'utf8').trim());
}

function findObject(session: Buffer, objectClass: number): Buffer {
  module.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: objectClass },
    { type: pkcs11js.CKA_LABEL, value: 'signing' },
  ]);
  const [object] = module.C_FindObjects(session, 1);
  module.C_FindObjectsFinal(session);
  if (object === undefined) throw new Error('no key');
  return object;
}

make('load', () => module.load(options.module));
for (const plan of options.plans) {
  writeFileSync(join(dirname(options.module), 'fault-shim.plan'), plan);
  make('refusal', () => module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK }), false);
}
if (options.plans.length > 0) process.exit(0);
make('initialize', () => module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK }));
const slot = make('slot', () =>
  module.C_GetSlotList(true).find((s) => module.C_GetTokenInfo(s).label.trim() === options.tokenLabel),
);
if (slot === undefined) throw new Error(`no token \`${options.tokenLabel}\``);
const open = () => module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
const keeper = make('session', open);
if (keeper === undefined) throw new Error('no session');
make('login', () => login(keeper));
make(
  'point',
  () => {
    const key = findObject(keeper, pkcs11js.CKO_PUBLIC_KEY);
    return module.C_GetAttributeValue(keeper, key, [{ type: pkcs11js.CKA_EC_POINT }])[0]?.value;
  },
  false,
);
const findKey = () => findObject(keeper, pkcs11js.CKO_PRIVATE_KEY);
let key = make('key', findKey);

function startSigning(session: Buffer): void {
  if (key === undefined) throw new Error('no key');
  module.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, key);
}

const digestOf = (index: number) => createHash('sha256').update(`message ${index}`).digest();

if (options.atOnce) {
  const calls = Array.from({ length: options.signatures }, async (_, index) => {
    const session = open();
    startSigning(session);
    const startedMs = performance.now();
    const signature = await module.C_SignAsync(session, digestOf(index), Buffer.alloc(96));
    const ms = Math.round(performance.now() - startedMs);
    print('sign', { index, bytes: signature.toString('hex'), ms });
  });
  await Promise.all(calls);
} else {
  for (let index = 0; index < options.signatures; index++) {
    const session = options.oneSession ? keeper : open();
    make(
      'sign',
      () => {
        startSigning(session);
        return module.C_Sign(session, digestOf(index), Buffer.alloc(96));
      },
      false,
    );
    if (index === 0) {
      make('login again', () => login(keeper), false);
      // A login that was lost took the key's handle with it.
      key = make('key', findKey, false) ?? key;
    }
  }
}
make('finalize', () => module.C_Finalize(), false);
