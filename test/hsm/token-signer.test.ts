import { createECDH, createHash } from 'node:crypto';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openToken } from '../../hsm/token-signer.ts';
import {
  bothKinds,
  eventually,
  isRunning,
  isValid,
  messageOf,
  open,
  pinFileOf,
  pointOf,
  provision,
  temporaryFolder,
} from './temporary-token.ts';

test('signs a message so that node:crypto verifies it, and another message does not', async () => {
  const token = await open(await provision(temporaryFolder()));
  const signature = await token.sign(messageOf('a'));
  expect(signature).toHaveLength(64);
  expect(isValid(pointOf(token), messageOf('a'), signature)).toBe(true);
  expect(isValid(pointOf(token), messageOf('b'), signature)).toBe(false);
});

test('signs an empty message and one of 1 MiB', async () => {
  const token = await open(await provision(temporaryFolder()));
  for (const message of [new Uint8Array(0), new Uint8Array(1 << 20).fill(7)]) {
    expect(isValid(pointOf(token), message, await token.sign(message))).toBe(true);
  }
});

test('has the RFC 9679 thumbprint of its point as key id', async () => {
  const token = await open(await provision(temporaryFolder()));
  const { keyId } = token.publicKey;
  const point = pointOf(token);
  expect(point).toHaveLength(65);
  const x = Buffer.from(point.subarray(1, 33)).toString('hex');
  const y = Buffer.from(point.subarray(33)).toString('hex');
  // {1: 2, -1: 1, -2: x, -3: y}, deterministic CBOR written out by hand.
  const coseKey = Buffer.from(`a4010220012158 20${x}225820${y}`.replace(' ', ''), 'hex');
  expect(Buffer.from(keyId)).toEqual(createHash('sha256').update(coseKey).digest());
});

test('gives 200 right and distinct signatures to 200 callers at once', async () => {
  const token = await open(await provision(temporaryFolder()));
  const messages = Array.from({ length: 200 }, (_, i) => messageOf(i));
  const signatures = await Promise.all(messages.map((message) => token.sign(message)));
  for (const [i, message] of messages.entries()) {
    expect(isValid(pointOf(token), message, signatures[i] ?? new Uint8Array(64))).toBe(true);
  }
  expect(new Set(signatures.map((s) => Buffer.from(s).toString('hex'))).size).toBe(200);
});

test('signs what was handed over, also when the caller reuses its array at once', async () => {
  const token = await open(await provision(temporaryFolder()));
  const message = messageOf('first');
  const original = Uint8Array.from(message);
  const promise = token.sign(message);
  message.fill(0);
  expect(isValid(pointOf(token), original, await promise)).toBe(true);
});

test('refuses a call beyond the queue limit as signer_busy, and serves the ones within', async () => {
  const token = await open(await provision(temporaryFolder()), { queueLimit: 8 });
  const settled = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => token.sign(messageOf(i))));
  const right = settled.filter((s) => s.status === 'fulfilled');
  const refused = settled.filter((s) => s.status === 'rejected');
  expect(right.length).toBeGreaterThanOrEqual(8);
  expect(right.length + refused.length).toBe(40);
  expect(refused.length).toBeGreaterThan(0);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'signer_busy' });
});

test('refuses a wrong PIN as pin_incorrect and leaves no process behind', async () => {
  const directory = await provision(temporaryFolder());
  const pinFile = join(directory.path, 'wrong-pin');
  writeFileSync(pinFile, '00000000', { mode: 0o600 });
  const { address, environment } = directory;
  const opening = openToken({
    address: { ...address, pin: { kind: 'file', path: pinFile } },
    environment,
    signingKey: 'signing',
  });
  await expect(opening).rejects.toMatchObject({
    name: 'SignerError',
    code: 'pin_incorrect',
    ckr: 'CKR_PIN_INCORRECT',
  });
});

