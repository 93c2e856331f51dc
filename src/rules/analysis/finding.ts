/** What the analysis says of a rule set. */
import type { CheckedModule, Facts } from '../checker/checked.ts';
import type { RuleDecision } from '../decision.ts';
import type { Span } from '../language/syntax.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';

/**
 * Codes, with what stands behind each: `conflict`, `dead_rule`, `error_reachable`, `not_monotone`, `bound_broken`, `empty_corridor`, `not_covered` are refused; `gap`,
 * `gap_value`, `error_at_extremes`, `corridor_closed`, `not_coverable` are told; `undecided` is a question that the solver did not answer, which is refused, and
 * `witness_unconfirmed` a defect of the analysis itself or of the machine, which is refused and cannot be suppressed.
 */
export type FindingCode =
  | 'conflict'
  | 'dead_rule'
  | 'error_reachable'
  | 'not_monotone'
  | 'bound_broken'
  | 'empty_corridor'
  | 'not_covered'
  | 'not_coverable'
  | 'gap'
  | 'gap_value'
  | 'error_at_extremes'
  | 'corridor_closed'
  | 'undecided'
  | 'witness_unconfirmed';

const told: readonly FindingCode[] = [
  'not_coverable',
  'gap',
  'gap_value',
  'error_at_extremes',
  'corridor_closed',
];

/** Whether a finding of this code refuses the set, where nothing suppresses it. */
export function isRefused(code: FindingCode): boolean {
  return !told.includes(code);
}

/** A place in the text of a module. */
export interface Place {
  readonly module: CheckedModule;
  readonly span: Span;
}

/** A transaction that shows it, and what the machine says to it. */
export interface Witness {
  readonly facts: Facts;
  readonly decision: RuleDecision;
}

export interface Finding {
  readonly code: FindingCode;
  /** `MODULE/RULE`, of all that are concerned. */
  readonly rules: readonly string[];
  /** Of each of them, or of the property. */
  readonly places: readonly Place[];
  readonly message: string;
  readonly corridor?: Corridor;
  readonly witnesses: readonly Witness[];
}

/** Decides as the label machine does, for a reader who is cleared for everything. */
export type Decide = (set: RuleSet, facts: Facts) => Promise<RuleDecision>;
