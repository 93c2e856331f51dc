/** Recorded facts decided by two rule sets, one beside the other. */
import type { Facts } from '../checker/checked.ts';
import type { Reader } from '../decision.ts';
import { evaluate } from '../evaluator/evaluate.ts';
import { corridorOf } from '../facts.ts';
import type { NamedFacts } from '../facts-json.ts';
import type { MachineDecision } from '../machine-decision.ts';
import type { Rules } from '../rules.ts';
import type { RuleSet } from '../set/rule-set.ts';
import { type Change, type Compare, compareSets } from './change.ts';
import { Tally, type TallyReport } from './tally.ts';

/** Facts with their place in the file, from 1. */
export interface ReplayLine extends NamedFacts {
  readonly line: number;
}

export interface ReplayExample extends ReplayLine {
  readonly change: Change;
}

export interface Disagreement {
  readonly line: number;
  readonly of: 'live' | 'candidate';
}

export interface ReplayReport extends TallyReport<ReplayExample> {
  /** Decisions that the reference evaluator was asked for, too, and how many of them it makes otherwise: a defect. */
  readonly checked: number;
  readonly disagreements: number;
  readonly firstDisagreements: readonly Disagreement[];
}

export interface ReplayOptions {
  readonly live: Rules;
  readonly candidate: Rules;
  readonly reader: Reader;
  /** Whether the reference evaluator decides, too. */
  readonly check: boolean;
  /** How many examples of each kind of change are kept. */
  readonly examples: number;
}

/** So many are decided at a time, corridor by corridor: a machine keeps the programs of some hundred corridors, and makes others anew. */
export const batchSize = 8_192;
const shownDisagreements = 10;

/** Decides facts by both sets, batch by batch, and adds up what differs. Memory does not grow with what comes. */
export class Replay {
  private readonly options: ReplayOptions;
  private readonly compare: Compare;
  private readonly tally: Tally<ReplayExample>;
  private checked = 0;
  private disagreements = 0;
  private readonly first: Disagreement[] = [];

  constructor(options: ReplayOptions) {
    this.options = options;
    this.compare = compareSets(options.live.set, options.candidate.set);
    this.tally = new Tally(options.examples);
  }

  /** The examples are the first in the order of `lines`, whatever the order in which they are decided. */
  add(lines: readonly ReplayLine[]): void {
    const changes: Change[] = new Array<Change>(lines.length);
    for (const places of byCorridor(lines)) {
      for (const place of places) {
        const line = lines[place] as ReplayLine;
        const live = this.decide('live', line);
        const candidate = this.decide('candidate', line);
        changes[place] = this.compare(live, candidate);
      }
    }
    for (const [place, line] of lines.entries()) {
      const change = changes[place] as Change;
      this.tally.add(change, corridorOf(line.facts), () => ({ ...line, change }));
    }
  }

  report(): ReplayReport {
    return {
      ...this.tally.report(),
      checked: this.checked,
      disagreements: this.disagreements,
      firstDisagreements: this.first,
    };
  }

  private decide(of: 'live' | 'candidate', { facts, line }: ReplayLine): MachineDecision {
    const { reader, check } = this.options;
    const { set } = this.options[of];
    const decision = this.options[of].decide(facts, reader);
    if (check) {
      this.checked++;
      if (!agrees(decision, set, facts, reader)) {
        this.disagreements++;
        if (this.first.length < shownDisagreements) this.first.push({ line, of });
      }
    }
    return decision;
  }
}

function byCorridor(lines: readonly ReplayLine[]): Iterable<readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [place, { facts }] of lines.entries()) {
    const { fields } = facts;
    const key = `${facts.kind} ${String(fields.get('tx.origin'))} ${String(fields.get('tx.destination'))} ${String(fields.get('tx.currency'))}`;
    const places = found.get(key);
    if (places === undefined) found.set(key, [place]);
    else places.push(place);
  }
  return found.values();
}

/** What was not decided by the machine for want of facts, the evaluator holds, too; what the machine could not run is HOLD whatever it says. */
function agrees(decision: MachineDecision, set: RuleSet, facts: Facts, reader: Reader): boolean {
  if (decision.code !== undefined && decision.code !== 'facts_insufficient')
    return decision.verdict === 'HOLD';
  const expected = evaluate(set, facts, reader);
  return (
    decision.verdict === expected.verdict &&
    decision.room === expected.room &&
    isSame(decision.fired, expected.fired) &&
    isSame(decision.missing, expected.missing)
  );
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, place) => item === b[place]);
}
