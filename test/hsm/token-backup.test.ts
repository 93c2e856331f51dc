/** Backups of a real SoftHSM token, made while others sign with it and log in to it. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import {
  assertVacant,
  describeFiles,
  readBackup,
  unpackBackup,
  writeBackup,
} from '../../hsm/backup-folder.ts';
import { restoreTemporarily } from '../../hsm/restored-token.ts';
import type { TokenDirectory } from '../../hsm/token-directory.ts';
import { generateKey, openToken } from '../../hsm/token-signer.ts';
import { readSnapshot, type TokenFiles } from '../../hsm/token-snapshot.ts';
import { judgeStart } from '../../src/journal/anchor.ts';
import {
  bothKinds,
  isValid,
  messageOf,
  open,
  pointOf,
  provisionOwn,
  softhsm,
  temporaryFolder,
} from './temporary-token.ts';

const tokenLabel = 'test token';

function newToken(keys = bothKinds): Promise<TokenDirectory> {
  return provisionOwn(join(temporaryFolder(), 'token'), keys);
}

function tokenObjectOf({ path }: TokenDirectory): string {
  const [name = ''] = readdirSync(join(path, 'tokens'));
  return join(path, 'tokens', name, 'token.object');
}

/** Opens what the files hold, and signs with it; gives the point of the signing key. */
async function pointIn(files: TokenFiles, { address: { pin } }: TokenDirectory): Promise<Uint8Array> {
  const { address, environment, remove } = restoreTemporarily(files, { module: softhsm, tokenLabel, pin });
  try {
    const token = await openToken({
      address,
      environment,
      signingKey: 'signing',
      agreementKey: 'agreement',
    });
    try {
      await token.audit();
      const message = messageOf('restored');
      expect(isValid(pointOf(token), message, await token.sign(message))).toBe(true);
      return pointOf(token);
    } finally {
      await token.close();
    }
  } finally {
    remove();
  }
}

const headAt = (sequence: number): AnchoredHead => ({ sequence, hash: messageOf(sequence).subarray(0, 32) });

/** What is anchored in the token that the files hold. */
async function anchorIn(
  files: TokenFiles,
  { address: { pin } }: TokenDirectory,
): Promise<AnchoredHead | undefined> {
  const { address, environment, remove } = restoreTemporarily(files, { module: softhsm, tokenLabel, pin });
  try {
    const token = await openToken({ address, environment, signingKey: 'signing' });
    try {
      return await token.anchor('journal').read();
    } finally {
      await token.close();
    }
  } finally {
    remove();
  }
}

/** Does the work over and over, until it is told to stop; gives how often it was done. */
function repeat(work: () => Promise<unknown>): () => Promise<number> {
  let going = true;
  const done = (async () => {
    let times = 0;
    for (; going; times++) await work();
    return times;
  })();
  return () => {
    going = false;
    return done;
  };
}

