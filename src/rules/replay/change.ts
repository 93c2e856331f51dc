/** What another rule set would have said: one decision beside another. Pure: for the sandbox, and for a set in shadow beside the one in force. */
import type { RuleDecision } from '../decision.ts';
import type { Verdict } from '../language/syntax.ts';
import type { RuleSet } from '../set/rule-set.ts';

/** In how many ways a decision ends: a FLAG passes and is told, `unevaluated` is a HOLD or DENY that an error or a stopped machine gave, and no rule. */
export const outcomes = ['allowed', 'flagged', 'held', 'denied', 'unevaluated'] as const;
export type Outcome = (typeof outcomes)[number];

/** A decision, as much of it as is compared. What of `rules` is not told to its reader is not looked at. */
export type Decided = Pick<RuleDecision, 'verdict' | 'fired' | 'rules' | 'groups'> & {
  /** Why it is HOLD although no rule says so. */
  readonly code?: string;
};

export interface Change {
  readonly live: Outcome;
  readonly candidate: Outcome;
  /** Whether outcome, verdict and the rules that fired are the same. */
  readonly same: boolean;
  /** Rules that fired under the candidate alone, and under the live set alone. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

export type Compare = (live: Decided, candidate: Decided) => Change;

/** How decisions of a candidate differ from those of the live set. */
export function compareSets(live: RuleSet, candidate: RuleSet): Compare {
  const liveVerdicts = verdictsOf(live);
  const candidateVerdicts = verdictsOf(candidate);
  return (one, other) => {
    const before = outcomeOf(one, liveVerdicts);
    const after = outcomeOf(other, candidateVerdicts);
    const gained = other.fired.filter((rule) => !one.fired.includes(rule));
    const lost = one.fired.filter((rule) => !other.fired.includes(rule));
    const same = before === after && one.verdict === other.verdict && gained.length + lost.length === 0;
    return { live: before, candidate: after, same, gained, lost };
  };
}

/** By the ids of rules: what each says where it fires. */
function verdictsOf({ modules }: RuleSet): ReadonlyMap<string, Verdict> {
  return new Map(modules.flatMap(({ rules }) => rules.map(({ id, body }) => [id, body.verdict])));
}

function outcomeOf(decided: Decided, verdictOf: ReadonlyMap<string, Verdict>): Outcome {
  const { verdict, code } = decided;
  if (verdict === 'ALLOW') return 'allowed';
  if (verdict === 'FLAG') return 'flagged';
  if (code !== undefined || isByError(decided, verdictOf)) return 'unevaluated';
  return verdict === 'HOLD' ? 'held' : 'denied';
}

/** Whether only an error came to the verdict, and neither a rule nor a conflict. */
function isByError(
  { verdict, rules, groups, fired }: Decided,
  verdictOf: ReadonlyMap<string, Verdict>,
): boolean {
  return (
    rules.some(({ error }) => error === verdict) &&
    !fired.some((rule) => verdictOf.get(rule) === verdict) &&
    !groups.some((group) => group.conflict === true && group.verdict === verdict)
  );
}
