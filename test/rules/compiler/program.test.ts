/** Programs of corridors: what is in them, how large they get, and what they cost. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { type CorridorProgram, compileCorridor } from '../../../src/rules/compiler/compile.ts';
import { keyTables } from '../../../src/rules/compiler/list-table.ts';
import { openRules } from '../../../src/rules/rules.ts';
import type { Corridor, RuleSet } from '../../../src/rules/set/rule-set.ts';
import { instructions } from '../../../vm/isa.ts';
import { freshMachine } from '../../vm/machine.ts';
import { checkText } from '../generation/rule-sets.ts';
import { measuredFacts, ruleSetOf } from './hundred.ts';
import { setOf, transfer } from './typed.ts';

const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' };

function compiled(set: RuleSet): CorridorProgram {
  const result = compileCorridor(set, corridor);
  if (!result.ok) throw new Error(result.faults.map(({ message }) => message).join('\n'));
  return result.compiled;
}

describe('a program', () => {
  it('has the same bytes each time it is made of the same set', () => {
    const [one, other] = [ruleSetOf(25), ruleSetOf(25)].map((set) => compiled(set).program.bytes);
    expect(other).toEqual(one);
  });

  it('has no branch, so that pc stays public', () => {
    const { module } = compiled(ruleSetOf(25)).program;
    const used = new Set(module.functions.flatMap(({ code }) => code.map(({ opcode }) => opcode)));
    const names = instructions.filter(({ opcode }) => used.has(opcode)).map(({ mnemonic }) => mnemonic);
    for (const branch of ['if', 'loop', 'while', 'call']) expect(names).not.toContain(branch);
  });

  it('endorses an amount within its range and one place for what is outside', () => {
    const { grants } = compiled(ruleSetOf(25)).program.module;
    const ranges = grants.filter(({ kind }) => kind === 'endorse').map(({ least, most }) => [least, most]);
    expect(ranges).toContainEqual([0n, 10n ** 15n]);
    expect(ranges.filter(([least = 0n]) => least === -1n)).toEqual([]);
  });

  it('uses the same fuel whatever the facts are', async () => {
    const rules = await openRules(ruleSetOf(25), freshMachine);
    const without: Facts = transfer({ 'tx.amount': undefined });
    const fuel = [measuredFacts(), transfer(), without].map((facts) => rules.decide(facts).fuelUsed);
    expect(new Set(fuel).size).toBe(1);
  });

  it('looks at a corridor: rules that it rules out leave nothing behind', () => {
    const code = (of: Corridor): number => {
      const result = compileCorridor(ruleSetOf(25), of);
      return result.ok ? (result.compiled.program.module.functions[0]?.code.length ?? 0) : 0;
    };
    expect(code({ ...corridor, destination: 'US', currency: 'USD' })).toBeLessThan(code(corridor));
    expect(code({ ...corridor, origin: 'BR', destination: 'BR', currency: 'BRL' })).toBeLessThan(20);
  });
});

describe('the room in the machine', () => {
  it('is enough for 400 rules', async () => {
    const decision = (await openRules(ruleSetOf(400), freshMachine)).decide(measuredFacts());
    expect([decision.code, decision.rules.length]).toEqual([undefined, 400]);
  });

  it('is enough for the secrets of 15 owners, and of 16 they are refused: what they would decide is HOLD', async () => {
    const [fit, tooMany] = [15, 16].map((owners) => {
      const unions = Array.from({ length: owners }, (_, n) => `UNION_${'ABCDEFGHIJKLMNOP'[n]}`);
      const modules = unions.map((union, n) =>
        checkText(`module union.n${n} 1
  jurisdiction ${union}
  layer regional
  on transfer

param limit : int = 5 range 1 .. 10 secret
window day 24h
control often verdict

rule often control often
  DENY when count(day) > limit
  reveals verdict
`),
      );
      return setOf(modules, { unions: new Map(unions.map((union) => [union, ['FR']])) });
    }) as [RuleSet, RuleSet];
    const facts = transfer({}, { windows: new Map([[86_400n, { spent: 0n, count: 6n }]]) });
    expect((await openRules(fit, freshMachine)).decide(facts).verdict).toBe('DENY');
    const rules = await openRules(tooMany, freshMachine);
    expect(rules.check(corridor)).toEqual([
      {
        module: 'union.n0',
        code: 'owners_too_many',
        span: { start: 0, end: 0 },
        message:
          'the rules of transfer from US to FR in EUR have 16 owners of secrets: a program of the label machine has 15 at most',
      },
    ]);
    const decision = rules.decide(facts);
    expect([decision.verdict, decision.code]).toEqual(['HOLD', 'rules_refused']);
    expect(rules.check({ ...corridor, origin: 'BR', destination: 'BR', currency: 'BRL' })).toEqual([]);
  });
});

describe('the tables of a list of keys', () => {
  it('have the low words one place after the high ones', () => {
    const keys = [
      { high: 5n, low: 50n },
      { high: -5n, low: 52n },
    ];
    expect(keyTables(keys, false)).toEqual({ highs: [-5n, 5n], lows: [1n, 52n, 50n] });
  });

  it('are filled up where the list is secret, with words that no key has', () => {
    const { highs = [], lows = [] } = keyTables([{ high: 5n, low: 50n }], true) ?? {};
    expect([highs.length, lows.length]).toEqual([1_023, 1_024]);
    expect(lows.filter((low) => low % 2n === 0n)).toEqual([50n]);
    expect(keyTables([], true)?.highs).toHaveLength(1_023);
  });

  it('hold no two keys of one high word', () => {
    const twice = [
      { high: 5n, low: 50n },
      { high: 5n, low: 52n },
    ];
    expect(keyTables(twice, false)).toBeUndefined();
  });
});

describe('rules at work', () => {
  it('hold what does not say between whom, in which currency or when it is', async () => {
    const rules = await openRules(setOf([]), freshMachine);
    for (const name of ['tx.origin', 'tx.destination', 'tx.currency', 'tx.time']) {
      const { verdict, code, rules: outcomes } = rules.decide(transfer({ [name]: undefined }));
      expect([verdict, code, outcomes]).toEqual(['HOLD', 'facts_insufficient', []]);
    }
    expect(rules.decide(transfer({ 'tx.time': -1n })).verdict).toBe('HOLD');
    for (const fields of [{ 'tx.origin': 'us' }, { 'tx.destination': 'FRA' }, { 'tx.currency': 'EU' }])
      expect(rules.decide(transfer(fields)).code).toBe('facts_insufficient');
    expect(rules.decide(transfer()).verdict).toBe('ALLOW');
  });

  it('decide alike on one machine and on several, however corridors follow one another', async () => {
    const set = ruleSetOf(25);
    const [one, several] = await Promise.all([
      openRules(set, freshMachine, { machines: 1 }),
      openRules(set, freshMachine, { machines: 3 }),
    ]);
    const countries = ['US', 'FR', 'BR', 'US'];
    for (const origin of countries)
      for (const destination of countries) {
        const { fields, ...rest } = measuredFacts();
        const facts = {
          ...rest,
          fields: new Map([...fields, ['tx.origin', origin], ['tx.destination', destination]] as const),
        };
        const [x, y] = [one.decide(facts), several.decide(facts)];
        expect([x.verdict, x.fired, x.traceHash]).toEqual([y.verdict, y.fired, y.traceHash]);
      }
  });

  it('have a trace that is another where a fact, the rule set or the corridor is', async () => {
    const set = ruleSetOf(25);
    const rules = await openRules(set, freshMachine);
    const trace = (facts: Facts, of = rules): string => of.decide(facts).traceHash.join();
    const facts = measuredFacts();
    expect(trace(facts)).toBe(trace(measuredFacts()));
    const moved = { ...facts, fields: new Map([...facts.fields, ['tx.amount', 90_001n]] as const) };
    const elsewhere = { ...facts, fields: new Map([...facts.fields, ['tx.origin', 'BR']] as const) };
    const another = await openRules({ ...set, hash: new Uint8Array(32).fill(1) }, freshMachine);
    expect(new Set([trace(facts), trace(moved), trace(elsewhere), trace(facts, another)]).size).toBe(4);
  });
});
