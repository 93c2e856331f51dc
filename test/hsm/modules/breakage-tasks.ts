/** What a signer sees of a token that breaks under it and comes back, and of one that is worn out by wrong PINs. */
import pkcs11js from 'pkcs11js';
import { keyKindOf, mechanismOf } from './algorithms.ts';
import { openWorking, workingIn } from './probes.ts';
import { readWrite } from './token-session.ts';
import type { Task } from './token-tasks.ts';

export interface BreakageArgument {
  readonly name: string;
  readonly mends: boolean;
}

/** Signs; pauses for `break`; asks everything; pauses for `mend`; asks everything again. */
const broken: Task = async ({ token, argument, pause }) => {
  const { name, mends } = argument as BreakageArgument;
  const { session, route, key, sign } = openWorking(token);
  const { module } = token;
  const slot = token.slot();
  const spare = token.open();
  const begun = token.open();
  module.C_SignInit(begun, mechanismOf(route), key);
  const mechanism = mechanismOf(route);
  const survey = (when: string): void => {
    token.ask('C_GetSessionInfo', when, () => module.C_GetSessionInfo(session));
    token.ask('C_GetTokenInfo', when, () => module.C_GetTokenInfo(slot));
    token.ask(
      'C_GetSlotList',
      when,
      () => module.C_GetSlotList(true),
      (list) => `${list.length} slots`,
    );
    token.ask('C_SignInit', when, () => module.C_SignInit(spare, mechanism, key));
    token.ask('C_Sign', when, () => sign());
    token.ask('C_OpenSession', when, () => module.C_OpenSession(slot, readWrite));
    token.ask(
      'C_FindObjects',
      when,
      () => token.find(session, pkcs11js.CKO_PRIVATE_KEY, keyKindOf[route.algorithm]),
      (found) => (found === undefined ? 'not found' : 'found'),
    );
    token.ask('C_Sign', `${when}, a second time`, () => sign());
  };
  await pause('break');
  token.ask('C_Sign', `${name}, begun before`, () =>
    module.C_Sign(begun, route.input(Buffer.from('begun')), Buffer.alloc(512)),
  );
  survey(name);
  await pause('mend');
  const after = mends ? `${name}, then mended` : `${name}, later`;
  token.ask('C_Sign', after, () => sign());
  token.ask('C_Logout', after, () => module.C_Logout(session));
  token.ask('C_Login', after, () => token.login(session));
  token.ask('C_Sign', `${after}, after a new login`, () => workingIn(token, session).sign());
  token.ask('C_Finalize', after, () => module.C_Finalize());
};

/** A new process: what it meets while the token is broken, or after. */
const fresh: Task = ({ token, argument }) => {
  const when = `${String(argument)}, in a new process`;
  token.ask('C_Initialize', when, () => token.initialise());
  token.ask(
    'C_GetSlotList',
    when,
    () => token.module.C_GetSlotList(true),
    (list) => `${list.length} slots`,
  );
  const session = token.ask('C_OpenSession', when, () => token.open());
  if (session === undefined) return;
  token.ask('C_Login', when, () => token.login(session));
  token.ask('C_Sign', when, () => workingIn(token, session).sign());
};

