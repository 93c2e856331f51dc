/**
 * Probes: what a module answers to a caller that is wrong, unlucky or too fast. Each is a task, and so a process, of its own.
 *
 * A probe records every answer as it comes (TokenSession.ask), so that what was said before a crash is not lost. None of
 * these breaks the token: those that do are in breakages.ts.
 */
import { randomBytes } from 'node:crypto';
import pkcs11js, { type Handle } from 'pkcs11js';
import {
  algorithms,
  isValid,
  keyKindOf,
  mechanismOf,
  pssMechanism,
  publicKeyOf,
  type Route,
  routes,
} from './algorithms.ts';
import { handleOf, readWrite, type TokenSession } from './token-session.ts';
import { generateKey, publicAttributes, type Task } from './token-tasks.ts';

/** The first of Ringmint's algorithms that the token has a key and a mechanism for, with that key. */
export interface Working {
  readonly session: Handle;
  readonly route: Route;
  readonly key: Handle;
  readonly sign: (session?: Handle) => Buffer;
}

/** Opens the token and finds the route that later signatures go; checks it by a signature. */
export function openWorking(token: TokenSession): Working {
  const session = token.openLoggedIn();
  return workingIn(token, session);
}

export function workingIn(token: TokenSession, session: Handle): Working {
  const { module } = token;
  for (const route of routes.filter(({ algorithm }) => algorithms.includes(algorithm))) {
    const kind = keyKindOf[route.algorithm];
    const key = token.find(session, pkcs11js.CKO_PRIVATE_KEY, kind);
    const publicKey = token.find(session, pkcs11js.CKO_PUBLIC_KEY, kind);
    if (key === undefined || publicKey === undefined) continue;
    const outside = publicKeyOf(kind, publicAttributes(token, session, kind, publicKey));
    const sign = (on = session): Buffer => {
      const message = randomBytes(40);
      module.C_SignInit(on, mechanismOf(route), key);
      const signature = module.C_Sign(on, route.input(message), Buffer.alloc(512));
      if (!isValid(route.algorithm, outside, message, signature)) throw new Error('a wrong signature');
      return signature;
    };
    sign();
    return { session, route, key, sign };
  }
  throw new Error('no algorithm works on this token');
}

const digest = randomBytes(32);

const uninitialised: Task = ({ token }) => {
  const { module } = token;
  token.ask('C_GetInfo', 'before C_Initialize', () => module.C_GetInfo());
  token.ask('C_GetSlotList', 'before C_Initialize', () => module.C_GetSlotList(true));
  token.ask('C_OpenSession', 'before C_Initialize', () => module.C_OpenSession(handleOf(1n), readWrite));
  token.ask('C_SignInit', 'before C_Initialize', () =>
    module.C_SignInit(handleOf(1n), { mechanism: pkcs11js.CKM_ECDSA }, handleOf(1n)),
  );
  token.ask('C_Finalize', 'before C_Initialize', () => module.C_Finalize());
};

const secondInitialise: Task = ({ token }) => {
  const { sign } = openWorking(token);
  token.ask('C_Initialize', 'a second time', () => token.initialise());
  token.ask('C_Sign', 'after a second C_Initialize', () => sign());
  token.ask('C_Finalize', 'once', () => token.module.C_Finalize());
  token.ask('C_Finalize', 'a second time', () => token.module.C_Finalize());
  token.ask('C_Initialize', 'after C_Finalize', () => token.initialise());
  token.ask('C_Sign', 'on a session from before C_Finalize', () => sign());
};

const otherInitialisation: Task = ({ token }) => {
  token.ask('C_Initialize', 'with flags 0', () => token.initialise(0));
  token.ask('C_Finalize', 'after flags 0', () => token.module.C_Finalize());
  token.ask('C_Initialize', 'CKF_LIBRARY_CANT_CREATE_OS_THREADS, no locking', () => token.initialise(1));
};