describe('a snapshot', () => {
  test('holds a token that can be used, whatever signs and logs in meanwhile, and disturbs nobody', async () => {
    const directory = await newToken();
    const point = directory.points.get('signing') ?? new Uint8Array();
    const token = await open(directory);
    let number = 0;
    const signatures = repeat(async () => {
      const message = messageOf(number++);
      expect(isValid(point, message, await token.sign(message))).toBe(true);
    });
    const logins = repeat(async () => {
      const { address, environment } = directory;
      await (await openToken({ address, environment, signingKey: 'signing' })).close();
    });
    for (let round = 0; round < 6; round++)
      expect(await pointIn(await readSnapshot(directory.path), directory)).toEqual(point);
    expect(await logins()).toBeGreaterThan(2);
    expect(await signatures()).toBeGreaterThan(50);
    expect(token.health).toMatchObject({ breaker: 'closed', replaced: 0 });
  });

  test('holds a token that can be used while keys are added', async () => {
    const directory = await newToken();
    const { address, environment } = directory;
    let made = 0;
    const keys = repeat(() =>
      generateKey({ address, environment, key: { label: `more ${made++}`, kind: 'signing' } }),
    );
    for (let round = 0; round < 4; round++)
      expect(await pointIn(await readSnapshot(directory.path), directory)).toEqual(
        directory.points.get('signing'),
      );
    expect(await keys()).toBeGreaterThan(2);
  });

  test('holds the anchor as it was while it goes up, and opening it moves that of the token nowhere', async () => {
    const directory = await newToken();
    const anchor = (await open(directory)).anchor('journal');
    let head = headAt(0);
    await anchor.advance(undefined, head);
    const advances = repeat(async () => {
      const next = headAt(head.sequence + 1);
      await anchor.advance(head, next);
      head = next;
    });
    for (let round = 0; round < 6; round++) {
      const lowest = head.sequence;
      const files = await readSnapshot(directory.path);
      const highest = head.sequence + 1;
      const anchored = await anchorIn(files, directory);
      expect(anchored).toEqual(headAt(anchored?.sequence ?? -1));
      expect(anchored?.sequence).toBeGreaterThanOrEqual(lowest);
      expect(anchored?.sequence).toBeLessThanOrEqual(highest);
    }
    expect(await advances()).toBeGreaterThan(50);
    expect(await anchor.read()).toEqual(head);
  });

  test('put back in place of its token makes the next start refuse, as anchor_behind, and nothing is anchored', async () => {
    const directory = await newToken();
    const token = await open(directory);
    await token.anchor('journal').advance(undefined, headAt(3));
    const files = await readSnapshot(directory.path);
    await token.anchor('journal').advance(headAt(3), headAt(4));
    await token.anchor('journal').advance(headAt(4), headAt(5));
    await token.close();
    for (const name of ['tokens', 'softhsm2.conf', 'provisioned.json', 'token-object'])
      rmSync(join(directory.path, name), { recursive: true });
    unpackBackup(directory.path, files);
    const anchored = await (await open(directory)).anchor('journal').read();
    expect(anchored).toEqual(headAt(3));
    const position = {
      anchored,
      head: headAt(5),
      hashAt: async (sequence: number) => headAt(sequence).hash,
    };
    expect(await judgeStart({ ...position, firstSignedAfter: async () => 4 })).toMatchObject({
      ok: false,
      code: 'anchor_behind',
    });
  });

  test('holds no PIN', async () => {
    const { path } = await newToken();
    const files = await readSnapshot(path);
    expect([...files.keys()].filter((name) => !name.startsWith('tokens/')).sort()).toEqual([
      'provisioned.json',
      'softhsm2.conf',
      'token-object',
    ]);
    for (const name of ['pin', 'so-pin']) {
      const pin = readFileSync(join(path, name));
      for (const bytes of files.values()) expect(Buffer.from(bytes).includes(pin)).toBe(false);
    }
  });

  test('takes the copy where a kill in a login left token.object with 0 bytes', async () => {
    const directory = await newToken();
    writeFileSync(tokenObjectOf(directory), '');
    expect(await pointIn(await readSnapshot(directory.path), directory)).toEqual(
      directory.points.get('signing'),
    );
    // Read, and not mended: what a running role writes is its own business.
    expect(statSync(tokenObjectOf(directory)).size).toBe(0);
  });

  test('takes token.object itself where it is whole: since the copy was made the PIN may have been changed', async () => {
    const directory = await newToken();
    const changed = Buffer.from(readFileSync(tokenObjectOf(directory)));
    changed[7] = (changed[7] ?? 0) + 1;
    writeFileSync(tokenObjectOf(directory), changed);
    const files = await readSnapshot(directory.path);
    expect(Buffer.from(files.get('token-object') ?? [])).toEqual(changed);
  });

  test.each(['provisioned.json', 'softhsm2.conf', 'tokens'])('is refused without %s', async (name) => {
    const { path } = await newToken();
    rmSync(join(path, name), { recursive: true });
    await expect(readSnapshot(path)).rejects.toMatchObject({
      code: 'token_incomplete',
      message: expect.stringContaining(name),
    });
  });

  test('is refused where there is neither a whole token.object nor a copy', async () => {
    const directory = await newToken();
    writeFileSync(tokenObjectOf(directory), '');
    rmSync(join(directory.path, 'token-object'));
    await expect(readSnapshot(directory.path, 300)).rejects.toMatchObject({ code: 'backup_unsettled' });
  });

  test('is refused where the token changes all the while', async () => {
    const directory = await newToken();
    const file = join(dirname(tokenObjectOf(directory)), 'generation');
    let count = 0;
    const timer = setInterval(() => writeFileSync(file, String(count++).padStart(8)), 5);
    onTestFinished(() => clearInterval(timer));
    await expect(readSnapshot(directory.path, 500)).rejects.toMatchObject({ code: 'backup_unsettled' });
  });
});

