/** A PostgreSQL ledger of an earlier version is brought up when it is opened: all of it, or it stays what it was. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { readAddress } from '../../src/store/postgres/address.ts';
import { lockSeries } from '../../src/store/postgres/held-series.ts';
import { openPostgresStore, type PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts';
import { migrations } from '../../src/store/postgres/schema.ts';
import { Session } from '../../src/store/postgres/session.ts';
import type { Store } from '../../src/store/store.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { account, commitOne, settling, units } from './intents.ts';
import { fillOlder, fixedRandom, makeOlderTables, olderLedgers, stateOf } from './older-ledger.ts';
import { type PostgresServer, skipReason, startPostgres } from './postgres-server.ts';

const title =
  skipReason === undefined
    ? 'a PostgreSQL ledger of version $older'
    : `a PostgreSQL ledger of version $older (SKIPPED: ${skipReason})`;

const versions = [
  {
    older: 1,
    same: olderLedgers[0],
    steps: '1376f49deab6bb4631d0307ab4a8b5663cf0cc8affa6b22c8e2232d33bfd0306',
  },
  {
    older: 2,
    same: olderLedgers[1],
    steps: '30a4a31778281b1b4668b6f003f53675807c11b289a0cf9f1e8f7652b60b2320',
  },
  {
    older: 3,
    same: olderLedgers[2],
    steps: 'b33e0526a0794fc49aa0ac22b390709320502f05b88ee959536788e3f1962729',
  },
];

// `same`: what the program of then made on SQLite. `steps`: the digest of all up to that version.
describe.skipIf(skipReason !== undefined).each(versions)(title, ({ older, same, steps }) => {
  let server: PostgresServer;
  let database: string;
  let before: unknown;
  const template = 'older';
  const open = (changed: Partial<PostgresStoreOptions> = {}): Promise<Store> =>
    openPostgresStore({
      url: server.url(database),
      role: 'quota',
      series: 'main',
      create: false,
      random: randomBytes,
      ...changed,
    });
  const version = (): string => server.sql('SELECT version FROM ringmint.store', database);
  /** Columns and constraints of all tables. */
  const schemaOf = (of: string): string =>
    server.sql(
      `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'ringmint' ORDER BY 1, 2;
       SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'ringmint'::regnamespace ORDER BY 1, 2;
       SELECT indexdef FROM pg_indexes WHERE schemaname = 'ringmint' ORDER BY 1`,
      of,
    );

  beforeAll(async () => {
    server = startPostgres();
    database = template;
    server.sql(`CREATE DATABASE ${template}`);
    const store = await open({ create: true, random: fixedRandom });
    await fillOlder(store, same.version);
    before = await stateOf(store);
    await store.close();
    server.sql(`CREATE DATABASE newer TEMPLATE ${template}`);
    makeOlderTables(server, template, older);
  });
  afterAll(() => server.remove());
  beforeEach(() => {
    database = `upgrade_${Math.random().toString(36).slice(2)}`;
    server.sql(`CREATE DATABASE ${database} TEMPLATE ${template}`);
    expect(version()).toBe(String(older));
  });
  afterEach(() => {
    server.sql(`DROP DATABASE ${database} WITH (FORCE)`);
  });

  it('was made by steps that are never changed', () => {
    const digest = createHash('sha256').update(migrations.slice(0, older).join('')).digest('hex');
    expect(digest).toBe(steps);
  });

  it('is served as it was, keeps every entry, and settles what it has issued', async () => {
    let store = await open();
    expect(toHex((await store.head()).hash)).toBe(same.head);
    expect(await stateOf(store)).toEqual(before);
    expect(schemaOf(database)).toBe(schemaOf('newer'));
    const retired = settling('r', 110n, { units: units(1, 0), to: account('a') });
    expect(await commitOne(store, retired)).toMatchObject({ ok: true });
    expect(await commitOne(store, settling('t', 40n, { from: account('a') }))).toMatchObject({ ok: true });
    await store.close();
    store = await open();
    expect(await store.balances(account('a'))).toMatchObject([{ amount: 70n }]);
    await store.close();
  });

  it.each(['before', 'during', 'after'] as const)(
    'is of one version or the other where the connection is cut %s the commit, and is opened by the next start',
    async (when) => {
      const proxy = await startCuttingProxy(join(server.folder, `.s.PGSQL.${server.port}`));
      proxy.cut(when);
      const url = `postgres://${server.superuser}@127.0.0.1:${proxy.port}/${database}`;
      await expect(open({ url })).rejects.toMatchObject({ code: 'store_unreachable' });
      expect(proxy.cuts).toBe(1);
      await proxy.close();
      if (when === 'before') expect(version()).toBe(String(older));
      const store = await open();
      expect(await stateOf(store)).toEqual(before);
      await store.close();
      expect(version()).toBe(String(migrations.length));
    },
  );

  it('is of its version, whole, where the server process dies in the middle', async () => {
    const schema = schemaOf(database);
    expect(() =>
      server.sql(
        `BEGIN; SET search_path = ringmint; ${migrations.slice(older).join('; ')}; UPDATE store SET version = ${migrations.length};
          SELECT pg_terminate_backend(pg_backend_pid()); COMMIT`,
        database,
      ),
    ).toThrow('terminating connection');
    expect(version()).toBe(String(older));
    expect(schemaOf(database)).toBe(schema);
    await (await open()).close();
  });

  it('stays as it is while another process serves a series of it, where it is not whole, and for another role', async () => {
    const schema = schemaOf(database);
    const other = await Session.open(readAddress(server.url(database)));
    await lockSeries(other, { number: 1, name: 'main', id: new Uint8Array() }, 0);
    await expect(open()).rejects.toMatchObject({
      code: 'store_in_use',
      message: expect.stringContaining('`main`'),
    });
    await other.close();
    await expect(open({ role: 'central' })).rejects.toMatchObject({ code: 'store_foreign' });
    server.sql('UPDATE ringmint.quota SET reserved = 0', database);
    await expect(open()).rejects.toMatchObject({ code: 'store_corrupt' });
    expect(version()).toBe(String(older));
    expect(schemaOf(database)).toBe(schema);
  });
});