const withoutConfiguration: Task = ({ token, argument }) => {
  // opencryptoki's is at a fixed place.
  if (token.address.name === 'opencryptoki') return;
  for (const name of Object.keys(token.address.environment))
    process.env[name] = `${String(argument)}/nothing-here`;
  const { initParameters } = token.address;
  const flags = pkcs11js.CKF_OS_LOCKING_OK;
  token.ask('C_Initialize', 'its configuration is not there', () =>
    initParameters === undefined
      ? token.module.C_Initialize({ flags })
      : token.module.C_Initialize({
          flags,
          libraryParameters: initParameters.replaceAll('/database', '/nothing-here/x'),
        }),
  );
  token.ask(
    'C_GetSlotList',
    'its configuration is not there',
    () => token.module.C_GetSlotList(true),
    (list) => `${list.length} slots`,
  );
};

const slots: Task = ({ token }) => {
  token.initialise();
  const { module } = token;
  const absent = handleOf(987_654n);
  token.ask('C_GetSlotInfo', 'a slot that is not there', () => module.C_GetSlotInfo(absent));
  token.ask('C_GetTokenInfo', 'a slot that is not there', () => module.C_GetTokenInfo(absent));
  token.ask('C_OpenSession', 'a slot that is not there', () => module.C_OpenSession(absent, readWrite));
  token.ask('C_GetMechanismInfo', 'a mechanism that is not there', () =>
    module.C_GetMechanismInfo(token.slot(), 0x7abcdef0),
  );
  token.ask('C_OpenSession', 'without CKF_SERIAL_SESSION', () => token.open(pkcs11js.CKF_RW_SESSION));
  token.ask('C_WaitForSlotEvent', 'CKF_DONT_BLOCK', () => module.C_WaitForSlotEvent(pkcs11js.CKF_DONT_BLOCK));
  token.ask('C_OpenSession', '3,000 sessions', () => {
    for (let i = 0; i < 3_000; i++) token.open();
  });
};

const wrongPin: Task = ({ token }) => {
  token.initialise();
  const session = token.open();
  token.ask('C_Login', 'a wrong PIN, once', () =>
    token.module.C_Login(session, pkcs11js.CKU_USER, 'wrong0ne'),
  );
  token.ask('C_Login', 'the right PIN after a wrong one', () => token.login(session));
  token.ask('C_Sign', 'after both', () => workingIn(token, session).sign());
};

const logins: Task = ({ token }) => {
  token.initialise();
  const { module } = token;
  const { pin } = token.address;
  const readOnly = token.open(pkcs11js.CKF_SERIAL_SESSION);
  token.ask('C_Login', 'as SO beside a read-only session', () =>
    module.C_Login(readOnly, pkcs11js.CKU_SO, 'whatever'),
  );
  token.ask('C_Logout', 'nobody is logged in', () => module.C_Logout(readOnly));
  token.ask('C_InitPIN', 'nobody is logged in', () => module.C_InitPIN(token.open(), '12345678'));
  token.ask('C_Login', 'user type 9', () => module.C_Login(readOnly, 9, pin));
  token.login(readOnly);
  token.ask('C_Login', 'a second time', () => module.C_Login(readOnly, pkcs11js.CKU_USER, pin));
  token.ask('C_Login', 'a second time, with a wrong PIN', () =>
    module.C_Login(readOnly, pkcs11js.CKU_USER, 'wrong0ne'),
  );
  token.ask('C_Login', 'as SO while the user is', () =>
    module.C_Login(token.open(), pkcs11js.CKU_SO, 'whatever'),
  );
  token.ask('C_Login', 'context specific, without need', () => module.C_Login(readOnly, 2, pin));
  token.ask('C_Logout', 'the user', () => module.C_Logout(readOnly));
};

const lengthsOf =
  (argument: string): Task =>
  ({ token }) => {
    const { session, route } = openWorking(token);
    const { module } = token;
    for (const raw of routes.filter(({ name }) => name === argument)) {
      const key = token.find(session, pkcs11js.CKO_PRIVATE_KEY, keyKindOf[raw.algorithm]);
      if (key === undefined) continue;
      // Nothing comes last: it crashes one module.
      for (const length of [1, 31, 32, 33, 48, 64, 4096, 0]) {
        // A session each: an error may leave one CKR_OPERATION_ACTIVE.
        const own = token.open();
        token.ask(
          'C_Sign',
          `${raw.algorithm} by ${raw.name} over ${length} bytes`,
          () => {
            module.C_SignInit(own, mechanismOf(raw), key);
            return module.C_Sign(own, randomBytes(length), Buffer.alloc(512));
          },
          (signature) => `${signature.length} bytes`,
        );
        module.C_CloseSession(own);
      }
    }
    token.ask('C_Sign', `${route.algorithm} afterwards`, () => workingIn(token, session).sign());
  };

