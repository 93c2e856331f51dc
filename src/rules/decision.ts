/** What a decision says, whoever makes it: the label machine or the reference evaluator. */
import type { Value } from './checker/checked.ts';
import type { Verdict } from './language/syntax.ts';

/** Who reads an explanation: the public, or someone cleared for the secrets of jurisdictions (and `issuer`). */
export interface Reader {
  /** As modules write them (`US`, `FR + US`), and `issuer`. */
  readonly clearedFor: readonly string[];
}

export const publicReader: Reader = { clearedFor: [] };

/** What one rule came to, as far as the reader may know it: what is not there is not told. */
export interface RuleOutcome {
  /** `MODULE/RULE` */
  readonly rule: string;
  readonly applies?: boolean;
  /** The verdict of an error in it. */
  readonly error?: 'none' | 'HOLD' | 'DENY';
  /** Of a cap: the measure is above it. Of evidence: it is missing. Of a verdict: true. Where it does not apply or is in error: false. */
  readonly met?: boolean;
  readonly fired?: boolean;
  /** Of those that apply. */
  readonly defeatedBy?: readonly string[];
}

export interface GroupOutcome {
  readonly jurisdiction: string;
  readonly layer: string;
  readonly control: string;
  readonly verdict?: Verdict;
  readonly conflict?: boolean;
}

export interface RuleDecision {
  readonly verdict: Verdict;
  /** Ids of rules that fired, in the order of the set's modules and of each module, as far as the reader may know. */
  readonly fired: readonly string[];
  /** In the same order: all rules of the corridor. */
  readonly rules: readonly RuleOutcome[];
  readonly groups: readonly GroupOutcome[];
  /** Names of fields that a rule that fired requires, each once. */
  readonly missing: readonly string[];
  /**
   * The largest amount of the transaction's currency that the caps in force would let pass, not below 0: the least `cap - measure + tx.amount` of those cap rules in
   * force whose cap is `money<tx>`, whose measure is `tx.amount` or a sum with it as one part, and that neither look at a secret nor may be beaten by what does. `null` where there is none.
   */
  readonly room: bigint | null;
}

/** That there is no value, and the verdict that this has. */
export interface ClauseError {
  readonly error: 'HOLD' | 'DENY';
}

/** One comparison, membership, `has` or other truth that a condition is made of, or a number of a rule. */
export interface ClauseOutcome {
  /** As the module writes it. */
  readonly text: string;
  /** Not there where the reader is not cleared for it. */
  readonly value?: Value | ClauseError;
  /** Of a comparison: what was compared. */
  readonly left?: Value | ClauseError;
  readonly right?: Value | ClauseError;
}

export interface RuleExplanation extends RuleOutcome {
  readonly clauses: readonly ClauseOutcome[];
  readonly cap?: ClauseOutcome;
  readonly measure?: ClauseOutcome;
  readonly law: string | undefined;
  readonly says: string | undefined;
}

export interface Explanation extends Omit<RuleDecision, 'rules'> {
  readonly rules: readonly RuleExplanation[];
}
