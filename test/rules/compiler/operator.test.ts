/** Each operator in the label machine at its limits, with what it has to come to written out. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Rounding, Typed } from '../../../src/rules/checker/checked.ts';
import { Probes, type Told } from '../../../src/rules/probe-run.ts';
import type { Corridor } from '../../../src/rules/set/rule-set.ts';
import type { Machine } from '../../../vm/host.ts';
import { freshMachine } from '../../vm/machine.ts';
import {
  and,
  bool,
  calculate,
  choose,
  compare,
  constant,
  convert,
  feed,
  has,
  int,
  list,
  listed,
  moduleOf,
  negate,
  noon,
  not,
  ofFeed,
  or,
  read,
  scale,
  setOf,
  share,
  spent,
  text,
  transfer,
  types,
  window,
} from './typed.ts';

const most = 10n ** 18n - 1n;
const hold = { error: 'HOLD' } as const;
const deny = { error: 'DENY' } as const;

const day = window('day', 86_400n);
const ecb = feed('ecb', 'rates', { onStale: 'DENY' });
const ratioFeed = feed('ratio', 'ratio', { least: 100_000n, most: 3_000_000n });
const module = moduleOf('m', { feeds: [ecb, ratioFeed], windows: [day], rules: [] });
const set = setOf([module]);
const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' };

let machine: Machine;
beforeAll(async () => {
  machine = await freshMachine();
});

type Given = Parameters<typeof transfer>;

function valuesOf(typed: readonly Typed[], ...given: Given): readonly (Told | undefined)[] {
  const wanted = typed.map((one) => ({ typed: one, module, owners: [] }));
  return new Probes(machine, set, corridor, wanted).run(transfer(...given), { clearedFor: [] });
}

/** Of constants nothing is left to be computed: the same is read from a window, which has any number. */
function read18(value: bigint): { readonly typed: Typed; readonly given: Given } {
  const counted: Typed = { span: { start: 0, end: 0 }, op: 'count', window: day, type: types.int };
  const isNegative = value < 0n;
  return {
    typed: isNegative ? negate(counted) : counted,
    given: [{}, { windows: new Map([[day.seconds, { spent: 0n, count: isNegative ? -value : value }]]) }],
  };
}

type Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder' | 'min' | 'max';

const binary: readonly [Binary, bigint, bigint, Told][] = [
  ['add', most, 0n, most],
  ['add', most, 1n, hold],
  ['add', -most, -1n, hold],
  ['add', -most, most, 0n],
  ['subtract', -most, 1n, hold],
  ['subtract', -most, -most, 0n],
  ['subtract', most, -1n, hold],
  ['multiply', most, 1n, most],
  ['multiply', most, -1n, -most],
  ['multiply', 10n ** 9n, 10n ** 9n, hold],
  ['multiply', 10n ** 9n, 10n ** 9n - 1n, 10n ** 18n - 10n ** 9n],
  ['multiply', -(10n ** 9n), 10n ** 9n, hold],
  ['multiply', most, most, hold],
  ['multiply', 0n, most, 0n],
  ['divide', 7n, 2n, 3n],
  ['divide', -7n, 2n, -3n],
  ['divide', 7n, -2n, -3n],
  ['divide', -most, -1n, most],
  ['divide', 7n, 0n, hold],
  ['divide', 0n, 0n, hold],
  ['remainder', 7n, 2n, 1n],
  ['remainder', -7n, 2n, -1n],
  ['remainder', 7n, -2n, 1n],
  ['remainder', -most, -1n, 0n],
  ['remainder', 7n, 0n, hold],
  ['min', -most, most, -most],
  ['max', -most, most, most],
];

describe('numbers', () => {
  it.each(binary)('%s %d %d', (op, a, b, expected) => {
    const left = read18(a);
    const right = read18(b);
    const results = [
      valuesOf([calculate(op, int(a), int(b))]),
      valuesOf([calculate(op, left.typed, int(b))], ...left.given),
      valuesOf([calculate(op, int(a), right.typed)], ...right.given),
    ];
    expect(results).toEqual([[expected], [expected], [expected]]);
  });

  const rounded: readonly [bigint, Rounding, bigint][] = [
    [25n, 'floor', 2n],
    [25n, 'ceiling', 3n],
    [25n, 'down', 2n],
    [25n, 'up', 3n],
    [25n, 'half_even', 2n],
    [25n, 'half_up', 3n],
    [-25n, 'floor', -3n],
    [-25n, 'ceiling', -2n],
    [-25n, 'down', -2n],
    [-25n, 'up', -3n],
    [-25n, 'half_even', -2n],
    [-25n, 'half_up', -3n],
    [35n, 'half_even', 4n],
  ];
  it.each(rounded)('%d tenths, rounded %s', (tenths, rounding, expected) => {
    const amount = constant(tenths, types.tx);
    const tenth = constant(100_000n, types.ratio);
    expect(valuesOf([scale(amount, tenth, rounding), share(amount, int(10n), rounding)])).toEqual([
      expected,
      expected,
    ]);
  });

  it('that are scaled are exact until they are rounded, and overflow where the result does', () => {
    const amount = constant(most, types.tx);
    const of = (ratio: bigint, rounding: Rounding): Typed =>
      scale(amount, constant(ratio, types.ratio), rounding);
    // (10^18 - 1) × (10^6 ± 1) ÷ 10^6
    expect(
      valuesOf([
        of(1_000_000n, 'up'),
        of(1_000_001n, 'down'),
        of(999_999n, 'down'),
        of(-1_000_000n, 'up'),
        of(most, 'down'),
      ]),
    ).toEqual([most, hold, 999_998_999_999_999_999n, -most, hold]);
    // 999,999,999,999,999,999 × 1.0000005 rounds to one above the most, or to the most.
    const half = constant(10n ** 12n, types.tx);
    const by = constant(999_999_999_999n, types.ratio);
    expect(valuesOf([scale(half, by, 'up')])).toEqual([999_999_999_999n * 10n ** 6n]);
    expect(valuesOf([share(amount, int(0n), 'down'), share(amount, int(-1n), 'up')])).toEqual([hold, -most]);
  });
});

