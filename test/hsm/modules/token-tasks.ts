/** Tasks that make a token, its keys and its description, and that sign: what every module is put through. */
import { randomBytes } from 'node:crypto';
import pkcs11js, { type Handle, type Template } from 'pkcs11js';
import {
  type Algorithm,
  CKK_EC_EDWARDS,
  CKM_EC_EDWARDS_KEY_PAIR_GEN,
  isValid,
  type KeyKind,
  keyKindOf,
  keyKinds,
  mechanismOf,
  type PublicAttributes,
  publicKeyOf,
  type Route,
  routes,
} from './algorithms.ts';
import { flagNames, mechanismName } from './constant-names.ts';
import { answerOf, type TokenSession } from './token-session.ts';

export interface TaskContext {
  readonly token: TokenSession;
  readonly argument: unknown;
  /** Waits until the parent has done what `name` says. */
  readonly pause: (name: string) => Promise<void>;
}
export type Task = (context: TaskContext) => unknown;

/** The security officer's PIN of a new opencryptoki token (its manual, "Initializing the token"). */
const opencryptokiSoPin = '87654321';

/** Labels the token and sets its PINs. */
export const makeToken: Task = ({ token }) => {
  const { module, address } = token;
  const { name, tokenLabel, pin, soPin = '' } = address;
  token.initialise();
  if (name !== 'softokn') {
    const slot = module
      .C_GetSlotList(true)
      .find((one) => (module.C_GetTokenInfo(one).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
    if (slot === undefined) throw new Error('no token that is not initialised');
    // 32 bytes, padded with blanks (PKCS#11 v3.1 §5.5.7); pkcs11js 2.1.7 would pad it with NUL.
    module.C_InitToken(slot, name === 'opencryptoki' ? opencryptokiSoPin : soPin, tokenLabel.padEnd(32));
  }
  const session = token.open();
  if (name === 'opencryptoki') {
    module.C_Login(session, pkcs11js.CKU_SO, opencryptokiSoPin);
    module.C_SetPIN(session, opencryptokiSoPin, soPin);
    // A PIN that the security officer set must be changed by the user before anything else.
    module.C_InitPIN(session, opencryptokiSoPin);
    module.C_Logout(session);
    module.C_Login(session, pkcs11js.CKU_USER, opencryptokiSoPin);
    module.C_SetPIN(session, opencryptokiSoPin, pin);
  } else {
    module.C_Login(session, pkcs11js.CKU_SO, soPin);
    module.C_InitPIN(session, pin);
  }
  module.C_Logout(session);
  module.C_Finalize();
};

const oids: Readonly<Record<Exclude<KeyKind, 'RSA-2048'>, string>> = {
  'P-256': '06082a8648ce3d030107',
  'P-384': '06052b81040022',
  Ed25519: '06032b6570',
};
/** `edwards25519` as a PrintableString, which PKCS#11 v3.1 §6.3.10 allows beside the OID. */
const edwardsName = '130c656477617264733235353139';

export interface MadeKey {
  readonly kind: KeyKind;
  /** `CKR_OK`, or why there is no such key. */
  readonly answer: string;
  readonly made?: { readonly ms: number; readonly parameters: string; readonly publicKey: string };
}

function privateTemplate(kind: KeyKind, label: string): Template {
  const id = Buffer.from(label);
  return [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_LABEL, value: label },
    { type: pkcs11js.CKA_ID, value: id },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    { type: pkcs11js.CKA_SIGN, value: true },
    { type: pkcs11js.CKA_DECRYPT, value: false },
    { type: pkcs11js.CKA_UNWRAP, value: false },
    ...(kind === 'RSA-2048' ? [] : [{ type: pkcs11js.CKA_DERIVE, value: false }]),
  ];
}

function publicTemplate(label: string, specific: Template): Template {
  return [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_LABEL, value: label },
    { type: pkcs11js.CKA_ID, value: Buffer.from(label) },
    // Neither CKA_VERIFY nor CKA_ENCRYPT: tpm2-pkcs11 ties the first to CKA_DECRYPT and the second to CKA_SIGN of the
    // private key, and answers CKR_GENERAL_ERROR to a signing key that says otherwise (1.9.0, attrs.c).
    { type: pkcs11js.CKA_WRAP, value: false },
    ...specific,
  ];
}

export interface KeyPair {
  readonly publicKey: Handle;
  readonly privateKey: Handle;
  readonly parameters: string;
}

