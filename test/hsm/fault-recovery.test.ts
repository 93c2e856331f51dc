/** What the signer does about single faults whose outcome is known beforehand; the sweep has those that are drawn. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { generateKey } from '../../hsm/token-signer.ts';
import { type CompiledSigner, compileSigner } from './compiled-signer.ts';
import { countCalls } from './fault-plan.ts';
import { FaultShim, shimObstacle } from './fault-shim.ts';
import {
  eventually,
  isRunning,
  isValid,
  messageOf,
  provision,
  provisionOwn,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined) console.warn(`SKIPPED: recovery by plan is not tested here, since ${obstacle}`);

let compiled: CompiledSigner | undefined;
afterAll(() => compiled?.remove());
const compiledSigner = async (): Promise<CompiledSigner> => (compiled ??= await compileSigner());

/** An open token behind a shim that has no plan yet, and how often each function was called until then. */
async function openFaulty() {
  const folder = temporaryFolder();
  const directory = await provision(join(folder, 'token'));
  const shim = new FaultShim(join(folder, 'shim'), softhsm);
  const { address, environment } = directory;
  const token = await (await compiledSigner()).openToken({
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

  describe('of a token that another process logs in to', () => {
    const prepare = async () => {
      const folder = temporaryFolder();
      const { path, address, environment, points } = await provisionOwn(join(folder, 'token'));
      const shim = new FaultShim(join(folder, 'shim'), softhsm);
      const behind = { address: { ...address, module: shim.module }, environment };
      const tokens = join(path, 'tokens');
      const [name] = readdirSync(tokens);
      const tokenObject = join(tokens, name ?? '', 'token.object');
      return { shim, behind, tokenObject, point: points.get('signing') ?? new Uint8Array() };
    };

    test.each(['C_GetSlotList', 'C_GetTokenInfo', 'C_OpenSession', 'C_Login'])(
      'opens it, and makes a key in it, though %s answers CKR_GENERAL_ERROR',
      async (call) => {
        const { shim, behind, point } = await prepare();
        shim.plan([`${call} 1 answer CKR_GENERAL_ERROR`]);
        const token = await (await compiledSigner()).openToken({ ...behind, signingKey: 'signing' });
        onTestFinished(() => token.close());
        expect(isValid(point, messageOf(call), await token.sign(messageOf(call)))).toBe(true);
        shim.plan([`${call} 1 answer CKR_GENERAL_ERROR`]);
        const key = { label: 'another', kind: 'signing' } as const;
        expect(await generateKey({ ...behind, key })).toMatchObject({ algorithm: 'ES256' });
        expect(shim.readLog().filter(({ answer }) => answer === 'CKR_GENERAL_ERROR')).toHaveLength(1);
      },
    );

    test('opens it where its file is empty for a moment, and says that it is missing where it stays so', async () => {
      const { shim, behind, tokenObject, point } = await prepare();
      const bytes = readFileSync(tokenObject);
      writeFileSync(tokenObject, '');
      shim.plan([]);
      const opening = (await compiledSigner()).openToken({ ...behind, signingKey: 'signing' });
      await eventually(async () => shim.readLog().some(({ name }) => name === 'C_GetSlotList'));
      writeFileSync(tokenObject, bytes);
      const token = await opening;
      onTestFinished(() => token.close());
      expect(isValid(point, messageOf('late'), await token.sign(messageOf('late')))).toBe(true);
      writeFileSync(tokenObject, '');
      const key = { label: 'another', kind: 'signing' } as const;
      await expect(generateKey({ ...behind, key })).rejects.toMatchObject({ code: 'token_missing' });
    });
  });
});
