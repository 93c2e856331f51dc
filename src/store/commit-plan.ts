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
import {
  type Charge,
  chargesOf,
  checkTake,
  positionOf,
  type QuotaAccount,
  type SlotUse,
} from '../quota/bucket.ts';
import { accountName } from '../quota/history.ts';
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
  /** One for each quota that the group takes from, where there is one, with what is in its slots. */
  readonly accounts: readonly { readonly account: QuotaAccount; readonly uses: readonly SlotUse[] }[];
  /** Whether issuing is stopped. */
  readonly stopped: boolean;
}

/** What a group takes from one quota: one row is written for it, and one for each slot. */
export interface Taken {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
  /** Where the quota's clock is after the last take. */
  readonly clockMs: number;
  readonly charges: readonly Charge[];
}

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
    assert(
      take === undefined || (take.amount > 0n && take.orders > 0),
      'quota is taken in amounts above zero, for an order or more',
    );
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
  const quotas = new Quotas(found);
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
    let counted = intent;
    if (intent.take !== undefined) {
      const taken = quotas.take(intent.take);
      if (!taken.ok) return taken;
      counted = { ...intent, take: { ...intent.take, atMs: taken.value } };
    }
    const sequence = head.sequence + 1;
    const entry = nextEntry(head, entryOfIntent(counted, sequence));
    entries.push(entry);
    head = { sequence, hash: entry.hash };
    created.push({ intent: counted, sequence });
    for (const id of orderIds) orders.add(id);
    if (spends !== undefined) spent.add(spends);
    const stored = storedIntent(intent, sequence);
    known.set(intentKey(intent.kind, intent.id), stored);
    return succeed({ intent: stored, created: true });
  }

  const committed = intents.map(decide);
  return { committed, created, entries, taken: quotas.taken(), head };
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
  private readonly stopped: boolean;
  private readonly accounts: Map<
    string,
    { account: QuotaAccount; uses: SlotUse[]; taken: bigint; charges: Charge[] }
  >;

  constructor({ accounts, stopped }: Pick<Found, 'accounts' | 'stopped'>) {
    this.stopped = stopped;
    this.accounts = new Map(
      accounts.map(({ account, uses }) => [
        accountName(account.issuer, account.currency),
        { account, uses: [...uses], taken: 0n, charges: [] },
      ]),
    );
  }

  /** Gives the moment that the take counts at. */
  take(take: QuotaTake): Result<number, CommitCode> {
    const { issuer, currency, amount, atMs: nowMs } = take;
    const known = this.accounts.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const position = positionOf(known.account, known.uses, { nowMs, stopped: this.stopped });
    const fits = checkTake(position, take);
    if (!fits.ok) return fits;
    const { atMs } = position;
    known.account = { ...known.account, reserved: known.account.reserved + amount, clockMs: atMs };
    known.taken += amount;
    for (const charge of chargesOf(position, take)) {
      known.uses = addUse(known.uses, charge);
      known.charges = addCharge(known.charges, charge);
    }
    return succeed(atMs);
  }

  taken(): readonly Taken[] {
    return [...this.accounts.values()]
      .filter(({ taken }) => taken > 0n)
      .map(({ account: { issuer, currency, clockMs }, taken, charges }) => ({
        issuer,
        currency,
        amount: taken,
        clockMs,
        charges,
      }));
  }
}

function addUse(uses: readonly SlotUse[], { limit, slot, oldest, by }: Charge): SlotUse[] {
  const kept = uses.filter((use) => use.limit !== limit || use.slot >= oldest);
  const index = kept.findIndex((use) => use.limit === limit && use.slot === slot);
  const use = kept[index];
  if (use === undefined) kept.push({ limit, slot, used: by });
  else kept[index] = { ...use, used: use.used + by };
  return kept;
}

/** One charge for each slot of a limit, with the last one's `oldest` for all of the limit: what is older counts no more. */
function addCharge(charges: readonly Charge[], charge: Charge): Charge[] {
  const { limit, slot, oldest, by } = charge;
  const kept = charges.filter((one) => one.limit !== limit || one.slot >= oldest);
  const index = kept.findIndex((one) => one.limit === limit && one.slot === slot);
  const known = kept[index];
  if (known === undefined) kept.push(charge);
  else kept[index] = { ...charge, by: known.by + by };
  return kept.map((one) => (one.limit === limit ? { ...one, oldest } : one));
}
