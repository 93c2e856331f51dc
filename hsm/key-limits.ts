/**
 * How often, and for how much, a key may sign: the last line of defence, below every quota. A limit counts what was begun,
 * so that a failure may lose some of it and never gain any.
 */
import { SignerError, type SigningRequest } from './signer.ts';

export interface KeyLimitOptions {
  /** Signatures in any 60 seconds. */
  readonly signaturesPerMinute?: number;
  /** By currency, minor units in any 24 hours; a currency that is not named may not be signed for, where any is. */
  readonly amountPerDay?: Readonly<Record<string, bigint>>;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** What was signed for in a day, by the minute: an amount counts until its whole minute is a day old. */
class DaySum {
  private readonly minutes = new Map<number, bigint>();
  private total = 0n;

  add(atMs: number, minor: bigint): void {
    const minute = Math.floor(atMs / minuteMs);
    this.minutes.set(minute, (this.minutes.get(minute) ?? 0n) + minor);
    this.total += minor;
  }

  at(nowMs: number): bigint {
    // In the order in which they came, so that the first that counts ends this.
    for (const [minute, minor] of this.minutes) {
      if ((minute + 1) * minuteMs > nowMs - dayMs) break;
      this.minutes.delete(minute);
      this.total -= minor;
    }
    return this.total;
  }
}

export class KeyLimits {
  private readonly options: KeyLimitOptions;
  /** When the signatures of the last minute were begun; kept only where they are limited. */
  private readonly recent: number[] = [];
  private readonly amounts = new Map<string, DaySum>();

  constructor(options: KeyLimitOptions) {
    this.options = options;
  }

  /** Counts a signature that was begun before this process was, as the log tells; `nowMs` is the time of the restart. */
  restore(atMs: number, amount: SigningRequest['amount'], nowMs: number): void {
    if (atMs > nowMs - minuteMs) this.note(atMs);
    if (amount !== undefined && atMs > nowMs - dayMs - minuteMs)
      this.sumOf(amount.currency).add(atMs, amount.minor);
  }

  /** Counts a signature, or throws `limit_reached`: which limit, how much of it is used, and when there is more. */
  admit(nowMs: number, amount: SigningRequest['amount']): void {
    const { signaturesPerMinute, amountPerDay } = this.options;
    while ((this.recent[0] ?? nowMs) <= nowMs - minuteMs) this.recent.shift();
    if (signaturesPerMinute !== undefined && this.recent.length >= signaturesPerMinute) {
      const waitMs = (this.recent[0] ?? nowMs) + minuteMs - nowMs;
      throw new SignerError(
        'limit_reached',
        `this key has signed ${this.recent.length} times in a minute: ${signaturesPerMinute} are accepted; more in ${Math.ceil(waitMs / 1000)} s`,
      );
    }
    if (amount !== undefined && amountPerDay !== undefined) {
      const { currency, minor } = amount;
      const most = Object.hasOwn(amountPerDay, currency) ? amountPerDay[currency] : undefined;
      if (most === undefined)
        throw new SignerError(
          'limit_reached',
          `this key may not sign for ${currency}: ${Object.keys(amountPerDay).join(', ')} are accepted`,
        );
      const sum = this.sumOf(currency);
      const used = sum.at(nowMs);
      if (minor < 0n || used + minor > most)
        throw new SignerError(
          'limit_reached',
          `this key has signed for ${used} of ${most} minor units of ${currency} in a day: ${most - used} more are accepted, and not ${minor}`,
        );
      sum.add(nowMs, minor);
    }
    this.note(nowMs);
  }

  private note(atMs: number): void {
    if (this.options.signaturesPerMinute !== undefined) this.recent.push(atMs);
  }

  private sumOf(currency: string): DaySum {
    const known = this.amounts.get(currency);
    if (known !== undefined) return known;
    const made = new DaySum();
    this.amounts.set(currency, made);
    return made;
  }
}
