import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { ClaimReader } from '../../src/records/claims.ts';
import { describeChange } from '../../src/records/quota-description.ts';
import { encodeTerms, type QuotaTerms, readTerms } from '../../src/records/quota-terms.ts';

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