const smallBuffer: Task = ({ token }) => {
  const { session, route, key, sign } = openWorking(token);
  const { module } = token;
  const input = route.input(digest);
  module.C_SignInit(session, mechanismOf(route), key);
  token.ask('C_Sign', 'into 1 byte', () => module.C_Sign(session, input, Buffer.alloc(1)));
  token.ask('C_SignInit', 'after CKR_BUFFER_TOO_SMALL', () =>
    module.C_SignInit(session, mechanismOf(route), key),
  );
  token.ask(
    'C_Sign',
    'again, into 512 bytes',
    () => module.C_Sign(session, input, Buffer.alloc(512)),
    (signature) => `${signature.length} bytes`,
  );
  token.ask('C_Sign', 'a new operation in that session', () => sign());
  token.ask('C_CloseSession', 'that session', () => module.C_CloseSession(session));
};

const withoutLogin: Task = ({ token }) => {
  const { session, route, key, sign } = openWorking(token);
  const { module } = token;
  module.C_Logout(session);
  token.ask('C_SignInit', 'after C_Logout, with the old handle', () =>
    module.C_SignInit(session, mechanismOf(route), key),
  );
  token.ask('C_Sign', 'after C_Logout', () => module.C_Sign(session, route.input(digest), Buffer.alloc(512)));
  const fresh = token.open();
  token.ask(
    'C_FindObjects',
    'the private key, not logged in',
    () => token.find(fresh, pkcs11js.CKO_PRIVATE_KEY, keyKindOf[route.algorithm]),
    (found) => (found === undefined ? 'not found' : 'found'),
  );
  token.ask('C_GenerateKeyPair', 'not logged in', () =>
    generateKey(token, fresh, keyKindOf[route.algorithm], 'not logged in'),
  );
  token.login(session);
  token.ask('C_Sign', 'the old handle after a new login', () => sign());
  const again = workingIn(token, fresh);
  const open = fresh;
  module.C_SignInit(open, mechanismOf(route), again.key);
  module.C_Logout(session);
  token.ask('C_Sign', 'logged out between C_SignInit and C_Sign', () =>
    module.C_Sign(open, route.input(digest), Buffer.alloc(512)),
  );
};

const handles: Task = ({ token }) => {
  const { session, route, key } = openWorking(token);
  const { module } = token;
  const mechanism = mechanismOf(route);
  for (const [name, handle] of [
    ['0', 0n],
    ['987654', 987_654n],
    ['2^64-1', 2n ** 64n - 1n],
  ] as const) {
    token.ask('C_SignInit', `key handle ${name}`, () =>
      module.C_SignInit(session, mechanism, handleOf(handle)),
    );
    token.ask('C_GetAttributeValue', `object handle ${name}`, () =>
      module.C_GetAttributeValue(session, handleOf(handle), [{ type: pkcs11js.CKA_LABEL }]),
    );
    token.ask('C_DestroyObject', `object handle ${name}`, () =>
      module.C_DestroyObject(session, handleOf(handle)),
    );
    token.ask('C_SignInit', `session handle ${name}`, () =>
      module.C_SignInit(handleOf(handle), mechanism, key),
    );
    token.ask('C_CloseSession', `session handle ${name}`, () => module.C_CloseSession(handleOf(handle)));
    token.ask('C_GetSessionInfo', `session handle ${name}`, () => module.C_GetSessionInfo(handleOf(handle)));
  }
  token.ask('C_Sign', 'afterwards', () => workingIn(token, session).sign());
};

