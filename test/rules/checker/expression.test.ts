import { describe, expect, it } from 'vitest';
import type { Typed } from '../../../src/rules/checker/checked.ts';
import { showType } from '../../../src/rules/checker/type.ts';
import { checkedWith, codesOf, codesOfCondition } from './checked-text.ts';

/** Of each type one expression that is no constant. */
const values = {
  bool: 'true',
  int: 'count(day)',
  symbol: 'tx.origin',
  key: 'tx.originator_key',
  ratio: 'feed.index',
  timestamp: 'tx.time',
  duration: 'duration("1h")',
  usd: 'floor',
  eur: 'eur("1.00")',
  tx: 'tx.amount',
} as const;
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];

function typed(expression: string): Typed {
  const found = checkedWith(`let observed = ${expression}\n`).lets.find(({ name }) => name === 'observed');
  if (found === undefined) throw new Error('no such let');
  return found.value;
}

/** The type of an expression, or that it has none. */
function typeOf(expression: string): string {
  return codesOf(`let observed = ${expression}\n`).length === 0 ? showType(typed(expression).type) : 'none';
}

/** For each pair of types with a result: which one. All others have none. */
function table(operator: string): readonly string[] {
  return names.flatMap((left) =>
    names.flatMap((right) => {
      const type = typeOf(`${values[left]} ${operator} ${values[right]}`);
      return type === 'none' ? [] : [`${left} ${operator} ${right}: ${type}`];
    }),
  );
}

describe('operators', () => {
  it('compare two of one type', () => {
    for (const operator of ['==', '!='])
      expect(table(operator)).toEqual(names.map((name) => `${name} ${operator} ${name}: bool`));
  });

  it('order two numbers of one type', () => {
    const ordered = names.filter((name) => !['bool', 'symbol', 'key'].includes(name));
    for (const operator of ['<', '<=', '>', '>='])
      expect(table(operator)).toEqual(ordered.map((name) => `${name} ${operator} ${name}: bool`));
  });

  it('calculate with what has a sum, a product or a quotient', () => {
    const money = ['usd + usd: money<USD>', 'eur + eur: money<EUR>', 'tx + tx: money<tx>'];
    expect(table('+')).toEqual([
      'int + int: int',
      'ratio + ratio: ratio',
      'timestamp + duration: timestamp',
      'duration + timestamp: timestamp',
      'duration + duration: duration',
      ...money,
    ]);
    expect(table('-')).toEqual([
      'int - int: int',
      'ratio - ratio: ratio',
      'timestamp - duration: timestamp',
      'duration - duration: duration',
      ...money.map((one) => one.replace('+', '-')),
    ]);
    expect(table('*')).toEqual([
      'int * int: int',
      'int * usd: money<USD>',
      'int * eur: money<EUR>',
      'int * tx: money<tx>',
      'usd * int: money<USD>',
      'eur * int: money<EUR>',
      'tx * int: money<tx>',
    ]);
    expect([...table('/'), ...table('%')]).toEqual(['int / int: int', 'int % int: int']);
  });

  it('of truths are of truths', () => {
    expect([...table('&&'), ...table('||')]).toEqual(['bool && bool: bool', 'bool || bool: bool']);
    expect(names.map((name) => typeOf(`!${values[name]}`)).filter((type) => type !== 'none')).toEqual([
      'bool',
    ]);
    expect(names.filter((name) => typeOf(`-${values[name]}`) !== 'none')).toEqual([
      'int',
      'ratio',
      'duration',
      'usd',
      'eur',
      'tx',
    ]);
  });

  it('of a condition have arms of one type', () => {
    for (const left of names)
      for (const right of names)
        expect(typeOf(`tx.origin == "US" ? ${values[left]} : ${values[right]}`) !== 'none').toBe(
          left === right,
        );
    expect(codesOfCondition('(tx.origin ? 1 : 2) > 1')).toEqual(['type_mismatch']);
  });
});

describe('functions', () => {
  it('of two numbers are of one type', () => {
    for (const name of ['min', 'max'])
      for (const left of names)
        for (const right of names) {
          const isNumber = !['bool', 'symbol', 'key'].includes(left);
          expect(typeOf(`${name}(${values[left]}, ${values[right]})`) !== 'none').toBe(
            isNumber && left === right,
          );
        }
    expect(typeOf('clamp(tx.amount, tx.amount, tx.amount)')).toBe('money<tx>');
    expect(typed('clamp(count(day), 1, 9)')).toMatchObject({
      op: 'max',
      left: { value: 1n },
      right: { op: 'min', left: { op: 'count' }, right: { value: 9n } },
    });
    expect(codesOf('let a = clamp(floor, 1, dollars)\n')).toEqual(['type_mismatch']);
  });

  it('that round take money, and say how', () => {
    expect(names.filter((name) => typeOf(`mul(${values[name]}, feed.index, UP)`) !== 'none')).toEqual([
      'usd',
      'eur',
      'tx',
    ]);
    expect(names.filter((name) => typeOf(`mul(floor, ${values[name]}, UP)`) !== 'none')).toEqual(['ratio']);
    expect(names.filter((name) => typeOf(`div(floor, ${values[name]}, UP)`) !== 'none')).toEqual(['int']);
    for (const rounding of ['FLOOR', 'CEILING', 'DOWN', 'UP', 'HALF_EVEN', 'HALF_UP'])
      expect(typed(`div(floor, 3, ${rounding})`)).toMatchObject({
        op: 'share',
        rounding: rounding.toLowerCase(),
      });
    expect(codesOf('let a = div(floor, 3, up)\n')).toEqual(['word_unknown']);
    expect(codesOf('let a = div(floor, 3)\n')).toEqual(['argument_count']);
  });

  it('that convert take money<tx>, to a currency, by a feed of rates', () => {
    expect(names.filter((name) => typeOf(`convert(${values[name]}, EUR, feed.ecb, UP)`) !== 'none')).toEqual([
      'tx',
    ]);
    expect(typed('convert(spent(day), JPY, feed.ecb, HALF_EVEN)')).toMatchObject({
      op: 'convert',
      to: 'JPY',
      rounding: 'half_even',
      type: { kind: 'money', currency: 'JPY' },
    });
    expect(codesOf('let a = convert(tx.amount, usd, feed.ecb, UP)\n')).toEqual(['unknown_currency']);
    expect(codesOf('let a = convert(tx.amount, USD, ecb, UP)\n')).toEqual(['feed_kind']);
    expect(codesOf('let a = convert(tx.amount, USD, feed.fed, UP)\n')).toEqual(['unknown_name']);
  });

  it('of windows take one that is declared', () => {
    expect([typeOf('spent(day)'), typeOf('count(day)')]).toEqual(['money<tx>', 'int']);
    expect(codesOf('let a = spent(week)\n')).toEqual(['unknown_name']);
    expect(codesOf('let a = spent(floor)\n')).toEqual(['not_a_value']);
    expect(codesOf('let a = spent(duration("1h"))\n')).toEqual(['not_a_value']);
  });

  it('of tests are not for expressions', () => {
    expect(codesOf('let a = rate("1.0842")\n')).toEqual(['unknown_function']);
  });
});

