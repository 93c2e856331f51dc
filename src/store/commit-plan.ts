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
import { equalBytes, mapKey, toHex } from '../kit/bytes.ts';
import { assert, succeed } from '../kit/result.ts';
import type { LedgerRole } from '../quota/history.ts';
import type { Reservation } from '../quota/reservation.ts';
import {
  type Added,
  type Counted,
  type FoundQuota,
  type FoundReservations,
  QuotaPlan,
  type Taken,
} from './quota-plan.ts';
import { refuseConflict, refuseSpent } from './refusal.ts';
import { assertReserve } from './reservation.ts';
import { entryOfEnd } from './reservation-end.ts';
import { entryOfIntent } from './row.ts';
import { assertSettlement, storedSettlement } from './settlement.ts';
import { type AccountBalance, SettlementPlan, type SpentUnit } from './settlement-plan.ts';
import type { Committed, Intent, IntentKind, NewIntent } from './store.ts';

/** Read in the transaction that writes the plan, with the quotas' rows locked. */
export interface Found {
  readonly head: JournalHead;
  /** Of the group's intents those that are there. */
  readonly intents: readonly Intent[];
  /** Of the group's orders and spent credentials those that are there, by id. */
  readonly orders: readonly Uint8Array[];
  readonly spent: readonly Uint8Array[];
  /** One for each quota that the group takes from, reserves, settles or approves of, where there is one. */
  readonly quotas: readonly FoundQuota[];
  readonly reservations: FoundReservations;
  /** Of the units that the group spends those that are spent. */
  readonly units: readonly SpentUnit[];
  /** Of the accounts that the group debits or credits what they have of that currency. */
  readonly balances: readonly AccountBalance[];
  /** Whether issuing is stopped. */
  readonly stopped: boolean;
}

export interface CommitPlan {
  /** Of each intent of the group, in its order. */
  readonly committed: readonly Committed[];
  readonly created: readonly { readonly intent: NewIntent; readonly sequence: number }[];
  readonly entries: readonly JournalEntry[];
  readonly taken: readonly Taken[];
  readonly added: readonly Added[];
  /** Made, used or ended, as they are then. */
  readonly reserved: readonly Reservation[];
  readonly units: readonly SpentUnit[];
  readonly balances: readonly AccountBalance[];
  /** Where the journal ends when this is written. */
  readonly head: JournalHead;
}

/** `role`: whose ledger it is. */
export function assertIntents(intents: readonly NewIntent[], role: LedgerRole): void {
  for (const intent of intents) {
    const { id, bodyHash, issuer, take, approves, settles } = intent;
    assert(
      id.length === 16 && bodyHash.length === 32,
      'an intent has an id of 16 and a body hash of 32 bytes',
    );
    assert(take === undefined || take.issuer === issuer, 'an intent takes the quota of its own issuer');
    assert(
      take === undefined || (take.amount > 0n && take.orders > 0),
      'quota is taken in amounts above zero, for an order or more',
    );
    assert(
      approves === undefined || (approves.issuer === issuer && approves.amount > 0n && take === undefined),
      'an intent approves an amount above zero of the quota of its own issuer, and takes none',
    );
    assert(
      settles?.followed === undefined || role === 'central',
      'what was settled before is followed by central management',
    );
    assertSettlement(intent);
    assertReserve(intent);
  }
}

/**
 * Decides the intents one after another, each as if those before it were stored already.
 *
 * INVARIANT: a refused intent leaves nothing in the plan; nor does one that follows it under its id, so that what is decided of one request is
 * stored together or not at all.
 */
