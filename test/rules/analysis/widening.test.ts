import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Questions, usualLimits } from '../../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import type { Solver } from '../../../src/rules/analysis/solving.ts';
import { findChanges } from '../../../src/rules/analysis/widening.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { decide, now, setOf } from './rule-set.ts';

let solver: ProcessSolver;
beforeAll(() => {
  solver = new ProcessSolver();
});
afterAll(() => solver.close());

const orders = (rules: string) => `module us.orders 1
  jurisdiction US
  layer national
  on issuance

param most : int = 10 range 5 .. 20
control orders verdict
${rules}`;

async function changesOf(
  before: RuleSet,
  after: RuleSet,
  parameters: 'values' | 'ranges' = 'values',
  by: Solver = solver,
): Promise<readonly string[]> {
  const changes = await findChanges({
    before,
    after,
    questions: new Questions(by, usualLimits, () => 0),
    decide,
    now,
    parameters,
    progress: () => undefined,
  });
  return [
    ...new Set(
      changes.map(({ direction, from, to, state, facts, parameters: moved }) =>
        [
          direction,
          from,
          to,
          state,
          String(facts?.fields.get('account.requests')),
          ...(moved?.values() ?? []),
        ].join(' '),
      ),
    ),
  ];
}

const hold = (limit: string) =>
  setOf(orders(`rule many control orders\n  HOLD when account.requests > ${limit}\n`));

describe('the widening from one set to another', () => {
  it('is nothing where every transaction gets the same verdict, however it is written', async () => {
    const other = setOf(orders('rule much control orders\n  HOLD when !(account.requests <= 8 + 2)\n'));
    expect(await changesOf(hold('10'), other)).toEqual([]);
  });
  it('is exactly the one number where the limit went up, and where it went down', async () => {
    expect(await changesOf(hold('10'), hold('11'))).toEqual(['laxer HOLD ALLOW found 11']);
    expect(await changesOf(hold('10'), hold('9'))).toEqual(['stricter ALLOW HOLD found 10']);
  });
  it('tells each pair of verdicts', async () => {
    const other = setOf(
      orders(
        'rule many control orders\n  FLAG when account.requests == 11\nrule more control orders\n  DENY when account.requests == 12\nrule rest control orders\n  HOLD when account.requests > 12\n',
      ),
    );
    expect([...(await changesOf(hold('10'), other))].sort()).toEqual([
      'laxer HOLD FLAG found 11',
      'stricter HOLD DENY found 12',
    ]);
  });
  it('sees what is stale or missing', async () => {
    const reads = (onStale: string) =>
      setOf(
        orders(
          `feed rank of int range 0 .. 9 max_age 24h on_stale ${onStale}\nrule low control orders\n  FLAG when feed.rank < 3\n`,
        ),
      );
    expect(await changesOf(reads('DENY'), reads('HOLD'))).toEqual([
      expect.stringMatching(/^laxer DENY HOLD found/),
    ]);
  });
  it('is at the values of parameters, or wherever they may be moved to', async () => {
    const moved = (set: RuleSet, most: bigint): RuleSet => ({
      ...set,
      parameters: new Map([['us.orders/most', most]]),
    });
    expect(await changesOf(hold('most'), moved(hold('most'), 11n))).toEqual(['laxer HOLD ALLOW found 11']);
    // Wherever it is moved, it is the same in both.
    expect(await changesOf(hold('most'), moved(hold('most'), 11n), 'ranges')).toEqual([]);
    expect(await changesOf(hold('most'), hold('10'))).toEqual([]);
    const ranges = await changesOf(hold('most'), hold('10'), 'ranges');
    expect(ranges.map((change) => change.split(' ').slice(0, 4).join(' ')).sort()).toEqual([
      'laxer HOLD ALLOW found',
      'stricter ALLOW HOLD found',
    ]);
  });
  it('of a range that is wider is found at its end', async () => {
    const wide = setOf(
      orders('rule many control orders\n  HOLD when account.requests > most\n').replace('5 .. 20', '5 .. 21'),
    );
    expect(await changesOf(hold('most'), wide)).toEqual([]);
    expect(await changesOf(hold('most'), wide, 'ranges')).toEqual(['laxer HOLD ALLOW found 21 21']);
  });
  it('that nobody found out is not taken for none', async () => {
    const silent: Solver = { solve: () => Promise.resolve({ result: 'unknown', reason: 'timeout' }) };
    const far = (limit: string) =>
      setOf(orders(`rule many control orders\n  HOLD when account.requests * 3 == ${limit}\n`));
    expect(await changesOf(far('3000000021'), far('3000000024'), 'values', silent)).toContain(
      'laxer HOLD ALLOW undecided undefined',
    );
  });
});
