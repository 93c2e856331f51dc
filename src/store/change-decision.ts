/** What becomes of a quota by a change, decided from what the database held of it and nothing else. */
import { assert, type Result, succeed } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { type ChangeCode, changeAccount, checkChangeTime, checkStart } from '../quota/change.ts';
import { type QuotaChange, termsActionsOf } from '../records/quota-change.ts';
import { refuseUnknownChange } from './refusal.ts';

/** Read in the transaction that writes the change, with what it changes locked. */
export interface Changeable {
  /** The quotas that are named, and the stop in force: each where there is one. */
  readonly accounts: readonly QuotaAccount[];
  readonly stop: { readonly sequence: number } | undefined;
}

/** What the quotas become; none for a start. */
export function decideChange(
  change: QuotaChange,
  nowMs: number,
  { accounts, stop }: Changeable,
): Result<readonly QuotaAccount[], ChangeCode> {
  const timely = checkChangeTime(change, nowMs);
  if (!timely.ok) return timely;
  const { action } = change;
  if (action.kind === 'start') {
    const due = checkStart(action, stop?.sequence);
    return due.ok ? succeed([]) : due;
  }
  const changed: QuotaAccount[] = [];
  for (const one of termsActionsOf(action)) {
    const account = accounts.find(
      ({ issuer, currency }) => issuer === one.issuer && currency === one.currency,
    );
    if (account === undefined) return refuseUnknownChange(one.issuer, one.currency);
    const after = changeAccount(account, one);
    if (!after.ok) return after;
    assert(
      !changed.some(({ issuer, currency }) => issuer === one.issuer && currency === one.currency),
      'a change names a quota once',
    );
    changed.push(after.value);
  }
  return succeed(changed);
}
