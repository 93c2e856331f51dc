/**
 * A journal as it grows, for any number of readers, each at its own place: everything is read from the journal, so that a reader that
 * was cut off goes on where it was, and has the same events as one that was not.
 */
import type { Clock } from '../kit/clock.ts';
import { eventOf, type JournalEvent } from './journal-event.ts';
import type { Ledger } from './ledger.ts';
import type { ReadTurns } from './read-turns.ts';

export interface JournalFeed {
  /** The events above `sequence`: at least one, as soon as there is one; none once `ended` is aborted. */
  next(sequence: number, ended: AbortSignal): Promise<readonly JournalEvent[]>;
}

export interface FeedOptions {
  /** Asked when something is read, and not before. */
  readonly ledger: () => Ledger;
  readonly turns: ReadTurns;
  readonly clock: Clock;
  /** How often the journal's end is looked at while somebody waits. */
  readonly lookEveryMs?: number;
  /** How long what is committed and not signed yet holds those behind it up; then it is told as not signed. */
  readonly signingMs?: number;
}

/** A page is decoded at once, and kept for the readers that come for the same one. */
const page = { most: 100, bytes: 1024 * 1024 };
const pagesKept = 4;

export function makeJournalFeed(options: FeedOptions): JournalFeed {
  const { ledger, turns, clock, lookEveryMs = 200, signingMs = 5_000 } = options;
  /** By where they begin; an entry does not change any more once it was told. */
  const pages = new Map<number, Promise<readonly JournalEvent[]>>();
  let looking: Promise<void> | undefined;

  async function readPage(sequence: number): Promise<readonly JournalEvent[]> {
    const { store } = ledger();
    const entries = await store.reads().journalAfter(sequence, page);
    const events: JournalEvent[] = [];
    for (const entry of entries) {
      const event = await eventOf(entry, store);
      // By its distance, so that a clock that is set back holds nobody up for long.
      if (event.signed === false && Math.abs(clock.nowMs() - event.createdMs) < signingMs) break;
      events.push(event);
      // Between two entries whoever issues has a turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return events;
  }

  async function pageAfter(sequence: number): Promise<readonly JournalEvent[]> {
    const known = pages.get(sequence);
    if (known !== undefined) return known;
    const read = turns(() => readPage(sequence));
    pages.set(sequence, read);
    try {
      const events = await read;
      // Nothing yet: the next look reads again.
      if (events.length === 0) pages.delete(sequence);
      return events;
    } catch (error) {
      pages.delete(sequence);
      throw error;
    } finally {
      for (const oldest of pages.keys()) {
        if (pages.size <= pagesKept) break;
        pages.delete(oldest);
      }
    }
  }

  /** One timer, however many wait. */
  function nextLook(): Promise<void> {
    looking ??= new Promise<void>((resolve) => setTimeout(resolve, lookEveryMs)).finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    async next(sequence, ended) {
      while (!ended.aborted) {
        const { sequence: last } = await ledger().store.head();
        const events = last > sequence ? await pageAfter(sequence) : [];
        if (events.length > 0) return events;
        await nextLook();
      }
      return [];
    },
  };
}
