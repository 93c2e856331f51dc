import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { utf8 } from '../../src/kit/bytes.ts';
import type { DatabaseOptions } from '../../src/store/sqlite/database.ts';
import { sql } from '../../src/store/sqlite/ledger-reads.ts';
import { schemaVersion } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { nightly } from '../nightly.ts';
import { describeStore } from './contract.ts';
import {
  allocated,
  bytes,
  commitOne,
  day,
  issue,
  issuer,
  newIntent,
  noon,
  recordOne,
  settling,
  take,
  units,
} from './intents.ts';
import { toldEntry, writeTold } from './older-ledger.ts';

describeStore('the SQLite', async (role = 'quota') => {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-store-'));
  const path = join(folder, 'ledger.db');
  const open = (create: boolean): Store => openSqliteStore({ path, role, create, random: randomBytes });
  const under = {
    store: open(true),
    async reopen() {
      await under.store.close();
      under.store = open(false);
    },
    async tell(total: bigint) {
      const entry = await toldEntry(under.store, total);
      await under.store.close();
      writeTold(path, entry, total);
      under.store = open(false);
    },
    async remove() {
      await under.store.close();
      rmSync(folder, { recursive: true });
    },
  };
  return under;
});

describe('the SQLite file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringmint-store-'));
    path = join(folder, 'ledger.db');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (changed: Partial<DatabaseOptions> = {}): Store =>
    openSqliteStore({ path, role: 'quota', create: true, random: randomBytes, ...changed });
  const codeOf = (work: () => unknown): unknown => {
    try {
      work();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return undefined;
  };

  async function alter(sql: string): Promise<void> {
    const store = await allocated(open());
    for (let i = 0; i < 3; i++) await commitOne(store, newIntent(i, take(5n)));
    await recordOne(store, bytes(16, 'id 0'), bytes(64, 0));
    await store.close();
    const db = new Database(path);
    db.exec(`DROP TRIGGER journal_keep; DROP TRIGGER journal_hold; PRAGMA foreign_keys = OFF; ${sql}`);
    db.close();
  }

  it('is durable: WAL with synchronous FULL, and for its owner only', async () => {
    const store = open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await store.close();
    const db = new Database(path);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  it('is not begun anew when it is missing', () => {
    expect(codeOf(() => open({ create: false }))).toBe('store_missing');
  });

  it('is served by one process at a time', async () => {
    const first = open();
    expect(codeOf(() => open())).toBe('store_in_use');
    await first.close();
    await open().close();
  });

  it('is refused to another role, to another program, and in a newer or an older version', async () => {
    await open().close();
    expect(codeOf(() => open({ role: 'central' }))).toBe('store_foreign');
    const db = new Database(path);
    db.pragma(`user_version = ${schemaVersion + 1}`);
    expect(codeOf(() => open())).toBe('store_newer');
    db.pragma('user_version = 1');
    db.close();
    expect(codeOf(() => open())).toBe('store_older');
    rmSync(path);
    const foreign = new Database(path);
    foreign.exec('CREATE TABLE notes (text TEXT)');
    foreign.close();
    expect(codeOf(() => open())).toBe('store_foreign');
    rmSync(path);
    writeFileSync(
      path,
      'this is no database at all, but it is long enough to be taken for one at first sight, says SQLite',
    );
    expect(codeOf(() => open())).toBe('store_foreign');
  });

  it('is refused where what it holds of another journal is no head', async () => {
    await open().close();
    const db = new Database(path);
    db.exec(
      `INSERT INTO held_head (role, name, journal, signed, held_ms) VALUES ('quota', 'quota', zeroblob(16), zeroblob(9), 1)`,
    );
    db.close();
    expect(codeOf(() => open())).toBe('store_corrupt');
  });

  it.each([
    ['an altered journal entry', 'UPDATE journal SET bytes = zeroblob(length(bytes)) WHERE sequence = 3'],
    ['an altered hash', 'UPDATE journal SET hash = zeroblob(32) WHERE sequence = 4'],
    ['a missing entry', 'DELETE FROM journal WHERE sequence = 2'],
    [
      'two entries exchanged',
      'UPDATE journal SET sequence = -sequence WHERE sequence IN (2, 3); UPDATE journal SET sequence = 5 + sequence WHERE sequence < 0',
    ],
    [
      'an intent that says otherwise than its entry',
      'UPDATE intent SET to_be_signed = zeroblob(40) WHERE sequence = 3',
    ],
    ['an amount taken that was lowered', 'UPDATE intent SET take_amount = 1 WHERE sequence = 3'],
    ['a quota given back', 'UPDATE quota SET reserved = 0'],
    ['issued turned back into reserved', 'UPDATE quota SET issued = 0, reserved = 15'],
  ])('is not served with %s', async (_title, sql) => {
    await alter(sql);
    expect(codeOf(() => open())).toBe('store_corrupt');
  });

  it('finds what was settled of a quota by an index, page by page, whatever else there is', async () => {
    const store = await allocated(open(), 1_000n, 600n);
    await issue(store, 1, 100n);
    await commitOne(store, settling('a', 10n, { units: units(1, 0) }));
    await store.close();
    const db = new Database(path, { readonly: true });
    const quota = [issuer, utf8('EUR')];
    for (const [statement, values, range] of [
      [sql.settledSizes, [0, 10], 'AND sequence>?'],
      [sql.settled, [0, 9], 'AND sequence>? AND sequence<?'],
      [sql.lastSettled, [], ''],
    ] as const) {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${statement}`).all(...quota, ...values);
      expect((plan as { detail: string }[]).map(({ detail }) => detail)).toEqual([
        `SEARCH intent USING INDEX intent_settled (issuer=? AND <expr>=?${range === '' ? '' : ` ${range}`})`,
      ]);
    }
    db.close();
  });

  it('says that the disk is full, writes nothing, and goes on when there is room', async () => {
    let store = await allocated(open({ maxPages: 60 }), 10n ** 12n, 10n ** 12n);
    let stored = 0;
    let failure: unknown;
    while (failure === undefined && stored < 1_000) {
      const intent = newIntent(stored, { toBeSigned: new Uint8Array(4_000), ...take(1n) });
      await commitOne(store, intent).then(
        () => stored++,
        (error: unknown) => {
          failure = error;
        },
      );
    }
    expect(failure).toMatchObject({ code: 'store_full' });
    expect(await store.position(issuer, 'EUR', noon(day))).toMatchObject({ reserved: BigInt(stored) });
    expect((await store.head()).sequence).toBe(stored + 1);
    await store.close();
    store = open();
    expect(await commitOne(store, newIntent(stored, take(1n)))).toMatchObject({ ok: true });
    await store.close();
  });

  it('holds every acknowledged commit after kill -9, thirty times over', async () => {
    const rounds = nightly ? 1_000 : 30;
    await (await allocated(open(), 10n ** 12n, 10n ** 12n)).close();
    const acknowledged = new Set<number>();
    const signed = new Set<number>();
    let next = 0;
    for (let round = 0; round < rounds; round++) {
      const child = fork(inject('hammerProcess'), [path, String(next)], { execArgv: [] });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      await new Promise<void>((resolve) => {
        let seen = 0;
        child.on('message', (message: { committed?: number; signed?: number }) => {
          if (message.committed !== undefined) acknowledged.add(message.committed);
          if (message.signed !== undefined) signed.add(message.signed);
          // Another moment each round: after 1 to 30 messages, and some microseconds.
          if (++seen === (round % 30) + 1) resolve();
        });
      });
      child.kill('SIGKILL');
      await ended;
      const store = open({ create: false });
      const position = await store.position(issuer, 'EUR', noon(day));
      const entries = (await store.head()).sequence - 1;
      expect(position?.allocated).toBe(10n ** 12n);
      expect(Number(position?.reserved) + Number(position?.issued)).toBe(entries);
      expect(Number(position?.reserved)).toBe((await store.unsigned()).length);
      for (const name of acknowledged)
        expect(
          await store.findIntent('control-bit', bytes(16, `id ${name}`)),
          `round ${round}`,
        ).toBeDefined();
      for (const name of signed)
        expect(await store.findIntent('control-bit', bytes(16, `id ${name}`))).toMatchObject({
          signed: bytes(64, name),
        });
      next = entries;
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(100);
  }, 180_000);
});
