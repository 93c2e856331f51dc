/** Pages of a ledger in SQLite. A statement takes as long as its page is large, whatever the ledger has. */
import type Database from 'better-sqlite3';
import { equalBytes, utf8 } from '../../kit/bytes.ts';
import { firstThatFit, type LedgerReads, settledPage, sinceDepth } from '../ledger-reads.ts';
import { bytesOf, decodeOrders, entryOf, type IntentRow, intentOf, type JournalRow } from '../row.ts';
import { prepareWhenUsed } from './prepared.ts';
import { settledCurrency } from './schema.ts';

const ofQuota = `issuer = ? AND ${settledCurrency} = ? AND settles IS NOT NULL`;

/** Shown to the test that holds their plans. */
export const sql = {
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
  settledSizes: `SELECT sequence, length(context) + length(to_be_signed) + coalesce(length(signed), 0) AS size FROM intent
      WHERE ${ofQuota} AND sequence > ? ORDER BY sequence LIMIT ?`,
  settled: `SELECT * FROM intent WHERE ${ofQuota} AND sequence > ? AND sequence <= ? ORDER BY sequence`,
  lastSettled: `SELECT * FROM intent WHERE ${ofQuota} ORDER BY sequence DESC LIMIT 1`,
} as const;

interface SizeRow {
  sequence: bigint;
  size: bigint;
}

/** `run` does a read in its turn, and names what a broken database says. */
export function makeLedgerReads(
  db: Database.Database,
  journal: Uint8Array,
  run: <T>(read: () => T) => Promise<T>,
): LedgerReads {
  const statements = prepareWhenUsed(db, sql);
  return {
    journalAfter: (sequence, { most, bytes }) =>
      run(() => {
        const last = firstThatFit(statements.sizes.all(sequence, most) as SizeRow[], bytes).at(-1);
        if (last === undefined) return [];
        const rows = statements.entries.all(sequence, last.sequence) as (JournalRow & {
          signed: bigint | null;
        })[];
        return rows.map((row) => ({
          ...entryOf(row),
          signed: row.signed === null ? null : row.signed === 1n,
        }));
      }),
    intentsAfter: (kind, sequence, most) =>
      run(() => {
        const rows = statements.intents.all(kind, sequence, most) as { id: Buffer; sequence: bigint }[];
        return rows.map((row) => ({ id: bytesOf(row.id), sequence: Number(row.sequence) }));
      }),
    firstSince: (kind, id) =>
      run(() => {
        const { first } = statements.since.get(kind, id) as { first: bigint | null };
        return first === null ? undefined : Number(first);
      }),
    ordersOf: (kind, id) =>
      run(() => {
        const row = statements.orders.get(kind, id) as { orders: Buffer | null } | undefined;
        return row === undefined || row.orders === null ? [] : decodeOrders(bytesOf(row.orders));
      }),
    settlementsAfter: (issuer, currency, marks, { most, bytes }) =>
      run(() => {
        const quota = [issuer, utf8(currency)];
        const from = marks.find((mark) => equalBytes(mark.journal, journal))?.sequence ?? 0;
        const last = firstThatFit(statements.settledSizes.all(...quota, from, most) as SizeRow[], bytes).at(
          -1,
        );
        if (last === undefined) return { settled: [], marks };
        const rows = statements.settled.all(...quota, from, last.sequence) as IntentRow[];
        return settledPage(
          marks,
          rows.map((row) => ({ journal, intent: intentOf(row) })),
        );
      }),
    lastSettlement: (issuer, currency) =>
      run(() => {
        const row = statements.lastSettled.get(issuer, utf8(currency)) as IntentRow | undefined;
        return row === undefined ? undefined : intentOf(row);
      }),
  };
}
