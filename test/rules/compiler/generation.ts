/** Random checked expressions and random facts for them, most of them near where something changes. */
import fc from 'fast-check';
import type {
  Facts,
  Feed,
  List,
  Parameter,
  Rounding,
  Type,
  Typed,
  Value,
  Window,
} from '../../../src/rules/checker/checked.ts';
import {
  and,
  bool,
  type Calculation,
  calculate,
  choose,
  compare,
  constant,
  convert,
  count,
  feed,
  has,
  int,
  list,
  listed,
  negate,
  noon,
  not,
  ofFeed,
  ofParameter,
  or,
  parameter,
  read,
  scale,
  share,
  spent,
  text,
  transfer,
  types,
  window,
} from './typed.ts';

const limit = 10n ** 18n;

export const feeds: readonly Feed[] = [
  feed('ecb', 'rates', { onStale: 'DENY' }),
  feed('boe', 'rates'),
  feed('income', 'ratio', { least: 100_000n, most: 3_000_000n, onStale: 'DENY' }),
  feed('index', 'int', { least: 1n - limit, most: limit - 1n }),
];
const [ecb, boe, income, index] = feeds as [Feed, Feed, Feed, Feed];
export const windows: readonly Window[] = [window('day', 86_400n), window('month', 2_592_000n)];
export const parameters: readonly Parameter[] = [
  parameter('floor', types.tx, 5n, { range: { least: 0n, most: 1_000n } }),
  parameter('secret_floor', types.tx, 7n, { secret: true, range: { least: 0n, most: limit - 1n } }),
  parameter('any', types.int, 3n, { secret: true }),
];
export const keys: readonly Uint8Array[] = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte));
export const symbols = ['basic', 'full', 'hosted', 'self', ' '];
export const lists: readonly List[] = [
  list('open', 'symbol', ['basic', 'self']),
  list('none', 'symbol'),
  list('closed', 'symbol', [], true),
  list('sdn', 'key', [], true),
  list('known', 'key'),
  list('nobody', 'key'),
];
export const listItems: ReadonlyMap<string, readonly string[] | readonly Uint8Array[]> = new Map<
  string,
  readonly string[] | readonly Uint8Array[]
>([
  ['m/open', ['basic', 'self']],
  ['m/none', []],
  ['m/closed', ['full']],
  ['m/sdn', keys.slice(1, 3)],
  ['m/known', keys.slice(0, 1)],
  ['m/nobody', []],
]);

/** Numbers near the limits of the language, of words, of products. */
const edges = [
  0n,
  1n,
  2n,
  3n,
  7n,
  10n,
  1_000n,
  999_999n,
  10n ** 6n,
  10n ** 9n,
  10n ** 9n + 1n,
  2n ** 31n,
  2n ** 32n,
  10n ** 15n,
  limit / 2n,
  limit - 1n,
];
const number = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...edges, ...edges.map((edge) => -edge)) },
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: 1n - limit, max: limit - 1n }),
);
const roundings: readonly Rounding[] = ['floor', 'ceiling', 'down', 'up', 'half_even', 'half_up'];
const rounding = fc.constantFrom(...roundings);
const calculation = fc.constantFrom<Calculation>('add', 'subtract', 'min', 'max');

export interface Expressions {
  readonly bool: Typed;
  readonly int: Typed;
  readonly money: Typed;
  readonly ratio: Typed;
  readonly symbol: Typed;
  readonly key: Typed;
}

