/** Ledgers backed up while they are served, checked, and put back: whole, or not at all. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
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
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { homeAt } from '../../src/appliance/home.ts';
import { backUpLedger, hashFile } from '../../src/appliance/ledger-backup.ts';
import { restoreLedger } from '../../src/appliance/ledger-restore.ts';
import { verifyLedger } from '../../src/appliance/ledger-verification.ts';
import type { LedgerBackupReport, LedgerRestoreReport } from '../../src/cli/store-administration.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { seriesSchema, severalId } from '../../src/store/sqlite/series-tables.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { allocated, bytes, commitOne, newIntent, recordOne, take } from './intents.ts';
import { makeOlderFile, olderLedgers } from './older-ledger.ts';

let folder: string;
let home: string;
const silent = (): void => undefined;
/** Number of the last entry of its one journal. */
const endOf = ({ journals }: Pick<LedgerBackupReport, 'journals'>): number | undefined =>
  journals.length === 1 ? journals[0]?.head.sequence : undefined;
const ledger = (): string => homeAt(home).ledger('quota');
const open = (create = false): Store =>
  openSqliteStore({ path: ledger(), role: 'quota', create, random: randomBytes });
const backUp = (name: string, of = home): Promise<LedgerBackupReport> =>
  backUpLedger({ home: of, role: 'quota', out: join(folder, name), progress: silent }, systemClock);
const restore = (name: string, setAside = false): Promise<LedgerRestoreReport> =>
  restoreLedger(
    { home, folder: join(folder, name), setAside, progress: silent, foresee: silent },
    { projectFolder: '', clock: systemClock },
  );
const verify = (path: string): ReturnType<typeof verifyLedger> =>
  verifyLedger({ home, path, progress: silent }, '');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringmint-ledger-'));
  home = join(folder, 'home');
  mkdirSync(join(home, 'quota'), { recursive: true });
  writeFileSync(homeAt(home).config('quota'), '{}');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A ledger with `count` control bits, every second one signed. */
async function fill(count = 4): Promise<Store> {
  const store = await allocated(open(true), 10n ** 12n, 10n ** 12n);
  for (let i = 0; i < count; i++) await commitOne(store, newIntent(i, take(1n)));
  for (let i = 0; i < count; i += 2) await recordOne(store, newIntent(i).id, bytes(64, i));
  return store;
}

async function started(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.once('message', resolve));
}

/** Backs up to `made`, or puts that back, in a process that is killed at this step. */
function cutAt(step: number, work: 'backup' | 'restore'): void {
  const words = [inject('cutBackupProcess'), work, home, join(folder, 'made'), `${step}`];
  const cut = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect([cut.signal, cut.stderr]).toEqual(['SIGKILL', '']);
}