const files: TokenFiles = new Map([
  ['tokens/a/b.object', Uint8Array.of(1, 2, 3)],
  ['tokens/a/b.lock', new Uint8Array()],
  ['softhsm2.conf', Uint8Array.of(4)],
]);

describe('a backup', () => {
  function newBackup(): string {
    const folder = join(temporaryFolder(), 'backup');
    mkdirSync(folder);
    writeBackup(folder, files, '{}\n');
    return folder;
  }

  test('is given back as it was written, and only its owner can read it', () => {
    const folder = newBackup();
    expect(readBackup(folder, describeFiles(files))).toEqual(
      new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)])),
    );
    for (const name of ['tokens', 'tokens/a']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o700);
    for (const name of [...files.keys(), 'manifest.json'])
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  test.each<[title: string, code: string, change: (folder: string) => void]>([
    ['a changed byte', 'backup_altered', (f) => writeFileSync(join(f, 'tokens/a/b.object'), '\x01\x02\x04')],
    ['a longer file', 'backup_altered', (f) => writeFileSync(join(f, 'tokens/a/b.object'), '\x01\x02\x03\0')],
    ['a shorter file', 'backup_altered', (f) => writeFileSync(join(f, 'tokens/a/b.object'), '\x01\x02')],
    ['one more file', 'backup_altered', (f) => writeFileSync(join(f, 'tokens/a/c.object'), '')],
    ['a folder for a file', 'backup_altered', (f) => replaceByFolder(join(f, 'tokens/a/b.object'))],
    ['a lacking file', 'backup_incomplete', (f) => rmSync(join(f, 'tokens/a/b.lock'))],
    ['a lacking folder', 'backup_incomplete', (f) => rmSync(join(f, 'tokens'), { recursive: true })],
  ])('with %s is refused as %s', (_title, code, change) => {
    const folder = newBackup();
    change(folder);
    expect(() => readBackup(folder, describeFiles(files))).toThrow(expect.objectContaining({ code }));
  });

  function replaceByFolder(path: string): void {
    rmSync(path);
    mkdirSync(path);
  }

  test('is made in a new or an empty folder only, and never over something', () => {
    const folder = temporaryFolder();
    assertVacant(folder);
    assertVacant(join(folder, 'new'));
    writeFileSync(join(folder, 'thesis.txt'), 'ten years');
    for (const taken of [folder, join(folder, 'thesis.txt')])
      expect(() => assertVacant(taken)).toThrow(expect.objectContaining({ code: 'backup_exists' }));
  });
});

const full = mkdtempSync(join(tmpdir(), 'ringmint-full-'));
// Only root may mount, and not in every container.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full]).status === 0;
const title = mounted ? 'on a full disk' : 'on a full disk (SKIPPED: needs the right to mount one)';

afterAll(() => {
  if (mounted) spawnSync('umount', [full]);
  rmdirSync(full);
});

test.skipIf(!mounted)(`${title} a backup leaves its folder empty, and is made when there is room`, () => {
  const folder = join(full, 'backup');
  mkdirSync(folder);
  const ballast = join(full, 'ballast');
  writeFileSync(ballast, new Uint8Array(56 * 1024));
  const more: TokenFiles = new Map([...files, ['tokens/a/large.object', new Uint8Array(16 * 1024)]]);
  expect(() => writeBackup(folder, more, '{}\n')).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(readdirSync(folder)).toEqual([]);
  rmSync(ballast);
  writeBackup(folder, more, '{}\n');
  expect(existsSync(join(folder, 'manifest.json'))).toBe(true);
  expect(readBackup(folder, describeFiles(more)).size).toBe(4);
});
