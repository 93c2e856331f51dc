/** What an explanation tells of clauses and numbers, and to whom. */
import { describe, expect, it } from 'vitest';
import { compileCorridor } from '../../../src/rules/compiler/compile.ts';
import { publicReader } from '../../../src/rules/decision.ts';
import { mayRead, ownersOfRule } from '../../../src/rules/evaluator/clearance.ts';
import { evaluateExpression } from '../../../src/rules/evaluator/expression.ts';
import { wantedOf } from '../../../src/rules/explanation.ts';
import { corridorOf } from '../../../src/rules/facts.ts';
import { Probes } from '../../../src/rules/probe-run.ts';
import { openRules } from '../../../src/rules/rules.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine } from '../../vm/machine.ts';
import { casesOf } from '../generation/cases.ts';
import { checkText } from '../generation/rule-sets.ts';
import { setOf, transfer } from './typed.ts';

describe('an explanation', () => {
  const module = checkText(`module us.explained 1
  jurisdiction US
  layer national
  on transfer
  law "a law"

window day 24h
feed index of int range 1 .. 9 max_age 1h on_stale DENY
control tier verdict
control size cap

rule tier control tier
  HOLD when has(tx.tier) && tx.tier == "basic" || feed.index > 3 && !(tx.origin in ["KP", "IR"])
  says "to be looked at"
rule size control size
  cap 5 on count(day) when tx.counterparty_key != tx.originator_key
  law "another law"
`);

  it('has each clause as it is written, with what it compares, and the numbers of a cap', async () => {
    const rules = await openRules(setOf([module]), freshMachine);
    const facts = transfer(
      { 'tx.tier': 'basic' },
      { windows: new Map([[86_400n, { spent: 0n, count: 6n }]]) },
    );
    const explained = await rules.explain(facts, publicReader);
    expect(explained.verdict).toBe('DENY');
    expect(explained.rules).toEqual([
      {
        rule: 'us.explained/tier',
        applies: true,
        error: 'none',
        met: true,
        fired: true,
        defeatedBy: [],
        clauses: [
          { text: 'has(tx.tier)', value: true },
          { text: 'tx.tier == "basic"', value: true, left: 'basic', right: 'basic' },
          { text: 'feed.index > 3', value: { error: 'HOLD' }, left: { error: 'HOLD' }, right: 3n },
          ...(explained.rules[0]?.clauses.slice(3) ?? []),
        ],
        law: 'a law',
        says: 'to be looked at',
      },
      {
        rule: 'us.explained/size',
        applies: true,
        error: 'none',
        met: true,
        fired: true,
        defeatedBy: [],
        clauses: [
          {
            text: 'tx.counterparty_key != tx.originator_key',
            value: true,
            left: new Uint8Array(32).fill(2),
            right: new Uint8Array(32).fill(1),
          },
        ],
        cap: { text: '5', value: 5n },
        measure: { text: 'count(day)', value: 6n },
        law: 'another law',
        says: undefined,
      },
    ]);
    expect(explained.rules[0]?.clauses.slice(3).map(({ value }) => value)).toEqual([false, false]);
  });

  it('has no rule where none decided', async () => {
    const rules = await openRules(setOf([module]), freshMachine);
    const explained = await rules.explain(transfer({ 'tx.time': undefined }), publicReader);
    expect(explained).toEqual({ verdict: 'HOLD', fired: [], groups: [], missing: [], room: null, rules: [] });
  });

  it('tells what the evaluator says of every clause, to whom all owners of its rule have cleared', async () => {
    const machine = await freshMachine();
    let told = 0;
    let kept = 0;
    for (let seed = 500; seed < (nightly ? 2_500 : 510); seed++)
      for (const { set, facts, reader } of casesOf(seed, 5)) {
        const corridor = corridorOf(facts);
        const compiled = corridor === undefined ? undefined : compileCorridor(set, corridor);
        if (corridor === undefined || compiled?.ok !== true || !facts.fields.has('tx.time')) continue;
        const { rules } = compiled.compiled;
        const values = new Probes(machine, set, corridor, wantedOf(rules)).run(facts, reader);
        const expected = rules.flatMap((place) =>
          wantedOf([place]).map(({ typed, module: { name } }) =>
            mayRead(reader, ownersOfRule(place))
              ? evaluateExpression(typed, { set, module: name, facts, known: new Map() })
              : undefined,
          ),
        );
        expect(values, `seed ${seed}`).toEqual(expected);
        told += values.filter((value) => value !== undefined).length;
        kept += values.filter((value) => value === undefined).length;
      }
    expect(told).toBeGreaterThan(50);
    expect(kept).toBeGreaterThan(5);
  });
});
