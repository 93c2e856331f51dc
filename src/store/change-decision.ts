/** What becomes of a quota by a change, decided from what the database held of it and nothing else. */
import { assert, type Result, succeed } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { type ChangeCode, changeAccount, checkChangeTime, checkStart } from '../quota/change.ts';
import type { Reservation } from '../quota/reservation.ts';
import { type QuotaChange, termsActionsOf } from '../records/quota-change.ts';
import { refuseUnknownChange } from './refusal.ts';
import { type EndedReservation, endReservations, sumEnded } from './reservation-end.ts';

/** Read in the transaction that writes the change, with what it changes locked. */
export interface Changeable {
  /** The quotas that are named, and the stop in force: each where there is one. */
  readonly accounts: readonly QuotaAccount[];
  /** Their open reservations. */
  readonly reservations: readonly Reservation[];
  readonly stop: { readonly sequence: number } | undefined;
}

export interface DecidedChange {
  /** What the quotas become; none for a start. */
  readonly accounts: readonly QuotaAccount[];
  /** Reservations that end by it, before it: those that have expired, and all where a journal is anchored anew. */
  readonly ended: readonly EndedReservation[];
}

export function decideChange(
  change: QuotaChange,
  nowMs: number,
  { accounts, reservations, stop }: Changeable,
): Result<DecidedChange, ChangeCode> {
  const timely = checkChangeTime(change, nowMs);
  if (!timely.ok) return timely;
  const { action } = change;
  if (action.kind === 'start') {
    const due = checkStart(action, stop?.sequence);
    return due.ok ? succeed({ accounts: [], ended: [] }) : due;
  }
  const changed: QuotaAccount[] = [];
  const ended: EndedReservation[] = [];
  for (const one of termsActionsOf(action)) {
    const account = accounts.find(
      ({ issuer, currency }) => issuer === one.issuer && currency === one.currency,
    );
    if (account === undefined) return refuseUnknownChange(one.issuer, one.currency);
    const own = reservations.filter(
      ({ issuer, currency }) => issuer === account.issuer && currency === account.currency,
    );
    const ends = endReservations(own, {
      atMs: Math.max(nowMs, account.clockMs),
      // What was used of them since is not in a ledger that is older: nothing more may be.
      releasedBy: action.kind === 'anchor' ? 'a journal that is anchored anew' : undefined,
    });
    ended.push(...ends);
    const held = account.held - sumEnded(ends);
    const after = changeAccount({ ...account, held }, one);
    if (!after.ok) return after;
    assert(
      !changed.some(({ issuer, currency }) => issuer === one.issuer && currency === one.currency),
      'a change names a quota once',
    );
    changed.push(after.value);
  }
  return succeed({ accounts: changed, ended });
}
