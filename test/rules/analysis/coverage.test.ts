import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coverModule } from '../../../src/rules/analysis/coverage.ts';
import { findMissingTests, type MissingTests } from '../../../src/rules/analysis/missing-test.ts';
import { Questions, usualLimits } from '../../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { fulfils, setOfTests } from '../../../src/rules/set/test-set.ts';
import { decide, now, setOf } from './rule-set.ts';

let solver: ProcessSolver;
beforeAll(() => {
  solver = new ProcessSolver();
});
afterAll(() => solver.close());

const text = `module us.payments 1
  jurisdiction US
  layer national
  on transfer

list watched of symbol = ["AA", "BB"]
feed ecb of rates range 1 .. 100000000000 max_age 24h on_stale HOLD
feed share of ratio range ratio("0.10") .. ratio("3.00") max_age 24h on_stale HOLD
window day 24h
control party verdict
control limit cap

rule watched strict control party
  DENY when has(tx.tier) && tx.tier in list.watched
rule day control limit
  cap usd("100.00") on convert(spent(day) + tx.amount, USD, feed.ecb, UP)
rule basic control limit exception to day
  cap mul(usd("100.00"), feed.share, DOWN) on convert(tx.amount, USD, feed.ecb, UP) when has(tx.tier) && tx.tier == "basic"

given {
  tx.time: timestamp("2026-11-22T12:00:00Z"), tx.origin: "US", tx.destination: "FR", spent.day: usd("0.00"),
}
`;
const some = `test "a small payment" { tx.amount: usd("1.00") } => ALLOW
test "a large one" { tx.amount: usd("100.01") } => DENY day
`;

async function missingIn(set: RuleSet): Promise<MissingTests & { readonly missing: readonly string[] }> {
  const [module] = set.modules;
  if (module === undefined) throw new Error('a set of a test has a module');
  const questions = new Questions(solver, usualLimits, () => 0);
  const coverage = await coverModule(set, module, decide);
  const found = await findMissingTests({ set, questions, decide, now, progress: () => undefined }, coverage);
  return { ...found, missing: coverage.missing.map((item) => item.text) };
}

describe('coverage', () => {
  it('is by clause, rule and exception', async () => {
    const { missing } = await missingIn(setOf(text + some));
    expect(missing).toEqual([
      'us.payments/watched: `has(tx.tier)` is true',
      'us.payments/watched: `tx.tier in list.watched` is true',
      'us.payments/watched: `tx.tier in list.watched` is false',
      'us.payments/watched applies',
      'us.payments/watched fires',
      'us.payments/basic: `has(tx.tier)` is true',
      'us.payments/basic: `tx.tier == "basic"` is true',
      'us.payments/basic: `tx.tier == "basic"` is false',
      'us.payments/basic applies',
      'us.payments/basic fires',
      'us.payments/basic defeats us.payments/day',
    ]);
  });

  it('is whole with the tests that the solver makes, which the module then holds', async () => {
    const { found, left, impossible } = await missingIn(setOf(text));
    expect([left, impossible]).toEqual([[], []]);
    const whole = setOf(text + found.map((test) => test.text).join(''));
    const [module] = whole.modules;
    if (module === undefined) throw new Error('a set of a test has a module');
    expect(module.tests).toHaveLength(found.length);
    for (const test of module.tests)
      expect(fulfils(await decide(setOfTests(whole, module), test.facts), test, module), test.title).toBe(
        true,
      );
    expect((await missingIn(whole)).missing).toEqual([]);
  });

  it('does not ask for what cannot be', async () => {
    const odd = text.replace('tx.tier in list.watched', 'tx.tier in list.watched && tx.tier == "CC"');
    const { impossible } = await missingIn(setOf(odd + some));
    expect(impossible.map((item) => item.text)).toEqual([
      'us.payments/watched applies',
      'us.payments/watched fires',
    ]);
  });
});
