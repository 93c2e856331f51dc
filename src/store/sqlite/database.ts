/** The database file itself: durable, of one role, with the schema of this program. */
import { chmodSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { RandomBytes } from '../../kit/clock.ts';
import { StoreError } from '../store.ts';
import { applicationId, schema, schemaVersion } from './schema.ts';

export interface DatabaseOptions {
  readonly path: string;
  readonly role: string;
  /** Makes the database where there is none; without it a missing file is `store_missing`, so that a lost one is not silently begun anew. */
  readonly create: boolean;
  readonly random: RandomBytes;
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
    migrate(db, options);
    const { role, id } = db.prepare('SELECT role, id FROM store').get() as { role: string; id: Buffer };
    if (role !== options.role)
      throw new StoreError('store_foreign', `the database is of role \`${role}\`, not \`${options.role}\``);
    return { db, storeId: new Uint8Array(id) };
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

function migrate(db: Database.Database, options: DatabaseOptions): void {
  const version = db.pragma('user_version', { simple: true }) as bigint;
  const owner = db.pragma('application_id', { simple: true }) as bigint;
  if (version === BigInt(schemaVersion) && owner === BigInt(applicationId)) return;
  if (owner === BigInt(applicationId) && version < BigInt(schemaVersion)) {
    throw new StoreError(
      'store_older',
      `\`${options.path}\` has schema ${version}; this program knows ${schemaVersion}, and carries over no ledger of before its first release: keep the file with the program that made it, and make a new appliance with \`ringmint init\``,
    );
  }
  if (owner === BigInt(applicationId)) {
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
}
