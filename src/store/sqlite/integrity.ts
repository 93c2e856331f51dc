/** What is checked before a database is served: that its rows say what its journal says, all of them. */
import type Database from 'better-sqlite3';
import { equalBytes } from '../../kit/bytes.ts';
import type { LedgerRole } from '../../quota/history.ts';
import { LedgerCheck } from '../ledger-check.ts';
import type { Corrupt } from '../quota-check.ts';
import { decodeOrders, type IntentRow, type JournalRow, type OrderRow } from '../row.ts';
import { StoreError } from '../store.ts';
import { verifyQuotas } from './quota-integrity.ts';

const sql = {
  entries: `SELECT i.*, i.kind AS intent_kind, j.sequence, j.bytes, j.hash FROM journal j
    LEFT JOIN intent i ON i.sequence = j.sequence ORDER BY j.sequence`,
  order: 'SELECT * FROM caller_order WHERE id = ?',
  count: 'SELECT (SELECT count(*) FROM intent) AS intents, (SELECT count(*) FROM caller_order) AS orders',
} as const;

type EntryRow = JournalRow & IntentRow & { intent_kind: string | null };

/**
 * An altered row of the journal, an intent that says otherwise than its entry, or a quota that is not the sum of
 * what was taken, keeps the system from starting: what is signed after a crash is what was committed before it.
 */
export function verifyWhole(
  db: Database.Database,
  { role, storeId, path }: { readonly role: string; readonly storeId: Uint8Array; readonly path: string },
): void {
  const corrupt = (message: string): StoreError =>
    new StoreError('store_corrupt', `\`${path}\` is not whole: ${message}; restore a backup`);
  const check = new LedgerCheck(corrupt);
  const findOrder = db.prepare(sql.order);
  check.series(role, storeId);
  for (const row of db.prepare(sql.entries).iterate() as IterableIterator<EntryRow>) {
    const intent = row.intent_kind === null ? undefined : row;
    check.entry(row, intent);
    if (intent !== undefined) verifyOrders(intent, findOrder, corrupt);
  }
  check.finish(db.prepare(sql.count).get() as { intents: bigint; orders: bigint });
  verifyQuotas(db, role as LedgerRole, corrupt);
}

/** Each order that an intent stands for is found by its id: a lost one could be issued again. */
function verifyOrders(
  { sequence, id: intentId, orders }: IntentRow,
  find: Database.Statement,
  corrupt: Corrupt,
): void {
  for (const [index, { id, bodyHash }] of decodeOrders(orders ?? new Uint8Array()).entries()) {
    const found = find.get(id) as OrderRow | undefined;
    if (
      found === undefined ||
      !equalBytes(found.body_hash, bodyHash) ||
      !equalBytes(found.intent_id, intentId) ||
      found.position !== BigInt(index)
    )
      throw corrupt(`order ${index} of entry ${sequence} is not found by its id`);
  }
}
