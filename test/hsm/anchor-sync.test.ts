/** That an anchor waits for the disk, and tells nobody that it is there when it is not: seen from between the signer process and libc. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SignerError } from '../../hsm/signer.ts';
import { shimObstacle } from './fault-shim.ts';
import { eventually, open, projectFolder, provisionOwn, temporaryFolder } from './temporary-token.ts';

const obstacle = shimObstacle();
if (obstacle !== undefined)
  console.warn(`SKIPPED: that an anchor waits for the disk is not seen, since ${obstacle}`);

const headAt = (sequence: number) => ({ sequence, hash: new Uint8Array(32).fill(sequence) });

async function prepare() {
  const folder = temporaryFolder();
  // LD_PRELOAD is a list with blanks between its parts.
  const libraries = mkdtempSync(join(tmpdir(), 'ringmint-sync-'));
  onTestFinished(() => rmSync(libraries, { recursive: true }));
  const library = join(libraries, 'sync-shim.so');
  const source = join(projectFolder, 'test', 'hsm', 'sync-shim', 'sync-shim.c');
  const { status, stderr } = spawnSync(
    'gcc',
    ['-Wall', '-Wextra', '-Werror', '-O2', '-fPIC', '-shared', source, '-o', library, '-ldl'],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  const [log, fail] = [join(folder, 'log'), join(folder, 'fail')];
  writeFileSync(log, '');
  const directory = await provisionOwn(join(folder, 'token'));
  const preload = { LD_PRELOAD: library, SYNC_LOG: log, SYNC_FAIL: fail };
  const token = await open(
    { ...directory, environment: { ...directory.environment, ...preload } },
    { timeoutMs: 4_000, startTimeoutMs: 8_000 },
  );
  /** Files that were waited for since the last time. */
  const waited = (): string[] => {
    const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    writeFileSync(log, '');
    return lines.map((path) => basename(path));
  };
  return { token, anchor: token.anchor('journal'), waited, fail };
}

test.skipIf(obstacle !== undefined)(
  'each step waits for its slot, the two of them in turn, and the first for the folder as well',
  async () => {
    const { anchor, waited } = await prepare();
    await anchor.advance(undefined, headAt(0));
    const first = waited();
    const slots = first.filter((name) => name.endsWith('.object'));
    expect(new Set(slots).size).toBe(2);
    // The token's folder, whose name is a serial number.
    expect(first.some((name) => /^[0-9a-f-]{36}$/.test(name))).toBe(true);
    const steps: string[] = [];
    for (let i = 0; i < 6; i++) {
      await anchor.advance(headAt(i), headAt(i + 1));
      const files = waited();
      expect(files).toHaveLength(1);
      steps.push(...files);
    }
    expect(new Set(steps)).toEqual(new Set(slots));
    for (const [i, name] of steps.entries()) expect(name).toBe(steps[i % 2]);
    // Of the same step again nobody knows whether it was waited for: it is written into the other slot as well.
    await anchor.advance(headAt(5), headAt(6));
    expect(waited()).toEqual([steps[0]]);
    // Nor of what is read: a process that was killed may have written it.
    await anchor.read();
    expect(waited()).toEqual(expect.arrayContaining(slots));
  },
);

test.skipIf(obstacle !== undefined)(
  'a step that the disk refuses is no success, neither at once nor asked again, until the disk takes it',
  async () => {
    const { anchor, fail, token } = await prepare();
    await anchor.advance(undefined, headAt(0));
    await anchor.advance(headAt(0), headAt(1));
    await anchor.advance(headAt(1), headAt(2));
    writeFileSync(fail, '');
    for (let i = 0; i < 3; i++) {
      await expect(anchor.advance(headAt(2), headAt(3))).rejects.toBeInstanceOf(SignerError);
      await expect(anchor.read()).rejects.toBeInstanceOf(SignerError);
    }
    rmSync(fail);
    await eventually(
      () =>
        anchor.advance(headAt(2), headAt(3)).then(
          () => true,
          () => false,
        ),
      15_000,
    );
    expect(await anchor.read()).toEqual(headAt(3));
    expect(token.health.replaced).toBeGreaterThan(0);
  },
);
