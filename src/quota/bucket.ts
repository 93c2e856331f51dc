/**
 * What is left of a quota, and whether a take fits: the arithmetic of every store. A store reads a row and its slots, asks here, and
 * writes what it is told, in one transaction.
 */
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { Limit, QuotaTerms } from '../records/quota-terms.ts';
import { forgottenAt, type Slots, slotsOf } from './window.ts';

/** A quota as a store holds it. */
export interface QuotaAccount extends QuotaTerms {
  readonly issuer: string;
  readonly currency: string;
  /** 1 when it is allocated, one more with each change. */
  readonly version: number;
  /** Taken by a control bit whose signature is not stored yet. */
  readonly reserved: bigint;
  readonly issued: bigint;
  /** Of what is issued, what is retired for good. */
  readonly retired: bigint;
  /** Of what is retired, what came back to the total. */
  readonly returned: bigint;
  /** Of what is issued, what is in accounts: its units are spent, and it is still outstanding. */
  readonly credited: bigint;
  /** What is left of the reservations that are open. */
  readonly held: bigint;
  /** Of what is issued, what never was and never will be: of central management's own account only. */
  readonly voided: bigint;
  /**
   * The latest moment that a take was counted at, ms. Time never goes back here: with a clock that was put back, a take counts at this
   * moment. A clock that was ahead is put right by a change, and what was taken in the time to come then counts at that moment.
   */
  readonly clockMs: number;
}

/** What was taken in one slot of a limit's window. */
export interface SlotUse {
  readonly limit: string;
  readonly slot: number;
  readonly used: bigint;
}

export interface LimitPosition extends Limit {
  readonly used: bigint;
  /** Zero also where a lowered limit has less than what was used. */
  readonly remaining: bigint;
  readonly slots: Slots;
  /** Slots that count, oldest first. */
  readonly uses: readonly SlotUse[];
}

/** One issuer's quota in one currency at a moment, minor units. */
export interface QuotaPosition extends Omit<QuotaAccount, 'limits' | 'clockMs'> {
  readonly available: bigint;
  /** Issued and not retired: in units that are not spent, and in accounts. */
  readonly outstanding: bigint;
  /** Whether issuing is stopped altogether. */
  readonly stopped: boolean;
  /** The moment that its windows end at. */
  readonly atMs: number;
  readonly limits: readonly LimitPosition[];
}

export type QuotaCode =
  | 'quota_exceeded'
  | 'daily_limit'
  | 'rolling_limit'
  | 'frequency_limit'
  | 'quota_frozen'
  | 'issuance_stopped';

/** Whether less would have been accepted. */
export function isExcess(code: string): boolean {
  return [
    'quota_exceeded',
    'reservation_exceeded',
    'daily_limit',
    'rolling_limit',
    'frequency_limit',
  ].includes(code);
}

/**
 * INVARIANT: reserved + held + issued − voided − returned + available = allocated, returned ≤ retired, retired + credited ≤ issued,
 * voided ≤ issued, nothing is below zero.
 */
export function positionOf(
  account: QuotaAccount,
  uses: readonly SlotUse[],
  moment: {
    readonly nowMs: number;
    readonly stopped: boolean;
    /** Of what is held, what expired by that moment: it is available, though no entry says so yet. */
    readonly lapsed?: bigint;
  },
): QuotaPosition {
  const { nowMs, stopped, lapsed = 0n } = moment;
  const { clockMs, ...rest } = account;
  const { reserved, issued, voided, retired, returned, credited } = account;
  const available = account.allocated - takenOf(account) + lapsed;
  const held = account.held - lapsed;
  assert(reserved >= 0n && held >= 0n && issued >= 0n && available >= 0n, 'no part of a quota is below zero');
  assert(voided >= 0n && voided <= issued, 'no more is voided than what counts as issued');
  assert(returned >= 0n && returned <= retired, 'no more comes back than what is retired');
  assert(credited >= 0n && retired + credited <= issued, 'what is retired or in accounts was issued');
  const atMs = Math.max(nowMs, clockMs);
  const limits = account.limits.map((limit) => limitPosition(limit, uses, atMs));
  return { ...rest, held, available, outstanding: issued - retired, stopped, atMs, limits };
}

/** What of the total is used up: issued, reserved and held, less what never was issued and what came back. */
export function takenOf({
  reserved,
  held,
  issued,
  voided,
  returned,
}: Pick<QuotaAccount, 'reserved' | 'held' | 'issued' | 'voided' | 'returned'>): bigint {
  return reserved + held + issued - voided - returned;
}

function limitPosition(limit: Limit, all: readonly SlotUse[], atMs: number): LimitPosition {
  const slots = slotsOf(limit.window, atMs);
  const uses = all
    .filter((use) => use.limit === limit.name && use.slot >= slots.oldest)
    .sort((a, b) => a.slot - b.slot);
  const used = uses.reduce((sum, use) => sum + use.used, 0n);
  const remaining = used < limit.maximum ? limit.maximum - used : 0n;
  return { ...limit, used, remaining, slots, uses };
}

/** What is asked of a quota: an amount for a number of orders. */
export interface Asked {
  readonly amount: bigint;
  readonly orders: number;
}

/** Whether it fits into what is available in total and into each limit; a refusal says what is left, and when there will be more. */
export function checkTake(position: QuotaPosition, asked: Asked): Result<null, QuotaCode> {
  const room = checkRoom(position, asked.amount);
  return room.ok ? checkLimits(position, asked) : room;
}