test('tries a refused PIN no second time, so that a real token is not locked', async () => {
  const directory = await provision(temporaryFolder());
  const token = await open(directory);
  const pid = token.processIds[0] ?? 0;
  writeFileSync(pinFileOf(directory), '00000000');
  process.kill(pid, 'SIGKILL');
  await eventually(async () => !(await isRunning(pid)));
  await expect(token.sign(messageOf('a'))).rejects.toMatchObject({ code: 'pin_incorrect' });
  // Long enough for any pause between starts to be over: what answers now must be the refusal, not another login.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  const startedMs = performance.now();
  await expect(token.sign(messageOf('a'))).rejects.toMatchObject({ code: 'pin_incorrect' });
  // A login takes a process of its own: Node alone needs longer than this to start.
  expect(performance.now() - startedMs).toBeLessThan(20);
});

test('refuses a missing or an empty PIN file as pin_missing', async () => {
  const directory = await provision(temporaryFolder());
  const { address, environment } = directory;
  const absent = openToken({
    address: { ...address, pin: { kind: 'file', path: '/nowhere/pin' } },
    environment,
    signingKey: 'signing',
  });
  await expect(absent).rejects.toMatchObject({
    code: 'pin_missing',
    message: expect.stringContaining('`/nowhere/pin`'),
  });
  const pinFile = join(directory.path, 'empty-pin');
  writeFileSync(pinFile, '\n', { mode: 0o600 });
  const empty = openToken({
    address: { ...address, pin: { kind: 'file', path: pinFile } },
    environment,
    signingKey: 'signing',
  });
  await expect(empty).rejects.toMatchObject({ code: 'pin_missing' });
});

test('refuses a missing module with the path that was tried and how to install one', async () => {
  const { address, environment } = await provision(temporaryFolder());
  const opening = openToken({
    address: { ...address, module: '/nowhere/lib.so' },
    environment,
    signingKey: 'signing',
  });
  await expect(opening).rejects.toMatchObject({
    code: 'module_missing',
    message: expect.stringContaining('`/nowhere/lib.so`'),
  });
  await expect(opening).rejects.toThrow('hsm/ci/install-softhsm');
});

test('refuses a file that is no PKCS#11 module as module_unusable', async () => {
  const { address, environment, path } = await provision(temporaryFolder());
  const module = join(path, 'not-a-module.so');
  writeFileSync(module, 'text');
  const opening = openToken({ address: { ...address, module }, environment, signingKey: 'signing' });
  await expect(opening).rejects.toMatchObject({ code: 'module_unusable' });
});

test('refuses a key label that the token does not have as key_missing', async () => {
  const { address, environment } = await provision(temporaryFolder());
  const opening = openToken({ address, environment, signingKey: 'other' });
  await expect(opening).rejects.toMatchObject({
    code: 'key_missing',
    message: expect.stringContaining('`other`'),
  });
});

test('sees by its canary that the token has gone, and signs again after it has returned', async () => {
  const directory = await provision(temporaryFolder());
  const token = await open(directory);
  const tokens = join(directory.path, 'tokens');
  renameSync(tokens, `${tokens}.away`);
  await expect(token.check()).rejects.toMatchObject({
    code: 'token_missing',
  });
  renameSync(`${tokens}.away`, tokens);
  await eventually(() =>
    token.check().then(
      () => true,
      () => false,
    ),
  );
  const signature = await token.sign(messageOf('back'));
  expect(isValid(pointOf(token), messageOf('back'), signature)).toBe(true);
});

test('says token_missing for as long as the token is gone, not that it is busy', async () => {
  const directory = await provision(temporaryFolder());
  const token = await open(directory);
  const tokens = join(directory.path, 'tokens');
  const [name = ''] = readdirSync(tokens);
  renameSync(join(tokens, name), join(directory.path, 'away'));
  for (let i = 0; i < 5; i++) await expect(token.check()).rejects.toMatchObject({ code: 'token_missing' });
});

test('gives only right signatures when its process is killed in mid-load, and starts another', async () => {
  const token = await open(await provision(temporaryFolder()));
  const point = pointOf(token);
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  let right = 0;
  let crashed = 0;
  try {
    for (let round = 0; round < 5; round++) {
      const pid = token.processIds[0];
      const load = Array.from({ length: 100 }, async (_, i) => {
        const message = messageOf(`${round}.${i}`);
        const signature = await token.sign(message);
        expect(isValid(point, message, signature)).toBe(true);
      });
      setTimeout(() => pid !== undefined && process.kill(pid, 'SIGKILL'), round * 2);
      for (const outcome of await Promise.allSettled(load)) {
        if (outcome.status === 'fulfilled') right++;
        else {
          expect(outcome.reason).toMatchObject({ code: 'signer_crashed' });
          crashed++;
        }
      }
      await token.check();
      expect(token.processIds[0]).not.toBe(pid);
    }
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
  }
  expect(right + crashed).toBe(500);
  expect(right).toBeGreaterThan(0);
  expect(unhandled).toEqual([]);
});

