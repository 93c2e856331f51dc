/**
 * Ledgers as earlier programs made them: that of commit 562a3f2 SQLite's version 2 and PostgreSQL's version 1, which know no settlement;
 * that of commit c24e086 SQLite's version 3 and PostgreSQL's version 2, which know no reservation; that of commit 56ebf42 SQLite's version 4 and
 * PostgreSQL's version 3, in which central management was told what came back, and does not follow what was settled.
 */
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import type { JournalEntry } from '../../src/journal/chain.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { accountName } from '../../src/quota/history.ts';
import { nextEntry } from '../../src/store/commit-plan.ts';
import { migrations } from '../../src/store/postgres/schema.ts';
import { applicationId } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { NewIntent, Store } from '../../src/store/store.ts';
import {
  account,
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issuer,
  newIntent,
  noon,
  recordOne,
  releaseOf,
  reserving,
  settling,
  signedHead,
  stopOf,
  take,
  taking,
  termsAction,
  units,
} from './intents.ts';
import { olderSchemas } from './older-schemas.ts';
import type { PostgresServer } from './postgres-server.ts';

/** The store's random bytes: always the same, so that the ledger is. */
export const fixedRandom = (length: number): Uint8Array => bytes(length, 'random');

/** By the version of SQLite's schema: its tables, the hash at the end of the journal, and the digest of the file, as the program of then made them. */
export const olderLedgers = [
  {
    version: 2,
    head: '1e93c27b1e1c32782131551fc423df5bff21afbb6645640af04cfc3ab0d57569',
    digest: '6fdc613293e662d1fafb9369598f367bb3e28d99818f312ab92648c073567050',
    entries: 9,
    // When some is settled after it was brought up.
    after: { reserved: 100n, held: 0n, retired: 40n, credited: 70n },
  },
  {
    version: 3,
    head: 'bc2922062928b162aef19f1d4c1253429b86d98d22fc245ff5c1974427d4dc37',
    digest: '5706617190038e62f3932b87be36739f4a16a147dce3fc6f6d89e014bc5346de',
    entries: 11,
    // With what was settled before.
    after: { reserved: 100n, held: 0n, retired: 90n, credited: 100n },
  },
  {
    version: 4,
    head: '27dc5a5b226970f27cde8e447a58e754d60a3b392c2077c13e7591f2d2a635f9',
    digest: 'e1136258d7bf3fa42fc636fdfc60c123d6f7ff469f91efd6878ccb725d5a0602',
    entries: 15,
    after: { reserved: 140n, held: 60n, retired: 90n, credited: 100n },
  },
] as const;

export type OlderLedger = (typeof olderLedgers)[number];

/** With one of everything that a ledger of SQLite's `version` can hold. */
export async function fillOlder(store: Store, version: OlderLedger['version']): Promise<void> {
  await allocated(store, 1_000n, 600n);
  const intents = Array.from(
    { length: 3 },
    (_, i): NewIntent =>
      newIntent(i, {
        ...take(100n),
        spends: bytes(16, `s${i}`),
        orders: [{ id: bytes(16, `o${i}`), bodyHash: bytes(32, i) }],
        serial: { epoch: 1, number: i + 1 },
      }),
  );
  await store.commit([...intents, newIntent('denied', { kind: 'denial', decides: 2 })]);
  for (const i of [0, 1]) await recordOne(store, newIntent(i).id, bytes(64, i));
  if (version >= 4) {
    await store.commit([reserving('old', 100n), taking('old', 40n, { of: 'old' }), reserving('gone', 50n)]);
    await store.release(releaseOf('gone'));
  }
  const nowMs = noon(day);
  const changed = termsAction(1, { allocated: 900n }, nowMs / 1000 - 60);
  await store.applyChange(changeOf(changed, nowMs));
  await store.stop(stopOf('first'));
  const stop = (await store.stopped())?.sequence ?? 0;
  await store.applyChange(changeOf({ kind: 'start', stop }, nowMs));
  await store.stop(stopOf('second'));
  await store.holdHead(signedHead({ role: 'central', name: 'central', epoch: null }), nowMs);
  if (version < 3) return;
  await commitOne(store, settling('old r', 50n, { units: units(1, 7) }));
  await commitOne(store, settling('old a', 30n, { units: units(1, 8), to: account('old') }));
}