/** On a token that is thrown away: wrong PINs until something changes, at most 12. */
const wornOut: Task = ({ token }) => {
  token.initialise();
  const session = token.open();
  const { module } = token;
  for (let i = 1; i <= 12; i++)
    token.ask('C_Login', `wrong PIN number ${i}`, () =>
      module.C_Login(session, pkcs11js.CKU_USER, 'wrong0ne'),
    );
  token.ask(
    'C_GetTokenInfo',
    'after 12 wrong PINs',
    () => module.C_GetTokenInfo(token.slot()),
    ({ flags }) => `flags 0x${(flags >>> 0).toString(16)}`,
  );
  token.ask('C_Login', 'the right PIN after 12 wrong ones', () => token.login(session));
  module.C_CloseAllSessions(token.slot());
  const again = token.open();
  for (let i = 1; i <= 4; i++)
    token.ask('C_Login', `wrong SO PIN number ${i}`, () =>
      module.C_Login(again, pkcs11js.CKU_SO, 'wrong0ne'),
    );
  token.ask('C_Login', 'an empty PIN', () => module.C_Login(again, pkcs11js.CKU_USER, ''));
  token.ask('C_Login', 'a PIN of 1 byte', () => module.C_Login(again, pkcs11js.CKU_USER, '1'));
  token.ask('C_Login', 'a PIN of 600 bytes', () => module.C_Login(again, pkcs11js.CKU_USER, '1'.repeat(600)));
  module.C_CloseAllSessions(token.slot());
  token.ask('C_InitToken', 'with a wrong SO PIN', () =>
    module.C_InitToken(token.slot(), 'wrong0ne', 'x'.padEnd(32)),
  );
};

/** On a token that is thrown away: what may be done to PINs and to the token while a user is logged in. */
const pinChanges: Task = ({ token }) => {
  token.initialise();
  const { module } = token;
  const { pin } = token.address;
  const readOnly = token.open(pkcs11js.CKF_SERIAL_SESSION);
  token.ask('C_SetPIN', 'nobody is logged in, the old PIN wrong', () =>
    module.C_SetPIN(token.open(), 'wrong0ne', 'n3wp1n00'),
  );
  token.ask('C_Login', 'the right PIN after that', () => token.login(readOnly));
  token.ask('C_SetPIN', 'in a read-only session', () => module.C_SetPIN(readOnly, pin, pin));
  token.ask('C_InitPIN', 'as the user', () => module.C_InitPIN(token.open(), '12345678'));
  for (const [name, other] of [
    ['1 byte', '1'],
    ['600 bytes', '1'.repeat(600)],
  ] as const) {
    token.ask('C_SetPIN', `a new PIN of ${name}`, () => module.C_SetPIN(token.open(), pin, other));
    token.ask('C_Logout', `after C_SetPIN to ${name}`, () => module.C_Logout(readOnly));
    token.ask('C_Login', `the old PIN after C_SetPIN to ${name}`, () => token.login(readOnly));
  }
  token.ask('C_InitToken', 'with a session open, a wrong SO PIN', () =>
    module.C_InitToken(token.slot(), 'wrong0ne', 'x'.padEnd(32)),
  );
  token.ask('C_Sign', 'after C_InitToken with a session open', () => workingIn(token, readOnly).sign());
};

/** Before the user's PIN was set: a new token in a free slot, where the module gives one. */
const withoutPin: Task = ({ token }) => {
  token.initialise();
  const { module } = token;
  const free = module
    .C_GetSlotList(true)
    .find((slot) => (module.C_GetTokenInfo(slot).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
  if (free === undefined) return;
  const session = token.ask('C_OpenSession', 'a token that is not initialised', () =>
    module.C_OpenSession(free, readWrite),
  );
  if (session !== undefined)
    token.ask('C_Login', 'a token that is not initialised', () =>
      module.C_Login(session, pkcs11js.CKU_USER, '12345678'),
    );
  module.C_CloseAllSessions(free);
  token.ask('C_InitToken', 'a free slot', () => module.C_InitToken(free, '12345678', 'second'.padEnd(32)));
  const slot = module.C_GetSlotList(true).find((one) => module.C_GetTokenInfo(one).label.trim() === 'second');
  if (slot === undefined) return;
  const second = module.C_OpenSession(slot, readWrite);
  token.ask('C_Login', "the user's PIN was never set", () =>
    module.C_Login(second, pkcs11js.CKU_USER, '12345678'),
  );
};

export const breakageTasks: Readonly<Record<string, Task>> = {
  broken,
  'new-process': fresh,
  'worn-out': wornOut,
  'pin-changes': pinChanges,
  'without-pin': withoutPin,
};
