/** Probes in which two threads race: what comes out differs from run to run, so each is run many times and counted. */
import { randomBytes } from 'node:crypto';
import type { Handle } from 'pkcs11js';
import { mechanismOf } from './algorithms.ts';
import { openWorking, workingIn } from './probes.ts';
import type { TokenSession } from './token-session.ts';
import type { Task } from './token-tasks.ts';

const digest = randomBytes(32);

const closeInFlight: Task = async ({ token }) => {
  const { route, key, sign } = openWorking(token);
  const { module } = token;
  const input = route.input(digest);
  const output = Buffer.alloc(512);
  const racing = token.open();
  module.C_SignInit(racing, mechanismOf(route), key);
  const signing = token.askAsync('C_Sign', 'C_CloseSession on another thread at the same time', () =>
    module.C_SignAsync(racing, input, output),
  );
  token.ask('C_CloseSession', 'C_Sign on another thread at the same time', () =>
    module.C_CloseSession(racing),
  );
  await signing;
  token.ask('C_Sign', 'in another session afterwards', () => sign());
  if (input.length === 0 && output.length === 0) throw new Error('never: keeps both alive');
};

const finaliseInFlight: Task = async ({ token }) => {
  const { session, route, key } = openWorking(token);
  const { module } = token;
  const pool = [session, token.open(), token.open(), token.open()];
  const kept: Buffer[] = [];
  const signing = pool.map((own, index) => {
    const input = route.input(digest);
    const output = Buffer.alloc(512);
    kept.push(input, output);
    module.C_SignInit(own, mechanismOf(route), key);
    return token.askAsync(
      'C_Sign',
      `C_Finalize on another thread at the same time, session ${index + 1}`,
      () => module.C_SignAsync(own, input, output),
    );
  });
  token.ask('C_Finalize', 'with 4 operations in flight', () => module.C_Finalize());
  await Promise.all(signing);
  token.ask('C_Initialize', 'after that', () => token.initialise());
  token.ask('C_Sign', 'after that', () => workingIn(token, loggedIn(token)).sign());
  if (kept.length === 0) throw new Error('never: keeps them alive');
};

function loggedIn(token: TokenSession): Handle {
  const session = token.open();
  token.login(session);
  return session;
}

export const races: Readonly<Record<string, Task>> = {
  'close-in-flight': closeInFlight,
  'finalise-in-flight': finaliseInFlight,
};
