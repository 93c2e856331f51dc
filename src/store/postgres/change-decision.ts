/** What becomes of a quota by a change, read under the locks that the change has taken. */
import { type Result, succeed } from '../../kit/result.ts';
import type { QuotaAccount } from '../../quota/bucket.ts';
import { type ChangeCode, changeAccount, checkChangeTime, checkStart } from '../../quota/change.ts';
import type { QuotaChange } from '../../records/quota-change.ts';
import { refuseUnknownChange } from '../refusal.ts';
import { readAccounts, readStop } from './quota-statement.ts';
import type { Ask } from './session.ts';

/** What the quota becomes; undefined for a start. */
export async function decideChange(
  ask: Ask,
  change: QuotaChange,
  nowMs: number,
): Promise<Result<QuotaAccount | undefined, ChangeCode>> {
  const timely = checkChangeTime(change, nowMs);
  if (!timely.ok) return timely;
  const { action } = change;
  if (action.kind === 'start') {
    const due = checkStart(action, (await readStop(ask))?.sequence);
    return due.ok ? succeed(undefined) : due;
  }
  const [known] = (await readAccounts(ask, [action])).accounts;
  if (known === undefined) return refuseUnknownChange(action.issuer, action.currency);
  return changeAccount(known.account, action);
}
