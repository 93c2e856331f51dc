/** What a store refuses, worded once for both databases. */
import { quote, type Refusal, refuse } from '../kit/result.ts';
import type { QuotaPosition } from '../quota/bucket.ts';
import type { Allocation } from './store.ts';

export function refuseConflict(): Refusal<'request_id_conflict'> {
  return refuse(
    'request_id_conflict',
    'this request id was used before with other content: send the first content again, or take a new id',
    'id',
  );
}

export function refuseSpent(): Refusal<'credential_spent'> {
  return refuse('credential_spent', 'the credential was used before: each works once; send a new request');
}

export function refuseQuotaMissing(issuer: string, currency: string): Refusal<'quota_missing'> {
  return refuse('quota_missing', `issuer ${quote(issuer)} has no quota in ${quote(currency)}`, 'currency');
}

/** The allocation's own fault, or undefined where it is within what the columns hold. */
export function checkAllocation({ total, dayLimit }: Allocation): Refusal<'allocation_invalid'> | undefined {
  if (total >= 0n && dayLimit >= 0n && total <= 10n ** 15n && dayLimit <= 10n ** 15n) return undefined;
  return refuse(
    'allocation_invalid',
    `a quota of ${total} minor units with ${dayLimit} a day: 0 to 10^15 are accepted`,
  );
}

export function refuseOtherAllocation(
  known: QuotaPosition,
  { issuer, currency, total, dayLimit }: Allocation,
): Refusal<'allocation_exists'> {
  return refuse(
    'allocation_exists',
    `issuer ${quote(issuer)} has ${known.allocated} minor units of ${currency} with ${known.dayLimit} a day, where ${total} with ${dayLimit} are asked for: a change needs two people, and is not built yet`,
  );
}
