/** What a module does wrong costs one request at most, and no process: each was a defect of the signer once, found by the fault shim. */
import { createECDH } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { countCalls } from './fault-plan.ts';
import { FaultShim, shimObstacle } from './fault-shim.ts';
import {
  bothKinds,
  eventually,
  isRunning,
  messageOf,
  provision,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const reason = shimObstacle();
if (reason !== undefined) console.warn(`SKIPPED: a faulty module is not tried, since ${reason}`);
const obstacle = reason !== undefined;
let compiled: CompiledSigner;
beforeAll(async () => {
  compiled = await compileSigner();
});
afterAll(() => compiled.remove());

async function prepare(options: object = {}) {
  const folder = temporaryFolder();
  const directory = await provision(join(folder, 'token'), bothKinds);
  const shim = new FaultShim(join(folder, 'shim'), softhsm);
  const open = async () => {
    const token = await compiled.openToken({
      address: { ...directory.address, module: shim.module },
      environment: directory.environment,
      signingKey: 'signing',
      timeoutMs: 1_500,
      startTimeoutMs: 3_000,
      ...options,
    });
    onTestFinished(() => token.close());
    return token;
  };
  return { shim, open };
}

async function kill(pid: number | undefined): Promise<void> {
  process.kill(pid ?? 0, 'SIGKILL');
  await eventually(async () => !(await isRunning(pid ?? 0)));
}

const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'right',
    (error: { code: string }) => error.code,
  );

test.skipIf(obstacle)('leaves no process where the first opening shows a point off the curve', async () => {
  const { shim, open } = await prepare();
  shim.plan(['C_GetAttributeValue 1-9 point flipped']);
  await expect(open()).rejects.toMatchObject({ name: 'SignerError' });
  const [pid = 0] = shim.readLog().map((call) => call.processId);
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
    }
  });
  await eventually(async () => !(await isRunning(pid)), 5_000);
});

test.skipIf(obstacle)('gives up an opening that hangs, and opens another', async () => {
  const { shim, open } = await prepare();
  const token = await open();
  shim.plan(['C_Login 2 hang']);
  await kill(token.processIds[0]);
  await eventually(async () => (await outcome(token.sign(messageOf('a')))) === 'right', 10_000);
});

test.skipIf(obstacle).each([
  ['zeros', (n: number) => [`C_GetAttributeValue ${n + 1}-${n + 2} nothing`]],
  ['memory that nobody wrote', (n: number) => [`C_GetAttributeValue ${n + 2} nothing`]],
])('gives out no %s as a shared secret', async (_name, plan) => {
  const { shim, open } = await prepare({ agreementKey: 'agreement' });
  const token = await open();
  shim.plan(plan(countCalls(shim.readLog()).get('C_GetAttributeValue') ?? 0));
  const peer = createECDH('prime256v1');
  const point = peer.generateKeys();
  const { agreement } = token;
  if (agreement === undefined) throw new Error('no agreement key');
  const secret = await agreement.deriveSharedSecret(point).catch(() => undefined);
  if (secret !== undefined)
    expect(Buffer.from(secret)).toEqual(peer.computeSecret(agreement.publicKey.point));
});

test.skipIf(obstacle)('gives no caller a session that could not be closed after a fault', async () => {
  const { shim, open } = await prepare({ sessions: 1 });
  const token = await open();
  shim.plan(['C_Sign 2 buffer-too-small', 'C_CloseSession 1 answer CKR_FUNCTION_FAILED']);
  for (let i = 0; i < 3; i++) expect(await outcome(token.sign(messageOf(i)))).toBe('right');
});

test.skipIf(obstacle)('gives no caller a closed session after a C_OpenSession that failed once', async () => {
  const { shim, open } = await prepare({ sessions: 1 });
  const token = await open();
  const opened = countCalls(shim.readLog()).get('C_OpenSession') ?? 0;
  shim.plan(['C_Sign 2 answer CKR_FUNCTION_FAILED', `C_OpenSession ${opened + 1} answer CKR_SESSION_COUNT`]);
  for (let i = 0; i < 3; i++) expect(await outcome(token.sign(messageOf(i)))).toBe('right');
});

test.skipIf(obstacle)(
  'pauses for a token that lies all the time, instead of a process for every request',
  async () => {
    const { shim, open } = await prepare();
    const token = await open();
    shim.plan(['C_Sign 2-9999 signature flipped']);
    for (let i = 0; i < 20; i++) await outcome(token.sign(messageOf(i)));
    expect(new Set(shim.readLog().map((call) => call.processId)).size).toBeLessThan(10);
  },
);

test.skipIf(obstacle)(
  'one C_SignInit that hangs costs its own request, not all that came with it',
  async () => {
    const { shim, open } = await prepare();
    const token = await open();
    shim.plan(['C_SignInit 10 hang']);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => outcome(token.sign(messageOf(i)))),
    );
    expect(outcomes.filter((each) => each === 'right').length).toBeGreaterThan(30);
  },
);

test.skipIf(obstacle)('replaces the process of a call that hung, also where it was sent late', async () => {
  const { shim, open } = await prepare({ timeoutMs: 4_000, sessions: 2 });
  const token = await open();
  // In the next process: its trial, its canary, and then the call.
  const signs = countCalls(shim.readLog()).get('C_Sign') ?? 0;
  shim.plan(['C_Login 2 delay 1300', `C_Sign ${signs + 3} hang`]);
  await kill(token.processIds[0]);
  await outcome(token.sign(messageOf('a')));
  const hanging = shim.readLog().filter(({ name, count }) => name === 'C_Sign' && count === signs + 3);
  expect(hanging.length).toBeGreaterThan(0);
  for (const { processId } of hanging) await eventually(async () => !(await isRunning(processId)), 5_000);
});

test.skipIf(obstacle)('takes only C_Login for a refusal of the PIN', async () => {
  const { shim, open } = await prepare();
  const token = await open();
  const counts = countCalls(shim.readLog());
  shim.plan([`C_FindObjectsInit ${(counts.get('C_FindObjectsInit') ?? 0) + 1} answer CKR_PIN_INCORRECT`]);
  await kill(token.processIds[0]);
  await eventually(async () => (await outcome(token.sign(messageOf('a')))) === 'right', 5_000);
});

test.skipIf(obstacle)(
  'takes a signature of a wrong length for a lie, as one that does not verify',
  async () => {
    const { shim, open } = await prepare();
    const token = await open();
    // The canary of the process that takes its place lies as well.
    shim.plan(['C_Sign 2-9 signature shorter']);
    expect(await outcome(token.sign(messageOf(1)))).toBe('signature_wrong');
  },
);