test('replaces a process that hangs, and signs in the next one before the deadline', async () => {
  const token = await open(await provision(temporaryFolder()), { timeoutMs: 6_000 });
  const pid = token.processIds[0] ?? 0;
  process.kill(pid, 'SIGSTOP');
  expect(isValid(pointOf(token), messageOf('a'), await token.sign(messageOf('a')))).toBe(true);
  await eventually(async () => !(await isRunning(pid)));
  await eventually(() =>
    token.check().then(
      () => true,
      () => false,
    ),
  );
});

test('derives what node:crypto derives, over 200 peers, leading zeros included', async () => {
  const token = await open(await provision(temporaryFolder(), bothKinds), { agreementKey: 'agreement' });
  const { agreement } = token;
  if (agreement === undefined) throw new Error('the token was opened without its agreement key');
  for (let i = 0; i < 200; i++) {
    const peer = createECDH('prime256v1');
    const point = peer.generateKeys();
    const expected = peer.computeSecret(agreement.publicKey.point);
    expect(Buffer.from(await agreement.deriveSharedSecret(point))).toEqual(expected);
  }
});

test('keeps leading zeros of a shared secret', async () => {
  const token = await open(await provision(temporaryFolder(), bothKinds), { agreementKey: 'agreement' });
  const { agreement } = token;
  if (agreement === undefined) throw new Error('the token was opened without its agreement key');
  // One peer in 256 gives a leading zero: looked for outside the HSM, so that the case always comes up.
  for (;;) {
    const peer = createECDH('prime256v1');
    const point = peer.generateKeys();
    const expected = peer.computeSecret(agreement.publicKey.point);
    if (expected[0] !== 0) continue;
    expect(Buffer.from(await agreement.deriveSharedSecret(point))).toEqual(expected);
    return;
  }
});

test.each([
  ['off the curve', Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])],
  ['of 64 bytes', Buffer.alloc(64, 4)],
  ['compressed', Buffer.concat([Buffer.from([2]), Buffer.alloc(32, 1)])],
  ['empty', Buffer.alloc(0)],
])('refuses a peer point %s without losing its process: it comes from outside', async (_name, point) => {
  const token = await open(await provision(temporaryFolder(), bothKinds), { agreementKey: 'agreement' });
  const pid = token.processIds[0];
  await expect(token.agreement?.deriveSharedSecret(point)).rejects.toMatchObject({ name: 'SignerError' });
  await token.check();
  expect(token.processIds[0]).toBe(pid);
});

test('does not reach the token of another role', async () => {
  const folder = temporaryFolder();
  const first = await provision(join(folder, 'central'), undefined, 'central');
  const second = await provision(join(folder, 'quota'), undefined, 'quota');
  const { environment } = first;
  const crossed = openToken({ address: second.address, environment, signingKey: 'signing' });
  await expect(crossed).rejects.toMatchObject({
    code: 'token_missing',
    message: expect.stringContaining('token=quota'),
  });
  const [a, b] = [await open(first), await open(second)];
  const signature = await a.sign(messageOf('a'));
  expect(isValid(pointOf(b), messageOf('a'), signature)).toBe(false);
});

test('lets what is in flight end before it closes, refuses what comes later, and leaves no process', async () => {
  const token = await open(await provision(temporaryFolder()));
  const pid = token.processIds[0] ?? 0;
  const load = Array.from({ length: 100 }, (_, i) => token.sign(messageOf(i)));
  const closing = token.close();
  await expect(token.sign(messageOf('late'))).rejects.toMatchObject({ code: 'signer_closed' });
  for (const outcome of await Promise.allSettled(load)) expect(outcome.status).toBe('fulfilled');
  await closing;
  expect(await isRunning(pid)).toBe(false);
  await token.close();
});
