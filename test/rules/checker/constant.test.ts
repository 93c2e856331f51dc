import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/rules/checker/checked.ts';
import { readConstant, readDate, readRate } from '../../../src/rules/checker/constant.ts';

function readValue(name: string, text: string): Value | string {
  const read = readConstant(name, text);
  return read.ok ? read.value.value : read.code;
}

describe('constants', () => {
  it('of money have just as many decimals as the currency, or none', () => {
    expect(readValue('usd', '10.00')).toBe(1_000n);
    expect(readValue('usd', '10')).toBe(1_000n);
    expect(readValue('usd', '-0.05')).toBe(-5n);
    expect(readValue('jpy', '5')).toBe(5n);
    expect(readValue('bhd', '1.234')).toBe(1_234n);
    for (const [name, text] of [
      ['usd', '10.0'],
      ['usd', '10.000'],
      ['usd', '10.'],
      ['usd', '.50'],
      ['usd', '010'],
      ['usd', '+1'],
      ['usd', '1e3'],
      ['usd', ' 1'],
      ['usd', ''],
      ['usd', '1,000.00'],
      ['jpy', '5.0'],
      ['bhd', '1.23'],
    ] as const)
      expect([name, text, readValue(name, text)]).toEqual([name, text, 'bad_constant']);
  });

  it('end before 10^18 of the smallest unit', () => {
    expect(readValue('usd', '9999999999999999.99')).toBe(10n ** 18n - 1n);
    expect(readValue('usd', '10000000000000000.00')).toBe('number_size');
    expect(readValue('usd', '-10000000000000000.00')).toBe('number_size');
    expect(readValue('ratio', '999999999999.999999')).toBe(10n ** 18n - 1n);
    expect(readValue('ratio', '1000000000000')).toBe('number_size');
    expect(readValue('duration', '11574074074074d')).toBe(11_574_074_074_074n * 86_400n);
    expect(readValue('duration', '11574074074075d')).toBe('number_size');
    expect(readValue('usd', '9'.repeat(40))).toBe('bad_constant');
  });

  it('of ratios have up to six decimals', () => {
    expect(readValue('ratio', '0.25')).toBe(250_000n);
    expect(readValue('ratio', '0.000001')).toBe(1n);
    expect(readValue('ratio', '-3')).toBe(-3_000_000n);
    expect(readValue('ratio', '0.0000001')).toBe('bad_constant');
  });

  it('of durations have one unit', () => {
    expect(['90s', '15m', '24h', '30d', '-1s', '0s'].map((text) => readValue('duration', text))).toEqual([
      90n,
      900n,
      86_400n,
      2_592_000n,
      -1n,
      0n,
    ]);
    for (const text of ['1h30m', '1.5h', '1w', '24', 'h', '1 h'])
      expect(readValue('duration', text)).toBe('bad_constant');
  });

  it('of timestamps are in UTC and whole seconds, from 1970 to 9999', () => {
    expect(readValue('timestamp', '1970-01-01T00:00:00Z')).toBe(0n);
    expect(readValue('timestamp', '2024-02-29T23:59:59Z')).toBe(1_709_251_199n);
    expect(readValue('timestamp', '9999-12-31T23:59:59Z')).toBe(253_402_300_799n);
    for (const text of [
      '1969-12-31T23:59:59Z',
      '2023-02-29T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T23:59:60Z',
      '2026-01-01T00:00:00+01:00',
      '2026-01-01T00:00:00.5Z',
      '2026-01-01',
      '10000-01-01T00:00:00Z',
    ])
      expect([text, readValue('timestamp', text)]).toEqual([text, 'bad_constant']);
  });

  it('of keys are 64 digits in small letters, or the hash of a text', () => {
    expect(readValue('key', 'ab'.repeat(32))).toEqual(new Uint8Array(32).fill(0xab));
    for (const text of ['AB'.repeat(32), 'ab'.repeat(31), `${'ab'.repeat(31)}xy`])
      expect(readValue('key', text)).toBe('bad_constant');
    // FIPS 180-4's example, as NIST gives it.
    expect(readValue('sha256', 'abc')).toEqual(
      Uint8Array.from(Buffer.from('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'hex')),
    );
  });
});

describe('a day', () => {
  it('is one that there is', () => {
    expect(readDate('2024-02-29')).toBe(1_709_164_800n);
    for (const text of ['2023-02-29', '2024-13-01', '2024-1-01', '1969-12-31'])
      expect(readDate(text)).toBeUndefined();
  });
});

describe('a rate of a test', () => {
  const rateOf = (text: string, from: string, to: string): bigint | string => {
    const rate = readRate(text, from, to);
    return rate.ok ? rate.value : rate.code;
  };

  it('is of major units, and becomes one of minor units for 10^9', () => {
    expect(rateOf('1.0842', 'EUR', 'USD')).toBe(1_084_200_000n);
    // A dollar has 100 cents, and a yen no parts.
    expect(rateOf('150', 'USD', 'JPY')).toBe(1_500_000_000n);
    expect(rateOf('0.0064', 'JPY', 'EUR')).toBe(640_000_000n);
    expect(rateOf('0.376', 'USD', 'BHD')).toBe(3_760_000_000n);
  });

  it('is rounded half even', () => {
    expect(rateOf('0.0000000005', 'EUR', 'USD')).toBe(0n);
    expect(rateOf('0.0000000015', 'EUR', 'USD')).toBe(2n);
    expect(rateOf('0.0000000025', 'EUR', 'USD')).toBe(2n);
    expect(rateOf('0.000000002500000001', 'EUR', 'USD')).toBe(3n);
  });

  it('is not negative, and within the numbers of the language', () => {
    expect(rateOf('0', 'EUR', 'USD')).toBe(0n);
    expect(rateOf('-1', 'EUR', 'USD')).toBe('bad_constant');
    expect(rateOf('999999999.999999999', 'EUR', 'USD')).toBe(10n ** 18n - 1n);
    expect(rateOf('1000000000', 'EUR', 'USD')).toBe('number_size');
  });
});
