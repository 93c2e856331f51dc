/**
 * What the slots of a quota have to hold, made anew from what was taken: after a change of its limits or its clock, and when a database
 * is opened, to see that nobody altered them.
 */
import type { Limit } from '../records/quota-terms.ts';
import type { Asked, SlotUse } from './bucket.ts';
import { slotsOf, windowStart } from './window.ts';

/** A take as the journal has it; `atMs` is the moment that it counted at. */
export interface CountedTake extends Asked {
  /** Number of its journal entry. */
  readonly sequence: number;
  readonly atMs: number;
}

/** A change that put the clock of a quota back: what was taken before it counts at `atMs` at the latest. */
export interface ClockReset {
  readonly sequence: number;
  readonly atMs: number;
}

export interface Tally {
  add(take: CountedTake): void;
  /** By limit, then by slot. */
  uses(): readonly SlotUse[];
}

/** Counts takes, in any order, for the windows that end at `clockMs`. */
export function makeTally(limits: readonly Limit[], clockMs: number, resets: readonly ClockReset[]): Tally {
  const counters = limits.map((limit) => ({
    limit,
    startMs: windowStart(limit.window, clockMs),
    oldest: slotsOf(limit.window, clockMs).oldest,
    slots: new Map<number, bigint>(),
  }));
  return {
    add({ sequence, atMs, amount, orders }) {
      let countedMs = atMs;
      for (const reset of resets) if (reset.sequence > sequence) countedMs = Math.min(countedMs, reset.atMs);
      for (const { limit, startMs, oldest, slots } of counters) {
        // Most takes of a long ledger are older, and cost a comparison.
        if (countedMs < startMs) continue;
        const slot = slotsOf(limit.window, countedMs).current;
        if (slot < oldest) continue;
        const by = limit.counts === 'amount' ? amount : BigInt(orders);
        slots.set(slot, (slots.get(slot) ?? 0n) + by);
      }
    },
    uses: () =>
      counters.flatMap(({ limit, slots }) =>
        [...slots].map(([slot, used]) => ({ limit: limit.name, slot, used })).sort((a, b) => a.slot - b.slot),
      ),
  };
}

/** The first moment that a take can count at, of any of `limits`. */
export function tallyStart(limits: readonly Limit[], clockMs: number): number {
  return Math.min(clockMs, ...limits.map(({ window }) => windowStart(window, clockMs)));
}
