/**
 * What a group of intents comes to, decided from what the database held of them and nothing else: so that the decision is the same
 * whatever the database is, and is written with few statements however many intents there are.
 */
import {
  chainHash,
  type EntryContent,
  encodeEntry,
  type JournalEntry,
  type JournalHead,
} from '../journal/chain.ts';
import { equalBytes, toHex } from '../kit/bytes.ts';
import { assert, type Result, succeed } from '../kit/result.ts';
import { checkTake, type QuotaPosition } from '../quota/bucket.ts';
import { refuseConflict, refuseQuotaMissing, refuseSpent } from './refusal.ts';
import { entryOfIntent } from './row.ts';
import type { CommitCode, Committed, Intent, IntentKind, NewIntent, QuotaTake } from './store.ts';

/** Read in the transaction that writes the plan, with the quotas' rows locked. */
export interface Found {
  readonly head: JournalHead;
  /** Of the group's intents those that are there. */
  readonly intents: readonly Intent[];
  /** Of the group's orders and spent credentials those that are there, by id. */
  readonly orders: readonly Uint8Array[];
  readonly spent: readonly Uint8Array[];
  /** One for each issuer, currency and day that the group takes from, where there is a quota. */
  readonly positions: readonly QuotaPosition[];
}

/** An amount taken from one quota on one day: the sum over the group. */
export type Taken = QuotaTake;

export interface CommitPlan {
  /** Of each intent of the group, in its order. */
  readonly committed: readonly Committed[];
  readonly created: readonly { readonly intent: NewIntent; readonly sequence: number }[];
  readonly entries: readonly JournalEntry[];
  readonly taken: readonly Taken[];
  /** Where the journal ends when this is written. */
  readonly head: JournalHead;
}

export function assertIntents(intents: readonly NewIntent[]): void {
  for (const { id, bodyHash, issuer, take } of intents) {
    assert(
      id.length === 16 && bodyHash.length === 32,
      'an intent has an id of 16 and a body hash of 32 bytes',
    );
    assert(take === undefined || take.issuer === issuer, 'an intent takes the quota of its own issuer');
    assert(take === undefined || take.amount > 0n, 'quota is taken in amounts above zero');
  }
}

/**
 * Decides the intents one after another, each as if those before it were stored already.
 *
 * INVARIANT: a refused intent leaves nothing in the plan.
 */
export function planCommit(intents: readonly NewIntent[], found: Found): CommitPlan {
  const known = new Map(found.intents.map((intent) => [intentKey(intent.kind, intent.id), intent]));
  const orders = new Set(found.orders.map(toHex));
  const spent = new Set(found.spent.map(toHex));
  const quotas = new Quotas(found.positions);
  const created: { intent: NewIntent; sequence: number }[] = [];
  const entries: JournalEntry[] = [];
  let head = found.head;

  function decide(intent: NewIntent): Committed {
    const there = known.get(intentKey(intent.kind, intent.id));
    if (there !== undefined)
      return equalBytes(there.bodyHash, intent.bodyHash)
        ? succeed({ intent: there, created: false })
        : refuseConflict();
    const orderIds = (intent.orders ?? []).map(({ id }) => toHex(id));
    if (orderIds.some((id) => orders.has(id)) || new Set(orderIds).size < orderIds.length)
      return refuseConflict();
    const spends = intent.spends === undefined ? undefined : toHex(intent.spends);
    if (spends !== undefined && spent.has(spends)) return refuseSpent();
    if (intent.take !== undefined) {
      const taken = quotas.take(intent.take);
      if (!taken.ok) return taken;
    }
    const sequence = head.sequence + 1;
    const entry = nextEntry(head, entryOfIntent(intent, sequence));
    entries.push(entry);
    head = { sequence, hash: entry.hash };
    created.push({ intent, sequence });
    for (const id of orderIds) orders.add(id);
    if (spends !== undefined) spent.add(spends);
    const stored = storedIntent(intent, sequence);
    known.set(intentKey(intent.kind, intent.id), stored);
    return succeed({ intent: stored, created: true });
  }

  const committed = intents.map(decide);
  return { committed, created, entries, taken: quotas.sums(), head };
}

/** The entry that follows `head`. */
export function nextEntry(head: JournalHead, content: EntryContent): JournalEntry {
  assert(content.sequence === head.sequence + 1, 'an entry follows the head');
  const bytes = encodeEntry(content);
  return { sequence: content.sequence, bytes, hash: chainHash(head.hash, bytes) };
}

function storedIntent(intent: NewIntent, sequence: number): Intent {
  const { kind, id, issuer, bodyHash, createdMs, context, toBeSigned } = intent;
  return { kind, id, issuer, bodyHash, sequence, createdMs, context, toBeSigned, signed: null, own: true };
}

function intentKey(kind: IntentKind, id: Uint8Array): string {
  return `${kind} ${toHex(id)}`;
}

/** The quotas as they become while the group is decided. */
class Quotas {
  private readonly found: readonly QuotaPosition[];
  private readonly taken: QuotaTake[] = [];

  constructor(found: readonly QuotaPosition[]) {
    this.found = found;
  }

  take(take: QuotaTake): Result<null, CommitCode> {
    const { issuer, currency, day, amount } = take;
    const position = this.found.find(
      (one) => one.issuer === issuer && one.currency === currency && one.day === day,
    );
    if (position === undefined) return refuseQuotaMissing(issuer, currency);
    const ofQuota = this.taken.filter((one) => one.issuer === issuer && one.currency === currency);
    const total = sum(ofQuota);
    const ofDay = ofQuota.find((one) => one.day === day);
    const fits = checkTake(
      {
        ...position,
        reserved: position.reserved + total,
        available: position.available - total,
        dayUsed: position.dayUsed + (ofDay?.amount ?? 0n),
      },
      amount,
    );
    if (!fits.ok) return fits;
    if (ofDay === undefined) this.taken.push(take);
    else this.taken[this.taken.indexOf(ofDay)] = { ...ofDay, amount: ofDay.amount + amount };
    return succeed(null);
  }

  sums(): readonly Taken[] {
    return this.taken;
  }
}

function sum(taken: readonly QuotaTake[]): bigint {
  let total = 0n;
  for (const { amount } of taken) total += amount;
  return total;
}
