import { describe, expect, it } from 'vitest';
import { readFeeds } from '../../../src/appliance/feed-file.ts';

const asOf = '2026-11-22T10:00:00Z';
const file = {
  ecb: { asOf, rates: { EUR: { USD: '1.0842', JPY: '162.35' }, JPY: { EUR: '0.00616' } } },
  income_ratio: { asOf: '2026-11-01T00:00:00Z', ratio: '-0.25' },
  index: { asOf, int: '117' },
};
const moment = BigInt(Date.parse(asOf) / 1000);

function read(feeds: unknown): ReturnType<typeof readFeeds> {
  return readFeeds(JSON.stringify(feeds));
}

describe('the file of feeds', () => {
  it('gives rates from the currency that is asked for, in minor units for 10^9 of its own, each feed with its moment', () => {
    const feeds = read(file);
    if (!feeds.ok) throw new Error(feeds.message);
    const of = (currency: string) => feeds.value.of(currency).get('ecb');
    // 162.35 yen, which have no cents, for 100 cents.
    expect(of('EUR')).toEqual({
      asOf: moment,
      rates: new Map([
        ['USD', 1_084_200_000n],
        ['JPY', 1_623_500_000n],
      ]),
    });
    expect(of('JPY')?.rates?.get('EUR')).toBe(616_000_000n);
    expect(of('CHF')).toEqual({ asOf: moment, rates: new Map() });
    expect(feeds.value.of('CHF').get('income_ratio')?.value).toBe(-250_000n);
    expect(feeds.value.of('CHF').get('index')?.value).toBe(117n);
    const none = readFeeds('{}');
    expect(none.ok && none.value.of('EUR').size).toBe(0);
  });

  it.each([
    ['half of it', JSON.stringify(file).slice(0, -9), 'the file'],
    ['a list', '[]', 'the file'],
    ['a number in the place of text', { a: { asOf, int: 3 } }, 'a.int'],
    [
      'a rate with too many decimals',
      { a: { asOf, rates: { EUR: { USD: `1.${'0'.repeat(19)}` } } } },
      'a.rates.EUR.USD',
    ],
    ['a rate below 0', { a: { asOf, rates: { EUR: { USD: '-1' } } } }, 'a.rates.EUR.USD'],
    [
      'a rate that comes to nothing',
      { a: { asOf, rates: { EUR: { USD: '0.0000000001' } } } },
      'a.rates.EUR.USD',
    ],
    ['no moment', { a: { int: '3' } }, 'a.asOf'],
    ['a day that is none', { a: { asOf: '2026-13-41T00:00:00Z', int: '3' } }, 'a.asOf'],
    ['a field more', { a: { asOf, int: '3', more: 1 } }, 'a.more'],
    ['two kinds at once', { a: { asOf, int: '3', rates: {} } }, 'a'],
    ['no kind', { a: { asOf } }, 'a'],
    ['a currency in small letters', { a: { asOf, rates: { EUR: { usd: '5' } } } }, 'a.rates.EUR.usd'],
    ['a currency that there is not', { a: { asOf, rates: { EUR: { QQQ: '5' } } } }, 'a.rates.EUR.QQQ'],
    ['a name in capitals', { ECB: file.index }, 'ECB'],
  ])('is none with %s, and says where', (_, feeds, field) => {
    const refused = readFeeds(typeof feeds === 'string' ? feeds : JSON.stringify(feeds));
    expect(refused).toMatchObject({ ok: false, code: 'feeds_malformed', field });
    expect(refused.ok ? '' : refused.message).toContain(`${field}: `);
  });
});