describe('truths', () => {
  const wrong = compare(calculate('divide', int(1n), int(0n)), '==', int(1n));
  const stale = compare(convert(read('tx.amount'), 'USD', ecb, 'down'), '>', constant(0n, types.usd));
  const old = { feeds: new Map([['ecb', { asOf: noon - 3_601n, rates: new Map([['USD', 10n ** 9n]]) }]]) };

  it('decide before an error does, whichever side it is on', () => {
    const [yes, no] = [bool(true), bool(false)];
    expect(
      valuesOf([
        and(no, wrong),
        and(wrong, no),
        or(yes, wrong),
        or(wrong, yes),
        and(yes, wrong),
        and(wrong, yes),
        or(no, wrong),
        or(wrong, no),
        not(wrong),
        choose(yes, no, wrong),
        choose(no, no, wrong),
        choose(wrong, no, no),
      ]),
    ).toEqual([false, false, true, true, hold, hold, hold, hold, hold, false, hold, hold]);
  });

  it('have the greater of two errors', () => {
    expect(valuesOf([and(wrong, stale), or(stale, wrong), and(bool(false), stale)], {}, old)).toEqual([
      deny,
      deny,
      false,
    ]);
  });

  it('compare text, keys and numbers', () => {
    const open = list('open', 'symbol', ['a', 'b']);
    const tier = read('tx.tier');
    const key = constant(new Uint8Array(32).fill(2), types.key);
    expect(
      valuesOf(
        [
          has('tx.tier'),
          has('tx.ivms_digest'),
          compare(tier, '==', text('b')),
          compare(tier, '!=', text('b')),
          listed(tier, open),
          listed(text('c'), open),
          compare(read('tx.counterparty_key'), '==', key),
          compare(read('tx.originator_key'), '!=', key),
          compare(read('tx.ivms_digest'), '==', key),
          tier,
          read('tx.counterparty_key'),
        ],
        { 'tx.tier': 'b' },
      ),
    ).toEqual([true, false, true, false, true, false, true, true, hold, 'b', new Uint8Array(32).fill(2)]);
  });
});

describe('what comes from outside', () => {
  it('is an error where it is missing or outside its range', () => {
    const amount = read('tx.amount');
    const at = (value: bigint | undefined): Told | undefined => valuesOf([amount], { 'tx.amount': value })[0];
    expect(
      [0n, 1n, 10n ** 15n, 10n ** 15n + 1n, 2n ** 63n, -(2n ** 63n), 2n ** 70n, undefined].map(at),
    ).toEqual([hold, 1n, 10n ** 15n, hold, hold, hold, hold, hold]);
    const seen = (value: bigint): Told | undefined =>
      valuesOf([spent(day)], {}, { windows: new Map([[day.seconds, { spent: value, count: 0n }]]) })[0];
    expect([-1n, 0n, most, most + 1n].map(seen)).toEqual([hold, 0n, most, hold]);
    expect(valuesOf([spent(day)])).toEqual([hold]);
  });

  it('is an error where a feed is too old, from after the transaction, or has not what is asked for', () => {
    const dollars = convert(read('tx.amount'), 'USD', ecb, 'down');
    const at = (asOf: bigint, rates: readonly [string, bigint][]): Told | undefined =>
      valuesOf([dollars], {}, { feeds: new Map([['ecb', { asOf, rates: new Map(rates) }]]) })[0];
    expect([
      at(noon, [['USD', 1_084_200_000n]]),
      at(noon - 3_600n, [['USD', 1_084_200_000n]]),
      at(noon - 3_601n, [['USD', 1_084_200_000n]]),
      at(noon + 1n, [['USD', 1_084_200_000n]]),
      at(noon, [['JPY', 1n]]),
      at(noon, [['USD', 0n]]),
      at(noon - 3_601n, []),
      valuesOf([dollars])[0],
      valuesOf([convert(read('tx.amount'), 'EUR', ecb, 'down')])[0],
    ]).toEqual([10_842n, 10_842n, deny, deny, hold, hold, deny, hold, 10_000n]);
    const ratio = (asOf: bigint, value: bigint): Told | undefined =>
      valuesOf([ofFeed(ratioFeed)], {}, { feeds: new Map([['ratio', { asOf, value }]]) })[0];
    expect([
      ratio(noon, 99_999n),
      ratio(noon, 100_000n),
      ratio(noon, 3_000_001n),
      ratio(0n, 100_000n),
    ]).toEqual([hold, 100_000n, hold, hold]);
  });
});
