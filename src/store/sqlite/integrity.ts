/** What is checked before a database is served: that its rows say what its journal says, all of them. */
import type Database from 'better-sqlite3';
import { equalBytes } from '../../kit/bytes.ts';
import type { LedgerRole } from '../../quota/history.ts';
import { LedgerCheck } from '../ledger-check.ts';
import type { Corrupt } from '../quota-check.ts';
import { decodeOrders, type IntentRow, type OrderRow } from '../row.ts';
import { StoreError } from '../store.ts';
import { verifyQuotas } from './quota-integrity.ts';
import { countPlaced, readEntries, readFileJournals } from './series-tables.ts';

const sql = {
  order: 'SELECT * FROM caller_order WHERE id = ?',
  count: 'SELECT (SELECT count(*) FROM intent) AS intents, (SELECT count(*) FROM caller_order) AS orders',
} as const;

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
  for (const journal of readFileJournals(db, { role, storeId })) {
    check.series(role, journal.id);
    for (const row of readEntries(db, journal)) {
      const intent = row.intent_kind === null ? undefined : row;
      check.entry(row, intent);
      if (intent !== undefined) verifyOrders(intent, findOrder, corrupt);
    }
  }
  const { entries, inJournals } = countPlaced(db);
  if (entries !== inJournals)
    throw corrupt(`${entries} entries are there, and ${inJournals} places of one in a journal`);
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
