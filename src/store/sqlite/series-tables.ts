/**
 * A ledger file with several journals, for a ledger that PostgreSQL serves to several processes: it is kept and put back, and never served.
 *
 * Its tables are those of a file with one journal (schema.ts), but the number of an entry in them is its place among the entries of all
 * journals, which is what quotas, changes and stops follow from. Two more tables say which entry of which journal that is.
 */
import type Database from 'better-sqlite3';
import { genesisHash, type JournalHead } from '../../journal/chain.ts';
import { bytesOf, type IntentRow, type JournalRow } from '../row.ts';
import type { DumpedRow, LedgerTable } from './dump.ts';

/** In the file's header, in the place of a served file's: "RGMS". No program serves it. */
export const severalId = 0x52474d53;

export const seriesSchema = `
CREATE TABLE series (
  number INTEGER PRIMARY KEY CHECK (number > 0),
  name   TEXT NOT NULL UNIQUE,
  id     BLOB NOT NULL UNIQUE CHECK (length(id) = 16)
) STRICT;

-- Of each entry, whose number in the other tables is its ordinal here, the journal that it is in, and its number there.
CREATE TABLE place (
  ordinal  INTEGER PRIMARY KEY REFERENCES journal (sequence),
  series   INTEGER NOT NULL REFERENCES series (number),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  UNIQUE (series, sequence)
) STRICT;
`;

/** A journal of a ledger file. */
export interface FileJournal {
  /** Of its series, from 1 on. */
  readonly number: number;
  /** Name of its series; null where the file has one journal, and no names. */
  readonly series: string | null;
  readonly id: Uint8Array;
  readonly head: JournalHead;
  /** The hash of its entry with this number, of 0 the genesis hash; undefined where there is none. */
  hashAt(sequence: number): Uint8Array | undefined;
}

/** An entry with its number in its own journal, and what its intent has where it has one. */
export type EntryRow = JournalRow & IntentRow & { intent_kind: string | null };

function hasSeveral(db: Database.Database): boolean {
  return db.pragma('application_id', { simple: true }) === BigInt(severalId);
}

const whole = {
  hash: 'SELECT hash FROM journal WHERE sequence = :sequence AND :series = 1',
  last: 'SELECT sequence, hash FROM journal WHERE :series = 1 ORDER BY sequence DESC LIMIT 1',
  entries: `SELECT i.*, i.kind AS intent_kind, j.sequence, j.bytes, j.hash FROM journal j
    LEFT JOIN intent i ON i.sequence = j.sequence WHERE :series = 1 ORDER BY j.sequence`,
} as const;

const placed = {
  hash: 'SELECT j.hash FROM place p JOIN journal j ON j.sequence = p.ordinal WHERE p.series = :series AND p.sequence = :sequence',
  last: `SELECT p.sequence, j.hash FROM place p JOIN journal j ON j.sequence = p.ordinal
    WHERE p.series = :series ORDER BY p.sequence DESC LIMIT 1`,
  entries: `SELECT i.*, i.kind AS intent_kind, p.sequence, j.bytes, j.hash FROM place p
    JOIN journal j ON j.sequence = p.ordinal LEFT JOIN intent i ON i.sequence = p.ordinal
    WHERE p.series = :series ORDER BY p.sequence`,
} as const;

/** Every journal of the file, in the order in which their series were made. */
export function readFileJournals(
  db: Database.Database,
  { role, storeId }: { readonly role: string; readonly storeId: Uint8Array },
): FileJournal[] {
  const sql = hasSeveral(db) ? placed : whole;
  const rows = hasSeveral(db)
    ? (db.prepare('SELECT number, name, id FROM series ORDER BY number').all() as {
        number: bigint;
        name: string;
        id: Buffer;
      }[])
    : [{ number: 1n, name: null, id: storeId }];
  return rows.map(({ number: series, name, id }) => {
    const genesis = genesisHash(role, bytesOf(id));
    const last = db.prepare(sql.last).get({ series }) as { sequence: bigint; hash: Buffer } | undefined;
    return {
      number: Number(series),
      series: name,
      id: bytesOf(id),
      head:
        last === undefined
          ? { sequence: 0, hash: genesis }
          : { sequence: Number(last.sequence), hash: bytesOf(last.hash) },
      hashAt(sequence) {
        if (sequence === 0) return genesis;
        const row = db.prepare(sql.hash).get({ series, sequence }) as { hash: Buffer } | undefined;
        return row === undefined ? undefined : bytesOf(row.hash);
      },
    };
  });
}

export function readEntries(
  db: Database.Database,
  { number }: Pick<FileJournal, 'number'>,
): IterableIterator<EntryRow> {
  const sql = hasSeveral(db) ? placed : whole;
  return db.prepare(sql.entries).iterate({ series: number }) as IterableIterator<EntryRow>;
}

/** How many entries are there, and how many of them in a journal. */
export function countPlaced(db: Database.Database): {
  readonly entries: bigint;
  readonly inJournals: bigint;
} {
  const from = hasSeveral(db) ? 'place' : 'journal';
  return db
    .prepare(`SELECT (SELECT count(*) FROM journal) AS entries, (SELECT count(*) FROM ${from}) AS inJournals`)
    .get() as { entries: bigint; inJournals: bigint };
}

const numbered: Partial<Record<LedgerTable, string>> = {
  journal:
    'SELECT p.series, p.sequence, p.ordinal, j.bytes, j.hash FROM journal j JOIN place p ON p.ordinal = j.sequence ORDER BY p.ordinal',
  intent:
    'SELECT i.*, p.series, p.sequence FROM intent i JOIN place p ON p.ordinal = i.sequence ORDER BY p.ordinal',
};

/** With the number and the series that an entry has in its own journal, where the file has several. */
export function readRows(db: Database.Database, table: LedgerTable): IterableIterator<DumpedRow> {
  const sql = hasSeveral(db) ? numbered[table] : undefined;
  return db.prepare(sql ?? `SELECT * FROM ${table}`).iterate() as IterableIterator<DumpedRow>;
}
