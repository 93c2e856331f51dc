/** What to look for in a decision of the machine, to know that it says what the solver said. */
import type { GroupOutcome, RuleDecision, RuleOutcome } from '../decision.ts';
import { rankOf, type Verdict, verdicts } from '../language/syntax.ts';
import type { Group } from '../set/rule-set.ts';

export function outcomeOf({ rules }: RuleDecision, id: string): RuleOutcome | undefined {
  return rules.find(({ rule }) => rule === id);
}

export function groupOutcomeOf({ groups }: RuleDecision, group: Group): GroupOutcome | undefined {
  return groups.find(
    ({ jurisdiction, layer, control }) =>
      jurisdiction === group.jurisdiction && layer === group.layer && control === group.control,
  );
}

/** The greatest of these groups' verdicts. */
export function verdictOf(decision: RuleDecision, groups: readonly Group[]): Verdict {
  const ranks = groups.map((group) => rankOf(groupOutcomeOf(decision, group)?.verdict ?? 'ALLOW'));
  return verdicts[Math.max(0, ...ranks)] as Verdict;
}

export function isInForce(outcome: RuleOutcome | undefined): boolean {
  return outcome?.applies === true && outcome.defeatedBy?.length === 0;
}
