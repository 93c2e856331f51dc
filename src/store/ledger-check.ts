/**
 * What is checked of a ledger before it is served, kept or copied: that its rows say what its journal says, all of them, whatever
 * database or file they come from. Memory stays bounded: it holds sums by quota, not rows.
 */
import { chainHash, encodeEntry, genesisHash, type JournalHead } from '../journal/chain.ts';
import { equalBytes } from '../kit/bytes.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { quote } from '../kit/result.ts';
import { entryOfIntent, type IntentRow, type JournalRow, newIntentOf, type QuotaRow } from './row.ts';
import { StoreError } from './store.ts';

export type QuotaDayRow = Pick<QuotaRow, 'issuer' | 'currency' | 'used'> & { readonly day: string };

interface Sums {
  total: bigint;
  dayLimit: bigint;
  taken: bigint;
  issued: bigint;
}

/**
 * Takes the rows one after another, a series at a time and its entries in their order, then the quotas; throws `store_corrupt` at the
 * first that is not what it should be. An altered row of the journal, an intent that says otherwise than its entry, or a quota that
 * is not the sum of what was taken: what is signed after a crash is what was committed before it.
 */
export class LedgerCheck {
  private readonly where: string;
  private head: JournalHead = { sequence: 0, hash: new Uint8Array(32) };
  private readonly quotas = new Map<string, Sums>();
  private readonly days = new Map<string, bigint>();
  private intents = 0n;
  private orders = 0n;

  /** `where`: path or address, for messages. */
  constructor(where: string) {
    this.where = where;
  }

  series(role: string, id: Uint8Array): void {
    this.head = { sequence: 0, hash: genesisHash(role, id) };
  }

  /** The next entry of the series, with the intent of its number, or undefined where it has none. */
  entry(row: JournalRow, intent: IntentRow | undefined): void {
    const sequence = Number(row.sequence);
    if (sequence !== this.head.sequence + 1)
      throw this.corrupt(
        `entry ${this.head.sequence + 1} is missing: ${sequence} follows ${this.head.sequence}`,
      );
    const hash = chainHash(this.head.hash, row.bytes);
    if (!equalBytes(hash, row.hash))
      throw this.corrupt(`entry ${sequence} or one before it was altered: its hash does not follow`);
    this.head = { sequence, hash };
    if (intent === undefined) this.allocation(row);
    else this.intent(row, intent);
  }

  private intent(row: JournalRow, intent: IntentRow): void {
    const entry = encodeEntry(entryOfIntent(newIntentOf(intent), Number(row.sequence)));
    if (!equalBytes(entry, row.bytes))
      throw this.corrupt(`intent ${row.sequence} is not what the journal has`);
    this.intents++;
    this.orders += BigInt((intent.orders?.length ?? 0) / 48);
    const { take_currency: currency, take_amount: amount, take_day: day, issuer } = intent;
    if (currency === null || amount === null || day === null) return;
    const quota = this.quotaOf(`${issuer}/${currency}`);
    quota.taken += amount;
    if (intent.signed !== null) quota.issued += amount;
    const key = dayKey({ issuer, currency, day });
    this.days.set(key, (this.days.get(key) ?? 0n) + amount);
  }

  private allocation(row: JournalRow): void {
    const read = decodeAllocation(row.bytes);
    if (read === undefined)
      throw this.corrupt(`entry ${row.sequence} is of neither an allocation nor an intent that is there`);
    const quota = this.quotaOf(read.subject);
    if (quota.total >= 0n) throw this.corrupt(`the quota ${quote(read.subject)} is allocated twice`);
    quota.total = read.total;
    quota.dayLimit = read.dayLimit;
  }

  /** An intent may come before its allocation: they can be of two series. */
  private quotaOf(subject: string): Sums {
    let quota = this.quotas.get(subject);
    if (quota === undefined) {
      quota = { total: -1n, dayLimit: -1n, taken: 0n, issued: 0n };
      this.quotas.set(subject, quota);
    }
    return quota;
  }

  /** After all series: each quota is what was allocated, and its parts are the sums of what was taken. */
  quota(row: Omit<QuotaRow, 'used'>): void {
    const subject = `${row.issuer}/${row.currency}`;
    const sums = this.quotas.get(subject);
    if (sums?.total !== row.allocated || sums.dayLimit !== row.day_limit)
      throw this.corrupt(`the quota ${quote(subject)} is not what the journal has allocated`);
    if (row.reserved + row.issued !== sums.taken || row.issued !== sums.issued)
      throw this.corrupt(`the quota ${quote(subject)} is not the sum of what was taken`);
    this.quotas.delete(subject);
  }

  quotaDay(row: QuotaDayRow): void {
    const key = dayKey(row);
    if (this.days.get(key) !== row.used)
      throw this.corrupt(`what ${row.issuer} used on ${row.day} is not the sum of what was taken`);
    this.days.delete(key);
  }

  /** The journal's head of the series whose entries came last. */
  get last(): JournalHead {
    return this.head;
  }

  /** `counted`: what the tables hold, so that a row that no entry tells of is found too. */
  finish(counted: { readonly intents: bigint; readonly orders: bigint }): void {
    for (const subject of this.quotas.keys()) throw this.corrupt(`the quota ${quote(subject)} is gone`);
    for (const key of this.days.keys()) throw this.corrupt(`what was used on a day is gone: ${quote(key)}`);
    if (counted.intents !== this.intents)
      throw this.corrupt(`${counted.intents} intents are there, where the journal has ${this.intents}`);
    if (counted.orders !== this.orders)
      throw this.corrupt(
        `${counted.orders} orders are found by their id, where the journal has ${this.orders}`,
      );
  }

  corrupt(message: string): StoreError {
    return new StoreError('store_corrupt', `\`${this.where}\` is not whole: ${message}; restore a backup`);
  }
}

function dayKey({ issuer, currency, day }: { issuer: string; currency: string; day: string }): string {
  return `${issuer}/${currency} ${day}`;
}

function decodeAllocation(
  entry: Uint8Array,
): { subject: string; total: bigint; dayLimit: bigint } | undefined {
  const decoded = decodeCbor(new Uint8Array(entry));
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
