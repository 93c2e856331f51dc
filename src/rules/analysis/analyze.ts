/** All that the analysis looks for in a rule set. */
import type { RuleSet } from '../set/rule-set.ts';
import { findConflicts } from './conflict.ts';
import { findDeadRules } from './dead-rule.ts';
import { findEmptyCorridors } from './empty-corridor.ts';
import type { Decide, Finding } from './finding.ts';
import { findGaps } from './gap.ts';
import { findBrokenProperties } from './property.ts';
import { type Counts, type Limits, Questions } from './question.ts';
import { findReachableErrors } from './reachable-error.ts';
import type { Solver } from './solving.ts';
import { Subject } from './subject.ts';

export interface AnalysisOptions {
  readonly set: RuleSet;
  readonly solver: Solver;
  readonly limits: Limits;
  readonly decide: Decide;
  /** Transactions from then on, in seconds. */
  readonly now: bigint;
  /** Milliseconds that have gone by, of any clock that only goes forward. */
  readonly elapsed: () => number;
  readonly progress: (stage: string, done: number, all: number) => void;
}

export interface Analysis {
  readonly findings: readonly Finding[];
  /** Classes of corridors that were looked at. */
  readonly corridors: number;
  /** Pairs of countries, by kind of transaction, of which an allowed transaction was found and decided. */
  readonly openPairs: number;
  readonly counts: Counts;
}

/** Finds what is described in docs/RULES.md "Before a rule goes live". Every witness was decided by the machine; where the solver gave up, there is a finding that says so. */
export async function analyze({
  set,
  solver,
  limits,
  decide,
  now,
  elapsed,
  progress,
}: AnalysisOptions): Promise<Analysis> {
  const questions = new Questions(solver, limits, elapsed);
  const subject = new Subject({ set, questions, decide, now, progress });
  const findings = [
    ...(await findConflicts(subject)),
    ...(await findDeadRules(subject)),
    ...(await findReachableErrors(subject)),
    ...(await findGaps(subject)),
    ...(await findBrokenProperties(subject)),
  ];
  const { findings: closed, open } = await findEmptyCorridors(subject);
  return {
    findings: [...findings, ...closed],
    corridors: subject.corridors.length,
    openPairs: open,
    counts: questions.counts,
  };
}