const operations: Task = ({ token }) => {
  const { session, route, key, sign } = openWorking(token);
  const { module } = token;
  const mechanism = mechanismOf(route);
  const kind = keyKindOf[route.algorithm];
  const inNew = (call: string, when: string, run: (own: Handle) => unknown): void => {
    const own = token.open();
    token.ask(call, when, () => run(own));
    token.ask('C_CloseSession', `after ${call} ${when}`, () => module.C_CloseSession(own));
  };
  inNew('C_Sign', 'without C_SignInit', (own) => module.C_Sign(own, digest, Buffer.alloc(512)));
  inNew('C_SignInit', 'twice', (own) => {
    module.C_SignInit(own, mechanism, key);
    module.C_SignInit(own, mechanism, key);
  });
  inNew('C_FindObjects', 'without C_FindObjectsInit', (own) => module.C_FindObjects(own, 1));
  inNew('C_FindObjectsInit', 'twice', (own) => {
    module.C_FindObjectsInit(own, []);
    module.C_FindObjectsInit(own, []);
  });
  inNew('C_FindObjectsFinal', 'without C_FindObjectsInit', (own) => module.C_FindObjectsFinal(own));
  inNew('C_SignInit', 'a mechanism that is not there', (own) =>
    module.C_SignInit(own, { mechanism: 0x7abcdef0 }, key),
  );
  const other = kind === 'RSA-2048' ? pkcs11js.CKM_ECDSA : pkcs11js.CKM_SHA256_RSA_PKCS;
  inNew('C_SignInit', "another key type's mechanism", (own) =>
    module.C_SignInit(own, { mechanism: other }, key),
  );
  inNew('C_SignInit', 'CKM_AES_CBC', (own) =>
    module.C_SignInit(own, { mechanism: pkcs11js.CKM_AES_CBC, parameter: Buffer.alloc(16) }, key),
  );
  inNew('C_SignInit', 'a parameter of 3 bytes where none or another belongs', (own) =>
    module.C_SignInit(own, { mechanism: route.mechanism, parameter: Buffer.alloc(3) }, key),
  );
  const rsa = token.find(session, pkcs11js.CKO_PRIVATE_KEY, 'RSA-2048');
  if (rsa !== undefined) {
    inNew('C_SignInit', 'CKM_RSA_PKCS_PSS without a parameter', (own) =>
      module.C_SignInit(own, { mechanism: pkcs11js.CKM_RSA_PKCS_PSS }, rsa),
    );
    inNew('C_SignInit', 'CKM_RSA_PKCS_PSS, another hash in MGF1', (own) =>
      module.C_SignInit(own, pssMechanism(pkcs11js.CKM_RSA_PKCS_PSS, pkcs11js.CKG_MGF1_SHA1, 32), rsa),
    );
    inNew('C_SignInit', 'CKM_RSA_PKCS_PSS, 4,000 bytes of salt', (own) =>
      module.C_SignInit(own, pssMechanism(pkcs11js.CKM_RSA_PKCS_PSS, pkcs11js.CKG_MGF1_SHA256, 4_000), rsa),
    );
    inNew('C_DecryptInit', 'a key with CKA_DECRYPT false', (own) =>
      module.C_DecryptInit(own, { mechanism: pkcs11js.CKM_RSA_PKCS }, rsa),
    );
  }
  const publicKey = token.find(session, pkcs11js.CKO_PUBLIC_KEY, kind);
  if (publicKey !== undefined) {
    inNew('C_SignInit', 'the public key', (own) => module.C_SignInit(own, mechanism, publicKey));
    inNew('C_Verify', 'a wrong signature', (own) => {
      module.C_VerifyInit(own, mechanism, publicKey);
      const signature = sign();
      signature.writeUInt8((signature[9] ?? 0) ^ 1, 9);
      if (!module.C_Verify(own, route.input(digest), signature)) throw new Error('gives false');
    });
    inNew('C_Verify', 'a signature of 5 bytes', (own) => {
      module.C_VerifyInit(own, mechanism, publicKey);
      if (!module.C_Verify(own, route.input(digest), Buffer.alloc(5))) throw new Error('gives false');
    });
  }
  inNew('C_DigestEncryptUpdate', 'no operation', (own) =>
    module.C_DigestEncryptUpdate(own, digest, Buffer.alloc(64)),
  );
  inNew('C_SignRecoverInit', 'the signing key', (own) => module.C_SignRecoverInit(own, mechanism, key));
  inNew('C_SeedRandom', '32 bytes', (own) => module.C_SeedRandom(own, Buffer.alloc(32)));
  inNew('C_GenerateRandom', '32 bytes', (own) => module.C_GenerateRandom(own, Buffer.alloc(32)));
  inNew('C_GenerateRandom', '1 MiB', (own) => module.C_GenerateRandom(own, Buffer.alloc(1 << 20)));
  inNew('C_SignUpdate', 'on a single-part mechanism', (own) => {
    module.C_SignInit(own, mechanism, key);
    module.C_SignUpdate(own, digest);
  });
  token.ask('C_Sign', 'afterwards', () => sign());
};

