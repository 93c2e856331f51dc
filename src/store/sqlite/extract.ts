/** A SQLite ledger as one moment has it, for an auditor: read beside the process that serves it, which it neither stops nor locks. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { ExtractedEntry, ExtractedHead, LedgerContent } from '../../journal/extract.ts';
import { bytesOf } from '../row.ts';
import { StoreError } from '../store.ts';
import { movedFile } from './database.ts';
import { applicationId, schemaVersion } from './schema.ts';
import { withStoreErrors } from './sqlite-error.ts';

/** The first schema that has what an extract has. */
const firstVersion = 2;

interface EntryRow {
  sequence: bigint;
  bytes: Buffer;
  hash: Buffer;
  signed: Buffer | null;
}

/**
 * Gives `use` the ledger as it is now. A long reading keeps SQLite from taking its log (WAL) back into the database, which grows by what
 * is written meanwhile; nothing waits for it.
 */
export async function readSqliteLedger<T>(
  { path, role }: { readonly path: string; readonly role: string },
  use: (content: LedgerContent) => Promise<T>,
): Promise<T> {
  if (!existsSync(path) || existsSync(movedFile(path)))
    throw new StoreError(
      'store_missing',
      `no ledger is served from \`${path}\`: it is not there, or was moved`,
    );
  const db = withStoreErrors(path, () => new Database(path, { readonly: true, fileMustExist: true }));
  try {
    const content = withStoreErrors(path, () => readContent(db, path, role));
    return await use(content);
  } finally {
    db.close();
  }
}

function readContent(db: Database.Database, path: string, role: string): LedgerContent {
  db.defaultSafeIntegers(true);
  db.pragma('busy_timeout = 5000');
  const owner = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true }) as bigint;
  if (owner !== BigInt(applicationId) || version < firstVersion)
    throw new StoreError('store_foreign', `\`${path}\` is no ledger that can be audited`);
  if (version > schemaVersion)
    throw new StoreError('store_newer', `\`${path}\` has schema ${version}: use the newer program`);
  // From the first reading on all that is read is of one moment.
  db.exec('BEGIN');
  const store = db.prepare('SELECT role, id FROM store').get() as { role: string; id: Buffer };
  if (store.role !== role)
    throw new StoreError('store_foreign', `the database is of role \`${store.role}\`, not \`${role}\``);
  const heads = db
    .prepare('SELECT signed, contradiction FROM held_head ORDER BY role, name, journal')
    .all() as {
    signed: Buffer;
    contradiction: Buffer | null;
  }[];
  return {
    journals: [{ series: 'main', id: bytesOf(store.id) }],
    heads: heads.map(
      ({ signed, contradiction }): ExtractedHead => ({
        signed: bytesOf(signed),
        contradiction: contradiction === null ? null : bytesOf(contradiction),
      }),
    ),
    entries: readEntries(db),
  };
}

function* readEntries(db: Database.Database): Generator<ExtractedEntry> {
  const rows = db
    .prepare(
      'SELECT j.sequence, j.bytes, j.hash, i.signed FROM journal j LEFT JOIN intent i ON i.sequence = j.sequence ORDER BY j.sequence',
    )
    .iterate() as IterableIterator<EntryRow>;
  for (const { sequence, bytes, hash, signed } of rows)
    yield {
      journal: 0,
      ordinal: Number(sequence),
      sequence: Number(sequence),
      bytes: bytesOf(bytes),
      hash: bytesOf(hash),
      signed: signed === null ? null : bytesOf(signed),
    };
}
