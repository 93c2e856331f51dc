/**
 * One anchor on several devices: a system goes on when one of its HSMs is away.
 *
 * A step is made on all of them, and is done when each has it or could not be reached, and at least one has it. So a device is behind
 * only by the steps in which it was away, and the best that can be read at a start knows the end of the journal, unless every device that
 * knows it is away then. That, together with a database of just that age, is for the witnesses to find.
 */
import { equalBytes } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import type { Anchor } from './anchor.ts';
import type { JournalHead } from './chain.ts';

/** A device says what no other can have made it say: somebody else writes to it. Nothing is signed from then on. */
export class AnchorConflictError extends Error {
  readonly code = 'anchor_moved';
}

export interface ReplicatedAnchor extends Anchor {
  /** The heads of the devices that can be reached; throws where none can be, or one has a head that cannot be read. */
  readAll(): Promise<readonly JournalHead[]>;
}

/**
 * `advance` throws where no device took the step, and from the first time on that a device had a head that it was not left with.
 */
export function replicateAnchor(devices: readonly Anchor[]): ReplicatedAnchor {
  assert(devices.length > 0, 'an anchor is on a device');
  const replicas = devices.map((device) => new Replica(device));

  async function readAll(): Promise<readonly JournalHead[]> {
    const readings = await Promise.allSettled(replicas.map((replica) => replica.read()));
    const failures = readings.flatMap((reading) => (reading.status === 'rejected' ? [reading.reason] : []));
    const contradiction = failures.find(isContradiction);
    if (contradiction !== undefined) throw contradiction;
    if (failures.length === readings.length) throw failures[0];
    return readings.flatMap((reading) =>
      reading.status === 'fulfilled' && reading.value !== undefined ? [reading.value] : [],
    );
  }

  return {
    readAll,
    read: async () => highestHead(await readAll()),
    async advance(_from, to) {
      for (const { conflict } of replicas) if (conflict !== undefined) throw conflict;
      const steps = await Promise.allSettled(replicas.map((replica) => replica.advanceTo(to)));
      const failures = steps.flatMap((step) => (step.status === 'rejected' ? [step.reason] : []));
      const contradiction = failures.find(isContradiction);
      if (contradiction !== undefined) throw contradiction;
      // None took it: what the first device says is what the operator is told.
      if (failures.length === steps.length) throw failures[0];
    },
  };
}

/** Whether a device answered, and not what it was left with; any other failure is one that is away. */
function isContradiction(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'anchor_moved' || code === 'anchor_unreadable';
}

/** What several devices have anchored together; throws where two have different hashes of one entry. */
export function highestHead(heads: readonly JournalHead[]): JournalHead | undefined {
  return heads.reduce(higher, undefined);
}

function higher(a: JournalHead | undefined, b: JournalHead): JournalHead {
  if (a === undefined) return b;
  if (a.sequence === b.sequence && !equalBytes(a.hash, b.hash)) {
    throw new AnchorConflictError(
      `two HSMs have different hashes of entry ${a.sequence}: somebody else writes to one of them; nothing is signed. Find out which, and take it out of the configuration`,
    );
  }
  return a.sequence >= b.sequence ? a : b;
}

/** One device. It is read before its first step; a step that failed is made once more before the next, for it may have arrived. */
class Replica {
  conflict: unknown;
  private readonly device: Anchor;
  private known: { readonly head: JournalHead | undefined } | undefined;
  private tried: JournalHead | undefined;
  private wanted: JournalHead | undefined;
  private running: Promise<void> | undefined;

  constructor(device: Anchor) {
    this.device = device;
  }

  async read(): Promise<JournalHead | undefined> {
    const head = await this.device.read();
    this.known = { head };
    this.tried = undefined;
    return head;
  }

  /** Resolves when the device has `to` or a later head; steps that are asked for meanwhile are made as one. */
  async advanceTo(to: JournalHead): Promise<void> {
    this.wanted = to;
    while (this.known === undefined || this.tried !== undefined || numberOf(this.known.head) < to.sequence) {
      this.running ??= this.step(this.wanted).finally(() => {
        this.running = undefined;
      });
      await this.running;
    }
  }

  private async step(to: JournalHead): Promise<void> {
    try {
      const from = this.known === undefined ? await this.read() : this.known.head;
      const next = this.tried ?? to;
      if (numberOf(from) > next.sequence) {
        throw new AnchorConflictError(
          `an HSM has entry ${numberOf(from)} anchored, where this system went to entry ${next.sequence}: somebody else writes to it; nothing is signed`,
        );
      }
      this.tried = next;
      if (from?.sequence !== next.sequence) await this.device.advance(from, next);
      this.known = { head: next };
      this.tried = undefined;
    } catch (error) {
      if (isContradiction(error)) this.conflict = error;
      throw error;
    }
  }
}

function numberOf(head: JournalHead | undefined): number {
  return head?.sequence ?? -1;
}