const closedSession: Task = ({ token }) => {
  const { session, route, key, sign } = openWorking(token);
  const { module } = token;
  const other = token.open();
  module.C_SignInit(other, mechanismOf(route), key);
  module.C_CloseSession(other);
  token.ask('C_Sign', 'its session was closed after C_SignInit', () =>
    module.C_Sign(other, route.input(digest), Buffer.alloc(512)),
  );
  token.ask('C_SignInit', 'its session was closed', () => sign(other));
  token.ask('C_CloseSession', 'a second time', () => module.C_CloseSession(other));
  token.ask('C_Sign', 'in another session', () => sign());
  const input = route.input(digest);
  const output = Buffer.alloc(512);
  module.C_SignInit(session, mechanismOf(route), key);
  module.C_CloseAllSessions(token.slot());
  token.ask('C_Sign', 'after C_CloseAllSessions', () => module.C_Sign(session, input, output));
  token.ask('C_GetSessionInfo', 'after C_CloseAllSessions', () => module.C_GetSessionInfo(session));
  const fresh = token.open();
  token.ask('C_SignInit', 'the old key handle in a new session, not logged in', () =>
    module.C_SignInit(fresh, mechanismOf(route), key),
  );
  token.ask('C_Login', 'after C_CloseAllSessions', () => token.login(fresh));
  token.ask('C_Sign', 'after a new login', () => workingIn(token, fresh).sign());
};

const destroyedKey: Task = ({ token }) => {
  const { session, route } = openWorking(token);
  const { module } = token;
  const kind = keyKindOf[route.algorithm];
  const { privateKey, publicKey } = generateKey(token, session, kind, 'to be destroyed');
  const other = token.open();
  module.C_SignInit(other, mechanismOf(route), privateKey);
  token.ask('C_DestroyObject', 'the key of an operation in another session', () =>
    module.C_DestroyObject(session, privateKey),
  );
  token.ask('C_DestroyObject', 'the public key', () => module.C_DestroyObject(session, publicKey));
  token.ask('C_Sign', 'the key was destroyed after C_SignInit', () =>
    module.C_Sign(other, route.input(digest), Buffer.alloc(512)),
  );
  token.ask('C_SignInit', 'the key was destroyed', () =>
    module.C_SignInit(token.open(), mechanismOf(route), privateKey),
  );
  token.ask('C_DestroyObject', 'a second time', () => module.C_DestroyObject(session, privateKey));
  token.ask('C_Sign', 'another key afterwards', () => workingIn(token, session).sign());
};

export const probes: Readonly<Record<string, Task>> = {
  'not-initialised': uninitialised,
  'second-initialise': secondInitialise,
  'other-initialisation': otherInitialisation,
  'without-configuration': withoutConfiguration,
  'slots-and-sessions': slots,
  'wrong-pin': wrongPin,
  logins,
  'ecdsa-lengths': lengthsOf('CKM_ECDSA'),
  'eddsa-lengths': lengthsOf('CKM_EDDSA'),
  'pss-lengths': lengthsOf('CKM_RSA_PKCS_PSS'),
  'small-buffer': smallBuffer,
  'without-login': withoutLogin,
  'invalid-handles': handles,
  operations,
  'closed-session': closedSession,
  'destroyed-key': destroyedKey,
};
