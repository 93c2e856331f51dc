/** What a store refuses, worded once for both databases. */
import { equalBytes } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { checkTerms } from '../quota/change.ts';
import { amountLimit } from '../records/claims.ts';
import { encodeTerms } from '../records/quota-terms.ts';
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

export function refuseUnknownChange(issuer: string, currency: string): Refusal<'quota_missing'> {
  return refuse('quota_missing', `issuer ${quote(issuer)} has no quota in ${quote(currency)} to be changed`);
}

/** The allocation's own fault, or undefined where it can be stored. */
export function checkAllocation({ terms }: Allocation): Refusal<'allocation_invalid'> | undefined {
  const { allocated, limits } = terms;
  if ([allocated, ...limits.map(({ maximum }) => maximum)].some((one) => one < 0n || one > amountLimit))
    return refuse(
      'allocation_invalid',
      `a quota of ${allocated}: from 0 to 10^15 is accepted, and so are limits`,
    );
  const zones = checkTerms(terms);
  return zones.ok ? undefined : refuse('allocation_invalid', zones.message);
}

/** Whether a quota that is there is the one that is asked for; refuses another: a change of it takes two people. */
export function checkSameAllocation(
  known: QuotaAccount,
  { issuer, currency, terms }: Allocation,
): Result<null, 'allocation_exists'> {
  if (equalBytes(encodeCbor(encodeTerms(known)), encodeCbor(encodeTerms(terms)))) return succeed(null);
  return refuse(
    'allocation_exists',
    `issuer ${quote(issuer)} has ${known.allocated} minor units of ${currency}, with limits of its own: a change, which needs two people, is accepted (\`ringmint quota propose\`)`,
  );
}
