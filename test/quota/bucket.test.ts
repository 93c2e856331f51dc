import { describe, expect, it } from 'vitest';
import { assertConserved, checkTake, type QuotaPosition } from '../../src/quota/bucket.ts';

const position: QuotaPosition = {
  issuer: 'demo-issuer',
  currency: 'EUR',
  allocated: 1_000n,
  reserved: 100n,
  issued: 300n,
  available: 600n,
  day: '2026-11-20',
  dayLimit: 500n,
  dayUsed: 100n,
};

describe('a quota', () => {
  it('lets what fits be taken, and says which limit something else meets', () => {
    expect(checkTake(position, 400n)).toEqual({ ok: true, value: null });
    expect(checkTake(position, 401n)).toMatchObject({ ok: false, code: 'daily_limit' });
    expect(checkTake(position, 600n)).toMatchObject({ ok: false, code: 'daily_limit' });
    expect(checkTake(position, 601n)).toMatchObject({ ok: false, code: 'quota_exceeded' });
  });

  it('is conserved, or the program stops', () => {
    expect(assertConserved(position)).toBe(position);
    for (const broken of [
      { available: 601n },
      { issued: 301n },
      { reserved: -100n, available: 800n },
      { dayUsed: 501n },
      { issued: 1_100n, available: -200n },
    ]) {
      expect(() => assertConserved({ ...position, ...broken })).toThrow('invariant broken');
    }
  });
});
