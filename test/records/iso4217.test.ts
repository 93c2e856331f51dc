import { describe, expect, it } from 'vitest';
import { currencyExponent } from '../../src/records/iso4217.ts';

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
const codes = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c)));

describe('the currencies of ISO 4217', () => {
  // Counted by program in List One as published 2024-06-25, less its funds, UYW and N.A. codes, then amended:
  // XCG for ANG (2025-03-31), no CUC, no BGN (2026-01-01).
  it.each([
    [0, 16],
    [2, 132],
    [3, 7],
  ])('with %i decimals are %i', (exponent, count) => {
    expect(codes.filter((code) => currencyExponent(code) === exponent)).toHaveLength(count);
  });

  it('have no other number of decimals', () => {
    expect(new Set(codes.map(currencyExponent))).toEqual(new Set([undefined, 0, 2, 3]));
  });

  it.each([
    ['funds', 'BOV CHE CHW CLF COU MXV USN UYI UYW'],
    ['units of account', 'XAD XDR XSU XUA XBA XBB XBC XBD'],
    ['metals', 'XAG XAU XPD XPT'],
    ['codes for tests and for no currency', 'XTS XXX'],
    ['currencies that have ended', 'ANG BGN CUC DEM HRK LTL MRO STD SLL VEF ZWL'],
  ])('leave out %s: nothing is issued in them', (_kind, list) => {
    expect(list.split(' ').filter((code) => currencyExponent(code) !== undefined)).toEqual([]);
  });
});