/** Whether it fits into what is available in total: all that a reservation asks. */
export function checkRoom(position: QuotaPosition, amount: bigint): Result<null, QuotaCode> {
  const { available, currency } = position;
  const going = checkGoing(position);
  if (!going.ok) return going;
  return amount > available ? refuseExceeded(currency, amount, available) : succeed(null);
}

/** Whether anything is issued or reserved of it at all. */
export function checkGoing(position: QuotaPosition): Result<null, 'quota_frozen' | 'issuance_stopped'> {
  if (position.stopped) return refuseStopped();
  return position.frozen ? refuseFrozen(position) : succeed(null);
}

/** Whether it fits into each limit over a window: what is taken of a reservation counts there at the moment that it is issued. */
export function checkLimits(position: QuotaPosition, asked: Asked): Result<null, QuotaCode> {
  for (const limit of position.limits) {
    if (part(limit, asked) > limit.remaining)
      return refuse(limitCode(limit), describeExcess(position, limit, asked));
  }
  return succeed(null);
}

/** Whether central management may approve as much, by its own account. */
export function checkApproval(account: QuotaAccount, amount: bigint): Result<null, QuotaCode> {
  if (account.frozen) return refuseFrozen(account);
  const available = account.allocated - takenOf(account);
  return amount > available ? refuseExceeded(account.currency, amount, available) : succeed(null);
}

function refuseExceeded(currency: string, amount: bigint, available: bigint): Refusal<'quota_exceeded'> {
  return refuse(
    'quota_exceeded',
    `${amount} minor units of ${currency} asked for, ${available} available: at most that is accepted, or a larger quota is needed`,
  );
}

export function refuseFrozen({
  issuer,
  currency,
}: Pick<QuotaPosition, 'issuer' | 'currency'>): Refusal<'quota_frozen'> {
  return refuse(
    'quota_frozen',
    `the quota of \`${issuer}\` in ${currency} is frozen: nothing is accepted until a change of the quota, which takes two people, lifts that`,
  );
}

export function refuseStopped(): Refusal<'issuance_stopped'> {
  return refuse(
    'issuance_stopped',
    'issuing is stopped: nothing is accepted until it is started again, which takes two people; the same request may be sent again then',
  );
}

function limitCode({ counts, window }: Limit): 'daily_limit' | 'rolling_limit' | 'frequency_limit' {
  if (counts === 'orders') return 'frequency_limit';
  return window.kind === 'day' ? 'daily_limit' : 'rolling_limit';
}

/** What of a take a limit counts. */
export function part({ counts }: Limit, { amount, orders }: Asked): bigint {
  return counts === 'amount' ? amount : BigInt(orders);
}

function describeExcess({ currency, atMs }: QuotaPosition, limit: LimitPosition, asked: Asked): string {
  const unit = limit.counts === 'amount' ? `minor units of ${currency}` : 'orders';
  const over =
    limit.window.kind === 'day' ? `a day in ${limit.window.timeZone}` : `${limit.window.seconds} seconds`;
  const needed = part(limit, asked);
  const said = `limit \`${limit.name}\` (${limit.maximum} ${unit} in ${over}): ${needed} asked for, ${limit.remaining} left: at most that is accepted now`;
  const when = fitsAt(limit, needed, atMs);
  return when === undefined
    ? `${said}, and never more than the limit at once`
    : `${said}, and ${needed} from ${new Date(when).toISOString()} on`;
}

/** When `needed` will fit if nothing else is taken; `undefined` where it is more than the limit. */
function fitsAt(limit: LimitPosition, needed: bigint, atMs: number): number | undefined {
  if (needed > limit.maximum) return undefined;
  let left = limit.used;
  for (const { slot, used } of limit.uses) {
    left -= used;
    if (needed + left <= limit.maximum) return forgottenAt(limit.window, slot, atMs);
  }
  return undefined;
}

/** What a take that fits adds to which slot; slots before `oldest` count no more, and are removed. */
export interface Charge {
  readonly limit: string;
  readonly slot: number;
  readonly oldest: number;
  readonly by: bigint;
}

export function chargesOf(position: QuotaPosition, asked: Asked): readonly Charge[] {
  return position.limits.map((limit) => ({
    limit: limit.name,
    slot: limit.slots.current,
    oldest: limit.slots.oldest,
    by: part(limit, asked),
  }));
}

/** What the slots hold after the charge. */
export function addUse(uses: readonly SlotUse[], { limit, slot, oldest, by }: Charge): SlotUse[] {
  const kept = uses.filter((use) => use.limit !== limit || use.slot >= oldest);
  const index = kept.findIndex((use) => use.limit === limit && use.slot === slot);
  const use = kept[index];
  if (use === undefined) kept.push({ limit, slot, used: by });
  else kept[index] = { ...use, used: use.used + by };
  return kept;
}

/** The least that any limit on amounts leaves; `undefined` where there is none. */
export function leastRemaining({ limits }: QuotaPosition): bigint | undefined {
  return limits
    .filter(({ counts }) => counts === 'amount')
    .map(({ remaining }) => remaining)
    .reduce<bigint | undefined>(
      (least, next) => (least === undefined || next < least ? next : least),
      undefined,
    );
}
