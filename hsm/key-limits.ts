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

export class KeyLimits {
  private readonly options: KeyLimitOptions;
  /** When the signatures of the last minute were begun. */
  private readonly recent: number[] = [];
  private readonly amounts = new Map<string, { readonly atMs: number; readonly minor: bigint }[]>();

  constructor(options: KeyLimitOptions) {
    this.options = options;
  }

  /** Counts a signature that was begun before this process was, as the log tells. */
  restore(atMs: number, amount: SigningRequest['amount']): void {
    this.recent.push(atMs);
    if (amount !== undefined) this.amountsOf(amount.currency).push({ atMs, minor: amount.minor });
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
      const most = amountPerDay[currency];
      if (most === undefined)
        throw new SignerError(
          'limit_reached',
          `this key may not sign for ${currency}: ${Object.keys(amountPerDay).join(', ')} are accepted`,
        );
      const used = this.usedOf(currency, nowMs);
      if (minor < 0n || used + minor > most)
        throw new SignerError(
          'limit_reached',
          `this key has signed for ${used} of ${most} minor units of ${currency} in a day: ${most - used} more are accepted, and not ${minor}`,
        );
      this.amountsOf(currency).push({ atMs: nowMs, minor });
    }
    this.recent.push(nowMs);
  }

  private usedOf(currency: string, nowMs: number): bigint {
    const amounts = this.amountsOf(currency);
    while ((amounts[0]?.atMs ?? nowMs) <= nowMs - dayMs) amounts.shift();
    return amounts.reduce((sum, { minor }) => sum + minor, 0n);
  }

  private amountsOf(currency: string): { readonly atMs: number; readonly minor: bigint }[] {
    const known = this.amounts.get(currency);
    if (known !== undefined) return known;
    const made: { readonly atMs: number; readonly minor: bigint }[] = [];
    this.amounts.set(currency, made);
    return made;
  }
}
