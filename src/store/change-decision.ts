/** What becomes of a quota by a change, decided from what the database held of it and nothing else. */
import { type Result, succeed } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { type ChangeCode, changeAccount, checkChangeTime, checkStart } from '../quota/change.ts';
import type { QuotaChange } from '../records/quota-change.ts';
import { refuseUnknownChange } from './refusal.ts';

/** Read in the transaction that writes the change, with what it changes locked. */
export interface Changeable {
  /** The quota that is named, or the stop in force: each where there is one. */
  readonly account: QuotaAccount | undefined;
  readonly stop: { readonly sequence: number } | undefined;
}

/** What the quota becomes; undefined for a start. */
export function decideChange(
  change: QuotaChange,
  nowMs: number,
  { account, stop }: Changeable,
): Result<QuotaAccount | undefined, ChangeCode> {
  const timely = checkChangeTime(change, nowMs);
  if (!timely.ok) return timely;
  const { action } = change;
  if (action.kind === 'start') {
    const due = checkStart(action, stop?.sequence);
    return due.ok ? succeed(undefined) : due;
  }
  if (account === undefined) return refuseUnknownChange(action.issuer, action.currency);
  return changeAccount(account, action);
}
