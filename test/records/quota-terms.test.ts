import { describe, expect, it } from 'vitest';
import { warnOfCeilings } from '../../src/cli/quota/key-ceiling.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { ClaimReader } from '../../src/records/claims.ts';
import { describeChange } from '../../src/records/quota-description.ts';
import {
  encodeTerms,
  type Limit,
  mostInAnyDay,
  type QuotaTerms,
  readTerms,
} from '../../src/records/quota-terms.ts';

const terms: QuotaTerms = { allocated: 1_000n, frozen: false, limits: [], returns: false };

function read(value: CborValue): QuotaTerms | string {
  const reader = new ClaimReader(new Map());
  const found = readTerms(reader, value, 'terms');
  return reader.refusal?.message ?? found;
}

describe('the terms of a quota', () => {
  it('are what they were before anything came back, byte for byte, and say so where it does', () => {
    expect(toHex(encodeCbor(encodeTerms(terms)))).toBe('831903e8f480');
    expect(toHex(encodeCbor(encodeTerms({ ...terms, returns: true })))).toBe('841903e8f480f5');
    for (const returns of [false, true]) {
      const decoded = decodeCbor(encodeCbor(encodeTerms({ ...terms, returns })));
      expect(decoded.ok && read(decoded.value)).toEqual({ ...terms, returns });
    }
  });

  it('have one encoding: whatever else stands at the end is refused', () => {
    for (const last of [false, null, 1, 'true'])
      expect(read([1_000, false, [], last]), String(last)).toMatch(/terms\.returns.*true, or left out/);
    expect(read([1_000, false, [], true, true])).toMatch(/terms/);
    expect(read([1_000, false])).toMatch(/terms/);
  });

  it('tell an approver what comes back', () => {
    const action = {
      kind: 'terms',
      issuer: 'demo-issuer',
      currency: 'EUR',
      version: 1,
      clock: null,
    } as const;
    const said = (returns: boolean): readonly string[] =>
      describeChange({
        madeAt: 1,
        expiresAt: 2,
        reason: 'because',
        action: { ...action, terms: { ...terms, returns } },
      });
    const line = 'what is retired for good comes back, and may be issued again';
    expect(said(true)).toContain(line);
    expect(said(false)).not.toContain(line);
  });
});

describe('the most that terms let be issued in some 24 hours', () => {
  const limit = (maximum: bigint, window: Limit['window'], counts: Limit['counts'] = 'amount'): Limit => ({
    name: 'one',
    counts,
    window,
    maximum,
  });
  const day = { kind: 'day', timeZone: 'Etc/UTC' } as const;
  it.each<readonly [string, readonly Limit[], bigint]>([
    ['the total, without limits', [], 1_000n],
    ['twice a daily limit', [limit(300n, day)], 600n],
    ['no more than the total', [limit(900n, day)], 1_000n],
    ['a rolling limit of a day or more, once', [limit(300n, { kind: 'rolling', seconds: 86_400 })], 300n],
    ['a shorter one as often as it fits', [limit(30n, { kind: 'rolling', seconds: 7_000 })], 390n],
    ['the least of several', [limit(300n, day), limit(40n, { kind: 'rolling', seconds: 43_200 })], 80n],
    ['nothing that counts orders', [limit(1n, day, 'orders')], 1_000n],
  ])('is %s', (_title, limits, most) => {
    expect(mostInAnyDay({ allocated: 1_000n, limits })).toBe(most);
  });

  it('is held against the ceiling of each key: just enough is no warning, one less is', () => {
    const euro = { code: 'EUR', exponent: 2 };
    const warn = (amountPerDay: Record<string, string> | null): string[] =>
      warnOfCeilings(
        [{ role: 'quota', amountPerDay }],
        { allocated: 1_000n, limits: [limit(300n, day)] },
        euro,
      );
    expect(warn(null)).toEqual([]);
    expect(warn({ EUR: '600' })).toEqual([]);
    expect(warn({ EUR: '599' })).toEqual([expect.stringContaining('signs for 5.99 EUR in any 24 hours')]);
    expect(warn({ USD: '600' })).toEqual([expect.stringContaining('may not sign for EUR')]);
  });
});
