/** docs/RULES.md "Meaning", point by point, on small sets that are written out. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/kit/bytes.ts';
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { publicReader, type RuleDecision } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { factsOf, moduleOf, noon, setOf } from '../generation/written-set.ts';

function decide(set: RuleSet, facts: Facts = factsOf(), clearedFor: readonly string[] = []): RuleDecision {
  return evaluate(set, facts, clearedFor.length === 0 ? publicReader : { clearedFor });
}

const verdictOf = (rules: string, facts?: Facts): string => decide(setOf([moduleOf(rules)]), facts).verdict;

describe('which rules a transaction meets', () => {
  const deny = (name: string, header: string): string =>
    moduleOf('rule all control party\n  DENY when true', { name, header });

  it.each([
    ['origin', 'jurisdiction US\n  layer national', 'DENY'],
    ['destination', 'jurisdiction FR\n  layer national', 'DENY'],
    ['issuer of the currency', 'jurisdiction JP\n  layer national', 'DENY'],
    ['a union of the destination', 'jurisdiction EU\n  layer regional', 'DENY'],
    ['a convention of the origin', 'jurisdiction FATF\n  layer convention', 'DENY'],
    ['both of two', 'jurisdiction FR + US\n  layer bilateral', 'DENY'],
    ['one of two', 'jurisdiction SG + US\n  layer bilateral', 'ALLOW'],
    ['none', 'jurisdiction SG\n  layer national', 'ALLOW'],
    ['any', 'jurisdiction ANY\n  layer convention', 'DENY'],
  ])('those of %s', (_, header, verdict) => {
    expect(decide(setOf([deny('m', header)]), factsOf({ fields: { 'tx.currency': 'JPY' } })).verdict).toBe(
      verdict,
    );
  });

  it('those of what a union has joined only where the union issues the currency', () => {
    const fatf = setOf([deny('m', 'jurisdiction FATF\n  layer convention')]);
    const within = { 'tx.origin': 'FR', 'tx.destination': 'DE' };
    expect(decide(fatf, factsOf({ fields: { ...within, 'tx.currency': 'EUR' } })).verdict).toBe('DENY');
    expect(decide(fatf, factsOf({ fields: { ...within, 'tx.currency': 'JPY' } })).verdict).toBe('ALLOW');
  });

  it.each(['tx.origin', 'tx.destination', 'tx.currency', 'tx.time'])('none without %s: HOLD', (name) => {
    const set = setOf([deny('m', 'jurisdiction ANY\n  layer convention')]);
    expect(decide(set, factsOf({ fields: { [name]: undefined } }))).toEqual({
      verdict: 'HOLD',
      fired: [],
      rules: [],
      groups: [],
      missing: [],
      room: null,
    });
  });
});

describe('when a rule applies', () => {
  it('at its beginning and no more at its end, and is in no error outside of them', () => {
    const rules =
      'feed index of int max_age 1h on_stale HOLD\nrule r control party from 2026-11-22 expires 2026-11-23\n  DENY when feed.index > 1';
    const day = 1_795_305_600n;
    const at = (time: bigint, asOf: bigint = time): string =>
      verdictOf(rules, factsOf({ fields: { 'tx.time': time }, feeds: { index: { asOf, value: 2n } } }));
    expect([at(day - 1n), at(day), at(day + 86_399n), at(day + 86_400n)]).toEqual([
      'ALLOW',
      'DENY',
      'DENY',
      'ALLOW',
    ]);
    expect([at(day, day - 3_601n), at(day - 1n, day - 3_602n)]).toEqual(['HOLD', 'ALLOW']);
  });

  it('looks at the numbers of a cap only where its condition is not false', () => {
    const cap = (when: string): string =>
      verdictOf(
        `feed index of int max_age 1h on_stale HOLD\nrule r control limit\n  cap feed.index on 5 when ${when}`,
      );
    expect([cap('false'), cap('true'), cap('1 / feed.index == 1')]).toEqual(['ALLOW', 'HOLD', 'HOLD']);
  });
});

describe('exceptions and priorities', () => {
  const inForce = (rules: string, facts?: Facts): readonly string[] =>
    decide(setOf([moduleOf(rules)]), facts).fired;

  it('an exception that applies beats its rule, and one that does not leaves it', () => {
    const rules = (when: string): string =>
      `rule base control party\n  DENY when true\nrule mild control party exception to base\n  FLAG when ${when}`;
    expect(inForce(rules('true'))).toEqual(['us.test/mild']);
    expect(inForce(rules('false'))).toEqual(['us.test/base']);
  });

  it('an exception to an exception beats the first rule, too, whether the one in the middle applies or not', () => {
    const rules = (middle: string): string =>
      `rule base control party\n  DENY when true\nrule mid control party exception to base\n  FLAG when ${middle}\nrule top control party exception to mid\n  HOLD when true`;
    expect(inForce(rules('true'))).toEqual(['us.test/top']);
    expect(inForce(rules('false'))).toEqual(['us.test/top']);
  });

  it('an exception of the sibling with the greater priority beats what that one beats', () => {
    const rules = `rule a control party priority 2\n  DENY when false\nrule b control party priority 1\n  HOLD when true\nrule x control party exception to a\n  FLAG when true`;
    expect(inForce(rules)).toEqual(['us.test/x']);
  });

  it('the greater priority wins of two beside each other, and one without a priority neither beats nor is beaten', () => {
    const rules = (a: string, b: string): string =>
      `rule a control party ${a}\n  DENY when true\nrule b control party ${b}\n  FLAG when true`;
    expect(inForce(rules('priority 1', 'priority 2'))).toEqual(['us.test/b']);
    expect(inForce(rules('priority 2', 'priority 1'))).toEqual(['us.test/a']);
    expect(inForce(rules('priority 2', ''))).toEqual(['us.test/a', 'us.test/b']);
  });

  it('a rule in error beats nothing, and its error counts although it is beaten', () => {
    const rules = (base: string, mild: string): string =>
      `rule base control party\n  DENY when ${base}\nrule mild control party exception to base\n  FLAG when ${mild}`;
    expect(verdictOf(rules('true', '1 / 0 == 1'))).toBe('DENY');
    expect(verdictOf(rules('1 / 0 == 1', 'true'))).toBe('HOLD');
  });
});

describe('conflicts', () => {
  const two = (a: string, b: string, mark = ''): RuleDecision =>
    decide(setOf([moduleOf(`rule a ${mark} control ${a}\nrule b ${mark} control ${b}`)]));

  it('of different verdicts: HOLD, DENY in the strict layer, and none of the same', () => {
    const flagged = two('party\n  FLAG when true', 'party\n  ALLOW when true');
    expect([flagged.verdict, flagged.groups[0]?.conflict]).toEqual(['HOLD', true]);
    expect(two('party\n  FLAG when true', 'party\n  ALLOW when true', 'strict').verdict).toBe('DENY');
    const same = two(
      'party\n  FLAG when true',
      'party\n  FLAG when tx.amount > usd("1.00")'.replace('usd("1.00")', 'tx.amount * 0'),
    );
    expect([same.verdict, same.groups[0]?.conflict]).toEqual(['FLAG', false]);
  });

  it('of different caps, though nothing is above them', () => {
    expect(two('limit\n  cap 5 on 1', 'limit\n  cap 6 on 1').verdict).toBe('HOLD');
    expect(two('limit\n  cap 5 on 1', 'limit\n  cap 5 on 2').verdict).toBe('ALLOW');
  });

  it('none of evidence: what any requires is required', () => {
    const both = two('evidence\n  require tx.ivms_digest', 'evidence\n  require tx.report_digest else FLAG');
    expect([both.verdict, both.missing, both.groups[0]?.conflict]).toEqual([
      'DENY',
      ['tx.ivms_digest', 'tx.report_digest'],
      false,
    ]);
  });
});

describe('a cap', () => {
  it('lets pass what is equal to it, and says how much is left', () => {
    const cap = (left: bigint): RuleDecision =>
      decide(
        setOf([
          moduleOf('window day 24h\nrule r control limit\n  cap tx.amount * 0 + spent(day) on tx.amount'),
        ]),
        factsOf({ windows: new Map([[86_400n, { spent: left, count: 0n }]]) }),
      );
    // A cap that looks at the amount leaves no room that could be told.
    expect([cap(10_000n).verdict, cap(9_999n).verdict, cap(9_999n).room]).toEqual(['ALLOW', 'DENY', null]);
    const room = (spent: bigint): RuleDecision =>
      decide(
        setOf([
          moduleOf(
            'window day 24h\nwindow week 7d\nrule r control limit\n  cap spent(week) on spent(day) + tx.amount',
          ),
        ]),
        factsOf({
          windows: new Map([
            [86_400n, { spent, count: 0n }],
            [604_800n, { spent: 30_000n, count: 0n }],
          ]),
        }),
      );
    expect([room(20_000n), room(20_001n), room(40_000n)].map((one) => [one.verdict, one.room])).toEqual([
      ['ALLOW', 10_000n],
      ['DENY', 9_999n],
      ['DENY', 0n],
    ]);
  });
});

describe('errors', () => {
  it.each([
    ['false && 1 / 0 == 1', 'ALLOW'],
    ['1 / 0 == 1 && false', 'ALLOW'],
    ['true && 1 / 0 == 1', 'HOLD'],
    ['1 / 0 == 1 || true', 'FLAG'],
    ['false || 1 / 0 == 1', 'HOLD'],
    ['!(1 / 0 == 1)', 'HOLD'],
    ['true ? true : 1 / 0 == 1', 'FLAG'],
    ['false ? true : 1 / 0 == 1', 'HOLD'],
    ['(1 / 0 == 1) ? true : true', 'HOLD'],
    ['999999999999999999 + 0 > 0', 'FLAG'],
    ['999999999999999999 + 1 > 0', 'HOLD'],
    ['-999999999999999999 - 1 < 0', 'HOLD'],
    ['min(1, 1 / 0) < 5', 'HOLD'],
    ['1 in [1, 1 / 0]', 'FLAG'],
    ['1 in [2, 1 / 0]', 'HOLD'],
    ['[0, 1].exists(x, 1 / x == 1)', 'FLAG'],
    ['[0, 1].all(x, 1 / x == 1)', 'HOLD'],
    ['-7 / 2 == -3 && -7 % 2 == -1', 'FLAG'],
  ])('%s: %s', (when, verdict) => {
    expect(verdictOf(`rule r control party\n  FLAG when ${when}`)).toBe(verdict);
  });

  it('of a strict rule are DENY', () => {
    expect(verdictOf('rule r strict control party\n  FLAG when 1 / 0 == 1')).toBe('DENY');
  });

  it('of a feed have its verdict from the second on in which it is too old, and where it is from after the transaction', () => {
    const of = (asOf: bigint, value: bigint): string =>
      verdictOf(
        'feed index of int range 1 .. 9 max_age 1h on_stale DENY\nrule r control party\n  FLAG when feed.index > 0',
        factsOf({ feeds: { index: { asOf, value } } }),
      );
    expect([of(noon - 3_600n, 1n), of(noon - 3_601n, 1n), of(noon, 9n), of(noon + 1n, 9n)]).toEqual([
      'FLAG',
      'DENY',
      'FLAG',
      'DENY',
    ]);
    expect([of(noon, 0n), of(noon, 10n), of(noon - 3_601n, 10n)]).toEqual(['HOLD', 'HOLD', 'DENY']);
  });
});

describe('numbers', () => {
  it.each([
    ['FLOOR', -2n, 1n, -2n, 2n, -2n],
    ['CEILING', -1n, 2n, -1n, 3n, -1n],
    ['DOWN', -1n, 1n, -1n, 2n, -1n],
    ['UP', -2n, 2n, -2n, 3n, -2n],
    ['HALF_EVEN', -2n, 2n, -1n, 2n, -2n],
    ['HALF_UP', -2n, 2n, -1n, 3n, -2n],
  ])('%s: -3/2, 3/2, -4/3, 5/2, -5/3', (rounding, ...expected) => {
    const share = (dividend: number, divisor: number): string =>
      `div(jpy("1") * ${dividend}, ${divisor}, ${rounding})`;
    const cases = [share(-3, 2), share(3, 2), share(-4, 3), share(5, 2), share(-5, 3)];
    const want = expected.map((number) => `jpy("1") * ${number}`);
    const when = cases.map((one, index) => `${one} == ${want[index]}`).join(' && ');
    expect(verdictOf(`rule r control party\n  FLAG when ${when}`)).toBe('FLAG');
  });

  it('a conversion into the own currency looks at no feed', () => {
    const rules =
      'feed fx of rates max_age 1h on_stale DENY\nrule r control party\n  FLAG when convert(tx.amount, USD, feed.fx, UP) == usd("100.00")';
    expect(verdictOf(rules)).toBe('FLAG');
    const euros = { 'tx.currency': 'EUR', 'tx.amount': 9_091n };
    expect(verdictOf(rules, factsOf({ fields: euros }))).toBe('HOLD');
    const rates = new Map([['USD', 1_100_000_000n]]);
    // 9,091 × 1.1 = 10,000.1, which is not rounded to the 10,000 that are asked for.
    expect(verdictOf(rules, factsOf({ fields: euros, feeds: { fx: { asOf: noon, rates } } }))).toBe('ALLOW');
    const fewer = { ...euros, 'tx.amount': 9_090n };
    expect(verdictOf(rules, factsOf({ fields: fewer, feeds: { fx: { asOf: noon, rates } } }))).toBe('ALLOW');
  });
});

describe('who sees what', () => {
  const hash = '5e'.repeat(32);
  const key = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));
  const set = (reveals: string): RuleSet =>
    setOf(
      [
        moduleOf(
          `list sdn of key secret sha256:${hash}\nrule sanctions control party\n  DENY when tx.counterparty_key in list.sdn\n  reveals ${reveals}\nrule other control limit\n  cap 5 on 1`,
        ),
      ],
      { lists: new Map([['us.test/sdn', [key('bob')]]]) },
    );

  it('the public sees the verdict, and of the rule nothing where only that is revealed', () => {
    const { verdict, fired, rules, groups } = decide(set('verdict'));
    expect([verdict, fired, rules[0]]).toEqual(['DENY', [], { rule: 'us.test/sanctions' }]);
    expect(groups).toEqual([
      { jurisdiction: 'US', layer: 'national', control: 'party', verdict: 'DENY' },
      { jurisdiction: 'US', layer: 'national', control: 'limit', verdict: 'ALLOW', conflict: false },
    ]);
  });

  it('the public sees that the rule fired where its code is revealed, and nothing else', () => {
    const { fired, rules } = decide(set('code'));
    expect([fired, rules[0]]).toEqual([['us.test/sanctions'], { rule: 'us.test/sanctions', fired: true }]);
  });

  it('who is cleared for the owner sees everything, who is cleared for another sees what the public sees', () => {
    expect(decide(set('verdict'), undefined, ['US']).rules[0]).toEqual({
      rule: 'us.test/sanctions',
      applies: true,
      error: 'none',
      met: true,
      fired: true,
      defeatedBy: [],
    });
    expect(decide(set('verdict'), undefined, ['FR', 'issuer'])).toEqual(decide(set('verdict')));
  });
});
