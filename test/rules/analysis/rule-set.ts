/** Rule sets for the tests of the analysis, from the text of modules. */
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import type { CheckedModule, Facts } from '../../../src/rules/checker/checked.ts';
import { publicReader, type RuleDecision } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { showFault } from '../../../src/rules/language/place.ts';
import { openRules } from '../../../src/rules/rules.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { freshMachine } from '../../vm/machine.ts';

export function checked(text: string): CheckedModule {
  const { module, faults } = checkModule(text);
  if (module === undefined || faults.length > 0)
    throw new Error(faults.flatMap((fault) => showFault(text, fault, 'test.rules')).join('\n'));
  return module;
}

export function setOf(...texts: readonly string[]): RuleSet {
  return {
    name: 'test',
    version: 1n,
    hash: new Uint8Array(32),
    modules: texts.map(checked),
    unions: new Map([['EU', ['DE', 'FR']]]),
    issuers: new Map(),
    parameters: new Map(),
    lists: new Map(),
  };
}

/** For a reader who is cleared for everything that modules of a test keep secret. */
export const everybody = { clearedFor: ['issuer', 'US', 'FR', 'DE', 'EU', 'ANY', 'FR + US'] };

/** As the machine decides, and the evaluator: a difference between them is an error here. */
export async function decide(set: RuleSet, facts: Facts): Promise<RuleDecision> {
  const rules = await openRules(set, freshMachine);
  const decision = rules.decide(facts, everybody);
  const expected = evaluate(set, facts, everybody);
  if (decision.verdict !== expected.verdict)
    throw new Error(`the machine says ${decision.verdict}, the evaluator ${expected.verdict}`);
  if (rules.decide(facts, publicReader).verdict !== decision.verdict)
    throw new Error('the verdict is another for the public');
  return decision;
}

/** 2026-11-22 12:00 UTC */
export const now = 1_795_348_800n;
