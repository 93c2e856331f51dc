import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readTokenDirectory, type TokenDirectory } from '../../hsm/token-directory.ts';
import {
  bothKinds,
  open,
  pinFileOf,
  pointOf,
  provisionOwn,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const interrupted = fileURLToPath(new URL('./interrupted-provisioning.ts', import.meta.url));
const probe = fileURLToPath(new URL('./attributes-probe.ts', import.meta.url));

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

function readAttributes(directory: TokenDirectory, key: string) {
  const output = execFileSync(
    process.execPath,
    ['--import', 'tsx', probe, softhsm, 'test token', pinFileOf(directory), key],
    {
      env: { ...process.env, ...directory.environment },
      encoding: 'utf8',
    },
  );
  return JSON.parse(output) as {
    count: number;
    attributes: Record<string, boolean>;
    id: string;
    privateValue: string;
  };
}

test('makes a directory that only its owner can read', async () => {
  const path = join(temporaryFolder(), 'a token');
  await provisionOwn(path);
  expect(modeOf(path)).toBe(0o700);
  expect(modeOf(join(path, 'tokens'))).toBe(0o700);
  for (const file of ['softhsm2.conf', 'pin', 'so-pin']) expect(modeOf(join(path, file))).toBe(0o600);
  expect(readFileSync(join(path, 'softhsm2.conf'), 'utf8')).toContain(
    `directories.tokendir = ${join(path, 'tokens')}`,
  );
});

test('gives every token PINs of its own', async () => {
  const folder = temporaryFolder();
  const pins = [];
  for (const name of ['a', 'b']) {
    await provisionOwn(join(folder, name));
    pins.push(
      readFileSync(join(folder, name, 'pin'), 'utf8'),
      readFileSync(join(folder, name, 'so-pin'), 'utf8'),
    );
  }
  expect(new Set(pins).size).toBe(4);
  for (const pin of pins) expect(pin).toMatch(/^[0-9a-f]{32}$/);
});

test('generates keys that never leave the token and have one use each', async () => {
  const directory = await provisionOwn(join(temporaryFolder(), 'token'), bothKinds);
  const inToken = {
    CKA_TOKEN: true,
    CKA_PRIVATE: true,
    CKA_SENSITIVE: true,
    CKA_ALWAYS_SENSITIVE: true,
    CKA_EXTRACTABLE: false,
    CKA_NEVER_EXTRACTABLE: true,
    CKA_LOCAL: true,
    CKA_DECRYPT: false,
    CKA_UNWRAP: false,
    CKA_SIGN_RECOVER: false,
  };
  const signing = readAttributes(directory, 'signing');
  expect(signing).toMatchObject({ count: 1, attributes: { ...inToken, CKA_SIGN: true, CKA_DERIVE: false } });
  const agreement = readAttributes(directory, 'agreement');
  expect(agreement).toMatchObject({
    count: 1,
    attributes: { ...inToken, CKA_SIGN: false, CKA_DERIVE: true },
  });
  for (const key of [signing, agreement]) {
    expect(key.privateValue).toBe('CKR_ATTRIBUTE_SENSITIVE');
    expect(key.id).not.toBe('');
  }
  expect(signing.id).not.toBe(agreement.id);
});

test('leaves a finished token alone', async () => {
  const path = join(temporaryFolder(), 'token');
  const first = await provisionOwn(path);
  const files = readdirSync(join(path, 'tokens'));
  const second = await provisionOwn(path);
  expect(second.points).toEqual(first.points);
  expect(readdirSync(join(path, 'tokens'))).toEqual(files);
  expect(pointOf(await open(second))).toEqual(first.points.get('signing'));
});

test('brings back a token that a kill in the middle of a login left with 0 bytes', async () => {
  const path = join(temporaryFolder(), 'token');
  const made = await provisionOwn(path);
  const [name = ''] = readdirSync(join(path, 'tokens'));
  writeFileSync(join(path, 'tokens', name, 'token.object'), '');
  await expect(open(made)).rejects.toMatchObject({ code: 'token_missing' });
  const found = readTokenDirectory(path, softhsm, 'test token');
  if (found === undefined) throw new Error('the directory is there');
  expect(pointOf(await open(found))).toEqual(made.points.get('signing'));
});

test('gives the points that the token signs with', async () => {
  const directory = await provisionOwn(join(temporaryFolder(), 'token'), bothKinds);
  const token = await open(directory, { agreementKey: 'agreement' });
  expect(directory.points.get('signing')).toEqual(pointOf(token));
  expect(directory.points.get('agreement')).toEqual(token.agreement?.publicKey.point);
});

test.each([
  ['its PIN', (path: string) => existsSync(join(path, 'pin'))],
  [
    'its token',
    (path: string) => existsSync(join(path, 'tokens')) && readdirSync(join(path, 'tokens')).length > 0,
  ],
])('makes a token again after a kill as soon as %s was there, and it works', async (_name, isThere) => {
  const folder = temporaryFolder();
  // Killed from outside, so that a run may be done before: another directory then, until one was cut off.
  for (let run = 0; run < 20; run++) {
    const path = join(folder, `token ${run}`);
    const making = spawn(process.execPath, ['--import', 'tsx', interrupted, softhsm, path], {
      stdio: 'ignore',
    });
    const ended = once(making, 'exit');
    while (!isThere(path) && making.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
    making.kill('SIGKILL');
    await ended;
    if (readTokenDirectory(path, softhsm, 'test token') !== undefined) continue;
    // The signer process, orphaned in mid-provisioning, needs up to half a second to see that its parent has gone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const token = await open(await provisionOwn(path));
    await token.check();
    return;
  }
  throw new Error('every one of 20 runs was done before it could be cut off');
});

test('never removes a folder that it did not make', async () => {
  const path = join(temporaryFolder(), 'documents');
  mkdirSync(path);
  writeFileSync(join(path, 'thesis.txt'), 'ten years');
  await provisionOwn(path).catch(() => undefined);
  expect(existsSync(join(path, 'thesis.txt'))).toBe(true);
});

test('refuses to make a token anew whose marker is lost: its key may have been published', async () => {
  const path = join(temporaryFolder(), 'token');
  await provisionOwn(path);
  const keys = readdirSync(join(path, 'tokens'));
  rmSync(join(path, 'provisioned.json'));
  await expect(provisionOwn(path)).rejects.toMatchObject({ name: 'SignerError' });
  expect(readdirSync(join(path, 'tokens'))).toEqual(keys);
});

test('refuses a finished token that lacks a key that is asked for', async () => {
  const path = join(temporaryFolder(), 'token');
  await provisionOwn(path);
  await expect(provisionOwn(path, bothKinds)).rejects.toThrow('agreement');
});

test('finds its token after the project was moved to another folder', async () => {
  const folder = temporaryFolder();
  await provisionOwn(join(folder, 'before'));
  renameSync(join(folder, 'before'), join(folder, 'after'));
  const token = await open(await provisionOwn(join(folder, 'after')));
  await token.check();
});

test.each(['#', '='])(
  'makes a token in a folder with %s in its name, or refuses it by name',
  async (character) => {
    // softhsm2.conf has no quoting: a path is cut at these (SimpleConfigLoader.cpp).
    const path = join(temporaryFolder(), `a${character}b`);
    const outcome = await provisionOwn(path).then(
      async (directory) => {
        await (await open(directory)).check();
        return 'works';
      },
      (error: Error) => error.message,
    );
    expect(outcome === 'works' || outcome.includes(path)).toBe(true);
  },
);

test('refuses a token label longer than the 32 bytes that PKCS#11 has for it', async () => {
  const path = join(temporaryFolder(), 'token');
  await expect(provisionOwn(path, undefined, 'x'.repeat(33))).rejects.toMatchObject({
    message: expect.stringContaining('32'),
  });
});
