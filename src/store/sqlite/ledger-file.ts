/**
 * A ledger as one SQLite file that nobody serves: how it is backed up, whatever database it is served from, and how it is read again.
 * What is written here is not on the disk before `synchronise`d by the caller, and is to be checked before it counts.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { assert, quote } from '../../kit/result.ts';
import { type HeldHeadRow, heldHeadOf } from '../held-head.ts';
import { bytesOf } from '../row.ts';
import { type HeldHead, StoreError } from '../store.ts';
import { openDatabase } from './database.ts';
import { type DumpedRow, type LedgerTable, ledgerTables } from './dump.ts';
import { verifyWhole } from './integrity.ts';
import { applicationId, schemaVersion } from './schema.ts';
import { type FileJournal, readFileJournals, readRows, seriesSchema, severalId } from './series-tables.ts';
import { withStoreErrors } from './sqlite-error.ts';

export interface LedgerFile {
  readonly role: string;
  /** One, or one for each series, in the order in which those were made. */
  readonly journals: readonly FileJournal[];
  /** Of several journals, the rows of entries and intents have their `series`, and of entries their `ordinal`. */
  rows(table: LedgerTable): IterableIterator<DumpedRow>;
  close(): void;
}

/**
 * Copies the ledger at `from`, as it is at one moment, to `to`, where nothing is, also while it is served.
 *
 * VACUUM INTO reads in one transaction, which keeps no writer waiting: with WAL, writers go on beside a reader. The backup
 * interface of SQLite begins anew whenever another process writes, so that under load it never ends.
 */
export function copyLedger(from: string, to: string): void {
  withStoreErrors(from, () => {
    const db = openReadOnly(from);
    try {
      db.prepare('VACUUM INTO ?').run(to);
    } finally {
      db.close();
    }
  });
}

/**
 * Opens a ledger file as it is at this moment, without writing to it, after checking all of it as a start does; one of an earlier version
 * is brought up in a copy, which is removed when it is closed. Throws `store_missing`, `store_foreign`, `store_newer` or `store_corrupt`.
 */
export function openLedgerFile(path: string): LedgerFile {
  return withStoreErrors(path, () => {
    const db = openReadOnly(path);
    try {
      if (isOlder(db, path)) {
        db.close();
        return openBroughtUp(path);
      }
      // One state, whatever a system that serves it writes meanwhile.
      db.exec('BEGIN');
      return readLedgerFile(db, path);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function openBroughtUp(path: string): LedgerFile {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-ledger-'));
  const copy = join(folder, 'ledger.db');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    copyLedger(path, copy);
    bringUp(copy);
    const file = openLedgerFile(copy);
    return {
      ...file,
      close() {
        file.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Brings a ledger file that nobody else has open to the version of this program, in place, and leaves it as one file. */
export function bringUp(path: string): void {
  withStoreErrors(path, () => {
    const reader = openReadOnly(path);
    const { role } = reader.prepare('SELECT role FROM store').get() as { role: string };
    reader.close();
    const { db } = openDatabase({
      path,
      role,
      create: false,
      several: true,
      random: (length) => new Uint8Array(length),
    });
    closeAsOneFile(db);
  });
}

function closeAsOneFile(db: Database.Database): void {
  try {
    const mode = db.pragma('journal_mode = DELETE', { simple: true });
    assert(mode === 'delete', 'a file that nobody else has open has no log');
  } finally {
    db.close();
  }
}

/** Removes a ledger file that nobody has open, and what a crash may have left beside it: its log would be taken for that of the next file. */
export function removeLedgerFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

/** What the system whose ledger is at `path` holds of the others' journals; nothing else of it is checked. */
export function readHeldHeads(path: string): readonly HeldHead[] {
  return withStoreErrors(path, () => {
    const db = openReadOnly(path);
    try {
      isOlder(db, path);
      return heldHeadsOf(db, path);
    } finally {
      db.close();
    }
  });
}

function readLedgerFile(db: Database.Database, path: string): LedgerFile {
  const store = db.prepare('SELECT role, id FROM store').get() as { role: string; id: Buffer } | undefined;
  if (store === undefined)
    throw new StoreError('store_corrupt', `\`${path}\` does not say whose ledger it is: restore a backup`);
  const { role } = store;
  const storeId = bytesOf(store.id);
  verifyWhole(db, { role, storeId, path });
  heldHeadsOf(db, path);
  return {
    role,
    journals: readFileJournals(db, { role, storeId }),
    rows: (table) => readRows(db, table),
    close: () => void db.close(),
  };
}

function heldHeadsOf(db: Database.Database, path: string): HeldHead[] {
  const rows = db.prepare('SELECT * FROM held_head ORDER BY role, name').all() as HeldHeadRow[];
  return rows.map((row) => heldHeadOf(row, path));
}

function openReadOnly(path: string): Database.Database {
  if (!existsSync(path)) throw new StoreError('store_missing', `no ledger at \`${path}\``);
  const db = new Database(path, { readonly: true });
  db.defaultSafeIntegers(true);
  return db;
}

/** Whether its schema is of an earlier version than this program's; throws where it is of a later one, or not ours. */
function isOlder(db: Database.Database, path: string): boolean {
  const owner = db.pragma('application_id', { simple: true }) as bigint;
  const version = db.pragma('user_version', { simple: true }) as bigint;
  if (owner !== BigInt(applicationId) && owner !== BigInt(severalId))
    throw new StoreError('store_foreign', `\`${path}\` is no ledger of this program`);
  if (version > BigInt(schemaVersion))
    throw new StoreError(
      'store_newer',
      `\`${path}\` has schema ${version}; this program knows ${schemaVersion}: use the newer program`,
    );
  return version < BigInt(schemaVersion);
}

/** What a file with several journals has beside the tables of every ledger. */
const seriesTables = ['series', 'place'] as const;
type FileTable = LedgerTable | (typeof seriesTables)[number];

export interface LedgerPage {
  readonly table: FileTable;
  readonly rows: readonly DumpedRow[];
}

/**
 * Writes a ledger file of what another database holds, to `path`, where nothing is; one with several journals where the first page is of
 * their series. A crash leaves a file without a ledger in it: all rows are one transaction.
 */
export async function writeLedgerFile(
  path: string,
  { role, storeId }: { readonly role: string; readonly storeId: Uint8Array },
  pages: AsyncIterable<LedgerPage>,
): Promise<void> {
  assert(!existsSync(path) || statSync(path).size === 0, 'a ledger file is written where nothing is');
  const { db } = withStoreErrors(path, () =>
    openDatabase({ path, role, create: true, random: () => storeId }),
  );
  try {
    db.exec('BEGIN IMMEDIATE');
    const inserts = new Map<FileTable, Database.Statement>();
    for await (const { table, rows } of pages)
      withStoreErrors(path, () => {
        if (table === 'series' && !inserts.has(table)) {
          db.exec(seriesSchema);
          db.pragma(`application_id = ${severalId}`);
        }
        for (const row of rows) {
          const insert = inserts.get(table) ?? prepareInsert(db, table, Object.keys(row));
          inserts.set(table, insert);
          insert.run(row);
        }
      });
    withStoreErrors(path, () => {
      db.exec('COMMIT');
      closeAsOneFile(db);
    });
  } finally {
    db.close();
  }
}

function prepareInsert(
  db: Database.Database,
  table: FileTable,
  columns: readonly string[],
): Database.Statement {
  assert([...ledgerTables, ...seriesTables].includes(table), `${quote(table)} is a table of a ledger`);
  return db.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((name) => `:${name}`).join(', ')})`,
  );
}
