/** Pages of a ledger in SQLite. A statement takes as long as its page is large, whatever the ledger has. */
import type Database from 'better-sqlite3';
import { type LedgerReads, lastThatFits, sinceDepth } from '../ledger-reads.ts';
import { bytesOf, decodeOrders, entryOf, type JournalRow } from '../row.ts';

const sql = {
  // The length of a blob is in the row's header: none is read for it.
  sizes: 'SELECT sequence, length(bytes) AS size FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?',
  entries: `SELECT j.sequence, j.bytes, j.hash,
            CASE WHEN i.sequence IS NULL THEN NULL ELSE i.signed IS NOT NULL END AS signed
       FROM journal j LEFT JOIN intent i ON i.sequence = j.sequence
      WHERE j.sequence > ? AND j.sequence <= ? ORDER BY j.sequence`,
  // `+` keeps it from the key of kind and id, with which all of a kind would be sorted for each page.
  intents: 'SELECT id, sequence FROM intent WHERE +kind = ? AND sequence > ? ORDER BY sequence LIMIT ?',
  since: `SELECT min(sequence) AS first FROM
      (SELECT sequence FROM intent WHERE kind = ? AND id >= ? ORDER BY id LIMIT ${sinceDepth})`,
  orders: 'SELECT orders FROM intent WHERE kind = ? AND id = ?',
} as const;

/** `run` does a read in its turn, and names what a broken database says. */
export function makeLedgerReads(db: Database.Database, run: <T>(read: () => T) => Promise<T>): LedgerReads {
  const sizes = db.prepare(sql.sizes);
  const entries = db.prepare(sql.entries);
  const intents = db.prepare(sql.intents);
  const since = db.prepare(sql.since);
  const orders = db.prepare(sql.orders);
  return {
    journalAfter: (sequence, { most, bytes }) =>
      run(() => {
        const last = lastThatFits(sizes.all(sequence, most) as { sequence: bigint; size: bigint }[], bytes);
        if (last === undefined) return [];
        const rows = entries.all(sequence, last) as (JournalRow & { signed: bigint | null })[];
        return rows.map((row) => ({
          ...entryOf(row),
          signed: row.signed === null ? null : row.signed === 1n,
        }));
      }),
    intentsAfter: (kind, sequence, most) =>
      run(() => {
        const rows = intents.all(kind, sequence, most) as { id: Buffer; sequence: bigint }[];
        return rows.map((row) => ({ id: bytesOf(row.id), sequence: Number(row.sequence) }));
      }),
    firstSince: (kind, id) =>
      run(() => {
        const { first } = since.get(kind, id) as { first: bigint | null };
        return first === null ? undefined : Number(first);
      }),
    ordersOf: (kind, id) =>
      run(() => {
        const row = orders.get(kind, id) as { orders: Buffer | null } | undefined;
        return row === undefined || row.orders === null ? [] : decodeOrders(bytesOf(row.orders));
      }),
  };
}
