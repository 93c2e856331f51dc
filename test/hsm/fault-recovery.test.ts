/** What the signer does about single faults whose outcome is known beforehand; the sweep has those that are drawn. */
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { countCalls } from './fault-plan.ts';
import { FaultShim, shimObstacle } from './fault-shim.ts';
import {
  eventually,
  isRunning,
  isValid,
  messageOf,
  provision,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined) console.warn(`SKIPPED: recovery by plan is not tested here, since ${obstacle}`);

let compiled: CompiledSigner | undefined;
afterAll(() => compiled?.remove());

/** An open token behind a shim that has no plan yet, and how often each function was called until then. */
async function openFaulty() {
  compiled ??= await compileSigner();
  const folder = temporaryFolder();
  const directory = await provision(join(folder, 'token'));
  const shim = new FaultShim(join(folder, 'shim'), softhsm);
  const { address, environment } = directory;
  const token = await compiled.openToken({
    address: { ...address, module: shim.module },
    environment,
    signingKey: 'signing',
  });
  onTestFinished(() => token.close());
  const counts = countCalls(shim.readLog());
  const killProcess = async () => {
    const pid = token.processIds[0] ?? 0;
    process.kill(pid, 'SIGKILL');
    await eventually(async () => !(await isRunning(pid)));
  };
  const point = directory.points.get('signing') ?? new Uint8Array();
  return { token, shim, counts, killProcess, point };
}

describe.skipIf(obstacle !== undefined)('a signer', () => {
  test.each(['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED'])(
    'logs in no second time after %s, whatever is asked of it',
    async (answer) => {
      const { token, shim, killProcess } = await openFaulty();
      shim.plan([`C_Login 2 answer ${answer}`]);
      await killProcess();
      for (let request = 0; request < 10; request++) {
        await expect(token.sign(messageOf(request))).rejects.toMatchObject({ ckr: answer });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(shim.readLog().filter((call) => call.name === 'C_Login')).toHaveLength(1);
    },
  );

  test('lets a negated signature through: it is right, and refusing it would stop the signer for nothing', async () => {
    const { token, shim, point } = await openFaulty();
    shim.plan(['C_Sign 3-34 signature negated']);
    for (let request = 0; request < 32; request++) {
      const message = messageOf(request);
      expect(isValid(point, message, await token.sign(message))).toBe(true);
    }
    const negated = shim.readLog().filter((call) => call.fault !== undefined);
    expect(negated.filter((call) => call.fault?.unfit === false)).toHaveLength(32);
  });

  test('opens again after a crash in any call of its opening', async () => {
    const { token, shim, counts, killProcess, point } = await openFaulty();
    const names = [...counts.keys()].filter((name) => !/^(?:\*|C_Sign|C_SignInit)$/.test(name));
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      const next = (counts.get(name) ?? 0) + 1;
      shim.plan([`${name} ${next} crash segv`]);
      await killProcess();
      const message = messageOf(name);
      await eventually(() =>
        token.sign(message).then(
          (signature) => isValid(point, message, signature),
          () => false,
        ),
      );
      const calls = shim.readLog();
      // The next function's count has to allow for what this recovery called.
      for (const call of calls) counts.set(call.name, (counts.get(call.name) ?? 0) + 1);
      expect(calls.filter((call) => call.answer === 'crash')).toMatchObject([{ name, count: next }]);
    }
  });
});
