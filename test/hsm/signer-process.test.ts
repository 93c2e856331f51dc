import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  eventually,
  isRunning,
  open,
  pinFileOf,
  projectFolder,
  provision,
  provisionOwn,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const parent = fileURLToPath(new URL('./orphan-parent.ts', import.meta.url));

/** A parent process under load, and the id of its signer process. */
async function startParent(
  path: string,
  cwd = projectFolder,
): Promise<{ process: ChildProcess; signer: number }> {
  // The loader by its path, so that the parent itself starts from any working directory.
  const loader = import.meta.resolve('tsx');
  const started = spawn(process.execPath, ['--import', loader, parent, softhsm, path, 'test token'], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void started.kill('SIGKILL'));
  let errors = '';
  started.stderr.on('data', (chunk) => (errors += String(chunk)));
  const line = await Promise.race([
    once(createInterface(started.stdout), 'line').then(([text]) => String(text)),
    once(started, 'exit').then(() => Promise.reject(new Error(`the parent ended: ${errors.slice(-2_000)}`))),
  ]);
  return { process: started, signer: Number(line) };
}

test('ends when its parent is killed under load', async () => {
  const path = join(temporaryFolder(), 'token');
  await provisionOwn(path);
  const { process: started, signer } = await startParent(path);
  expect(await isRunning(signer)).toBe(true);
  started.kill('SIGKILL');
  await eventually(async () => !(await isRunning(signer)));
});

test('starts from any working directory', async () => {
  const path = join(temporaryFolder(), 'token');
  await provisionOwn(path);
  const { signer } = await startParent(path, tmpdir());
  expect(await isRunning(signer)).toBe(true);
});

test('outlives a Ctrl-C that goes to the whole group, so that its parent can drain', async () => {
  const token = await open(await provision(temporaryFolder()));
  const pid = token.processIds[0] ?? 0;
  process.kill(pid, 'SIGINT');
  process.kill(pid, 'SIGTERM');
  await token.check();
  expect(token.processIds[0]).toBe(pid);
});

test('has neither the PIN nor any secret of its parent in its environment or arguments', async () => {
  vi.stubEnv('RINGMINT_TEST_SECRET', 'do not pass on');
  onTestFinished(() => void vi.unstubAllEnvs());
  const directory = await provision(temporaryFolder());
  const token = await open(directory);
  const pin = readFileSync(pinFileOf(directory), 'utf8').trim();
  for (const file of ['environ', 'cmdline']) {
    const text = readFileSync(`/proc/${token.processIds[0]}/${file}`, 'utf8');
    expect(text).not.toContain(pin);
    expect(text).not.toContain('do not pass on');
  }
});

test('is not given up for a silence of its parent, which stood still and read nothing', async () => {
  // A signer that says nothing for a quarter of this is ended.
  const token = await open(await provision(temporaryFolder()), { timeoutMs: 4_000 });
  const before = token.processIds;
  // So many that not all are answered when this process stands still.
  const signed = Array.from({ length: 100 }, (_, i) => token.sign(Buffer.from(`message ${i}`)));
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  await Promise.all(signed);
  expect(token.processIds).toEqual(before);
});