describe('a backup', () => {
  it('is one moment of a ledger that is written meanwhile, with all that was acknowledged before', async () => {
    await (await fill()).close();
    const child = fork(inject('hammerProcess'), [ledger(), '4'], { execArgv: [] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let acknowledged = 3;
    child.on('message', (message: { committed?: number }) => {
      acknowledged = Math.max(acknowledged, message.committed ?? 0);
    });
    try {
      await started(child);
      for (const name of ['first', 'second']) {
        const before = acknowledged;
        const made = await backUp(name);
        // The allocation is entry 1, and intent n is entry n + 2.
        expect(endOf(made)).toBeGreaterThanOrEqual(before + 2);
        expect((await verify(made.folder)).journals).toEqual(made.journals);
      }
      const running = await verify(ledger());
      expect(running).toMatchObject({ role: 'quota', madeAt: null });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });

  it('is for its owner only, says what it is, and is not written where something is', async () => {
    const store = await fill();
    const made = await backUp('made');
    const { sequence, hash } = await store.head();
    expect(made).toMatchObject({
      role: 'quota',
      journals: [
        {
          series: null,
          journalId: Buffer.from(await store.journalId()).toString('hex'),
          head: { sequence, hash: Buffer.from(hash).toString('hex') },
        },
      ],
      sha256: await hashFile(join(made.folder, 'ledger.db')),
    });
    await store.close();
    const mode = (path: string): number => statSync(path).mode & 0o777;
    expect(
      [made.folder, ...readdirSync(made.folder).map((name) => join(made.folder, name))].map(mode),
    ).toEqual([0o700, 0o600, 0o600]);
    await expect(backUp('made')).rejects.toMatchObject({ code: 'backup_exists' });
    await expect(backUp('nowhere/made')).rejects.toMatchObject({ code: 'folder_unwritable' });
    expect(readdirSync(folder).sort()).toEqual(['home', 'made']);
  });

  it('of a ledger that is not whole is not made', async () => {
    await (await fill()).close();
    const db = new Database(ledger());
    db.exec('UPDATE quota SET issued = issued + 1');
    db.close();
    await expect(backUp('made')).rejects.toMatchObject({ code: 'store_corrupt' });
    expect(readdirSync(folder)).toEqual(['home']);
  });

  it('that was altered is known by its bytes; with a manifest to fit, by its entries', async () => {
    await (await fill()).close();
    const { folder: made } = await backUp('made');
    const path = join(made, 'ledger.db');
    const db = new Database(path);
    db.exec('UPDATE intent SET take_amount = 2 WHERE sequence = 3');
    db.close();
    await expect(verify(made)).rejects.toMatchObject({ code: 'backup_altered' });
    await expect(restore('made', true)).rejects.toMatchObject({ code: 'backup_altered' });
    const manifest = JSON.parse(readFileSync(join(made, 'manifest.json'), 'utf8')) as Record<string, unknown>;
    const fitting = { ...manifest, sha256: await hashFile(path), size: statSync(path).size };
    writeFileSync(join(made, 'manifest.json'), JSON.stringify(fitting));
    await expect(verify(made)).rejects.toMatchObject({ code: 'store_corrupt' });
    rmSync(join(made, 'manifest.json'));
    await expect(verify(made)).rejects.toMatchObject({ code: 'backup_incomplete' });
    expect(await verify(ledger())).toMatchObject({ role: 'quota' });
  });

  it.each([2])('that is killed at step %i is not there, and the next one is', async (step) => {
    await (await fill()).close();
    cutAt(step, 'backup');
    expect(existsSync(join(folder, 'made'))).toBe(false);
    await backUp('made');
    await verify(join(folder, 'made'));
  });
});

describe('a backup that is put back', () => {
  it('is the ledger that it was; what was there before is set aside, and goes on where it is put back', async () => {
    const store = await fill();
    await backUp('made');
    await commitOne(store, newIntent('later', take(1n)));
    await expect(restore('made')).rejects.toMatchObject({ code: 'store_in_use' });
    await store.close();
    await expect(restore('made')).rejects.toMatchObject({ code: 'ledger_exists' });
    const { setAside, ...restoredLedger } = await restore('made', true);
    expect(endOf(restoredLedger)).toBe(5);
    const restored = open();
    expect(await restored.head()).toMatchObject({ sequence: 5 });
    expect(await restored.findIntent('control-bit', newIntent('later').id)).toBeUndefined();
    await restored.close();
    expect(readdirSync(setAside ?? '')).toContain('ledger.db');
    expect(endOf(await verify(join(setAside ?? '', 'ledger.db')))).toBe(6);
  });

  it('takes the log of the old ledger along: the new one is not opened with it', async () => {
    const store = await fill();
    await backUp('made');
    await commitOne(store, newIntent('later', take(1n)));
    // As kill -9 leaves them.
    for (const suffix of ['', '-wal', '-shm']) cpSync(ledger() + suffix, join(folder, `kept${suffix}`));
    await store.close();
    for (const suffix of ['', '-wal', '-shm']) cpSync(join(folder, `kept${suffix}`), ledger() + suffix);
    const { setAside } = await restore('made', true);
    expect(readdirSync(setAside ?? '').sort()).toEqual(['ledger.db', 'ledger.db-shm', 'ledger.db-wal']);
    const restored = open();
    expect(await restored.head()).toMatchObject({ sequence: 5 });
    await restored.close();
    expect(endOf(await verify(join(setAside ?? '', 'ledger.db')))).toBe(6);
  });

  it.each([2, 4, 5, 6])(
    'is killed at step %i: one of both is there, whole, or none, and the same again goes on',
    async (step) => {
      const store = await fill();
      await backUp('made');
      await commitOne(store, newIntent('later', take(1n)));
      await store.close();
      cutAt(step, 'restore');
      const left = await verify(ledger()).then(endOf, (error: { code?: unknown }) => error.code);
      expect(left).toBe(step < 5 ? 6 : step === 5 ? 'store_missing' : 5);
      await restore('made', true);
      expect(endOf(await verify(ledger()))).toBe(5);
    },
  );

  it.each(olderLedgers)(
    'of version $version is checked in a copy, and brought up where it is put',
    async (older) => {
      await makeOlderFile(ledger(), older);
      const { folder: made, journals } = await backUp('made');
      const digest = await hashFile(join(made, 'ledger.db'));
      expect(journals.map(({ head }) => head.hash)).toEqual([older.head]);
      expect((await verify(made)).journals).toEqual(journals);
      await restore('made', true);
      expect((await verify(ledger())).journals).toEqual(journals);
      const restored = open();
      await commitOne(restored, newIntent('later'));
      await restored.close();
      expect(await hashFile(join(made, 'ledger.db'))).toBe(digest);
    },
  );

  it.each(olderLedgers)(
    'with several journals, of version $version, is checked in a copy as one of this version',
    async (older) => {
      await makeOlderFile(ledger(), older);
      const db = new Database(ledger());
      db.exec(`${seriesSchema} INSERT INTO series SELECT 1, 'main', id FROM store;
        INSERT INTO place SELECT sequence, 1, sequence FROM journal; PRAGMA application_id = ${severalId}`);
      db.close();
      const digest = await hashFile(ledger());
      const head = { sequence: older.entries, hash: older.head };
      expect((await verify(ledger())).journals).toMatchObject([{ series: 'main', head }]);
      expect(await hashFile(ledger())).toBe(digest);
    },
  );

  it('has a manifest of version 1 as the program before wrote it', async () => {
    await (await fill()).close();
    const { folder: made, journals } = await backUp('made');
    const path = join(made, 'manifest.json');
    const { journals: _, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const [journal] = journals;
    const { journalId, head } = { ...journal };
    writeFileSync(path, JSON.stringify({ ...rest, version: 1, journalId, head }));
    expect((await verify(made)).journals).toEqual(journals);
    writeFileSync(path, JSON.stringify({ ...rest, version: 1, journalId, head: { ...head, sequence: 4 } }));
    await expect(verify(made)).rejects.toMatchObject({ code: 'backup_altered' });
  });

  it('is not put where no appliance is', async () => {
    await (await fill()).close();
    await backUp('made');
    rmSync(join(home, 'quota'), { recursive: true });
    await expect(restore('made')).rejects.toMatchObject({ code: 'home_missing' });
  });
});

const disk = mkdtempSync(join(tmpdir(), 'ringmint-backup-full-'));
// Only root may mount, and not in every container.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmdirSync(disk);
});

describe.skipIf(!mounted)(
  mounted ? 'a full disk' : 'a full disk (SKIPPED: needs the right to mount one)',
  () => {
    it('leaves nothing of a backup, and says so', async () => {
      const store = await allocated(open(true), 10n ** 12n, 10n ** 12n);
      for (let i = 0; i < 200; i++)
        await commitOne(store, newIntent(i, { toBeSigned: new Uint8Array(4_000), ...take(1n) }));
      await store.close();
      chmodSync(disk, 0o700);
      const out = join(disk, 'made');
      await expect(
        backUpLedger({ home, role: 'quota', out, progress: silent }, systemClock),
      ).rejects.toMatchObject({ code: 'store_full' });
      expect(readdirSync(disk)).toEqual([]);
    });
  },
);
