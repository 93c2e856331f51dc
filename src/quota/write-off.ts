/**
 * What a quota may be at most where quota control goes on from an older ledger: what was issued since, and is not counted there, is
 * taken off, so that it is not issued once more.
 */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { Limit, QuotaTerms } from '../records/quota-terms.ts';
import { type QuotaAccount, takenOf } from './bucket.ts';

export interface Lost {
  /** What is known, or is to be assumed, to have been issued since; minor units. */
  readonly amount: bigint;
  /** Whether there are entries of which nobody knows what they were: changes, stops and retirements may be among them. */
  readonly uncertain: boolean;
}

type Account = Pick<
  QuotaAccount,
  'issuer' | 'currency' | 'reserved' | 'held' | 'issued' | 'voided' | 'returned'
> &
  QuotaTerms;

/**
 * The most that the terms may be. The total, and each limit of amounts, falls by what was lost: a window holds at most that much of it.
 * Where the total has no room for it, nothing is left. Where it is uncertain what was lost, nothing is issued before two people have
 * thawed the quota, and nothing that is retired comes back: it may have been retired before.
 */
export function writtenOff(account: Account, { amount, uncertain }: Lost): QuotaTerms {
  return {
    // What is held counts not: an anchor that is set anew ends every reservation, for it may have been used since.
    allocated: highest(account.allocated - amount, takenOf(account) - account.held),
    frozen: account.frozen || uncertain,
    limits: account.limits.map(({ name, counts, window, maximum }) => ({
      name,
      counts,
      window,
      maximum: counts === 'amount' ? highest(maximum - amount, 0n) : maximum,
    })),
    returns: account.returns && !uncertain,
  };
}

/** Refuses terms that leave more than `writtenOff` does. */
export function checkWriteOff(
  account: Account,
  terms: QuotaTerms,
  lost: Lost,
): Result<null, 'write_off_too_low'> {
  const most = writtenOff(account, lost);
  const name = `${account.issuer} ${account.currency}`;
  if (terms.allocated > most.allocated)
    return tooLow(
      `allocated ${terms.allocated} minor units of ${name}: at most ${most.allocated} is accepted`,
    );
  if (most.frozen && !terms.frozen)
    return tooLow(
      `the quota of ${name} is not frozen: it is unknown what else was lost, so frozen is accepted`,
    );
  if (terms.returns && !most.returns)
    return tooLow(
      `what is retired of ${name} comes back: it may have been retired before, so that is not accepted`,
    );
  for (const limit of most.limits) {
    const given = terms.limits.find((one) => one.name === limit.name && sameWindow(one, limit));
    if (given === undefined || given.maximum > limit.maximum)
      return tooLow(
        `limit ${quote(limit.name)} of ${name}: at most ${limit.maximum} over the same window is accepted`,
      );
  }
  return succeed(null);
}

function tooLow(message: string): Result<never, 'write_off_too_low'> {
  return refuse('write_off_too_low', `what may have been issued since is not written off: ${message}`);
}

function sameWindow(a: Limit, b: Limit): boolean {
  return (
    a.counts === b.counts &&
    (a.window.kind === 'day'
      ? b.window.kind === 'day' && a.window.timeZone === b.window.timeZone
      : b.window.kind === 'rolling' && a.window.seconds === b.window.seconds)
  );
}

function highest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