/** Makes a key pair in the token; throws what the module answered to the last form that was tried. */
export function generateKey(
  token: TokenSession,
  session: Handle,
  kind: KeyKind,
  label: string,
  extra: Readonly<Template> = [],
): KeyPair {
  const { module } = token;
  if (kind === 'RSA-2048') {
    const pair = module.C_GenerateKeyPair(
      session,
      { mechanism: pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN },
      publicTemplate(label, [
        { type: pkcs11js.CKA_MODULUS_BITS, value: 2048 },
        { type: pkcs11js.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      ]),
      [...privateTemplate(kind, label), ...extra],
    );
    return { ...pair, parameters: '2048 bits' };
  }
  const forms = kind === 'Ed25519' ? [oids[kind], edwardsName] : [oids[kind]];
  let thrown: unknown;
  for (const form of forms) {
    const specific: Template = [{ type: pkcs11js.CKA_EC_PARAMS, value: Buffer.from(form, 'hex') }];
    if (kind === 'Ed25519') specific.push({ type: pkcs11js.CKA_KEY_TYPE, value: CKK_EC_EDWARDS });
    try {
      const pair = module.C_GenerateKeyPair(
        session,
        { mechanism: kind === 'Ed25519' ? CKM_EC_EDWARDS_KEY_PAIR_GEN : pkcs11js.CKM_EC_KEY_PAIR_GEN },
        publicTemplate(label, specific),
        [...privateTemplate(kind, label), ...extra],
      );
      return { ...pair, parameters: form };
    } catch (error) {
      thrown = error;
    }
  }
  throw thrown;
}

export function publicAttributes(
  token: TokenSession,
  session: Handle,
  kind: KeyKind,
  key: Handle,
): PublicAttributes {
  if (kind === 'RSA-2048') {
    return {
      modulus: token.bytes(session, key, pkcs11js.CKA_MODULUS),
      exponent: token.bytes(session, key, pkcs11js.CKA_PUBLIC_EXPONENT),
    };
  }
  return { point: token.bytes(session, key, pkcs11js.CKA_EC_POINT) };
}

/** Makes a key of each kind that `argument` names, labelled with the kind; gives MadeKey[]. */
export const makeKeys: Task = ({ token, argument }): MadeKey[] => {
  const session = token.openLoggedIn();
  return keyKinds
    .filter((kind) => (argument as readonly KeyKind[]).includes(kind))
    .map((kind) => {
      const startedMs = performance.now();
      try {
        const { publicKey, parameters } = generateKey(token, session, kind, kind);
        const ms = Math.round(performance.now() - startedMs);
        const key = publicKeyOf(kind, publicAttributes(token, session, kind, publicKey));
        const spki = key.export({ format: 'der', type: 'spki' }).toString('base64');
        return { kind, answer: 'CKR_OK', made: { ms, parameters, publicKey: spki } };
      } catch (error) {
        return { kind, answer: answerOf(error) };
      }
    });
};

export interface SignedRoute {
  readonly algorithm: Algorithm;
  readonly route: string;
  /** `CKR_OK`, the first CKR code that kept it from signing, or `no key`. */
  readonly answer: string;
  readonly valid: number;
  readonly wrong: number;
  readonly perSecond: number;
  /** ECDSA: how many had s above half the group's order. */
  readonly highS?: number;
}

const halfOrders: Readonly<Partial<Record<Algorithm, bigint>>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n >> 1n,
  ES384:
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n >> 1n,
};

/** Signs `count` messages on every route, over `sessions` sessions at once, and verifies each with node:crypto. */
export const signRoutes: Task = async ({ token, argument }): Promise<SignedRoute[]> => {
  const { count, sessions, only } = argument as SignArgument;
  const session = token.openLoggedIn();
  const pool = [session, ...Array.from({ length: sessions - 1 }, () => token.open())];
  const results: SignedRoute[] = [];
  for (const route of routes) {
    if (only === undefined || only.includes(`${route.algorithm} ${route.name}`))
      results.push(await signRoute(token, pool, route, count));
  }
  return results;
};

export interface SignArgument {
  readonly count: number;
  readonly sessions: number;
  /** `ALGORITHM ROUTE` each; all of them where it is left out. */
  readonly only?: readonly string[];
}

