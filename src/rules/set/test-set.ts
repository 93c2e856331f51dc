/** In what set the tests of a module are decided: docs/RULES.md "Meaning, to the letter", Tests. */
import type { CheckedModule, RuleTest } from '../checker/checked.ts';
import type { RuleDecision } from '../decision.ts';
import type { RuleSet } from './rule-set.ts';

/** The set cut down to the module, and to those that hold the rules that its exceptions lead to, in any number of steps. */
export function setOfTests(set: RuleSet, module: CheckedModule): RuleSet {
  const kept = new Set([module]);
  for (const one of kept)
    for (const { exceptionTo } of one.rules) {
      const holder = set.modules.find(({ rules }) => rules.some(({ id }) => id === exceptionTo));
      if (holder !== undefined) kept.add(holder);
    }
  return { ...set, modules: set.modules.filter((one) => kept.has(one)) };
}

/** Whether a decision, for a reader who is cleared for everything, is what a test of `module` expects. */
export function fulfils(
  decision: RuleDecision,
  { verdict, fired }: RuleTest,
  module: CheckedModule,
): boolean {
  const own = firedIn(decision, module);
  return (
    decision.verdict === verdict && own.length === fired.length && own.every((rule) => fired.includes(rule))
  );
}

/** Names of the rules of `module` that fired, in its order. */
export function firedIn({ fired }: RuleDecision, { rules }: CheckedModule): readonly string[] {
  return rules.filter(({ id }) => fired.includes(id)).map(({ name }) => name);
}
