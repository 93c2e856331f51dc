/** A rule set as central management asks it: what it needs to know of an order, and what it says of it. */
import type { RuleSet } from '../records/claims.ts';
import type { Facts } from './checker/checked.ts';
import type { RecordedOutcome } from './recording/decision-record.ts';
import type { Corridor } from './set/rule-set.ts';

export interface OrderVerdict extends RecordedOutcome {
  /** The largest amount that the limits that are no secret would let pass; null where they did not deny, or would let nothing pass. */
  readonly wouldPass: bigint | null;
  /** SHA-256 over rule set, inputs that are no secret, outputs and fuel. */
  readonly traceHash: Uint8Array;
}

export interface RulesInForce {
  /** As credentials and denials name it. */
  readonly ruleSet: RuleSet;
  /** SHA-256 of the label machine's wasm. */
  readonly machine: Uint8Array;
  /** Of this program, which compiles the rules: the same one gives the same bits. */
  readonly release: string;
  /** Names of the feeds that its modules on issuance read. */
  readonly feeds: readonly string[];
  /** Seconds of the windows that they look back over. */
  readonly windows: readonly bigint[];
  /** What the rules between these two cannot be compiled for; nothing where they can. */
  check(corridor: Corridor): readonly string[];
  /** Has the program between these two translated, where programs are, before the first order comes. */
  prepare(corridor: Corridor): Promise<void>;
  /** Never throws for what facts say; where the machine is stopped, the verdict is HOLD. */
  decide(facts: Facts): OrderVerdict;
}

/** Whether an order passes: a FLAG is told, and passes. */
export function isApproved({ verdict }: Pick<RecordedOutcome, 'verdict'>): boolean {
  return verdict === 'ALLOW' || verdict === 'FLAG';
}
