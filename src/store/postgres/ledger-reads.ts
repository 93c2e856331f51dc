/** Pages of one series' ledger in PostgreSQL, and of what all of them settled. */
import { utf8 } from '../../kit/bytes.ts';
import { firstThatFit, type LedgerReads, settledPage, sinceDepth } from '../ledger-reads.ts';
import { bytesOf, decodeOrders, entryOf, intentOf, type JournalRow } from '../row.ts';
import { settledCurrency } from './schema.ts';
import type { Ask } from './session.ts';
import type { SeriesIntentRow } from './statement.ts';

const ofQuota = `i.issuer = $1 AND ${settledCurrency} = $2 AND i.settles IS NOT NULL`;

/** Shown to the test that holds their plans. */
export const sql = {
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
  // One statement, so one state: of each series as many as the page may have, and of those the first by the order of all.
  settledSizes: `SELECT s.number AS series, r.sequence, r.size FROM series s
      LEFT JOIN unnest($3::bytea[], $4::bigint[]) AS m (journal, sequence) ON m.journal = s.id
      CROSS JOIN LATERAL (SELECT sequence,
            (octet_length(context) + octet_length(to_be_signed) + coalesce(octet_length(signed), 0))::bigint AS size
          FROM intent i WHERE i.series = s.number AND ${ofQuota} AND i.sequence > coalesce(m.sequence, 0)
          ORDER BY i.sequence LIMIT $5) r
      JOIN journal j ON j.series = s.number AND j.sequence = r.sequence
      ORDER BY j.ordinal LIMIT $5`,
  settled: `SELECT i.*, s.id AS journal FROM unnest($1::integer[], $2::bigint[]) WITH ORDINALITY AS g (series, sequence, place)
      JOIN intent i USING (series, sequence) JOIN series s ON s.number = series ORDER BY g.place`,
  lastSettled: `SELECT * FROM intent i WHERE i.series = $3 AND ${ofQuota} ORDER BY i.sequence DESC LIMIT 1`,
} as const;

interface SizeRow {
  sequence: bigint;
  size: bigint;
}

/** `read` does a read in its turn, also over a connection that broke. */
export function makeLedgerReads(
  series: number,
  read: <T>(work: (ask: Ask) => Promise<T>) => Promise<T>,
): LedgerReads {
  return {
    journalAfter: (sequence, { most, bytes }) =>
      read(async (ask) => {
        const sizes = await ask<SizeRow>(sql.sizes, [series, sequence, most]);
        const last = firstThatFit(sizes, bytes).at(-1);
        if (last === undefined) return [];
        const rows = await ask<JournalRow & { signed: boolean | null }>(sql.entries, [
          series,
          sequence,
          last.sequence,
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
    settlementsAfter: (issuer, currency, marks, { most, bytes }) =>
      read(async (ask) => {
        const sizes = await ask<SizeRow & { series: number }>(sql.settledSizes, [
          issuer,
          utf8(currency),
          marks.map(({ journal }) => journal),
          marks.map(({ sequence }) => sequence),
          most,
        ]);
        const found = firstThatFit(sizes, bytes);
        if (found.length === 0) return { settled: [], marks };
        const rows = await ask<SeriesIntentRow & { journal: Uint8Array }>(sql.settled, [
          found.map((one) => one.series),
          found.map(({ sequence }) => sequence),
        ]);
        return settledPage(
          marks,
          rows.map((row) => ({
            journal: bytesOf(row.journal),
            intent: intentOf(row, row.series === series),
          })),
        );
      }),
    lastSettlement: (issuer, currency) =>
      read(async (ask) => {
        const [row] = await ask<SeriesIntentRow>(sql.lastSettled, [issuer, utf8(currency), series]);
        return row === undefined ? undefined : intentOf(row);
      }),
  };
}