export function planCommit(intents: readonly NewIntent[], found: Found): CommitPlan {
  const known = new Map(found.intents.map((intent) => [intentKey(intent.kind, intent.id), intent]));
  const orders = new Set(found.orders.map(mapKey));
  const spent = new Set(found.spent.map(toHex));
  const quotas = new QuotaPlan(found.quotas, found.reservations, found.stopped);
  const settlements = new SettlementPlan(found.units, found.balances);
  const created: { intent: NewIntent; sequence: number }[] = [];
  const entries: JournalEntry[] = [];
  const refused = new Map<string, Extract<Committed, { ok: false }>>();
  let head = found.head;

  function append(content: EntryContent): void {
    const entry = nextEntry(head, content);
    entries.push(entry);
    head = { sequence: entry.sequence, hash: entry.hash };
  }

  function decide(intent: NewIntent): Committed {
    const before = refused.size === 0 ? undefined : refused.get(toHex(intent.id));
    if (before !== undefined) return before;
    const decided = decideOne(intent);
    if (!decided.ok) refused.set(toHex(intent.id), decided);
    return decided;
  }

  function decideOne(intent: NewIntent): Committed {
    const there = known.get(intentKey(intent.kind, intent.id));
    if (there !== undefined)
      return equalBytes(there.bodyHash, intent.bodyHash)
        ? succeed({ intent: there, created: false })
        : refuseConflict();
    const orderIds = (intent.orders ?? []).map(({ id }) => mapKey(id));
    if (orderIds.some((id) => orders.has(id)) || new Set(orderIds).size < orderIds.length)
      return refuseConflict();
    const spends = intent.spends === undefined ? undefined : toHex(intent.spends);
    if (spends !== undefined && spent.has(spends)) return refuseSpent();
    let counted = intent;
    let ended: Counted['ended'] = [];
    if (intent.take !== undefined) {
      const taken = quotas.take(intent.take);
      if (!taken.ok) return taken;
      ({ ended } = taken.value);
      counted = { ...intent, take: { ...intent.take, atMs: taken.value.atMs } };
    }
    if (intent.reserves !== undefined) {
      const reserved = quotas.reserve(intent.id, intent.reserves);
      if (!reserved.ok) return reserved;
      ({ ended } = reserved.value);
      counted = { ...intent, reserves: { ...intent.reserves, atMs: reserved.value.atMs } };
    }
    if (intent.approves !== undefined) {
      const approved = quotas.approve(intent.approves);
      if (!approved.ok) return approved;
    }
    if (intent.settles !== undefined) {
      const possible = settlements.check(intent.settles);
      if (!possible.ok) return possible;
      const settled = quotas.settle(intent.settles);
      if (!settled.ok) return settled;
      settlements.apply(intent.id, intent.settles);
    }
    // Before what may need their room.
    for (const one of ended) append({ ...entryOfEnd(one, intent.createdMs), sequence: head.sequence + 1 });
    const sequence = head.sequence + 1;
    append(entryOfIntent(counted, sequence));
    created.push({ intent: counted, sequence });
    for (const id of orderIds) orders.add(id);
    if (spends !== undefined) spent.add(spends);
    const stored = storedIntent(intent, sequence);
    known.set(intentKey(intent.kind, intent.id), stored);
    return succeed({ intent: stored, created: true });
  }

  const committed = intents.map(decide);
  const { taken, added, reserved } = quotas;
  const { units, balances } = settlements;
  return { committed, created, entries, taken, added, reserved, units, balances, head };
}

/** The entry that follows `head`. */
export function nextEntry(head: JournalHead, content: EntryContent): JournalEntry {
  assert(content.sequence === head.sequence + 1, 'an entry follows the head');
  const bytes = encodeEntry(content);
  return { sequence: content.sequence, bytes, hash: chainHash(head.hash, bytes) };
}

function storedIntent(intent: NewIntent, sequence: number): Intent {
  const { kind, id, issuer, bodyHash, createdMs, context, toBeSigned, settles } = intent;
  return {
    kind,
    id,
    issuer,
    bodyHash,
    sequence,
    createdMs,
    context,
    toBeSigned,
    signed: null,
    own: true,
    ...(settles === undefined ? {} : { settles: storedSettlement(settles) }),
  };
}

export function intentKey(kind: IntentKind, id: Uint8Array): string {
  return `${kind} ${toHex(id)}`;
}
