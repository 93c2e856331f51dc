/**
 * Shows the head of a system's journal to its witnesses soon after it moved: when the journal is quiet, and at the latest every second,
 * so that a head costs one signature a second under load. What a crash leaves unshown is shown at the next start.
 */
import type { Result } from '../kit/result.ts';
import type { JournalHeadRecord } from '../records/journal-head.ts';

/** Another system as witness of this one's journal; behind it stands the network, and it may lie. */
export interface WitnessPeer {
  readonly role: JournalHeadRecord['role'];
  /** What it holds of this journal, as it was signed. */
  heads(): Promise<Result<readonly Uint8Array[]>>;
  /** Gives what it held of this journal before. */
  hold(head: Uint8Array): Promise<Result<readonly Uint8Array[]>>;
}

export interface ShowingPolicy {
  /** A head is shown when the journal has not moved for so long, … */
  readonly quietMs: number;
  /** … and no later than this after it moved. */
  readonly everyMs: number;
  /** Nothing is to be signed where no witness has taken a head for so long, and the journal has moved. */
  readonly overdueMs: number;
}

export interface HeadShowingDependencies {
  readonly witnesses: readonly WitnessPeer[];
  /** The head as it is now, signed: the same bytes while it does not move. */
  readonly sign: () => Promise<{ readonly sequence: number; readonly bytes: Uint8Array }>;
  readonly policy: ShowingPolicy;
  /** Told of what a witness refused. */
  readonly refused: (
    witness: WitnessPeer,
    refusal: { readonly code: string; readonly message: string },
  ) => Promise<void>;
  readonly overdue: () => void;
  /** Told of a witness that has taken the head, and what it held before. */
  readonly witnessed: (witness: WitnessPeer, before: readonly Uint8Array[]) => Promise<void>;
  readonly report: (line: string) => void;
}

export interface HeadShowing {
  moved(sequence: number): void;
  /** The last head that the witness took. */
  taken(witness: WitnessPeer): number | null;
  /** Shows no more. */
  stop(): void;
  /** Shows the last head, once, and ends. */
  close(): Promise<void>;
}

export function makeHeadShowing(dependencies: HeadShowingDependencies): HeadShowing {
  const { witnesses, policy } = dependencies;
  const taken = new Map<WitnessPeer, number>();
  const timers: Partial<Record<'quiet' | 'deadline' | 'overdue', NodeJS.Timeout>> = {};
  let stopped = false;
  let round: Promise<void> | undefined;
  /** The last entry that was told of. */
  let latest = 0;

  function stopTimer(name: keyof typeof timers): void {
    clearTimeout(timers[name]);
    delete timers[name];
  }

  function later(name: keyof typeof timers, work: () => void, ms: number): void {
    if (stopped || timers[name] !== undefined) return;
    timers[name] = setTimeout(() => {
      delete timers[name];
      work();
    }, ms);
  }

  function beginRound(): void {
    stopTimer('quiet');
    stopTimer('deadline');
    if (round !== undefined) {
      // What moved meanwhile is shown in the next one.
      later('deadline', beginRound, policy.everyMs);
      return;
    }
    round = show()
      .catch((error: unknown) => {
        dependencies.report(`cannot show the journal head: ${String(error)}`);
        return false;
      })
      .then((everybody) => {
        round = undefined;
        if (!everybody) later('deadline', beginRound, policy.everyMs);
      });
  }

  /** Shows the head to each witness that lacks it; gives whether none lacks it now. */
  async function show(): Promise<boolean> {
    const { sequence, bytes } = await dependencies.sign();
    await Promise.all(
      witnesses.map(async (witness) => {
        if (taken.get(witness) === sequence) return;
        const held = await witness.hold(bytes);
        if (!held.ok) return dependencies.refused(witness, held);
        taken.set(witness, sequence);
        await dependencies.witnessed(witness, held.value);
      }),
    );
    const lacking = witnesses.filter((witness) => taken.get(witness) !== sequence);
    if (lacking.length < witnesses.length) {
      stopTimer('overdue');
      if (latest > sequence) later('overdue', dependencies.overdue, policy.overdueMs);
    }
    return lacking.length === 0;
  }

  function stop(): void {
    stopped = true;
    for (const name of ['quiet', 'deadline', 'overdue'] as const) stopTimer(name);
  }

  return {
    moved(sequence) {
      latest = Math.max(latest, sequence);
      later('overdue', dependencies.overdue, policy.overdueMs);
      later('deadline', beginRound, policy.everyMs);
      if (timers.quiet === undefined) later('quiet', beginRound, policy.quietMs);
      else timers.quiet.refresh();
    },
    taken: (witness) => taken.get(witness) ?? null,
    stop,
    async close() {
      stop();
      await round;
      await show().catch((error: unknown) => {
        dependencies.report(`cannot show the last journal head: ${String(error)}`);
      });
    },
  };
}
