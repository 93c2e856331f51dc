/** Several faults of one text at a time, and none that follows from another. */
import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { prelude } from './fault-example.ts';

/** Codes with what stands at their places, in the order of the text. */
function faultsOf(text: string): readonly (readonly [string, string])[] {
  const whole = text.startsWith('module') ? text : prelude + text;
  return checkModule(whole).faults.map(({ code, span }) => [code, whole.slice(span.start, span.end)]);
}

describe('a text with several faults', () => {
  it('is told of all of them, in their order', () => {
    expect(
      faultsOf(`window long 500d
param most : money<XYZ> = usd("1.00")
let twice = tx.amount * ratio("2")
rule one control party
  DENY when tx.tier == "basic"
rule other control party
  DENY when tx.origin == 5
rule two control limit exception to none expires 1960-01-01
  cap usd("1") on tx.amount
test "none" { tx.origin: "France and" } => DENY nobody
`),
    ).toEqual([
      ['duration_range', '500d'],
      ['word_unknown', 'money<XYZ>'],
      ['operand_type', 'tx.amount * ratio("2")'],
      ['unguarded_field', 'tx.tier'],
      ['type_mismatch', 'tx.origin == 5'],
      ['unknown_name', 'none'],
      ['bad_date', '1960-01-01'],
      ['type_mismatch', 'tx.amount'],
      ['bad_symbol', '"France and"'],
      ['unknown_name', 'nobody'],
    ]);
  });

  it('is told once of a name that nothing has, at its first place', () => {
    const text = `${prelude}rule one control party
  DENY when threshold > dollars || dollars > threshold
let above = threshold
rule two control limit
  cap threshold on dollars
`;
    const { faults } = checkModule(text);
    expect(
      faults.map(({ code, message, span }) => [code, message, text.slice(0, span.start).split('\n').length]),
    ).toEqual([
      ['unknown_name', expect.stringMatching(/^nothing is named `threshold`.*\(in 4 places\)$/), 18],
    ]);
  });

  it('is not told that a name is unknown whose declaration is at fault', () => {
    expect(
      faultsOf(`param most : dollars = 5
param least : int = "US" range 1 .. 9
let worst = most + tx.tier
list embargo of symbol = [5, "KP"]
feed rate_of of int range 9 .. 1 max_age 1h on_stale DENY
rule one control party
  DENY when most > 5 || worst > 6 || least > 7 || tx.origin in list.embargo || feed.rate_of > 2
`),
    ).toEqual([
      ['word_unknown', 'dollars'],
      ['type_mismatch', '"US"'],
      ['type_mismatch', '5'],
      ['range_order', '9 .. 1'],
    ]);
  });

  it('is not told of names that the parser did not get to', () => {
    expect(
      faultsOf(`param most int = 5
let more = most + 1
rule one control party
  DENY when more > 5 && tx.amount
`),
    ).toEqual([
      ['clause_unknown', 'int'],
      ['type_mismatch', 'tx.amount'],
    ]);
  });

  it('is told of an expression in a quantifier once, whatever the number of items', () => {
    expect(
      faultsOf('let any = ["US", "FR", "DE"].exists(c, c == tx.origin || c == 5 || c == nobody)\n'),
    ).toEqual([
      ['type_mismatch', 'c == 5'],
      ['unknown_name', 'nobody'],
    ]);
  });

  it('is told of lets that need each other once', () => {
    expect(
      faultsOf('let a = b\nlet b = c\nlet c = a && d\nlet d = a\nrule one control party\n  DENY when d\n'),
    ).toEqual([['let_cycle', 'a']]);
  });

  it('is told of the type of a name where it stands, and not where it is declared', () => {
    expect(
      faultsOf(
        'let number = 5\nrule one control party\n  DENY when number\nrule two control party\n  HOLD when !number\n',
      ),
    ).toEqual([
      ['type_mismatch', 'number'],
      ['type_mismatch', 'number'],
    ]);
  });

  it('is told of faults of what is given, also where no test uses it', () => {
    expect(faultsOf('given { tx.amout: usd("1.00"), spent.year: usd("1.00"), tx.origin: 5 }\n')).toEqual([
      ['unknown_name', 'tx.amout'],
      ['unknown_name', 'spent.year'],
      ['type_mismatch', '5'],
    ]);
  });

  it('is told of at most a hundred', () => {
    const rules = Array.from(
      { length: 150 },
      (_, index) => `rule r${index} control party\n  DENY when ${index}\n`,
    );
    expect(faultsOf(rules.join(''))).toHaveLength(100);
  });
});
