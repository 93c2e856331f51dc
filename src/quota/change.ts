/** What a change makes of a quota: its rules, the same for every store. */
import { type Result, refuse, succeed } from '../kit/result.ts';
import { isoTime } from '../records/key-ring.ts';
import type { QuotaChange, StartAction, TermsAction } from '../records/quota-change.ts';
import type { QuotaTerms } from '../records/quota-terms.ts';
import { type QuotaAccount, takenOf } from './bucket.ts';
import { findTimeZone } from './window.ts';

export type ChangeCode =
  | 'change_early'
  | 'change_expired'
  | 'change_stale'
  | 'quota_missing'
  | 'allocation_below_issued'
  | 'time_zone_unknown'
  | 'issuance_not_stopped';

/** Whether it may be carried out now; one that was carried out before is not asked. */
export function checkChangeTime(
  { madeAt, expiresAt }: QuotaChange,
  nowMs: number,
): Result<null, 'change_early' | 'change_expired'> {
  const now = Math.floor(nowMs / 1000);
  if (now < madeAt)
    return refuse(
      'change_early',
      `the change was made at ${isoTime(madeAt)}, and here it is ${isoTime(now)}: set the clocks right`,
    );
  if (now > expiresAt)
    return refuse(
      'change_expired',
      `the change expired at ${isoTime(expiresAt)}: a new one, with new approvals, is accepted`,
    );
  return succeed(null);
}

/** Refuses limits in a time zone that is not known here. */
export function checkTerms({ limits }: QuotaTerms): Result<null, 'time_zone_unknown'> {
  for (const { name, window } of limits) {
    if (window.kind !== 'day') continue;
    const found = findTimeZone(window.timeZone);
    if (!found.ok) return refuse(found.code, `limit \`${name}\`: ${found.message}`);
  }
  return succeed(null);
}

/** The quota after the change. INVARIANT: what is issued and reserved, less what came back, stays within what is allocated. */
export function changeAccount(
  account: QuotaAccount,
  { version, terms, clock }: TermsAction,
): Result<QuotaAccount, 'change_stale' | 'allocation_below_issued' | 'time_zone_unknown'> {
  if (version !== account.version)
    return refuse(
      'change_stale',
      `the change starts from version ${version} of the quota, which is at version ${account.version}: a new change is accepted`,
    );
  const known = checkTerms(terms);
  if (!known.ok) return known;
  const taken = takenOf(account);
  if (terms.allocated < taken)
    return refuse(
      'allocation_below_issued',
      `${terms.allocated} minor units of ${account.currency} are to be allocated, and ${taken} are issued and reserved and did not come back: ${taken} or more is accepted; to stop at once, freeze the quota`,
    );
  return succeed({
    ...account,
    ...terms,
    version: version + 1,
    clockMs: clock === null ? account.clockMs : Math.min(account.clockMs, clock * 1000),
  });
}

/** Whether the stop that is in force, by the number of its journal entry, is the one that is to be lifted. */
export function checkStart(
  { stop }: StartAction,
  current: number | undefined,
): Result<null, 'change_stale' | 'issuance_not_stopped'> {
  if (current === undefined)
    return refuse('issuance_not_stopped', 'issuing is not stopped: there is nothing to be started');
  if (stop !== current)
    return refuse(
      'change_stale',
      `the start lifts the stop of journal entry ${stop}, and the last one is of entry ${current}: a new start, which names that one, is accepted`,
    );
  return succeed(null);
}
