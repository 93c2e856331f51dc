/** What becomes of a quota by a change, decided from what the database held of it and nothing else. */
import { assert, type Result, succeed } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { followEvent } from '../quota/central-account.ts';
import { type ChangeCode, changeAccount, checkChangeTime, checkStart } from '../quota/change.ts';
import { isCountedAnew, type LedgerRole, writeOffEvent } from '../quota/history.ts';
import type { Reservation } from '../quota/reservation.ts';
import {
  type QuotaAction,
  type QuotaChange,
  type TermsAction,
  termsActionsOf,
} from '../records/quota-change.ts';
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

/** When and where a change is carried out. */
export interface ChangeMoment {
  readonly nowMs: number;
  /** Whose ledger it is. */
  readonly role: LedgerRole;
  /** Whether quota control carried it out before: its time was held there. */
  readonly followed: boolean;
}

export interface DecidedChange {
  /** What the quotas become; none for a start. */
  readonly accounts: readonly QuotaAccount[];
  /** Reservations that end by it, before it: those that have expired, and all where a journal is anchored anew. */
  readonly ended: readonly EndedReservation[];
}

export function decideChange(
  change: QuotaChange,
  { nowMs, role, followed }: ChangeMoment,
  { accounts, reservations, stop }: Changeable,
): Result<DecidedChange, ChangeCode> {
  const timely = followed ? succeed(null) : checkChangeTime(change, nowMs);
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
    const after = changeOne({ ...account, held }, one, action, role);
    if (!after.ok) return after;
    assert(
      !changed.some(({ issuer, currency }) => issuer === one.issuer && currency === one.currency),
      'a change names a quota once',
    );
    changed.push(after.value);
  }
  return succeed({ accounts: changed, ended });
}

/** A write-off is otherwise in central management's account: there it counts what was lost, and leaves as much room as there is. */
function changeOne(
  account: QuotaAccount,
  one: TermsAction,
  action: QuotaAction,
  role: LedgerRole,
): ReturnType<typeof changeAccount> {
  if (role !== 'central' || action.kind !== 'anchor') return changeAccount(account, one);
  const counted = followEvent(account, writeOffEvent(action, account, one.terms));
  if (!isCountedAnew(role, action)) return changeAccount(counted, one);
  // The version is quota control's, so that its next change fits.
  const fits = changeAccount(account, one);
  return fits.ok ? succeed(counted) : fits;
}
