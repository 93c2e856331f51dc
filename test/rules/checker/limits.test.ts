/** What is as large as it may be is accepted, and what is larger is refused, without ado however much larger it is. */
import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { limits } from '../../../src/rules/limits.ts';
import { prelude } from './fault-example.ts';

const codesOf = (text: string): readonly string[] =>
  checkModule(prelude + text).faults.map(({ code }) => code);
const repeat = (count: number, one: (index: number) => string, between = ''): string =>
  Array.from({ length: count }, (_, index) => one(index)).join(between);

/** An expression of so many parts, an odd number: a truth, and `&& true` for every two more. */
function truthOf(parts: number): string {
  const halves = (count: number): string =>
    count === 1 ? 'true' : `(${halves(Math.ceil(count / 2))} && ${halves(Math.floor(count / 2))})`;
  return halves((parts + 1) / 2);
}

describe('limits', () => {
  it('of parts of an expression', () => {
    expect(limits.nodes % 2).toBe(0);
    expect(codesOf(`rule r control party\n  DENY when ${truthOf(limits.nodes - 1)}\n`)).toEqual([]);
    expect(codesOf(`rule r control party\n  DENY when ${truthOf(limits.nodes + 1)}\n`)).toEqual([
      'expression_size',
    ]);
    // `!` makes the number even.
    expect(codesOf(`rule r control party\n  DENY when !${truthOf(limits.nodes - 1)}\n`)).toEqual([]);
  });

  it('of parts of a rule, its lets counted once', () => {
    const half = truthOf(limits.nodes / 2 - 1);
    const rule = (lets: string): string =>
      `let a = ${half}\nlet b = ${half}\nlet c = true\nrule r control party\n  DENY when ${lets}\n`;
    expect(codesOf(rule('(a && b) == true'))).toEqual(['expression_size']);
    expect(codesOf(rule('!(a && b)'))).toEqual([]);
    expect(codesOf(rule('(a && b) && (a && b)'))).toEqual(['expression_size']);
    expect(codesOf(rule('a && (a && a)'))).toEqual([]);
  });

  it('of lets that double each other, counted wherever they are used', () => {
    const lets = (count: number): string =>
      `let a0 = true\n${repeat(count, (index) => `let a${index + 1} = a${index} && a${index}\n`)}`;
    const fitting = Math.floor(Math.log2(limits.expandedNodes + 1)) - 1;
    expect(codesOf(lets(fitting))).toEqual([]);
    expect(codesOf(lets(fitting + 1))).toEqual(['expression_size']);
    expect(codesOf(lets(60))).toEqual(['expression_size']);
    // a12 is of 2^13 - 1 parts: together just as many as are accepted.
    const rule = (last: string): string =>
      `${lets(12)}rule r control party\n  DENY when a12 && (a9 && (a8 && (a7 && ${last})))\n`;
    expect(limits.expandedNodes).toBe(1 + 8_191 + 1 + 1_023 + 1 + 511 + 1 + 255 + 1 + 15);
    expect(codesOf(rule('!a3'))).toEqual([]);
    expect(codesOf(rule('!!a3'))).toEqual(['expression_size']);
  });

  it('of levels, through lets', () => {
    const lets = (count: number): string =>
      `let a0 = true\n${repeat(count, (index) => `let a${index + 1} = !a${index}\n`)}`;
    expect(codesOf(lets(limits.depth - 1))).toEqual([]);
    expect(codesOf(lets(limits.depth))).toEqual(['expression_depth']);
    expect(codesOf(lets(limits.lets - 2))).toEqual(['expression_depth']);
    expect(codesOf(`let a = ${'!'.repeat(limits.depth - 1)}true\n`)).toEqual([]);
    expect(codesOf(`let a = ${'!'.repeat(limits.depth)}true\n`)).toEqual(['expression_depth']);
  });

  it('of what a module has of a kind', () => {
    const kinds: readonly (readonly [number, (index: number) => string])[] = [
      [limits.parameters - 2, (index) => `param p${index} : int = 1\n`],
      [limits.lets - 1, (index) => `let l${index} = 1\n`],
      [limits.controls - 3, (index) => `control c${index} cap\n`],
      [limits.rules - 1, (index) => `rule r${index} control party\n  DENY when true\n`],
      [limits.tests, (index) => `test "${index}" { tx.origin: "US" } => ALLOW\n`],
      [limits.properties, (index) => `property "${index}" monotone tx.amount\n`],
      [limits.lists - 1, (index) => `list l${index} of symbol = ["US"]\n`],
      [limits.feeds - 2, (index) => `feed f${index} of int max_age 1h on_stale DENY\n`],
      [limits.windows - 1, (index) => `window w${index} 1h\n`],
    ];
    for (const [count, one] of kinds) {
      expect(codesOf(repeat(count, one))).toEqual([]);
      expect(codesOf(repeat(count + 1, one))).toEqual(['too_many']);
    }
  });

  it('of items of a list', () => {
    const list = (count: number): string => `[${repeat(count, (index) => `"s${index}"`, ', ')}]`;
    for (const [count, codes] of [
      [limits.items, []],
      [limits.items + 1, ['too_many']],
    ] as const) {
      expect(codesOf(`list l of symbol = ${list(count)}\n`)).toEqual(codes);
      expect(codesOf(`let l = tx.origin in ${list(count)}\n`)).toEqual(codes);
    }
  });

  it('of times', () => {
    expect(codesOf('window w 1s\nfeed f of int max_age 3660d on_stale DENY\n')).toEqual([]);
    expect(codesOf('window w 0s\nfeed f of int max_age 3661d on_stale DENY\n')).toEqual([
      'duration_range',
      'duration_range',
    ]);
  });
});
