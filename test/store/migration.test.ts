/** `ringmint store migrate` there and back, backups of what is there, and `add-series`: a ledger moves once, whole, and is never served in two places. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { homeAt } from '../../src/appliance/home.ts';
import { backUpLedger } from '../../src/appliance/ledger-backup.ts';
import { restoreLedger } from '../../src/appliance/ledger-restore.ts';
import { returnLedger } from '../../src/appliance/ledger-return.ts';
import { addStoreSeries, migrateStore, openRoleStore } from '../../src/appliance/role-store.ts';
import { replicateAnchor } from '../../src/journal/replicated-anchor.ts';
import { systemClock } from '../../src/kit/clock.ts';
import { openLedger } from '../../src/roles/ledger.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { NewIntent, Store } from '../../src/store/store.ts';
import { makeMemoryAnchor } from '../journal/memory-anchor.ts';
import { fillFollowing } from './central-contract.ts';
import {
  account,
  allocated,
  bytes,
  commitOne,
  issuer,
  newIntent,
  noon,
  recordOne,
  settling,
  signedHead,
  take,
  units,
} from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

describePostgres('a move to PostgreSQL', (suite) => {
  let folder: string;
  let urlFile: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-move-'));
    mkdirSync(join(folder, 'quota'));
    writeFileSync(homeAt(folder).config('quota'), '{}');
    urlFile = join(folder, 'quota.url');
    writeFileSync(urlFile, `${suite.server.url(suite.database)}\n`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const ledger = (): string => homeAt(folder).ledger('quota');
  const sqlite = (create = false): Store =>
    openSqliteStore({ path: ledger(), role: 'quota', create, random: randomBytes });
  const migrate = (progress: (written: number) => void = () => undefined): Promise<unknown> =>
    migrateStore({ home: homeAt(folder), role: 'quota', urlFile, series: 'main', progress });
  const openAs = (store: unknown): Promise<Store> => {
    writeFileSync(homeAt(folder).config('quota'), JSON.stringify({ store }));
    return openRoleStore(homeAt(folder), 'quota');
  };
  const inPostgres = (series = 'main'): Promise<Store> => openAs({ kind: 'postgres', urlFile, series });

  /** With everything that a ledger can hold. */
  async function fill(): Promise<Store> {
    const store = await allocated(sqlite(true), 10_000n, 10_000n);
    const intents = Array.from(
      { length: 1_200 },
      (_, i): NewIntent =>
        newIntent(i, {
          ...take(1n),
          spends: bytes(16, `s${i}`),
          orders: [{ id: bytes(16, `o${i}`), bodyHash: bytes(32, i) }],
          serial: { epoch: 1, number: i + 1 },
        }),
    );
    await store.commit(intents);
    for (const i of [0, 1, 2]) await recordOne(store, newIntent(i).id, bytes(64, i));
    await store.commit([
      settling('r', 3n, { units: units(1, 0, 1), to: account('a') }),
      settling('t', 1n, { from: account('a'), to: account('b') }),
      settling('g', 1n, { from: account('a') }),
    ]);
    const createdMs = noon('2026-11-20');
    await store.stop({ id: bytes(16, 1), reason: 'drill', by: 'guard', createdMs, evidence: null });
    await store.holdHead(signedHead({ sequence: 3 }), createdMs);
    await store.holdHead(signedHead({ sequence: 3, hash: bytes(32, 'other') }), createdMs);
    await store.holdHead(signedHead({ role: 'central', name: 'central', epoch: null }), createdMs);
    return store;
  }

  const stateOf = async (store: Store) => ({
    head: await store.head(),
    unsigned: await store.unsigned(),
    stop: await store.stopped(),
    position: await store.position(issuer, 'EUR', noon('2026-11-20')),
    entries: await store.journal(1, 10_000),
    last: await store.lastSerial(1),
    orders: await store.findOrders([bytes(16, 'o7')]),
    heads: await store.heldHeads(),
    spent: await store.findSpent(units(1, 0, 1, 2)),
    balances: await Promise.all(['a', 'b'].map((name) => store.balances(account(name)))),
    journalId: await store.journalId(),
  });

  it('takes everything along, and goes on where the file ended; the file is not served again', async () => {
    const source = await fill();
    const before = await stateOf(source);
    await source.close();
    expect(await migrate()).toMatchObject({
      role: 'quota',
      series: 'main',
      to: expect.stringContaining(suite.database),
    });

    const store = await inPostgres();
    expect(await stateOf(store)).toEqual(before);
    const after = await commitOne(store, newIntent('after'));
    expect(after).toMatchObject({ ok: true, value: { intent: { sequence: 1_206 } } });
    await store.close();

    expect(() => sqlite()).toThrow(expect.objectContaining({ code: 'store_foreign' }));
    await expect(openAs({ kind: 'sqlite' })).rejects.toMatchObject({ code: 'store_foreign' });
    await expect(openAs(undefined)).rejects.toMatchObject({ code: 'store_foreign' });
  });

  it('finishes by the same command what was cut short after the copy, and copies nothing twice', async () => {
    await (await fill()).close();
    await migrate();
    rmSync(`${ledger()}.moved`);
    await migrate();
    expect(() => sqlite()).toThrow(expect.objectContaining({ code: 'store_foreign' }));
    expect(suite.server.sql('SELECT count(*) FROM ringmint.journal', suite.database)).toBe('1205');
  });

  it('leaves the file as it was, and a destination that is not served, where the copy is cut short', async () => {
    await (await fill()).close();
    let cut = false;
    const moving = migrate((written) => {
      if (cut || written < 1_000) return;
      cut = true;
      suite.server.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringmint'`,
      );
    });
    await expect(moving).rejects.toMatchObject({ code: 'store_unreachable' });
    expect(cut).toBe(true);
    await expect(inPostgres()).rejects.toMatchObject({ code: 'store_missing' });
    await sqlite().close();
    await migrate();
    await (await inPostgres()).close();
  });

  it('refuses a destination with another ledger, and a source that is served', async () => {
    const source = await fill();
    await expect(migrate()).rejects.toMatchObject({ code: 'store_in_use' });
    await source.close();
    await migrate();
    for (const suffix of ['', '.moved', '-wal', '-shm']) rmSync(ledger() + suffix, { force: true });
    await (await fill()).close();
    await expect(migrate()).rejects.toMatchObject({ code: 'store_foreign' });
    await sqlite().close();
  });

  const moveBack = (setAside = true): ReturnType<typeof returnLedger> =>
    returnLedger({ home: folder, role: 'quota', setAside, progress: () => undefined }, systemClock);

  it('goes back into a file, whole; the database is not served again, and the same command again changes nothing', async () => {
    await (await fill()).close();
    await migrate();
    const there = await inPostgres();
    // A transaction that was undone has used up an ordinal: it is the number of the entry no more.
    suite.server.sql(`SELECT nextval(pg_get_serial_sequence('ringmint.journal', 'ordinal'))`, suite.database);
    const anchor = makeMemoryAnchor(await there.head());
    const followed = await openLedger(there, replicateAnchor([anchor]));
    await there.stop({ id: bytes(16, 2), reason: 'again', by: 'guard', createdMs: 1, evidence: null });
    await followed.follow();
    expect(anchor.head).toEqual(await there.head());
    await expect(moveBack()).rejects.toMatchObject({ code: 'store_in_use' });
    await there.close();
    const reopened = await inPostgres();
    const before = await stateOf(reopened);
    await reopened.close();

    await expect(moveBack(false)).rejects.toMatchObject({ code: 'ledger_exists' });
    const report = await moveBack();
    expect(report).toMatchObject({ config: { kind: 'sqlite', anchor: 'main' } });
    await expect(inPostgres()).rejects.toMatchObject({ code: 'store_foreign' });
    const restored = await openAs(report.config);
    // There a stop is known by its place among the entries of all series, here by its entry's number.
    expect(before.stop?.sequence).toBe(1_207);
    expect(await stateOf(restored)).toEqual({ ...before, stop: { ...before.stop, sequence: 1_206 } });
    await commitOne(restored, newIntent('after'));
    await restored.close();
    writeFileSync(
      homeAt(folder).config('quota'),
      JSON.stringify({ store: { kind: 'postgres', urlFile, series: 'main' } }),
    );
    expect(await moveBack()).toMatchObject({ setAside: null });
    const again = await openAs(report.config);
    expect((await again.head()).sequence).toBe(1_207);
    await again.close();
  });

  it('that was cut short on its way back is served nowhere, and arrives by the same command', async () => {
    await (await fill()).close();
    await migrate();
    await (await inPostgres()).close();
    await moveBack();
    // As if the cut had come between the mark in the database and the file's name.
    rmSync(ledger());
    await expect(openAs({ kind: 'sqlite' })).rejects.toMatchObject({ code: 'store_missing' });
    await expect(inPostgres()).rejects.toMatchObject({ code: 'store_foreign' });
    await moveBack();
    await (await openAs({ kind: 'sqlite', anchor: 'main' })).close();
  });

  it('is backed up while it is served, and put into an empty database, or a file', async () => {
    await (await fill()).close();
    await migrate();
    const store = await inPostgres();
    const before = await stateOf(store);
    const out = join(folder, 'backup');
    const silent = (): void => undefined;
    await backUpLedger({ home: folder, role: 'quota', out, progress: silent }, systemClock);
    await commitOne(store, newIntent('later'));
    const restore = (): Promise<unknown> =>
      restoreLedger(
        { home: folder, folder: out, setAside: true, progress: silent, foresee: silent },
        { projectFolder: '', clock: systemClock },
      );
    await expect(restore()).rejects.toMatchObject({ code: 'ledger_exists' });
    await store.close();
    suite.changeDatabase();
    writeFileSync(urlFile, suite.server.url(suite.database));
    await restore();
    const restored = await inPostgres();
    expect(await stateOf(restored)).toEqual(before);
    await restored.close();
    writeFileSync(homeAt(folder).config('quota'), '{}');
    await restore();
    const file = await openAs({ kind: 'sqlite' });
    expect(await stateOf(file)).toEqual(before);
    await file.close();
  });

  it('of a ledger of central management takes along what it follows: there, back, and in a backup', async () => {
    const home = homeAt(folder);
    const role = 'central';
    mkdirSync(join(folder, role));
    const configure = (store: unknown): void => writeFileSync(home.config(role), JSON.stringify({ store }));
    const openAgain = async (store: unknown): Promise<Store> => {
      configure(store);
      return openRoleStore(home, role);
    };
    const silent = (): void => undefined;
    const followed = async (store: Store) => ({
      ...(await stateOf(store)),
      page: await store.reads().settlementsAfter(issuer, 'EUR', [], { most: 10, bytes: 1e9 }),
      lastOne: await store.reads().lastSettlement(issuer, 'EUR'),
    });
    const path = home.ledger(role);
    const source = await fillFollowing(openSqliteStore({ path, role, create: true, random: randomBytes }));
    const before = await followed(source);
    expect(before.page.settled).toHaveLength(3);
    expect(before.position).toMatchObject({ issued: 900n, voided: 100n, retired: 120n, returned: 70n });
    await source.close();

    configure(undefined);
    await migrateStore({ home, role, urlFile, series: 'main', progress: silent });
    const there = await openAgain({ kind: 'postgres', urlFile, series: 'main' });
    expect(await followed(there)).toEqual(before);
    const out = join(folder, 'backup');
    await backUpLedger({ home: folder, role, out, progress: silent }, systemClock);
    await there.close();
    const { config } = await returnLedger(
      { home: folder, role, setAside: true, progress: silent },
      systemClock,
    );
    const back = await openAgain(config);
    expect(await followed(back)).toEqual(before);
    await back.close();
    await restoreLedger(
      { home: folder, folder: out, setAside: true, progress: silent, foresee: silent },
      { projectFolder: '', clock: systemClock },
    );
    const restored = await openAgain(config);
    expect(await followed(restored)).toEqual(before);
    await restored.close();
  });

  it('with two series is not moved back into a file, which has one journal, and stays where it is', async () => {
    await (await fill()).close();
    await migrate();
    await addStoreSeries({ role: 'quota', urlFile, series: 'second' });
    await (await inPostgres()).close();
    await expect(moveBack()).rejects.toMatchObject({ code: 'store_several_series' });
    await (await inPostgres()).close();
  });

  it('takes one more series for one more process, and none where there is no ledger', async () => {
    const add = { role: 'quota', urlFile, series: 'second' } as const;
    await expect(addStoreSeries(add)).rejects.toMatchObject({ code: 'store_missing' });
    await (await fill()).close();
    await migrate();
    await expect(inPostgres('second')).rejects.toMatchObject({ code: 'store_missing' });
    await addStoreSeries(add);
    await addStoreSeries(add);
    const store = await inPostgres('second');
    expect((await store.head()).sequence).toBe(0);
    expect(await store.findIntent('control-bit', newIntent(1).id)).toMatchObject({ own: false });
    await store.close();
  });
});
