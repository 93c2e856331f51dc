/** What is checked before a database is served: that its rows say what its journal says, all of them. */
import type Database from 'better-sqlite3';
import { encodeEntry, verifyChain } from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import { decodeCbor } from '../../kit/encoding.ts';
import { quote } from '../../kit/result.ts';
import {
  decodeOrders,
  entryOf,
  entryOfIntent,
  type IntentRow,
  type JournalRow,
  newIntentOf,
  type QuotaRow,
} from '../row.ts';
import { StoreError } from '../store.ts';

const sql = {
  allJournal: 'SELECT sequence, bytes, hash FROM journal ORDER BY sequence',
  intentEntries: 'SELECT i.*, j.bytes FROM intent i JOIN journal j USING (sequence)',
  unmatched: `SELECT i.sequence FROM intent i WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.sequence = i.sequence)`,
  ordersOfIntents: 'SELECT sequence, id, orders FROM intent WHERE orders IS NOT NULL',
  order: 'SELECT body_hash, intent_id, position FROM caller_order WHERE id = ?',
  countOrders: 'SELECT count(*) AS count FROM caller_order',
  allocationEntries: `SELECT j.sequence, j.bytes, j.hash FROM journal j
      WHERE NOT EXISTS (SELECT 1 FROM intent i WHERE i.sequence = j.sequence) ORDER BY j.sequence`,
  quotas: 'SELECT *, 0 AS used FROM quota',
  wrongDay: `WITH taken AS (SELECT issuer, take_currency AS currency, take_day AS day, sum(take_amount) AS used
        FROM intent WHERE take_amount IS NOT NULL GROUP BY 1, 2, 3)
      SELECT issuer, day FROM (SELECT issuer, currency, day, used FROM taken EXCEPT SELECT issuer, currency, day, used FROM quota_day)
      UNION ALL
      SELECT issuer, day FROM (SELECT issuer, currency, day, used FROM quota_day EXCEPT SELECT issuer, currency, day, used FROM taken)`,
  wrongQuota: `SELECT issuer, currency FROM quota q WHERE reserved + issued <>
      (SELECT coalesce(sum(take_amount), 0) FROM intent i WHERE i.issuer = q.issuer AND i.take_currency = q.currency)
      OR issued <> (SELECT coalesce(sum(take_amount), 0) FROM intent i
        WHERE i.issuer = q.issuer AND i.take_currency = q.currency AND i.signed IS NOT NULL)`,
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
  verifyAllocations(db, corrupt);
  const day = db.prepare(sql.wrongDay).get() as { issuer: string; day: string } | undefined;
  if (day !== undefined)
    throw corrupt(`what ${day.issuer} used on ${day.day} is not the sum of what was taken`);
  const wrong = db.prepare(sql.wrongQuota).get() as { issuer: string; currency: string } | undefined;
  if (wrong !== undefined)
    throw corrupt(`the quota of ${wrong.issuer} in ${wrong.currency} is not the sum of what was taken`);
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

/** A quota says what its allocation entry says, and each entry that is no intent's is a quota's. */
function verifyAllocations(db: Database.Database, corrupt: (message: string) => StoreError): void {
  const allocated = new Map<string, { total: bigint; dayLimit: bigint }>();
  for (const { bytes, sequence } of db.prepare(sql.allocationEntries).all() as JournalRow[]) {
    const read = decodeAllocation(bytes);
    if (read === undefined) throw corrupt(`entry ${sequence} is of neither an intent nor an allocation`);
    allocated.set(read.subject, read);
  }
  for (const row of db.prepare(sql.quotas).all() as QuotaRow[]) {
    const subject = `${row.issuer}/${row.currency}`;
    const entry = allocated.get(subject);
    if (entry?.total !== row.allocated || entry.dayLimit !== row.day_limit)
      throw corrupt(`the quota ${quote(subject)} is not what the journal has allocated`);
    allocated.delete(subject);
  }
  for (const subject of allocated.keys()) throw corrupt(`the quota ${quote(subject)} is gone`);
}

function decodeAllocation(
  entry: Uint8Array,
): { subject: string; total: bigint; dayLimit: bigint } | undefined {
  const decoded = decodeCbor(entry);
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined;
  const [, kind, subject, , content] = decoded.value;
  if (kind !== 'allocation' || typeof subject !== 'string' || !(content instanceof Uint8Array))
    return undefined;
  const terms = decodeCbor(content);
  if (!terms.ok || !Array.isArray(terms.value)) return undefined;
  const [total, dayLimit] = terms.value;
  const isInteger = (value: unknown): value is number | bigint =>
    typeof value === 'number' || typeof value === 'bigint';
  if (!isInteger(total) || !isInteger(dayLimit)) return undefined;
  return { subject, total: BigInt(total), dayLimit: BigInt(dayLimit) };
}

function* mapIterator<A, B>(items: Iterable<A>, map: (item: A) => B): Iterable<B> {
  for (const item of items) yield map(item);
}
