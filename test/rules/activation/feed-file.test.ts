import { describe, expect, it } from 'vitest';
import { readFeeds } from '../../../src/appliance/feed-file.ts';

const file = {
  ecb: { asOf: '2026-11-22T10:00:00Z', rates: { EUR: { USD: '1.0842', JPY: '162' }, USD: { EUR: '0.92' } } },
  income_ratio: { asOf: '2026-11-01T00:00:00Z', value: '-250000' },
};
const asOf = BigInt(Date.parse('2026-11-22T10:00:00Z') / 1000);

describe('the file of feeds', () => {
  it('gives rates from the currency that is asked for, in billionths, and values, each with its moment', () => {
    const feeds = readFeeds(JSON.stringify(file));
    expect(feeds?.of('EUR').get('ecb')).toEqual({
      asOf,
      rates: new Map([
        ['USD', 1_084_200_000n],
        ['JPY', 162_000_000_000n],
      ]),
    });
    expect(feeds?.of('USD').get('ecb')?.rates?.get('EUR')).toBe(920_000_000n);
    expect(feeds?.of('CHF').get('ecb')).toEqual({ asOf, rates: new Map() });
    expect(feeds?.of('CHF').get('income_ratio')?.value).toBe(-250_000n);
    expect(readFeeds('{}')?.of('EUR').size).toBe(0);
  });

  it.each([
    ['half of it', JSON.stringify(file).slice(0, -9)],
    ['a number in the place of text', JSON.stringify({ a: { asOf: file.ecb.asOf, value: 3 } })],
    ['ten decimals', JSON.stringify({ a: { asOf: file.ecb.asOf, rates: { EUR: { USD: '1.0000000001' } } } })],
    ['no moment', JSON.stringify({ a: { value: '3' } })],
    ['a day that is none', JSON.stringify({ a: { asOf: '2026-13-41T00:00:00Z', value: '3' } })],
    ['a field more', JSON.stringify({ a: { asOf: file.ecb.asOf, value: '3', rates: {} } })],
    [
      'a currency in small letters',
      JSON.stringify({ a: { asOf: file.ecb.asOf, rates: { EUR: { usd: 5 } } } }),
    ],
    ['a name in capitals', JSON.stringify({ ECB: file.income_ratio })],
  ])('is none with %s', (_, text) => {
    expect(readFeeds(text)).toBeUndefined();
  });
});
