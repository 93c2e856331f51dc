import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAmount, parseAmount } from '../../src/records/amount.ts';
import { currencyExponent } from '../../src/records/iso4217.ts';

const euro = { code: 'EUR', exponent: 2 };
const yen = { code: 'JPY', exponent: 0 };
const dinar = { code: 'KWD', exponent: 3 };

describe('an amount', () => {
  it('goes to minor units and back without a rounding', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 15n }),
        fc.constantFrom(euro, yen, dinar),
        (minor, currency) => {
          expect(parseAmount(formatAmount(minor, currency), currency)).toEqual({ ok: true, value: minor });
        },
      ),
    );
  });

  it.each([
    ['0.01', 1n],
    ['1', 100n],
    ['1.5', 150n],
    ['0000001.50', 150n],
    ['10000000000000.00', 10n ** 15n],
  ])('%s euro is taken', (text, minor) => {
    expect(parseAmount(text, euro)).toEqual({ ok: true, value: minor });
  });

  it.each([
    ['0', 'amount_not_positive'],
    ['0.00', 'amount_not_positive'],
    ['-0.01', 'amount_not_positive'],
    ['-5', 'amount_not_positive'],
    ['0.001', 'amount_fraction'],
    ['1.000', 'amount_fraction'],
    ['10000000000000.01', 'amount_out_of_range'],
    ['9'.repeat(40), 'amount_out_of_range'],
    ['9'.repeat(41), 'amount_malformed'],
    ['1,000.00', 'amount_malformed'],
    ['1 000', 'amount_malformed'],
    ['1e3', 'amount_malformed'],
    ['+1', 'amount_malformed'],
    ['.5', 'amount_malformed'],
    ['5.', 'amount_malformed'],
    ['', 'amount_malformed'],
    ['NaN', 'amount_malformed'],
    ['Infinity', 'amount_malformed'],
    ['0x10', 'amount_malformed'],
    ['١', 'amount_malformed'],
  ])('%s euro is refused as %s', (text, code) => {
    expect(parseAmount(text, euro, 'total')).toMatchObject({ ok: false, code, field: 'total' });
  });

  it('has the decimals of its currency', () => {
    expect(parseAmount('1.0', yen)).toMatchObject({ ok: false, code: 'amount_fraction' });
    expect(formatAmount(5n, dinar)).toBe('0.005');
    expect(formatAmount(-5n, euro)).toBe('-0.05');
    expect(formatAmount(1_250n, yen)).toBe('1250');
  });

  it('in a thousand separators is told how it is written', () => {
    expect(parseAmount('250,000.00', euro)).toMatchObject({
      message: expect.stringContaining('without separators of thousands'),
    });
  });
});

describe('a currency', () => {
  it.each([
    ['EUR', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['XCG', 2],
    ['ZWG', 2],
    ['SLE', 2],
  ])('%s has %s decimals', (code, exponent) => {
    expect(currencyExponent(code)).toBe(exponent);
  });

  it.each([
    'ANG',
    'BGN',
    'HRK',
    'CUC',
    'SLL',
    'ZWL',
    'XAU',
    'XXX',
    'XTS',
    'CHE',
    'eur',
    'EURO',
    '',
    'constructor',
    '__proto__',
  ])('%s is none to issue in', (code) => {
    expect(currencyExponent(code)).toBeUndefined();
  });
});
