/** What is checked before a database is served: that its rows say what its journal says, all of them. */
import type Database from 'better-sqlite3';
import { encodeEntry, verifyChain } from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import {
  decodeOrders,
  entryOf,
  entryOfIntent,
  type IntentRow,
  type JournalRow,
  newIntentOf,
} from '../row.ts';
import { StoreError } from '../store.ts';
import { verifyQuotas } from './quota-integrity.ts';

const sql = {
  allJournal: 'SELECT sequence, bytes, hash FROM journal ORDER BY sequence',
  intentEntries: 'SELECT i.*, j.bytes FROM intent i JOIN journal j USING (sequence)',
  unmatched: `SELECT i.sequence FROM intent i WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.sequence = i.sequence)`,
  ordersOfIntents: 'SELECT sequence, id, orders FROM intent WHERE orders IS NOT NULL',
  order: 'SELECT body_hash, intent_id, position FROM caller_order WHERE id = ?',
  countOrders: 'SELECT count(*) AS count FROM caller_order',
} as const;

/**
 * An altered row of the journal, an intent that says otherwise than its entry, or a quota that is not the sum of
 * what was taken, keeps the system from starting: what is signed after a crash is what was committed before it.
 */
export function verifyWhole(db: Database.Database, genesis: Uint8Array, path: string): void {
  const corrupt = (message: string): StoreError =>
    new StoreError('store_corrupt', `\`${path}\` is not whole: ${message}; restore a backup`);
  const rows = db.prepare(sql.allJournal).iterate() as IterableIterator<JournalRow>;
  const verified = verifyChain(mapIterator(rows, entryOf), genesis);
  if (!verified.ok) throw corrupt(verified.message);
  for (const row of db.prepare(sql.intentEntries).iterate() as IterableIterator<
    IntentRow & { bytes: Buffer }
  >) {
    const entry = encodeEntry(entryOfIntent(newIntentOf(row), Number(row.sequence)));
    if (!equalBytes(entry, row.bytes)) throw corrupt(`intent ${row.sequence} is not what the journal has`);
  }
  const unmatched = db.prepare(sql.unmatched).get() as { sequence: bigint } | undefined;
  if (unmatched !== undefined)
    throw corrupt(`entry ${unmatched.sequence} is in the journal or among what it tells of, but not in both`);
  verifyOrders(db, corrupt);
  verifyQuotas(db, corrupt);
}

/** Each order that an intent stands for is found by its id, and no other: a lost one could be issued again. */
function verifyOrders(db: Database.Database, corrupt: (message: string) => StoreError): void {
  const find = db.prepare(sql.order);
  let count = 0n;
  for (const row of db.prepare(sql.ordersOfIntents).iterate() as IterableIterator<
    Pick<IntentRow, 'sequence' | 'id'> & { orders: Buffer }
  >) {
    for (const [index, { id, bodyHash }] of decodeOrders(row.orders).entries()) {
      const found = find.get(id) as { body_hash: Buffer; intent_id: Buffer; position: bigint } | undefined;
      if (
        found === undefined ||
        !equalBytes(found.body_hash, bodyHash) ||
        !equalBytes(found.intent_id, row.id) ||
        found.position !== BigInt(index)
      )
        throw corrupt(`order ${index} of entry ${row.sequence} is not found by its id`);
      count++;
    }
  }
  const { count: all } = db.prepare(sql.countOrders).get() as { count: bigint };
  if (all !== count) throw corrupt(`${all} orders are found by their id, where the journal has ${count}`);
}

function* mapIterator<A, B>(items: Iterable<A>, map: (item: A) => B): Iterable<B> {
  for (const item of items) yield map(item);
}