/** Of each type; `depth` says how deep at most. */
export function expressions(depth = 4): { [Name in keyof Expressions]: fc.Arbitrary<Expressions[Name]> } {
  return fc.letrec<Expressions>((tie: fc.LetrecTypedTie<Expressions>) => {
    const chosen = (name: keyof Expressions): fc.Arbitrary<Typed> =>
      fc.tuple(tie('bool'), tie(name), tie(name)).map(([c, a, b]) => choose(c, a, b));
    const of =
      (...leaves: readonly [fc.Arbitrary<Typed>, ...fc.Arbitrary<Typed>[]]) =>
      (...inner: readonly fc.Arbitrary<Typed>[]): fc.Arbitrary<Typed> =>
        fc.oneof({ maxDepth: depth, depthSize: 'small' }, fc.oneof(...leaves), ...inner);
    const ordered = fc.constantFrom('==', '!=', '<', '<=', '>', '>=') as fc.Arbitrary<'=='>;
    const equal = fc.constantFrom('==', '!=') as fc.Arbitrary<'=='>;
    const sums = (name: 'int' | 'money' | 'ratio'): fc.Arbitrary<Typed> =>
      fc.tuple(calculation, tie(name), tie(name)).map(([op, a, b]) => calculate(op, a, b));
    const compared = (name: keyof Expressions, operators: fc.Arbitrary<'=='>): fc.Arbitrary<Typed> =>
      fc.tuple(tie(name), operators, tie(name)).map(([a, op, b]) => compare(a, op, b));
    return {
      bool: of(
        fc.boolean().map(bool),
        fc.constantFrom(has('tx.tier'), has('tx.ivms_digest'), has('tx.counterparty_wallet')),
      )(
        compared('int', ordered),
        compared('money', ordered),
        compared('ratio', ordered),
        compared('symbol', equal),
        compared('key', equal),
        compared('bool', equal),
        fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => and(a, b)),
        fc.tuple(tie('bool'), tie('bool')).map(([a, b]) => or(a, b)),
        tie('bool').map(not),
        chosen('bool'),
        fc.tuple(tie('symbol'), fc.constantFrom(...lists.slice(0, 3))).map(([a, b]) => listed(a, b)),
        fc.tuple(tie('key'), fc.constantFrom(...lists.slice(3))).map(([a, b]) => listed(a, b)),
      ),
      int: of(
        number.map(int),
        fc.constantFrom(
          ...windows.map(count),
          ofFeed(index),
          ...parameters.slice(2).map(ofParameter),
          read('tx.units'),
          read('account.requests'),
        ),
      )(
        sums('int'),
        fc
          .tuple(fc.constantFrom<Calculation>('multiply', 'divide', 'remainder'), tie('int'), tie('int'))
          .map(([op, a, b]) => calculate(op, a, b)),
        tie('int').map(negate),
        chosen('int'),
      ),
      money: of(
        number.map((value) => constant(value, types.tx)),
        fc.constantFrom(
          read('tx.amount'),
          read('account.available'),
          read('account.ceiling'),
          ...windows.map(spent),
          ...parameters.slice(0, 2).map(ofParameter),
        ),
      )(
        sums('money'),
        fc.tuple(tie('money'), tie('int')).map(([a, b]) => calculate('multiply', a, b)),
        fc.tuple(tie('money'), tie('ratio'), rounding).map(([a, b, r]) => scale(a, b, r)),
        fc.tuple(tie('money'), tie('int'), rounding).map(([a, b, r]) => share(a, b, r)),
        fc
          .tuple(tie('money'), fc.constantFrom('USD', 'EUR', 'JPY'), fc.constantFrom(ecb, boe), rounding)
          .map(([a, to, by, r]) => ({ ...convert(a, to, by, r), type: types.tx as Type })),
        tie('money').map(negate),
        chosen('money'),
      ),
      ratio: of(
        number.map((value) => constant(value, types.ratio)),
        fc.constantFrom(ofFeed(income)),
      )(sums('ratio'), tie('ratio').map(negate), chosen('ratio')),
      symbol: of(
        fc.constantFrom(...symbols).map(text),
        fc.constantFrom(
          read('tx.tier'),
          read('tx.counterparty_wallet'),
          read('tx.origin'),
          read('tx.currency'),
        ),
      )(chosen('symbol')),
      key: of(
        fc.constantFrom(...keys).map((key) => constant(key, types.key)),
        fc.constantFrom(read('tx.originator_key'), read('tx.counterparty_key'), read('tx.ivms_digest')),
      )(chosen('key')),
    };
  });
}

const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 6 });

const asOf = fc.constantFrom(
  noon,
  noon - 1n,
  noon - 3_600n,
  noon - 3_601n,
  noon + 1n,
  0n,
  1n - limit,
  limit - 1n,
);
const rate = fc.oneof(number, fc.constantFrom(1_084_200_000n, 10n ** 9n));

/** Facts of a transfer, any of them missing, outside its range or at its limit. */
export const facts: fc.Arbitrary<Facts> = fc
  .record({
    fields: fc.record({
      'tx.amount': sometimes(number),
      'tx.tier': sometimes(fc.constantFrom(...symbols)),
      'tx.counterparty_wallet': sometimes(fc.constantFrom(...symbols)),
      'tx.originator_key': sometimes(fc.constantFrom(...keys)),
      'tx.counterparty_key': sometimes(fc.constantFrom(...keys)),
      'tx.ivms_digest': sometimes(fc.constantFrom(...keys)),
      'tx.units': sometimes(number),
      'account.available': sometimes(number),
      'account.ceiling': sometimes(number),
      'account.requests': sometimes(number),
    }),
    rates: fc.array(
      sometimes(fc.record({ asOf, rates: fc.record({ USD: sometimes(rate), JPY: sometimes(rate) }) })),
      { minLength: 2, maxLength: 2 },
    ),
    values: fc.array(sometimes(fc.record({ asOf, value: number })), { minLength: 2, maxLength: 2 }),
    windows: fc.array(sometimes(fc.record({ spent: number, count: number })), { minLength: 2, maxLength: 2 }),
  })
  .map(({ fields, rates, values, windows: seen }) => {
    const named = new Map<string, { asOf: bigint; value?: bigint; rates?: ReadonlyMap<string, bigint> }>();
    for (const [place, name] of ['ecb', 'boe'].entries()) {
      const one = rates[place];
      const found = Object.entries(one?.rates ?? {}).filter(
        (entry): entry is [string, bigint] => entry[1] !== undefined,
      );
      if (one !== undefined) named.set(name, { asOf: one.asOf, rates: new Map(found) });
    }
    for (const [place, name] of ['income', 'index'].entries()) {
      const one = values[place];
      if (one !== undefined) named.set(name, one);
    }
    const numbered = windows.flatMap(({ seconds }, place) => {
      const one = seen[place];
      return one === undefined ? [] : [[seconds, one] as const];
    });
    return transfer(fields as Record<string, Value | undefined>, {
      feeds: named,
      windows: new Map(numbered),
    });
  });
