import { describe, expect, it } from 'vitest';
import { sha256, utf8 } from '../../../src/kit/bytes.ts';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { checkedWith, codesOf } from './checked-text.ts';

const noon = 'tx.time: timestamp("2026-11-22T12:00:00Z")';
const noonSeconds = 1_795_348_800n;

function factsOf(own: string, given = ''): Facts {
  const { tests } = checkedWith(`${given}test "one" { ${own} } => ALLOW\n`);
  const [first] = tests;
  if (first === undefined) throw new Error('no test');
  return first.facts;
}

function codesOfTest(own: string, given = ''): readonly string[] {
  return codesOf(`${given}test "one" { ${own} } => ALLOW\n`);
}

describe('facts of a test', () => {
  it('are what it says, and what is given where it says nothing', () => {
    const given = `given { ${noon}, tx.origin: "US", tx.originator_key: sha256("ann") }\ngiven { tx.tier: "basic" }\n`;
    expect(factsOf('tx.origin: "FR", tx.amount: usd("1.50")', given)).toEqual({
      kind: 'transfer',
      fields: new Map<string, unknown>([
        ['tx.origin', 'FR'],
        ['tx.amount', 150n],
        ['tx.time', noonSeconds],
        ['tx.originator_key', sha256(utf8('ann'))],
        ['tx.tier', 'basic'],
        ['tx.currency', 'USD'],
      ]),
      feeds: new Map(),
      windows: new Map(),
    });
  });

  it('may be outside of what a field ranges over', () => {
    expect(factsOf('tx.amount: usd("-1.00")').fields.get('tx.amount')).toBe(-100n);
    expect(factsOf('tx.amount: usd("9999999999999999.99")').fields.get('tx.amount')).toBe(10n ** 18n - 1n);
  });

  it('have the currency of their amounts, whichever says it', () => {
    expect(factsOf('tx.amount: jpy("5")').fields.get('tx.currency')).toBe('JPY');
    expect(factsOf('spent.day: eur("5.00")').fields.get('tx.currency')).toBe('EUR');
    expect(factsOf('tx.currency: "EUR", tx.amount: eur("5.00")').fields.get('tx.currency')).toBe('EUR');
    expect(factsOf('count.day: 5').fields.has('tx.currency')).toBe(false);
    expect(codesOfTest('tx.currency: "EUR", tx.amount: usd("5.00")')).toEqual(['fact_currency']);
    expect(codesOfTest('tx.amount: eur("5.00")', 'given { spent.day: usd("0.00") }\n')).toEqual([
      'fact_currency',
    ]);
    expect(
      codesOfTest('tx.amount: eur("5.00"), spent.day: eur("1.00")', 'given { spent.day: usd("0.00") }\n'),
    ).toEqual([]);
  });

  it('of windows are by their length, and 0 where nothing is said', () => {
    const text = 'window month 30d\nwindow again 24h\n';
    expect(factsOf('spent.day: usd("5.00")').windows).toEqual(
      new Map([[86_400n, { spent: 500n, count: 0n }]]),
    );
    expect(factsOf('count.day: 7').windows).toEqual(new Map([[86_400n, { spent: 0n, count: 7n }]]));
    expect(factsOf('count.month: 7, spent.day: usd("5.00")', text).windows).toEqual(
      new Map([
        [2_592_000n, { spent: 0n, count: 7n }],
        [86_400n, { spent: 500n, count: 0n }],
      ]),
    );
    expect(codesOfTest('count.day: 7, count.again: 7', text)).toEqual([]);
    expect(codesOfTest('count.day: 7, count.again: 8', text)).toEqual(['fact_twice']);
    expect(codesOfTest('spent.week: usd("1.00")')).toEqual(['unknown_name']);
    expect(codesOfTest('spent.day: 5')).toEqual(['type_mismatch']);
    expect(codesOfTest('count.day: usd("5.00")')).toEqual(['type_mismatch']);
  });

  it('of feeds are as of the transaction, or as much earlier as their age', () => {
    const reading = (text: string) => factsOf(`${noon}, ${text}`).feeds;
    expect(reading('feed.index: ratio("1.5")')).toEqual(
      new Map([['index', { asOf: noonSeconds, value: 1_500_000n }]]),
    );
    expect(reading('feed.index.age: duration("2h"), feed.index: ratio("1.5")')).toEqual(
      new Map([['index', { asOf: noonSeconds - 7_200n, value: 1_500_000n }]]),
    );
    expect(reading('feed.index.age: duration("-1s")')).toEqual(
      new Map([['index', { asOf: noonSeconds + 1n }]]),
    );
    expect(reading('tx.amount: eur("1.00"), feed.ecb.USD: rate("1.0842"), feed.ecb.JPY: 9')).toEqual(
      new Map([
        [
          'ecb',
          {
            asOf: noonSeconds,
            rates: new Map([
              ['USD', 1_084_200_000n],
              ['JPY', 9n],
            ]),
          },
        ],
      ]),
    );
    expect(codesOfTest('feed.index: ratio("1.5")')).toEqual(['missing_time']);
    expect(codesOfTest(`${noon}, feed.index.age: duration("999999999999999999s")`)).toEqual([]);
    expect(codesOfTest(`${noon}, feed.index.age: duration("-999999999999999999s")`)).toEqual(['number_size']);
  });

  it('of feeds are of what the feed gives', () => {
    for (const fact of [
      'feed.index.USD: rate("1")',
      'feed.ecb: ratio("1.5")',
      'feed.ecb.XYZ: rate("1")',
      'feed.index.value: 5',
    ])
      expect([fact, codesOfTest(`${noon}, tx.amount: usd("1.00"), ${fact}`)]).toEqual([fact, ['feed_kind']]);
    expect(codesOfTest(`${noon}, feed.fed.USD: rate("1")`)).toEqual(['unknown_name']);
    expect(codesOfTest(`${noon}, feed.index: 5`)).toEqual(['type_mismatch']);
    expect(codesOfTest(`${noon}, tx.amount: usd("1.00"), feed.ecb.EUR: rate(1)`)).toEqual(['not_constant']);
    expect(codesOfTest(`${noon}, tx.amount: usd("1.00"), feed.ecb.EUR: rate("one")`)).toEqual([
      'bad_constant',
    ]);
  });

  it('have rates only from a currency that is known', () => {
    expect(codesOfTest(`${noon}, feed.ecb.EUR: rate("1")`)).toEqual(['missing_currency']);
    expect(codesOfTest(`${noon}, tx.currency: "ABC", feed.ecb.EUR: rate("1")`)).toEqual(['missing_currency']);
    expect(codesOfTest(`${noon}, tx.currency: "USD", feed.ecb.EUR: rate("1")`)).toEqual([]);
    expect(codesOfTest(`${noon}, feed.ecb.EUR: 5`)).toEqual([]);
  });

  it('are of the kind that is said, or of the first that the module is on', () => {
    const header = (on: string): string =>
      `module us.both 1\n  jurisdiction US\n  layer national\n  on ${on}\n`;
    const kindOf = (on: string, facts: string) => {
      const { module, faults } = checkModule(`${header(on)}test "one" { ${facts} } => ALLOW\n`);
      return module?.tests[0]?.facts.kind ?? faults.map(({ code }) => code);
    };
    expect(kindOf('issuance and transfer', 'tx.origin: "US"')).toBe('issuance');
    expect(kindOf('transfer and issuance', 'tx.origin: "US"')).toBe('transfer');
    expect(kindOf('issuance and transfer', 'kind: "transfer", tx.tier: "basic"')).toBe('transfer');
    expect(kindOf('issuance and transfer', 'tx.tier: "basic"')).toEqual(['field_kind']);
    expect(kindOf('issuance and transfer', 'kind: "transfer", tx.units: 5')).toEqual(['field_kind']);
    expect(kindOf('transfer', 'kind: "issuance"')).toEqual(['kind_elsewhere']);
    expect(kindOf('transfer', 'kind: "burning"')).toEqual(['kind_elsewhere']);
  });

  it('are constants of their types', () => {
    expect(codesOfTest('tx.amount: 5')).toEqual(['type_mismatch']);
    expect(codesOfTest('tx.amount: tx.amount')).toEqual(['not_constant']);
    expect(codesOfTest('tx.amount: floor')).toEqual(['not_constant']);
    expect(codesOfTest('tx.origin: "too long a name"')).toEqual(['bad_symbol']);
    expect(codesOfTest('tx.origin_country: "US"')).toEqual(['unknown_name']);
  });
});

describe('a test', () => {
  it('names rules of its module, in whatever order', () => {
    const rules =
      'rule b control papers\n  require tx.ivms_digest\nrule a control papers\n  require tx.tier\n';
    const { tests } = checkedWith(`${rules}test "one" { tx.origin: "US" } => DENY a, whole, b\n`);
    expect(tests[0]?.fired).toEqual(['whole', 'b', 'a']);
    expect(codesOf(`${rules}test "one" { tx.origin: "US" } => DENY c\n`)).toEqual(['unknown_name']);
  });
});
