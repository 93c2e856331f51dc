/** Pages of one series' ledger in PostgreSQL. */
import { type LedgerReads, lastThatFits, sinceDepth } from '../ledger-reads.ts';
import { bytesOf, decodeOrders, entryOf, type JournalRow } from '../row.ts';
import type { Ask } from './session.ts';

const sql = {
  // The length of a large value is beside it: none is read for it.
  sizes: `SELECT sequence, octet_length(bytes)::bigint AS size FROM journal
      WHERE series = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`,
  entries: `SELECT j.sequence, j.bytes, j.hash,
            CASE WHEN i.sequence IS NULL THEN NULL ELSE i.signed IS NOT NULL END AS signed
       FROM journal j LEFT JOIN intent i ON i.series = j.series AND i.sequence = j.sequence
      WHERE j.series = $1 AND j.sequence > $2 AND j.sequence <= $3 ORDER BY j.sequence`,
  intents: `SELECT id, sequence FROM intent
      WHERE series = $1 AND kind = $2 AND sequence > $3 ORDER BY sequence LIMIT $4`,
  since: `SELECT min(sequence) AS first FROM
      (SELECT sequence FROM intent WHERE kind = $2 AND id >= $3 AND series = $1 ORDER BY id LIMIT ${sinceDepth}) AS those`,
  orders: 'SELECT orders FROM intent WHERE kind = $1 AND id = $2',
} as const;

/** `read` does a read in its turn, also over a connection that broke. */
export function makeLedgerReads(
  series: number,
  read: <T>(work: (ask: Ask) => Promise<T>) => Promise<T>,
): LedgerReads {
  return {
    journalAfter: (sequence, { most, bytes }) =>
      read(async (ask) => {
        const sizes = await ask<{ sequence: bigint; size: bigint }>(sql.sizes, [series, sequence, most]);
        const last = lastThatFits(sizes, bytes);
        if (last === undefined) return [];
        const rows = await ask<JournalRow & { signed: boolean | null }>(sql.entries, [
          series,
          sequence,
          last,
        ]);
        return rows.map((row) => ({ ...entryOf(row), signed: row.signed }));
      }),
    intentsAfter: (kind, sequence, most) =>
      read(async (ask) => {
        const rows = await ask<{ id: Uint8Array; sequence: bigint }>(sql.intents, [
          series,
          kind,
          sequence,
          most,
        ]);
        return rows.map((row) => ({ id: bytesOf(row.id), sequence: Number(row.sequence) }));
      }),
    firstSince: (kind, id) =>
      read(async (ask) => {
        const [row] = await ask<{ first: bigint | null }>(sql.since, [series, kind, id]);
        return row === undefined || row.first === null ? undefined : Number(row.first);
      }),
    ordersOf: (kind, id) =>
      read(async (ask) => {
        const [row] = await ask<{ orders: Uint8Array | null }>(sql.orders, [kind, id]);
        return row === undefined || row.orders === null ? [] : decodeOrders(bytesOf(row.orders));
      }),
  };
}