async function signRoute(
  token: TokenSession,
  pool: readonly Handle[],
  route: Route,
  count: number,
): Promise<SignedRoute> {
  const { algorithm, name } = route;
  const kind = keyKindOf[algorithm];
  const [first] = pool;
  if (first === undefined) throw new Error('no session');
  const none = { algorithm, route: name, valid: 0, wrong: 0, perSecond: 0 };
  const privateKey = token.find(first, pkcs11js.CKO_PRIVATE_KEY, kind);
  const publicKey = token.find(first, pkcs11js.CKO_PUBLIC_KEY, kind);
  if (privateKey === undefined || publicKey === undefined) return { ...none, answer: 'no key' };
  const key = publicKeyOf(kind, publicAttributes(token, first, kind, publicKey));
  const signed: { message: Buffer; signature: Buffer }[] = [];
  let left = count;
  let answer = 'CKR_OK';
  const startedMs = performance.now();
  await Promise.all(
    pool.map(async (session) => {
      while (left > 0 && answer === 'CKR_OK') {
        left--;
        const message = randomBytes(100);
        // Named, and used after the call: pkcs11js keeps bare addresses of both for its thread.
        const input = route.input(message);
        const output = Buffer.alloc(512);
        try {
          token.module.C_SignInit(session, mechanismOf(route), privateKey);
          const signature = await token.module.C_SignAsync(session, input, output);
          signed.push({ message, signature: Buffer.from(signature) });
          if (input.length === 0 && output.length === 0) throw new Error('never: keeps both alive');
        } catch (error) {
          answer = answerOf(error);
        }
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const valid = signed.filter(({ message, signature }) => isValid(algorithm, key, message, signature)).length;
  const half = halfOrders[algorithm];
  const highS = signed.filter(
    ({ signature }) =>
      half !== undefined && BigInt(`0x${signature.subarray(signature.length / 2).toString('hex')}`) > half,
  ).length;
  return {
    ...none,
    answer,
    valid,
    wrong: signed.length - valid,
    perSecond: Math.round(signed.length / seconds),
    ...(half === undefined ? {} : { highS }),
  };
}

const audited = [
  'CKA_TOKEN',
  'CKA_PRIVATE',
  'CKA_SENSITIVE',
  'CKA_ALWAYS_SENSITIVE',
  'CKA_EXTRACTABLE',
  'CKA_NEVER_EXTRACTABLE',
  'CKA_LOCAL',
  'CKA_SIGN',
  'CKA_SIGN_RECOVER',
  'CKA_DECRYPT',
  'CKA_UNWRAP',
  'CKA_DERIVE',
  'CKA_WRAP_WITH_TRUSTED',
  'CKA_MODIFIABLE',
  'CKA_ALWAYS_AUTHENTICATE',
  'CKA_KEY_GEN_MECHANISM',
] as const;

export interface AuditedKey {
  readonly kind: KeyKind;
  /** By attribute: true, false, a mechanism's name, or the CKR code that came in place of a value. */
  readonly attributes: Readonly<Record<string, boolean | string>>;
  /** What the module answers to a request for the private value. */
  readonly privateValue: string;
}

/** Reads the attributes of every key that makeKeys made. */
export const auditKeys: Task = ({ token }): AuditedKey[] => {
  const session = token.openLoggedIn();
  return keyKinds.flatMap((kind) => {
    const key = token.find(session, pkcs11js.CKO_PRIVATE_KEY, kind);
    if (key === undefined) return [];
    const read = (name: (typeof audited)[number]): boolean | string => {
      try {
        const value = token.bytes(session, key, pkcs11js[name]);
        if (name === 'CKA_KEY_GEN_MECHANISM') return mechanismName(Number(value.readBigUInt64LE()));
        return value.length === 1 ? value[0] === 1 : `${value.length} bytes`;
      } catch (error) {
        return answerOf(error);
      }
    };
    const attributes = Object.fromEntries(audited.map((name) => [name, read(name)]));
    let privateValue = 'given out';
    try {
      token.bytes(session, key, kind === 'RSA-2048' ? pkcs11js.CKA_PRIVATE_EXPONENT : pkcs11js.CKA_VALUE);
    } catch (error) {
      privateValue = answerOf(error);
    }
    return [{ kind, attributes, privateValue }];
  });
};

export interface Mechanism {
  readonly name: string;
  readonly minKeySize: number;
  readonly maxKeySize: number;
  readonly flags: readonly string[];
}

export interface Description {
  readonly library: {
    readonly manufacturer: string;
    readonly description: string;
    readonly version: string;
    readonly cryptoki: string;
  };
  readonly slot: { readonly description: string; readonly flags: readonly string[]; readonly slots: number };
  readonly token: {
    readonly manufacturer: string;
    readonly model: string;
    readonly flags: readonly string[];
    readonly minPinLength: number;
    readonly maxPinLength: number;
    readonly maxSessions: number;
    readonly firmware: string;
  };
  readonly mechanisms: readonly Mechanism[];
}

/** Text fields are padded with blanks; tpm2-pkcs11 leaves NULs in one. */
const trim = (text: string): string => text.replaceAll('\u0000', ' ').trim();

const versionOf = ({ major, minor }: { major: number; minor: number }): string => `${major}.${minor}`;

/** What the module says of itself, its slot and its token. */
export const describeToken: Task = ({ token }): Description => {
  token.initialise();
  const { module } = token;
  const slot = token.slot();
  const library = module.C_GetInfo();
  const slotInfo = module.C_GetSlotInfo(slot);
  const info = module.C_GetTokenInfo(slot);
  const mechanisms = module.C_GetMechanismList(slot).map((mechanism) => {
    const { minKeySize, maxKeySize, flags } = module.C_GetMechanismInfo(slot, mechanism);
    return { name: mechanismName(mechanism), minKeySize, maxKeySize, flags: flagNames('mechanism', flags) };
  });
  return {
    library: {
      manufacturer: trim(library.manufacturerID),
      description: trim(library.libraryDescription),
      version: versionOf(library.libraryVersion),
      cryptoki: versionOf(library.cryptokiVersion),
    },
    slot: {
      description: trim(slotInfo.slotDescription),
      flags: flagNames('slot', slotInfo.flags),
      slots: module.C_GetSlotList(false).length,
    },
    token: {
      manufacturer: trim(info.manufacturerID),
      model: trim(info.model),
      flags: flagNames('token', info.flags),
      minPinLength: info.minPinLen,
      maxPinLength: info.maxPinLen,
      maxSessions: info.maxSessionCount,
      firmware: versionOf(info.firmwareVersion),
    },
    mechanisms: mechanisms.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
};
