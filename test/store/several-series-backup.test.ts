/** Backups of a PostgreSQL ledger with several series: one moment of all of them, whole or not at all, and put back as it was. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import {
  copyFileSync,
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
import { afterAll, afterEach, beforeEach, expect, inject, it } from 'vitest';
import { homeAt } from '../../src/appliance/home.ts';
import { backUpLedger, hashFile } from '../../src/appliance/ledger-backup.ts';
import { restoreLedger } from '../../src/appliance/ledger-restore.ts';
import { verifyLedger } from '../../src/appliance/ledger-verification.ts';
import { addProcess } from '../../src/appliance/process-management.ts';
import { openRoleStore } from '../../src/appliance/role-store.ts';
import type { JournalEnd, LedgerBackupReport } from '../../src/cli/store-administration.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { openPostgresDump } from '../../src/store/postgres/dump.ts';
import { ledgerColumns } from '../../src/store/postgres/load.ts';
import type { NewIntent, Store } from '../../src/store/store.ts';
import {
  account,
  allocated,
  bytes,
  changeOf,
  commitOne,
  issuer,
  newIntent,
  noon,
  recordOne,
  settling,
  signedHead,
  stopOf,
  take,
  termsAction,
  units,
} from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

const disk = mkdtempSync(join(tmpdir(), 'ringmint-series-full-'));
// Only root may mount, and not in every container.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmdirSync(disk);
});

describePostgres('a ledger with several series', (suite) => {
  let folder: string;
  let home: string;
  const silent = (): void => undefined;
  const inFolder = (name: string): string => join(folder, name);
  const urlFile = (): string => inFolder('quota.url');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-series-'));
    home = inFolder('home');
    mkdirSync(join(home, 'quota'), { recursive: true });
    nameDatabase();
    configure({ kind: 'postgres', urlFile: urlFile(), series: 'a' });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function nameDatabase(): void {
    writeFileSync(urlFile(), suite.server.url(suite.database));
  }

  function configure(store: unknown): void {
    const limits = { signaturesPerMinute: null, amountPerDay: null };
    const signing = { hsms: [{ name: 'main', kind: 'softhsm' }], processes: 1, sessions: 1, ...limits };
    const seconds = { handshakeSeconds: 1, requestSeconds: 1, idleSeconds: 1 };
    const connections = { connections: 1, connectionsPerPeer: 1, requestsPerConnection: 1 };
    const api = { requestsPerSecond: 1, ...connections, ...seconds };
    writeFileSync(
      homeAt(home).config('quota'),
      JSON.stringify({ version: 1, signing, store, api, epoch: 1 }),
    );
  }

  /** Names these processes, by their journals' ids. */
  function nameProcesses(journals: Readonly<Record<string, string>>): void {
    const quotaProcesses = Object.entries(journals).map(([series, journal], index) => ({
      ...{ series, epoch: index + 1, anchor: series, port: 0, journal, state: 'serving' },
    }));
    const ports = { central: 0, issuance: 0, quota: 0 };
    const configuration = { version: 1, issuer, host: '127.0.0.1', ports, quotaProcesses, module: 'auto' };
    writeFileSync(homeAt(home).appliance, JSON.stringify(configuration));
  }

  const backUp = (out = inFolder('made')): Promise<LedgerBackupReport> =>
    backUpLedger({ home, role: 'quota', out, progress: silent }, systemClock);
  const verify = (): ReturnType<typeof verifyLedger> =>
    verifyLedger({ home, path: inFolder('made'), progress: silent }, '');
  const restore = (): ReturnType<typeof restoreLedger> =>
    restoreLedger(
      { home, folder: inFolder('made'), setAside: true, progress: silent, foresee: silent },
      { projectFolder: '', clock: systemClock },
    );
  const open = (series: string): Promise<Store> => suite.open({ series });
  const endsOf = (journals: readonly JournalEnd[]): Record<string, number> =>
    Object.fromEntries(journals.map(({ series, head }) => [series ?? '', head.sequence]));

  /** With everything that a ledger can hold, in two journals whose entries come by turns. */
  async function fill(): Promise<readonly [Store, Store]> {
    const a = await allocated(await open('a'), 10_000n, 10_000n);
    const b = await open('b');
    for (let i = 0; i < 40; i++) {
      const intent: NewIntent = newIntent(i, {
        ...take(2n),
        spends: bytes(16, `s${i}`),
        orders: [{ id: bytes(16, `o${i}`), bodyHash: bytes(32, i) }],
        serial: { epoch: 1 + (i % 2), number: i + 1 },
      });
      const store = i % 2 === 0 ? a : b;
      await commitOne(store, intent);
      if (i % 4 < 2) await recordOne(store, intent.id, bytes(64, i));
    }
    const reserves = { issuer, currency: 'EUR', amount: 500n, atMs: noon('2026-11-20') };
    const expiresMs = noon('2026-11-21');
    await commitOne(b, newIntent('kept', { kind: 'reservation', reserves: { ...reserves, expiresMs } }));
    // What was undone has used up an ordinal.
    suite.server.sql(`SELECT nextval(pg_get_serial_sequence('ringmint.journal', 'ordinal'))`, suite.database);
    await b.commit([
      settling('r', 3n, { units: units(1, 0, 1), to: account('x') }),
      settling('t', 1n, { from: account('x'), to: account('y') }),
    ]);
    await a.applyChange(changeOf(termsAction(1, { allocated: 9_000n }), noon('2026-11-20')));
    await b.stop(stopOf('drill'));
    await a.holdHead(signedHead({ role: 'central', name: 'central', epoch: null }), 7);
    return [a, b];
  }

  /** Every row of every table, as the database writes it. */
  function contents(): string[] {
    const tables = ['series', ...ledgerColumns.map(({ name }) => name)];
    return tables.map((table) =>
      suite.server.sql(
        `SELECT '${table}', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM ringmint.${table} t`,
        suite.database,
      ),
    );
  }

  it('is backed up while its processes go on, and comes back row for row; each process goes on where it was', async () => {
    const [a, b] = await fill();
    const before = contents();
    const heads = { a: (await a.head()).sequence, b: (await b.head()).sequence };
    const stop = await a.stopped();
    const made = await backUp();
    expect(endsOf(made.journals)).toEqual(heads);
    expect(made.journals.map(({ journalId }) => journalId)).toEqual(
      (await a.journals()).map(({ journalId }) => toHex(journalId)),
    );
    await commitOne(b, settling('later', 1n, { from: account('y') }));
    await expect(restore()).rejects.toMatchObject({ code: 'ledger_exists' });
    await suite.closeStores();
    expect((await verify()).journals).toEqual(made.journals);

    suite.changeDatabase();
    nameDatabase();
    await restore();
    expect(contents()).toEqual(before);
    const again = [await open('a'), await open('b')] as const;
    expect(await again[1].stopped()).toEqual(stop);
    expect(await again[0].findIntent('transfer', newIntent('later').id)).toBeUndefined();
    expect(await commitOne(again[1], settling('later', 1n, { from: account('y') }))).toMatchObject({
      ok: true,
    });
    expect((await again[1].head()).sequence).toBe(heads.b + 1);
    await expect(
      commitOne(again[0], newIntent('unit', { serial: { epoch: 2, number: 2 } })),
    ).rejects.toMatchObject({
      code: 'epoch_in_use',
    });
  });

  it('is copied as one moment, with all that was acknowledged before, while processes write it and one more is added', async () => {
    await allocated(await open('a'), 10n ** 12n, 10n ** 12n);
    await open('b');
    await suite.closeStores();
    const acknowledged = { a: 0, b: 0 };
    const children = (['a', 'b'] as const).map((series): ChildProcess => {
      const words = [suite.server.url(suite.database), series, '4'];
      const child = fork(join(import.meta.dirname, 'postgres-hammer.ts'), words, {
        execArgv: ['--import', 'tsx'],
      });
      child.on('message', (told: { ready?: boolean; accepted?: number }) => {
        if (told.ready) child.send('go');
        acknowledged[series] += told.accepted ?? 0;
      });
      return child;
    });
    const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    try {
      for (const deadline = Date.now() + 60_000; acknowledged.a < 20 || acknowledged.b < 20; ) {
        if (Date.now() > deadline) throw new Error('both write');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const before = { ...acknowledged };
      const [made] = await Promise.all([backUp(), open('c')]);
      const ends = endsOf(made.journals);
      // The allocation is an entry too.
      expect(ends['a']).toBeGreaterThan(before.a);
      expect(ends['b']).toBeGreaterThanOrEqual(before.b);
      expect(ends['c'] ?? 0).toBe(0);
      expect((await verify()).journals).toEqual(made.journals);
    } finally {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
    }
  });

  it('is copied in the form that the copied moment asks for, whatever it had a moment before', async () => {
    await allocated(await open('a'));
    const options = { url: suite.server.url(suite.database), role: 'quota', series: 'a', exclusive: false };
    const dumps = [
      await openPostgresDump({ ...options, several: true }),
      await openPostgresDump({ ...options, several: false }),
    ] as const;
    await commitOne(await open('b'), newIntent(1));
    try {
      const [first] = [await dumps[0].pages().next()];
      expect(first.value).toMatchObject({ table: 'series', rows: [{ name: 'a' }, { name: 'b' }] });
      await expect(dumps[1].pages().next()).rejects.toMatchObject({ code: 'store_several_series' });
    } finally {
      for (const dump of dumps) await dump.close();
    }
  });

  it('has a copy that no program serves, and that goes into no file', async () => {
    await fill();
    await backUp();
    const path = join(home, 'quota/ledger.db');
    copyFileSync(inFolder('made/ledger.db'), path);
    configure({ kind: 'sqlite' });
    await expect(openRoleStore(homeAt(home), 'quota')).rejects.toMatchObject({ code: 'store_foreign' });
    rmSync(path);
    await expect(restore()).rejects.toMatchObject({ code: 'store_several_series' });
    expect(existsSync(path)).toBe(false);
  });

  it('is not put back from a copy that is not whole, whose manifest fits', async () => {
    await fill();
    await backUp();
    const path = inFolder('made/ledger.db');
    const manifestPath = inFolder('made/manifest.json');
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Record<string, unknown>;
    copyFileSync(path, inFolder('whole.db'));
    for (const [message, sql] of [
      [
        'places of one in a journal',
        'DELETE FROM place WHERE ordinal = (SELECT max(ordinal) FROM place WHERE series = 1)',
      ],
      ['entry', 'UPDATE place SET series = 2, sequence = 1000 WHERE series = 1 AND sequence = 21'],
      ['entry 1', `UPDATE series SET id = X'${'07'.repeat(16)}' WHERE number = 2`],
      ['quota', 'UPDATE quota SET issued = issued + 1'],
      ['is not found by its id', `DELETE FROM caller_order WHERE id = X'${toHex(bytes(16, 'o1'))}'`],
    ] as const) {
      copyFileSync(inFolder('whole.db'), path);
      const db = new Database(path);
      db.pragma('foreign_keys = OFF');
      db.exec(sql);
      db.close();
      writeFileSync(manifestPath, JSON.stringify(manifest));
      await expect(verify()).rejects.toMatchObject({ code: 'backup_altered' });
      const fitting = { ...manifest, sha256: await hashFile(path), size: statSync(path).size };
      writeFileSync(manifestPath, JSON.stringify(fitting));
      await expect(verify()).rejects.toMatchObject({
        code: 'store_corrupt',
        message: expect.stringContaining(message),
      });
    }
    await suite.closeStores();
    suite.changeDatabase();
    nameDatabase();
    await expect(restore()).rejects.toMatchObject({ code: 'store_corrupt' });
    await expect(suite.open({ series: 'a', create: false })).rejects.toMatchObject({ code: 'store_missing' });
  });

  it('with a manifest that names other ends is refused, and without one', async () => {
    await fill();
    await backUp();
    const path = inFolder('made/manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { journals: unknown[] };
    writeFileSync(path, JSON.stringify({ ...manifest, journals: manifest.journals.slice(0, 1) }));
    await expect(verify()).rejects.toMatchObject({ code: 'backup_altered' });
    rmSync(path);
    await expect(verify()).rejects.toMatchObject({ code: 'backup_incomplete' });
  });

  /** Backs up to `made`, or puts that back, in a process that is killed at this step. */
  function cutAt(step: number, work: 'backup' | 'restore'): void {
    const words = [inject('cutBackupProcess'), work, home, inFolder('made'), `${step}`];
    const cut = spawnSync(process.execPath, words, { encoding: 'utf8' });
    expect([cut.signal, cut.stderr]).toEqual(['SIGKILL', '']);
  }

  it('whose backup is killed has none under that name, and the next one is made', async () => {
    await fill();
    cutAt(2, 'backup');
    expect(existsSync(inFolder('made'))).toBe(false);
    await backUp();
    await verify();
  });

  it('whose backup loses its connection has none, and nothing is left of it', async () => {
    await fill();
    let cut = false;
    const progress = (line: string): void => {
      if (cut || !line.includes('copying')) return;
      cut = true;
      // Whoever reads the accounts from now on loses the connection.
      suite.server.sql(
        `CREATE FUNCTION ringmint.cut() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN true; END $$;
         ALTER TABLE ringmint.account RENAME TO account_whole;
         CREATE VIEW ringmint.account AS SELECT * FROM ringmint.account_whole WHERE ringmint.cut()`,
        suite.database,
      );
    };
    await expect(
      backUpLedger({ home, role: 'quota', out: inFolder('made'), progress }, systemClock),
    ).rejects.toMatchObject({ code: 'store_unreachable' });
    expect(readdirSync(folder).sort()).toEqual(['home', 'quota.url']);
  });

  it('that is killed while it is put back is not there, and the same again puts it back', async () => {
    await fill();
    await backUp();
    const before = contents();
    await suite.closeStores();
    suite.changeDatabase();
    nameDatabase();
    // Two steps of reading, and then rows.
    cutAt(4, 'restore');
    await expect(suite.open({ series: 'a', create: false })).rejects.toMatchObject({ code: 'store_missing' });
    await restore();
    expect(contents()).toEqual(before);
  });

  it('of before a process was added says what it lacks, and is put back with that journal empty', async () => {
    const [a] = await fill();
    await backUp();
    const c = await open('c');
    await commitOne(c, newIntent('of the third'));
    const journals = await a.journals();
    const ids = Object.fromEntries(journals.map(({ series, journalId }) => [series, toHex(journalId)]));
    nameProcesses(ids);
    const lacking = { series: 'c', journalId: ids['c'], head: { sequence: 0 } };
    expect((await verify()).journals[2]).toMatchObject(lacking);
    await suite.closeStores();
    suite.changeDatabase();
    nameDatabase();
    expect((await restore()).journals[2]).toMatchObject(lacking);
    const restored = await suite.open({ series: 'c', create: false });
    expect(toHex(await restored.journalId())).toBe(ids['c']);
    expect((await restored.head()).sequence).toBe(0);
    // The same again: there is a ledger.
    await expect(restore()).rejects.toMatchObject({ code: 'ledger_exists' });
  });

  it('that lacks the journal of a process gets it from `process add`, under its id and no other', async () => {
    const [a] = await fill();
    await open('c');
    const journals = await a.journals();
    const ids = Object.fromEntries(journals.map(({ series, journalId }) => [series, toHex(journalId)]));
    nameProcesses(ids);
    const before = contents();
    await suite.closeStores();
    // As the server's own backup has it, of before the third was added.
    suite.server.sql(`DELETE FROM ringmint.series WHERE name = 'c'`, suite.database);
    const add = (): ReturnType<typeof addProcess> => addProcess({ home, series: 'c', port: 0 });
    expect(await add()).toMatchObject({ outcome: 'there', epoch: 3 });
    expect(contents()).toEqual(before);
    expect(await add()).toMatchObject({ outcome: 'there', epoch: 3 });
    nameProcesses({ ...ids, c: '00'.repeat(16) });
    await expect(add()).rejects.toMatchObject({ code: 'configuration_invalid' });
    expect(contents()).toEqual(before);
  });

  it('of another appliance is not put back under the names of this one', async () => {
    await fill();
    await backUp();
    await suite.closeStores();
    suite.changeDatabase();
    nameDatabase();
    nameProcesses({ a: '00'.repeat(16), d: '11'.repeat(16) });
    await expect(restore()).rejects.toMatchObject({ code: 'backup_foreign' });
    rmSync(homeAt(home).appliance);
    configure({ kind: 'postgres', urlFile: urlFile(), series: 'z' });
    await expect(restore()).rejects.toMatchObject({ code: 'backup_foreign' });
    await expect(suite.open({ series: 'a', create: false })).rejects.toMatchObject({ code: 'store_missing' });
  });

  it.skipIf(!mounted)(
    mounted
      ? 'leaves nothing of a backup on a full disk, and says so'
      : 'leaves nothing of a backup on a full disk (SKIPPED: needs the right to mount one)',
    async () => {
      const a = await allocated(await open('a'), 10n ** 12n, 10n ** 12n);
      const b = await open('b');
      for (let i = 0; i < 200; i++)
        await commitOne(
          i % 2 === 0 ? a : b,
          newIntent(i, { toBeSigned: new Uint8Array(4_000), ...take(1n) }),
        );
      await expect(backUp(join(disk, 'made'))).rejects.toMatchObject({ code: 'store_full' });
      expect(readdirSync(disk)).toEqual([]);
    },
  );
});
