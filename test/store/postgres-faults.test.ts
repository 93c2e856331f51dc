/** What a broken connection, a server that goes away and a server that cannot serve come to: nothing twice, nothing lost, a code that says which. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PostgresStoreOptions } from '../../src/store/postgres/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import { allocated, bytes, commitOne, issuer, newIntent, noon, recordOne, take } from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

describePostgres('the PostgreSQL store', (suite) => {
  const open = (changed: Partial<PostgresStoreOptions> = {}): Promise<Store> => suite.open(changed);
  const codeOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'none',
      (error: { code?: unknown }) => error.code,
    );
  const backends = (): string =>
    suite.server.sql(
      `SELECT count(*) FROM pg_stat_activity WHERE datname = '${suite.database}' AND application_name = 'ringmint'`,
    );
  const endBackends = (): string =>
    suite.server.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${suite.database}' AND application_name = 'ringmint'`,
    );

  describe('behind a connection that is cut at a COMMIT', () => {
    let proxy: CuttingProxy;
    beforeEach(async () => {
      proxy = await startCuttingProxy(join(suite.server.folder, `.s.PGSQL.${suite.server.port}`));
    });
    afterEach(() => proxy.close());
    const openBehind = (): Promise<Store> =>
      open({ url: `postgres://ringmint@127.0.0.1:${proxy.port}/${suite.database}` });

    it.each(['before', 'during', 'after'] as const)(
      'commits a group once where it is cut %s the server sees it, and says so to the caller',
      async (when) => {
        const store = await allocated(await openBehind(), 1_000n, 1_000n);
        proxy.cut(when);
        const committed = await store.commit([newIntent(1, take(10n)), newIntent(2, take(20n))]);
        expect(proxy.cuts).toBe(1);
        expect(committed).toMatchObject([
          { ok: true, value: { created: true, intent: { sequence: 2 } } },
          { ok: true, value: { created: true, intent: { sequence: 3 } } },
        ]);
        expect(await store.position(issuer, 'EUR', noon('2026-11-20'))).toMatchObject({ reserved: 30n });
        expect((await store.head()).sequence).toBe(3);
        await store.close();
        expect((await (await open()).head()).sequence).toBe(3);
      },
    );

    it.each(['before', 'during', 'after'] as const)(
      'records a signature once where it is cut %s',
      async (when) => {
        const store = await allocated(await openBehind(), 1_000n, 1_000n);
        const intent = newIntent(1, take(10n));
        await commitOne(store, intent);
        proxy.cut(when);
        expect(await recordOne(store, intent.id, bytes(64, 'first'))).toMatchObject({
          signed: bytes(64, 'first'),
        });
        expect(proxy.cuts).toBe(1);
        expect(await store.position(issuer, 'EUR', noon('2026-11-20'))).toMatchObject({
          reserved: 0n,
          issued: 10n,
        });
        await store.close();
        await open();
      },
    );
  });

  it('goes on with a new session when its backend is killed, and holds the lock again before it answers', async () => {
    const store = await allocated(await open());
    endBackends();
    expect(await commitOne(store, newIntent(1, take(1n)))).toMatchObject({ ok: true });
    expect(backends()).toBe('1');
    expect(await codeOf(open())).toBe('store_in_use');
  });

  it('refuses when another process has served its series while the connection was gone', async () => {
    const store = await allocated(await open());
    endBackends();
    const other = await open();
    await commitOne(other, newIntent('other'));
    expect(await codeOf(commitOne(store, newIntent(1)))).toBe('store_in_use');
    await other.close();
    expect(await codeOf(commitOne(store, newIntent(1)))).toBe('store_in_use');
    expect(await codeOf(store.head())).toBe('store_in_use');
  });

  it('refuses to go on where the database has gone back behind what it knows', async () => {
    const store = await allocated(await open());
    await commitOne(store, newIntent(1));
    endBackends();
    suite.server.sql(
      `SET session_replication_role = replica; DELETE FROM ringmint.intent; DELETE FROM ringmint.journal WHERE sequence = 2`,
      suite.database,
    );
    expect(await codeOf(commitOne(store, newIntent(2)))).toBe('store_rewound');
  });

  it('holds what it acknowledged through kill -9 of all of the server, and goes on when it is back', async () => {
    const store = await allocated(await open(), 10n ** 9n, 10n ** 9n);
    const acknowledged = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const running = Promise.allSettled(
        Array.from({ length: 40 }, async (_, i) => {
          const name = round * 100 + i;
          const committed = await commitOne(store, newIntent(name, take(1n)));
          if (committed.ok) acknowledged.add(name);
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      suite.server.stop('immediate');
      suite.server.start();
      await running;
    }
    await store.close();
    const reopened = await open();
    for (const name of acknowledged)
      expect(await reopened.findIntent('control-bit', newIntent(name).id)).toBeDefined();
    const entries = (await reopened.head()).sequence - 1;
    expect(entries).toBeGreaterThanOrEqual(acknowledged.size);
    expect(await reopened.position(issuer, 'EUR', noon('2026-11-20'))).toMatchObject({
      reserved: BigInt(entries),
    });
    expect(acknowledged.size).toBeGreaterThan(40);
  });

  it('says that nobody answers while the server is away, and serves again afterwards', async () => {
    const store = await allocated(await open({ reconnectMs: 200 }));
    suite.server.stop('fast');
    expect(await codeOf(commitOne(store, newIntent(1)))).toBe('store_unreachable');
    expect(await codeOf(store.findIntent('control-bit', newIntent(1).id))).toBe('store_unreachable');
    suite.server.start();
    expect(await commitOne(store, newIntent(1))).toMatchObject({ ok: true });
  });

  it('is not made, and not begun anew, where it is missing', async () => {
    expect(await codeOf(open({ create: false }))).toBe('store_missing');
    await (await open()).close();
    expect(await codeOf(open({ create: false, series: 'second' }))).toBe('store_missing');
  });

  it('is refused to another role, in a newer version, and where something else has its schema', async () => {
    await (await open()).close();
    expect(await codeOf(open({ role: 'central' }))).toBe('store_foreign');
    suite.server.sql('UPDATE ringmint.store SET version = 99', suite.database);
    expect(await codeOf(open())).toBe('store_newer');
    suite.changeDatabase();
    suite.server.sql('CREATE SCHEMA ringmint', suite.database);
    expect(await codeOf(open())).toBe('store_foreign');
  });

  it.each([
    ['synchronous_commit', 'off'],
    ['synchronous_commit', 'local'],
    ['synchronous_commit', 'remote_write'],
  ])('is not served with %s = %s', async (name, value) => {
    suite.server.sql(`ALTER DATABASE ${suite.database} SET ${name} = ${value}`);
    expect(await codeOf(open())).toBe('store_not_durable');
  });

  it('checks the settings of each session, not of the first alone', async () => {
    const store = await allocated(await open());
    suite.server.sql(`ALTER DATABASE ${suite.database} SET synchronous_commit = off`);
    endBackends();
    expect(await codeOf(commitOne(store, newIntent(1)))).toBe('store_not_durable');
  });

  it.each(['fsync', 'full_page_writes'])('is not served with %s = off', async (name) => {
    suite.server.sql(`ALTER SYSTEM SET ${name} = off`);
    suite.server.sql('SELECT pg_reload_conf()');
    await new Promise((resolve) => setTimeout(resolve, 300));
    try {
      expect(await codeOf(open())).toBe('store_not_durable');
    } finally {
      suite.server.sql(`ALTER SYSTEM RESET ${name}`);
      suite.server.sql('SELECT pg_reload_conf()');
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  });

  it('says which: a database that takes no writes, does not exist, refuses the password, or has no connection left', async () => {
    suite.server.sql(`ALTER DATABASE ${suite.database} SET default_transaction_read_only = on`);
    expect(await codeOf(open())).toBe('store_read_only');
    expect(await codeOf(open({ url: suite.server.url('nothing_here') }))).toBe('store_missing');
    suite.server.sql(`CREATE ROLE ledger LOGIN PASSWORD 'right'`);
    const hba = join(suite.server.folder, 'data', 'pg_hba.conf');
    suite.server.sql(
      `COPY (SELECT 'local all ledger scram-sha-256' UNION ALL SELECT 'local all all trust') TO '${hba}'`,
    );
    suite.server.sql('SELECT pg_reload_conf()');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const wrong = `postgres://ledger:sesame@localhost:${suite.server.port}/${suite.database}?host=${suite.server.folder}`;
    const refused = await open({ url: wrong }).catch((error: Error & { code?: unknown }) => error);
    expect(refused).toMatchObject({ code: 'store_denied' });
    expect(String((refused as Error).message)).not.toContain('sesame');
    suite.changeDatabase();
    suite.server.sql(`ALTER DATABASE ${suite.database} CONNECTION LIMIT 0`);
    expect(
      await codeOf(
        open({ url: suite.server.url(suite.database, 'ledger').replace('ledger@', 'ledger:right@') }),
      ),
    ).toBe('store_busy');
  });

  it.each([
    ['no URL', 'not a url'],
    ['another scheme', 'mysql://a@localhost/b'],
    ['no database', 'postgres://a@localhost/'],
    ['an unknown parameter', 'postgres://a@localhost/b?sslmode=verify-full&fsync=off'],
    ['TLS that checks nobody', 'postgres://a@localhost/b?sslmode=require'],
    ['another machine without TLS', 'postgres://a:secret@db.example/b'],
  ])('refuses an address with %s', async (_title, url) => {
    expect(await codeOf(open({ url }))).toBe('store_address_invalid');
  });

  it('keeps its journal against a bug here: the database itself refuses to change it', async () => {
    await allocated(await open());
    for (const sql of [
      'UPDATE ringmint.journal SET bytes = bytes',
      'DELETE FROM ringmint.journal',
      'TRUNCATE ringmint.journal CASCADE',
    ])
      expect(() => suite.server.sql(sql, suite.database)).toThrow('append-only');
  });

  it.each([
    ['an altered entry', `UPDATE journal SET bytes = '\\x00' WHERE sequence = 2`],
    ['a missing entry', 'DELETE FROM intent WHERE sequence = 2; DELETE FROM journal WHERE sequence = 2'],
    ['an intent that says otherwise', `UPDATE intent SET to_be_signed = '\\x00' WHERE sequence = 2`],
    [
      'an intent that is gone',
      'DELETE FROM intent WHERE sequence = 3; UPDATE quota SET reserved = reserved - 5',
    ],
    ['a quota that was raised', 'UPDATE quota SET allocated = 1000000'],
    ['a quota given back', 'UPDATE quota SET reserved = 0'],
    ['issued turned into reserved', 'UPDATE quota SET reserved = reserved + issued, issued = 0'],
    ['a slot begun anew', 'UPDATE quota_slot SET used = 1'],
    ['a spent credential forgotten', 'UPDATE intent SET spends = NULL WHERE sequence = 2'],
    ['an order forgotten', 'DELETE FROM caller_order'],
    [
      'an order that nobody placed',
      `INSERT INTO caller_order VALUES (decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'), decode(repeat('00', 16), 'hex'), 0)`,
    ],
    [
      'a head of another journal that is none',
      `INSERT INTO held_head (role, name, journal, signed, held_ms) VALUES ('central', 'central', decode(repeat('00', 16), 'hex'), '\\x00', 1)`,
    ],
  ])('is not served with %s', async (_title, sql) => {
    const store = await allocated(await open());
    for (let i = 0; i < 3; i++)
      await commitOne(
        store,
        newIntent(i, {
          ...take(5n),
          spends: bytes(16, i),
          orders: [{ id: bytes(16, `o${i}`), bodyHash: bytes(32, i) }],
        }),
      );
    await recordOne(store, newIntent(0).id, bytes(64, 0));
    await store.close();
    suite.server.sql(
      `SET search_path = ringmint; SET session_replication_role = replica; ${sql}`,
      suite.database,
    );
    expect(await codeOf(open())).toBe('store_corrupt');
  });

  it('leaves nothing of tables that could not be made', async () => {
    suite.server.sql(`CREATE ROLE poor LOGIN; REVOKE CREATE ON DATABASE ${suite.database} FROM PUBLIC, poor`);
    expect(await codeOf(open({ url: suite.server.url(suite.database, 'poor') }))).toBe('store_denied');
    expect(
      suite.server.sql(`SELECT count(*) FROM pg_namespace WHERE nspname = 'ringmint'`, suite.database),
    ).toBe('0');
    expect((await (await open()).head()).sequence).toBe(0);
  });
});
