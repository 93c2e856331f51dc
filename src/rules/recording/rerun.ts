/** A recorded decision, made again by the rules that made it: the same, bit for bit, or where it is not. */
import { concatBytes, equalBytes, equalOrNull, sha256, toHex } from '../../kit/bytes.ts';
import type { RulesInForce } from '../in-force.ts';
import type { DecisionRecord } from './decision-record.ts';
import { factsAt } from './order-facts.ts';

export interface RerunDifference {
  /** Its number in the request; null where it is of the decision as a whole. */
  readonly order: number | null;
  readonly what: 'rule set' | 'machine' | 'verdict' | 'reasons' | 'program' | 'fuel' | 'trace';
  readonly recorded: string;
  readonly again: string;
}

/** More are no news. */
const differenceLimit = 100;

/** Decides each order on its recorded facts; gives what is not as it was recorded, at most a hundred. */
export function rerunDecision(record: DecisionRecord, rules: RulesInForce): readonly RerunDifference[] {
  const differences: RerunDifference[] = [];
  const differ = (
    order: number | null,
    what: RerunDifference['what'],
    recorded: string,
    again: string,
  ): void => {
    if (recorded !== again && differences.length < differenceLimit)
      differences.push({ order, what, recorded, again });
  };
  const { ruleSet, machine, facts, outcomes } = record;
  differ(null, 'rule set', nameOf(ruleSet), nameOf(rules.ruleSet));
  differ(null, 'machine', toHex(machine), toHex(rules.machine));
  const traces = outcomes.map((recorded, order) => {
    const again = rules.decide(factsAt(facts, order));
    differ(order, 'verdict', recorded.verdict, again.verdict);
    differ(order, 'reasons', recorded.reasons.join(', '), again.reasons.join(', '));
    differ(order, 'fuel', String(recorded.fuel), String(again.fuel));
    if (!equalOrNull(recorded.program, again.program))
      differ(order, 'program', hexOf(recorded.program), hexOf(again.program));
    return again.traceHash;
  });
  const trace = sha256(concatBytes(...traces));
  if (!equalBytes(trace, record.traceHash)) differ(null, 'trace', toHex(record.traceHash), toHex(trace));
  return differences;
}

function nameOf({ version, hash }: RulesInForce['ruleSet']): string {
  return `${version} ${toHex(hash)}`;
}

function hexOf(hash: Uint8Array | null): string {
  return hash === null ? 'none' : toHex(hash);
}
