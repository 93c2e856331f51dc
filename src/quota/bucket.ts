/** What is left of a quota, and whether an amount fits: the arithmetic that the stores' conditional updates mirror. */
import { assert, type Result, refuse, succeed } from '../kit/result.ts';

/** One issuer's quota in one currency, minor units, with the day's window. */
export interface QuotaPosition {
  readonly issuer: string;
  readonly currency: string;
  readonly allocated: bigint;
  /** Taken by a control bit whose signature is not stored yet. */
  readonly reserved: bigint;
  readonly issued: bigint;
  readonly available: bigint;
  readonly day: string;
  readonly dayLimit: bigint;
  readonly dayUsed: bigint;
}

export type QuotaCode = 'quota_exceeded' | 'daily_limit';

/** INVARIANT: issued + reserved + available = allocated, nothing below zero, the day within its limit. */
export function assertConserved(position: QuotaPosition): QuotaPosition {
  const { allocated, reserved, issued, available, dayUsed, dayLimit } = position;
  assert(issued + reserved + available === allocated, 'issued + reserved + available = allocated');
  assert(reserved >= 0n && issued >= 0n && available >= 0n, 'no part of a quota is below zero');
  assert(dayUsed >= 0n && dayUsed <= dayLimit, 'a day is within its limit');
  return position;
}

/** Whether `amount` fits into what is available in total and today. */
export function checkTake(position: QuotaPosition, amount: bigint): Result<null, QuotaCode> {
  const { available, dayLimit, dayUsed, currency, day } = position;
  if (amount > available) {
    return refuse(
      'quota_exceeded',
      `${amount} minor units of ${currency} asked for, ${available} available: at most that is accepted, or a larger quota is needed`,
    );
  }
  if (amount > dayLimit - dayUsed) {
    return refuse(
      'daily_limit',
      `${amount} minor units of ${currency} asked for, ${dayLimit - dayUsed} left on ${day}: at most that is accepted today`,
    );
  }
  return succeed(null);
}
