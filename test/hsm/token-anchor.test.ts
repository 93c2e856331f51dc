/** The anchor on a real SoftHSM token: going up, starting again, being interfered with. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import { SignerError } from '../../hsm/signer.ts';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import { softhsmDisk } from '../../hsm/token-disk.ts';
import type { SlotChange } from './slot-change.ts';
import {
  bothKinds,
  eventually,
  isRunning,
  messageOf,
  open,
  pinFileOf,
  projectFolder,
  provisionOwn,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const headAt = (sequence: number, seed = ''): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(`${sequence}${seed}`).digest()),
});

const newToken = (keys = bothKinds): Promise<TokenDirectory> =>
  provisionOwn(join(temporaryFolder(), 'token'), keys);

function objectFiles({ path }: TokenDirectory): string[] {
  const [name = ''] = readdirSync(join(path, 'tokens'));
  const folder = join(path, 'tokens', name);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.object') && file !== 'token.object')
    .map((file) => join(folder, file));
}

function changeSlots(directory: TokenDirectory, change: SlotChange): void {
  const script = join(projectFolder, 'test', 'hsm', 'slot-change.ts');
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', script, softhsm, 'test token', pinFileOf(directory), JSON.stringify(change)],
    { cwd: projectFolder, encoding: 'utf8', env: { ...process.env, ...directory.environment } },
  );
  if (status !== 0) throw new Error(stderr);
}

const inText = (sequence: number, seed = '') => ({
  sequence,
  hash: Buffer.from(headAt(sequence, seed).hash).toString('hex'),
});

describe('an anchor on a token', () => {
  test('is undefined at first, goes up from there, and is read by the next process', async () => {
    const directory = await newToken();
    const token = await open(directory);
    const anchor = token.anchor('journal');
    expect(await anchor.read()).toBeUndefined();
    await anchor.advance(undefined, headAt(0));
    expect(await anchor.read()).toEqual(headAt(0));
    await anchor.advance(headAt(0), headAt(1));
    await anchor.advance(headAt(1), headAt(500));
    await anchor.advance(headAt(500), headAt(Number.MAX_SAFE_INTEGER));
    expect(await anchor.read()).toEqual(headAt(Number.MAX_SAFE_INTEGER));
    await token.close();
    const again = await open(directory);
    expect(await again.anchor('journal').read()).toEqual(headAt(Number.MAX_SAFE_INTEGER));
  });

  test('takes the same step again, and refuses every other from a place where it is not, as anchor_moved', async () => {
    const anchor = (await open(await newToken())).anchor('journal');
    await expect(anchor.advance(headAt(0), headAt(1))).rejects.toMatchObject({ code: 'anchor_moved' });
    expect(await anchor.read()).toBeUndefined();
    await anchor.advance(undefined, headAt(1));
    await anchor.advance(undefined, headAt(1));
    await anchor.advance(headAt(1), headAt(2));
    await anchor.advance(headAt(1), headAt(2));
    const refused: [AnchoredHead | undefined, AnchoredHead][] = [
      [undefined, headAt(3)],
      [undefined, headAt(1)],
      [headAt(1), headAt(3)],
      [headAt(1), headAt(2, 'another')],
      [headAt(2, 'another'), headAt(3)],
      [headAt(3), headAt(4)],
      [headAt(0), headAt(1)],
    ];
    for (const [from, to] of refused)
      await expect(anchor.advance(from, to)).rejects.toMatchObject({ code: 'anchor_moved' });
    expect(await anchor.read()).toEqual(headAt(2));
  });

  test('refuses to go down or to stand, numbers that are none, hashes of another length, and names that are none', async () => {
    const token = await open(await newToken());
    const anchor = token.anchor('journal');
    const bad: [AnchoredHead | undefined, AnchoredHead][] = [
      [headAt(2), headAt(2)],
      [headAt(2), headAt(1)],
      [undefined, { sequence: -1, hash: headAt(1).hash }],
      [undefined, { sequence: 0.5, hash: headAt(1).hash }],
      [undefined, { sequence: 2 ** 53, hash: headAt(1).hash }],
      [undefined, { sequence: 1, hash: new Uint8Array(31) }],
      [{ sequence: 1, hash: new Uint8Array(33) }, headAt(2)],
    ];
    for (const [from, to] of bad) await expect(anchor.advance(from, to)).rejects.toThrow(RangeError);
    for (const name of ['', 'Journal', 'a b', '1a', 'a'.repeat(33)])
      expect(() => token.anchor(name)).toThrow(RangeError);
    expect(await anchor.read()).toBeUndefined();
  });

  test('is one of its name: two on a token do not see each other', async () => {
    const token = await open(await newToken());
    await token.anchor('quota').advance(undefined, headAt(3));
    expect(await token.anchor('issuance').read()).toBeUndefined();
    await token.anchor('issuance').advance(undefined, headAt(9));
    await token.anchor('quota').advance(headAt(3), headAt(4));
    expect(await token.anchor('quota').read()).toEqual(headAt(4));
    expect(await token.anchor('issuance').read()).toEqual(headAt(9));
  });

  test('is two objects however often it goes up, and none of them is seen as a key', async () => {
    const directory = await newToken();
    const before = objectFiles(directory).length;
    const token = await open(directory);
    const keyIds = token.keyIds.length;
    await token.anchor('journal').advance(undefined, headAt(0));
    for (let i = 0; i < 50; i++) await token.anchor('journal').advance(headAt(i), headAt(i + 1));
    expect(objectFiles(directory).length).toBe(before + 2);
    await token.audit();
    const readings = (await token.readAttributes()).length;
    const again = await open(directory);
    expect(again.keyIds.length).toBe(keyIds);
    expect((await again.readAttributes()).length).toBe(readings);
  });

  test('goes up in the order of the calls, with room for several processes and beside signatures', async () => {
    const token = await open(await newToken(), { processes: 2 });
    const anchor = token.anchor('journal');
    await anchor.advance(undefined, headAt(0));
    const advances = Array.from({ length: 100 }, (_, i) => anchor.advance(headAt(i), headAt(i + 1)));
    const signatures = Array.from({ length: 100 }, (_, i) => token.sign(messageOf(i)));
    await Promise.all([...advances, ...signatures]);
    expect(await anchor.read()).toEqual(headAt(100));
  });

  test('takes what was handed over, also when the caller reuses its array at once', async () => {
    const anchor = (await open(await newToken())).anchor('journal');
    const hash = Uint8Array.from(headAt(1).hash);
    const advanced = anchor.advance(undefined, { sequence: 1, hash });
    hash.fill(0);
    await advanced;
    expect(await anchor.read()).toEqual(headAt(1));
  });

  test('lets one of two openings of a token go on, and refuses the other as anchor_moved', async () => {
    const directory = await newToken();
    const [a, b] = [await open(directory), await open(directory)];
    const [one, other] = [a.anchor('journal'), b.anchor('journal')];
    await one.advance(undefined, headAt(1));
    expect(await other.read()).toEqual(headAt(1));
    await other.advance(headAt(1), headAt(2));
    await expect(one.advance(headAt(1), headAt(2, 'mine'))).rejects.toMatchObject({ code: 'anchor_moved' });
    await one.advance(headAt(2), headAt(3));
    await expect(other.advance(headAt(2), headAt(3, 'mine'))).rejects.toMatchObject({
      code: 'anchor_moved',
    });
    expect(await other.read()).toEqual(headAt(3));
  });

  test('while two openings race each step is one of theirs, and who was not it is refused next; or both halt', async () => {
    const directory = await newToken();
    const openings = [await open(directory), await open(directory)];
    const anchors = openings.map((token) => token.anchor('journal'));
    await anchors[0]?.advance(undefined, headAt(0));
    let head = headAt(0);
    for (let step = 1; step <= 60; step++) {
      const tries = anchors.map((_anchor, who) => headAt(step, `by ${who}`));
      const tried = await Promise.allSettled(
        anchors.map((anchor, who) => anchor.advance(head, tries[who] ?? head)),
      );
      const now = await anchors[0]?.read().catch((error: unknown) => error);
      if (now instanceof SignerError) {
        // Each wrote its own slot: two hashes of one entry, and neither goes on.
        expect(now.code).toBe('anchor_unreadable');
        for (const [who, anchor] of anchors.entries())
          await expect(anchor.advance(tries[who], headAt(step + 1))).rejects.toBeInstanceOf(SignerError);
        return;
      }
      expect([...tries, head]).toContainEqual(now);
      for (const [who, { status }] of tried.entries()) {
        const own = tries[who] ?? head;
        // PKCS#11 has no compare-and-swap: both may have been told yes, but no further.
        if (status === 'fulfilled' && !Buffer.from(own.hash).equals((now as typeof own).hash))
          await expect(anchors[who]?.advance(own, headAt(step + 1))).rejects.toMatchObject({
            code: expect.stringMatching(/^anchor_(moved|unreadable)$/),
          });
      }
      head = now as typeof head;
    }
  });
});

test('an anchor whose token is away goes nowhere, says so, and takes the same step when it is back', async () => {
  const directory = await newToken();
  const token = await open(directory, { timeoutMs: 2_000, startTimeoutMs: 4_000 });
  const anchor = token.anchor('journal');
  await anchor.advance(undefined, headAt(0));
  const tokens = join(directory.path, 'tokens');
  renameSync(tokens, `${tokens}.away`);
  await expect(anchor.advance(headAt(0), headAt(1))).rejects.toBeInstanceOf(SignerError);
  await expect(anchor.read()).rejects.toBeInstanceOf(SignerError);
  renameSync(`${tokens}.away`, tokens);
  await eventually(async () => {
    try {
      await anchor.advance(headAt(0), headAt(1));
      return true;
    } catch (error) {
      // The breaker's pause, and nothing that says that the anchor was written or lost.
      expect(error).toBeInstanceOf(SignerError);
      expect((error as SignerError).code).not.toMatch(/^anchor_/);
      return false;
    }
  }, 15_000);
  expect(await anchor.read()).toEqual(headAt(1));
});

test('an anchor on SoftHSM is refused where its files are not known, so that nobody could wait for the disk', () => {
  for (const text of [
    'objectstore.backend = file\n',
    '# directories.tokendir = /tmp\n',
    'directories.tokendir =\n',
  ]) {
    const path = join(temporaryFolder(), 'softhsm2.conf');
    writeFileSync(path, text);
    expect(() => softhsmDisk({ SOFTHSM2_CONF: path })).toThrow(
      expect.objectContaining({ code: 'anchor_unsupported' }),
    );
  }
  expect(() => softhsmDisk({})).toThrow(expect.objectContaining({ code: 'anchor_unsupported' }));
});

describe('what somebody else wrote to the slots', () => {
  const cases: [string, SlotChange, 'anchor_unreadable' | 'anchor_moved' | 'reads as before'][] = [
    ['garbage in both', { kind: 'labels', labels: ['garbage', 'rubbish'] }, 'anchor_unreadable'],
    ['both emptied', { kind: 'labels', labels: ['', ''] }, 'anchor_unreadable'],
    ['the heads, under the name of another anchor', { kind: 'rename', to: 'other' }, 'anchor_unreadable'],
    ['a digit changed in both', { kind: 'digit' }, 'anchor_unreadable'],
    ['two hashes of one number', { kind: 'heads', heads: [inText(9), inText(9, 'x')] }, 'anchor_unreadable'],
    ['an older head in both', { kind: 'heads', heads: [inText(1), inText(2)] }, 'anchor_moved'],
    ['a later head', { kind: 'heads', heads: [inText(5), inText(6)] }, 'anchor_moved'],
    [
      'garbage in the slot without the head',
      { kind: 'labels', labels: [null, 'garbage'] },
      'reads as before',
    ],
    ['the slot without the head destroyed', { kind: 'destroy', spareOnly: true }, 'reads as before'],
    ['a copy of the head in a third slot', { kind: 'third', head: inText(4) }, 'reads as before'],
  ];
  test.each(cases)('%s (%j): %s', async (_name, change, expected) => {
    const directory = await newToken([{ label: 'signing', kind: 'signing' }]);
    const token = await open(directory);
    await token.anchor('journal').advance(undefined, headAt(3));
    await token.anchor('journal').advance(headAt(3), headAt(4));
    await token.close();
    changeSlots(directory, change);
    const anchor = (await open(directory)).anchor('journal');
    const step = anchor.advance(headAt(4), headAt(5, 'next'));
    if (expected === 'reads as before') {
      await step;
      expect(await anchor.read()).toEqual(headAt(5, 'next'));
      await anchor.advance(headAt(5, 'next'), headAt(6));
      expect(await anchor.read()).toEqual(headAt(6));
    } else {
      await expect(step).rejects.toMatchObject({ code: expected });
      if (expected === 'anchor_unreadable')
        await expect(anchor.read()).rejects.toMatchObject({ code: expected });
    }
  });

  test('is none once both slots are gone: nothing but the start of the system can tell that it was there', async () => {
    const directory = await newToken();
    const token = await open(directory);
    await token.anchor('journal').advance(undefined, headAt(3));
    await token.close();
    changeSlots(directory, { kind: 'destroy', spareOnly: false });
    const anchor = (await open(directory)).anchor('journal');
    expect(await anchor.read()).toBeUndefined();
    await expect(anchor.advance(headAt(3), headAt(4))).rejects.toMatchObject({ code: 'anchor_moved' });
  });
});

describe('files of the slots', () => {
  test('of 0 bytes, as a kill in a write leaves them, are not the head; the next advance makes a slot again', async () => {
    const directory = await newToken([{ label: 'signing', kind: 'signing' }]);
    const token = await open(directory);
    const keys = new Set(objectFiles(directory));
    await token.anchor('journal').advance(undefined, headAt(3));
    const slots = objectFiles(directory).filter((file) => !keys.has(file));
    const before = slots.map((file) => readFileSync(file));
    await token.anchor('journal').advance(headAt(3), headAt(4));
    await token.close();
    const isWritten = (file: string, i: number): boolean => before[i]?.equals(readFileSync(file)) !== true;
    const [holder = ''] = slots.filter(isWritten);
    const [spare = '', ...others] = slots.filter((file) => file !== holder);
    expect(others).toEqual([]);
    writeFileSync(spare, '');
    const again = await open(directory);
    expect(await again.anchor('journal').read()).toEqual(headAt(4));
    await again.anchor('journal').advance(headAt(4), headAt(5));
    await again.close();
    // The one that holds 4 now, and another one that holds 5.
    writeFileSync(holder, '');
    const last = await open(directory);
    expect(await last.anchor('journal').read()).toEqual(headAt(5));
    await last.anchor('journal').advance(headAt(5), headAt(6));
    expect(await last.anchor('journal').read()).toEqual(headAt(6));
  });

  test('that the disk does not take are no success, although SoftHSM says so; it goes on once the disk does', async () => {
    const directory = await newToken([{ label: 'signing', kind: 'signing' }]);
    const token = await open(directory, { timeoutMs: 5_000 });
    const anchor = token.anchor('journal');
    await anchor.advance(undefined, headAt(0));
    for (let i = 0; i < 4; i++) await anchor.advance(headAt(i), headAt(i + 1));
    const [pid = 0] = token.processIds;
    // From now on each write of this process to a file is refused, as on a full disk.
    const { status } = spawnSync('prlimit', ['--pid', String(pid), '--fsize=0:0']);
    expect(status).toBe(0);
    const emptied = new Set(objectFiles(directory));
    // The pool makes the call once more, in a new process without the limit: that is what has to succeed.
    await anchor.advance(headAt(4), headAt(5));
    await eventually(async () => !(await isRunning(pid)));
    expect([...emptied].filter((file) => readFileSync(file).length === 0).length).toBe(1);
    expect(token.processIds).not.toContain(pid);
    expect(token.health.replaced).toBe(1);
    expect(await anchor.read()).toEqual(headAt(5));
  });
});