describe('lists that are written out', () => {
  /** What a tree of `||` or `&&` joins, in its order. */
  const leavesOf = (part: Typed, op: 'or' | 'and'): readonly Typed[] =>
    part.op === op ? [...leavesOf(part.left, op), ...leavesOf(part.right, op)] : [part];

  it('become comparisons, of the one item', () => {
    const leaves = leavesOf(typed('tx.origin in ["KP", "IR", "SY"]'), 'or');
    const right = leaves.map(
      (leaf) => leaf.op === 'compare' && leaf.right.op === 'constant' && leaf.right.value,
    );
    expect(right).toEqual(['KP', 'IR', 'SY']);
    expect(new Set(leaves.map((leaf) => leaf.op === 'compare' && leaf.left)).size).toBe(1);
    expect(typed('tx.origin in ["KP"]')).toMatchObject({ op: 'compare', operator: '==' });
  });

  it('are unrolled by quantifiers, whatever their items are', () => {
    const exists = leavesOf(typed('[tx.origin, tx.destination, "US"].exists(c, c == "KP")'), 'or');
    expect(exists.map((leaf) => leaf.op === 'compare' && leaf.left.op)).toEqual([
      'field',
      'field',
      'constant',
    ]);
    const all = leavesOf(typed('[1, 2, 3, 4, 5].all(n, n > count(day))'), 'and');
    expect(
      all.map((leaf) => leaf.op === 'compare' && leaf.left.op === 'constant' && leaf.left.value),
    ).toEqual([1n, 2n, 3n, 4n, 5n]);
  });

  it('have items of one type, at least one, and a body that is a truth', () => {
    expect(codesOfCondition('tx.origin in ["KP", 5]')).toEqual(['type_mismatch']);
    expect(codesOfCondition('[1, floor].exists(x, x > 0)')).toEqual(['type_mismatch']);
    expect(codesOfCondition('[].all(x, x > 0)')).toEqual(['empty_list']);
    expect(codesOfCondition('[1].all(x, x + 1)')).toEqual(['type_mismatch']);
    expect(codesOfCondition('[1].all(floor, floor > 1)')).toEqual(['name_twice']);
    expect(codesOfCondition('[1].all(tx, tx > 1)')).toEqual(['reserved_name']);
    expect(codesOfCondition('[1].all(x, x > 0) && x > 0')).toEqual(['unknown_name']);
  });

  it('are looked up where they are declared', () => {
    expect(codesOf('list home of symbol = ["US", "FR"]\nlet a = tx.origin in list.home\n')).toEqual([]);
    expect(codesOf('list home of symbol = ["US", "FR"]\nlet a = tx.originator_key in list.home\n')).toEqual([
      'type_mismatch',
    ]);
    expect(codesOf('let a = list.sdn\n')).toEqual(['not_a_value']);
    const { lists } = checkedWith(`list one of key = [sha256("b"), key("${'00'.repeat(32)}")]\n`);
    expect(lists.find(({ name }) => name === 'one')?.source).toEqual({
      items: ['00'.repeat(32), '3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d'],
    });
  });
});

describe('constants in expressions', () => {
  it('are folded with their sign, and nothing else is', () => {
    expect(typed('-5')).toMatchObject({ op: 'constant', value: -5n });
    expect(typed('-usd("1.00")')).toMatchObject({ op: 'constant', value: -100n });
    expect(typed('--5')).toMatchObject({ op: 'constant', value: 5n });
    expect(typed('1 + 2')).toMatchObject({ op: 'add' });
    expect(typed('-count(day)')).toMatchObject({ op: 'negate' });
  });

  it('take a text that is written out', () => {
    expect(codesOf('let a = usd(10)\n')).toEqual(['not_constant']);
    expect(codesOf('let a = usd(tx.origin)\n')).toEqual(['not_constant']);
    expect(codesOf('let a = xyz("10")\n')).toEqual(['unknown_function']);
    expect(codesOf('let a = USD("10")\n')).toEqual(['unknown_function']);
    expect(codesOf('param a : int = 1 + 1\n')).toEqual(['not_constant']);
  });
});
