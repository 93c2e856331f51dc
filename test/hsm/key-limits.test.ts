/** Limits of a key: an accept, a refusal and the boundary of each, over time. */
import { describe, expect, it } from 'vitest';
import { KeyLimits } from '../../hsm/key-limits.ts';

const minute = 60_000;
const day = 86_400_000;
const reached = expect.objectContaining({ code: 'limit_reached' }) as Error;

describe('the limits of a key', () => {
  it('accept so many signatures in any minute, and one more when the first is a minute old', () => {
    const limits = new KeyLimits({ signaturesPerMinute: 3 });
    for (const at of [0, 10, 20]) limits.admit(at, undefined);
    expect(() => limits.admit(minute - 1, undefined)).toThrow(reached);
    expect(() => limits.admit(minute - 1, undefined)).toThrow('more in 1 s');
    limits.admit(minute, undefined);
    expect(() => limits.admit(minute + 9, undefined)).toThrow(reached);
    limits.admit(minute + 10, undefined);
  });

  it('accept an amount up to the last unit of a day, by currency', () => {
    const limits = new KeyLimits({ amountPerDay: { EUR: 100n, JPY: 5n } });
    const admit = (at: number, currency: string, minor: bigint): void =>
      limits.admit(at, { currency, minor });
    admit(0, 'EUR', 60n);
    admit(1, 'JPY', 5n);
    expect(() => admit(2, 'EUR', 41n)).toThrow(
      '60 of 100 minor units of EUR in a day: 40 more are accepted, and not 41',
    );
    admit(3, 'EUR', 40n);
    expect(() => admit(4, 'EUR', 1n)).toThrow(reached);
    // Counted by the minute: until the whole minute is a day old.
    expect(() => admit(day + minute - 1, 'EUR', 1n)).toThrow(reached);
    admit(day + minute, 'EUR', 60n);
    admit(day + minute + 1, 'EUR', 40n);
    expect(() => admit(day + minute + 2, 'EUR', 1n)).toThrow(reached);
  });

  it('refuse a currency that is not named, and an amount below zero, where any amount is limited', () => {
    const limits = new KeyLimits({ amountPerDay: { EUR: 100n } });
    expect(() => limits.admit(0, { currency: 'USD', minor: 1n })).toThrow(
      'may not sign for USD: EUR are accepted',
    );
    expect(() => limits.admit(0, { currency: 'EUR', minor: -1n })).toThrow(reached);
    limits.admit(0, { currency: 'EUR', minor: 100n });
  });

  it('count nothing where an amount is refused, so that what fits still does', () => {
    const limits = new KeyLimits({ signaturesPerMinute: 1, amountPerDay: { EUR: 10n } });
    expect(() => limits.admit(0, { currency: 'EUR', minor: 11n })).toThrow(reached);
    limits.admit(0, { currency: 'EUR', minor: 10n });
  });

  it('know what was signed before a restart', () => {
    const limits = new KeyLimits({ signaturesPerMinute: 2, amountPerDay: { EUR: 10n } });
    // Too old to count: an amount of a day ago, a signature of a minute ago.
    limits.restore(-day, { currency: 'EUR', minor: 10n }, minute);
    limits.restore(0, { currency: 'EUR', minor: 8n }, minute);
    limits.restore(minute, undefined, minute);
    expect(() => limits.admit(minute + 1, { currency: 'EUR', minor: 3n })).toThrow(reached);
    limits.admit(minute + 1, { currency: 'EUR', minor: 2n });
    expect(() => limits.admit(minute + 2, undefined)).toThrow(reached);
  });

  it('are none where none is set', () => {
    const limits = new KeyLimits({});
    for (let i = 0; i < 1_000; i++) limits.admit(0, { currency: 'EUR', minor: 10n ** 15n });
  });
});
