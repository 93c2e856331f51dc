/** The database file itself: durable, of one role, with the schema of this program. */
import { chmodSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { RandomBytes } from '../../kit/clock.ts';
import { StoreError } from '../store.ts';
import { verifyWhole } from './integrity.ts';
import { applicationId, oldestVersion, schema, schemaVersion, upgradeFrom } from './schema.ts';
import { severalId } from './series-tables.ts';

export interface DatabaseOptions {
  readonly path: string;
  readonly role: string;
  /** Makes the database where there is none; without it a missing file is `store_missing`, so that a lost one is not silently begun anew. */
  readonly create: boolean;
  readonly random: RandomBytes;
  /** Takes a copy of a ledger with several series too, which is never served. */
  readonly several?: boolean;
  /** Pages that the file may have; for the test of a full disk. */
  readonly maxPages?: number;
}

/** Beside a database whose ledger was moved to another: says where it is. */
export function movedFile(path: string): string {
  return `${path}.moved`;
}

/** Opens or makes the database; throws a StoreError where it cannot be durable, or is not ours. */
export function openDatabase(options: DatabaseOptions): { db: Database.Database; storeId: Uint8Array } {
  const db = new Database(options.path);
  try {
    // Before WAL: SQLite gives -wal and -shm the mode that the database has when they are made.
    chmodSync(options.path, 0o600);
    db.defaultSafeIntegers(true);
    configure(db, options);
    const version = makeOrFind(db, options);
    const { role, id } = db.prepare('SELECT role, id FROM store').get() as { role: string; id: Buffer };
    if (role !== options.role)
      throw new StoreError('store_foreign', `the database is of role \`${role}\`, not \`${options.role}\``);
    const storeId = new Uint8Array(id);
    if (version < schemaVersion) bringUp(db, version, { role, storeId, path: options.path });
    return { db, storeId };
  } catch (error) {
    db.close();
    throw error;
  }
}

function configure(db: Database.Database, options: DatabaseOptions): void {
  const set = (pragma: string, value: string, expected: unknown): void => {
    db.pragma(`${pragma} = ${value}`);
    const actual = db.pragma(pragma, { simple: true });
    if (actual !== expected) {
      throw new StoreError(
        'store_not_durable',
        `\`${options.path}\`: ${pragma} is ${String(actual)} where ${String(expected)} is needed; a file system without shared memory cannot hold a ledger`,
      );
    }
  };
  set('busy_timeout', '5000', 5000n);
  set('journal_mode', 'WAL', 'wal');
  set('synchronous', 'FULL', 2n);
  set('foreign_keys', 'ON', 1n);
  if (options.maxPages !== undefined) db.pragma(`max_page_count = ${options.maxPages}`);
}

/** Gives the version of the database, which it makes where there is none. */
function makeOrFind(db: Database.Database, options: DatabaseOptions): number {
  const version = db.pragma('user_version', { simple: true }) as bigint;
  const owner = db.pragma('application_id', { simple: true }) as bigint;
  const several = owner === BigInt(severalId);
  if (several && options.several !== true)
    throw new StoreError(
      'store_foreign',
      `\`${options.path}\` is a copy of a ledger with several series, which PostgreSQL serves: put it into an empty database with \`ringmint store restore\``,
    );
  const ours = several || owner === BigInt(applicationId);
  if (ours && version >= BigInt(oldestVersion) && version <= BigInt(schemaVersion)) return Number(version);
  if (ours && version < BigInt(oldestVersion)) {
    throw new StoreError(
      'store_older',
      `\`${options.path}\` has schema ${version}; this program knows ${oldestVersion} to ${schemaVersion}, and carries over no ledger of before its first release: keep the file with the program that made it, and make a new appliance with \`ringmint init\``,
    );
  }
  if (ours) {
    throw new StoreError(
      'store_newer',
      `\`${options.path}\` has schema ${version}; this program knows ${schemaVersion}: use the newer program`,
    );
  }
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: bigint };
  if (tables.count > 0n || version !== 0n)
    throw new StoreError('store_foreign', `\`${options.path}\` is a database of another program`);
  // One transaction: a crash leaves an empty file, which the next start takes for a new one.
  db.transaction(() => {
    db.exec(schema);
    db.prepare('INSERT INTO store (one, role, id) VALUES (1, ?, ?)').run(options.role, options.random(16));
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${schemaVersion}`);
  }).exclusive();
  return schemaVersion;
}

/**
 * Brings an older version up to this program's, in one transaction which also checks the ledger: a crash, a full disk or a ledger that
 * is not whole leaves the older one as it was.
 */
function bringUp(
  db: Database.Database,
  version: number,
  ledger: { role: string; storeId: Uint8Array; path: string },
): void {
  // A table that others refer to is made anew under its name; the setting changes nothing inside of a transaction.
  db.pragma('foreign_keys = OFF');
  db.transaction(() => {
    db.exec(upgradeFrom(version));
    // More than the references that were not held meanwhile.
    verifyWhole(db, ledger);
    db.pragma(`user_version = ${schemaVersion}`);
  }).exclusive();
  db.pragma('foreign_keys = ON');
}