/** The next entry of a ledger of central management's that was told how much of its quota came back. */
export async function toldEntry(store: Store, total: bigint): Promise<JournalEntry> {
  const head = await store.head();
  return nextEntry(head, {
    sequence: head.sequence + 1,
    kind: 'return',
    subject: accountName(issuer, 'EUR'),
    createdMs: noon(day),
    content: encodeCbor([total]),
  });
}

/** Writes what a program of before wrote for it, to a file that nobody has open. */
export function writeTold(path: string, { sequence, bytes: entry, hash }: JournalEntry, total: bigint): void {
  const db = new Database(path);
  db.prepare('INSERT INTO journal (sequence, bytes, hash) VALUES (?, ?, ?)').run(sequence, entry, hash);
  db.prepare('UPDATE quota SET retired = ?, returned = ?').run(total, total);
  db.close();
}

/** What it shows of itself: the same before and after it is brought up. */
export async function stateOf(store: Store): Promise<unknown> {
  return {
    head: await store.head(),
    journalId: await store.journalId(),
    unsigned: await store.unsigned(),
    stopped: await store.stopped(),
    position: await store.position(issuer, 'EUR', noon(day)),
    entries: await store.journal(1, 100),
    orders: await store.findOrders([bytes(16, 'o1')]),
    heads: await store.heldHeads(),
    serial: await store.findSerial(1, 2),
  };
}

/** Makes the file at `path`, which the ledger's digest is of. */
export async function makeOlderFile(path: string, { version }: OlderLedger): Promise<void> {
  const newer = `${path}.newer`;
  const store = openSqliteStore({ path: newer, role: 'quota', create: true, random: fixedRandom });
  await fillOlder(store, version);
  await store.close();
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(olderSchemas[version]);
  db.prepare('ATTACH ? AS newer').run(newer);
  for (const table of tablesOf(db)) {
    const columns = (db.pragma(`table_info(${table})`) as { name: string }[])
      .map(({ name }) => name)
      .join(', ');
    db.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM newer.${table}`);
  }
  db.exec('DETACH newer');
  db.pragma(`application_id = ${applicationId}`);
  db.pragma(`user_version = ${version}`);
  db.close();
}

/** Of all tables of a SQLite file, their rows and their version. */
export function digestOf(path: string): string {
  const db = new Database(path, { readonly: true });
  const hash = createHash('sha256');
  hash.update(JSON.stringify(db.pragma('user_version')));
  hash.update(JSON.stringify(db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all()));
  for (const table of tablesOf(db)) {
    const rows = db.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][];
    const shown = rows.map((row) =>
      JSON.stringify(row.map((one) => (one instanceof Buffer ? toHex(one) : one))),
    );
    hash.update(JSON.stringify([table, shown.sort()]));
  }
  db.close();
  return hash.digest('hex');
}

function tablesOf(db: Database.Database): string[] {
  const rows = db.prepare(`SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid`).all();
  return (rows as { name: string }[]).map(({ name }) => name);
}

/** Makes `version` of what the database holds, which `fillOlder` has filled: the tables of then, with the rows that they had. */
export function makeOlderTables(server: PostgresServer, database: string, version: number): void {
  const steps = migrations.slice(0, version).join('');
  server.sql(
    `ALTER SCHEMA ringmint RENAME TO newer; CREATE SCHEMA ringmint; SET search_path = ringmint; ${steps}`,
    database,
  );
  const tables = ['series', 'journal', 'intent', 'caller_order', 'quota', 'quota_slot', 'quota_change'];
  const settled = version > 1 ? ['spent_unit', 'account'] : [];
  const reserved = version > 2 ? ['reservation', 'resolution'] : [];
  const copies = [...tables, 'quota_stop', 'held_head', ...settled, ...reserved].map((table) => {
    const columns = server.sql(
      `SELECT string_agg(column_name, ', ') FROM information_schema.columns
        WHERE table_schema = 'ringmint' AND table_name = '${table}'`,
      database,
    );
    return `INSERT INTO ringmint.${table} (${columns}) SELECT ${columns} FROM newer.${table}`;
  });
  server.sql(
    `INSERT INTO ringmint.store SELECT one, role, ${version}, moved_to FROM newer.store; ${copies.join('; ')};
      SELECT setval(pg_get_serial_sequence('ringmint.journal', 'ordinal'), max(ordinal)) FROM ringmint.journal;
      DROP SCHEMA newer CASCADE`,
    database,
  );
}
