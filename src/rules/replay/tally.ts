/** Counts of changes as they come, in bounded memory, whatever comes. */
import type { Corridor } from '../set/rule-set.ts';
import { type Change, type Outcome, outcomes } from './change.ts';

/** What is told of a change: what somebody would ask for first. */
export const changeKinds = [
  'newly_allowed',
  'newly_flagged',
  'newly_held',
  'newly_denied',
  'newly_unevaluated',
  'other_rules',
] as const;
export type ChangeKind = (typeof changeKinds)[number];

const kindOfOutcome: Readonly<Record<Outcome, ChangeKind>> = {
  allowed: 'newly_allowed',
  flagged: 'newly_flagged',
  held: 'newly_held',
  denied: 'newly_denied',
  unevaluated: 'newly_unevaluated',
};

/** `undefined` where nothing changed. Of one outcome by other rules: `other_rules`. */
export function kindOf({ same, live, candidate }: Change): ChangeKind | undefined {
  if (same) return undefined;
  return live === candidate ? 'other_rules' : kindOfOutcome[candidate];
}

type Counts = Record<ChangeKind, number>;

export interface CorridorCounts extends Counts {
  /** `transfer FR-US EUR`; `others` for those that came when there were too many to tell apart. */
  readonly corridor: string;
  readonly decisions: number;
}

export interface RuleCounts {
  /** `MODULE/RULE` */
  readonly rule: string;
  /** Where it fires under the candidate, and did not; and the other way round. */
  readonly gained: number;
  readonly lost: number;
}

export interface TallyReport<Example> {
  readonly decisions: number;
  readonly unchanged: number;
  readonly changes: Readonly<Counts>;
  /** How many went from which outcome to which. */
  readonly outcomes: readonly {
    readonly live: Outcome;
    readonly candidate: Outcome;
    readonly decisions: number;
  }[];
  /** Those with a change, by their names. */
  readonly corridors: readonly CorridorCounts[];
  readonly rules: readonly RuleCounts[];
  /** The first of each kind. */
  readonly examples: Readonly<Record<ChangeKind, readonly Example[]>>;
}

const corridorLimit = 10_000;

/** Adds changes up. `exampleLimit` examples of each kind are kept. */
export class Tally<Example> {
  private decisions = 0;
  private unchanged = 0;
  private readonly changes = noCounts();
  private readonly matrix = new Map<string, number>();
  private readonly corridors = new Map<string, { decisions: number; counts: Counts }>();
  private readonly rules = new Map<string, { gained: number; lost: number }>();
  private readonly examples: Record<ChangeKind, Example[]> = {
    newly_allowed: [],
    newly_flagged: [],
    newly_held: [],
    newly_denied: [],
    newly_unevaluated: [],
    other_rules: [],
  };
  private readonly exampleLimit: number;

  constructor(exampleLimit: number) {
    this.exampleLimit = exampleLimit;
  }

  /** `corridor` is `undefined` where the facts say none; `example` is asked for only where one is kept. */
  add(change: Change, corridor: Corridor | undefined, example: () => Example): void {
    this.decisions++;
    increment(this.matrix, `${change.live} ${change.candidate}`);
    const name = corridor === undefined ? 'none' : nameOf(corridor);
    const kept = this.corridors.has(name) || this.corridors.size < corridorLimit ? name : 'others';
    let counted = this.corridors.get(kept);
    if (counted === undefined) {
      counted = { decisions: 0, counts: noCounts() };
      this.corridors.set(kept, counted);
    }
    counted.decisions++;
    const kind = kindOf(change);
    if (kind === undefined) {
      this.unchanged++;
      return;
    }
    this.changes[kind]++;
    counted.counts[kind]++;
    for (const rule of change.gained) this.ruleOf(rule).gained++;
    for (const rule of change.lost) this.ruleOf(rule).lost++;
    if (this.examples[kind].length < this.exampleLimit) this.examples[kind].push(example());
  }

  report(): TallyReport<Example> {
    const { decisions, unchanged, changes, examples } = this;
    return {
      decisions,
      unchanged,
      changes: { ...changes },
      outcomes: outcomes.flatMap((live) =>
        outcomes.flatMap((candidate) => {
          const count = this.matrix.get(`${live} ${candidate}`);
          return count === undefined ? [] : [{ live, candidate, decisions: count }];
        }),
      ),
      corridors: [...this.corridors]
        .filter(([, { counts }]) => changeKinds.some((kind) => counts[kind] > 0))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([corridor, counted]) => ({ corridor, decisions: counted.decisions, ...counted.counts })),
      rules: [...this.rules]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([rule, counts]) => ({ rule, ...counts })),
      examples,
    };
  }

  private ruleOf(rule: string): { gained: number; lost: number } {
    let counts = this.rules.get(rule);
    if (counts === undefined) {
      counts = { gained: 0, lost: 0 };
      this.rules.set(rule, counts);
    }
    return counts;
  }
}

/** `transfer FR-US EUR` */
function nameOf({ kind, origin, destination, currency }: Corridor): string {
  return `${kind} ${origin}-${destination} ${currency}`;
}

function noCounts(): Counts {
  return {
    newly_allowed: 0,
    newly_flagged: 0,
    newly_held: 0,
    newly_denied: 0,
    newly_unevaluated: 0,
    other_rules: 0,
  };
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
