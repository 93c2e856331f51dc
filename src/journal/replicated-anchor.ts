/**
 * One anchor on several devices: a system goes on when one of its HSMs is away.
 *
 * A step is done when the first device has it; the others follow. So what is known of a database is what the best of the devices that
 * can be read knows: one that was away is behind until its next step.
 */
import { equalBytes } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';
import type { Anchor } from './anchor.ts';
import type { JournalHead } from './chain.ts';

/** A device of it says what no other can have made it say: somebody else writes to it. Nothing is signed from then on. */
export class AnchorConflictError extends Error {
  readonly code = 'anchor_moved';
}

/**
 * `read` gives the highest head of the devices that can be read, and throws where none can, or two have different hashes of one number.
 * `advance` throws where no device took the step, and from the first time on that a device had a head that it was not left with.
 */
export function replicateAnchor(devices: readonly Anchor[]): Anchor {
  assert(devices.length > 0, 'an anchor is on a device');
  const replicas = devices.map((device) => new Replica(device));
  return {
    async read() {
      const readings = await Promise.allSettled(replicas.map((replica) => replica.read()));
      const heads = readings.flatMap((reading) => (reading.status === 'fulfilled' ? [reading.value] : []));
      const [failed] = readings.flatMap((reading) => (reading.status === 'rejected' ? [reading.reason] : []));
      if (heads.length === 0) throw failed;
      return heads.reduce(highest, undefined);
    },
    async advance(_from, to) {
      for (const { conflict } of replicas) if (conflict !== undefined) throw conflict;
      const steps = replicas.map((replica) => replica.advanceTo(to));
      try {
        await Promise.any(steps);
      } catch (error) {
        // None took it: what the first device says is what the operator is told.
        throw error instanceof AggregateError ? error.errors[0] : error;
      }
    },
  };
}

function highest(a: JournalHead | undefined, b: JournalHead | undefined): JournalHead | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.sequence === b.sequence && !equalBytes(a.hash, b.hash)) {
    throw new AnchorConflictError(
      `two HSMs have different hashes of entry ${a.sequence}: somebody else writes to one of them; nothing is signed. Find out which, and take it out of the configuration`,
    );
  }
  return a.sequence >= b.sequence ? a : b;
}

/** One device. What it holds is read before the first step, and again after a step that failed: it may have arrived all the same. */
class Replica {
  conflict: unknown;
  private readonly device: Anchor;
  private known: { readonly head: JournalHead | undefined } | undefined;
  private wanted: JournalHead | undefined;
  private running: Promise<void> | undefined;

  constructor(device: Anchor) {
    this.device = device;
  }

  async read(): Promise<JournalHead | undefined> {
    const head = await this.device.read();
    this.known = { head };
    return head;
  }

  /** Resolves when the device has `to` or a later head; steps that are asked for meanwhile are made as one. */
  async advanceTo(to: JournalHead): Promise<void> {
    this.wanted = to;
    while (this.known === undefined || (this.known.head?.sequence ?? -1) < to.sequence) {
      this.running ??= this.step(this.wanted).finally(() => {
        this.running = undefined;
      });
      await this.running;
    }
  }

  private async step(to: JournalHead): Promise<void> {
    try {
      const from = this.known === undefined ? await this.read() : this.known.head;
      const same = from?.sequence === to.sequence && equalBytes(from.hash, to.hash);
      if (!same && from !== undefined && from.sequence >= to.sequence) {
        throw new AnchorConflictError(
          `an HSM has entry ${from.sequence} anchored, where this system went to entry ${to.sequence}: somebody else writes to it; nothing is signed`,
        );
      }
      if (!same) await this.device.advance(from, to);
      this.known = { head: to };
    } catch (error) {
      this.known = undefined;
      if ((error as { code?: unknown }).code === 'anchor_moved') this.conflict = error;
      throw error;
    }
  }
}
