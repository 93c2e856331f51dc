/**
 * What lists and streams read of a ledger, a page at a time: bounded in entries and in bytes, and found by indexes that are there anyway,
 * so that whoever reads a ledger of any length holds up nobody who writes it.
 */
import type { JournalEntry } from '../journal/chain.ts';
import type { Intent, IntentKind, Order } from './store.ts';

export interface ReadEntry extends JournalEntry {
  /** Whether what it stands for has been signed; null of an entry that is of no intent. */
  readonly signed: boolean | null;
}

export interface PageSize {
  /** Entries. */
  readonly most: number;
  /** Of the entries' bytes: no more than this, but for the first entry, which always comes. */
  readonly bytes: number;
}

export interface NumberedIntent {
  readonly id: Uint8Array;
  readonly sequence: number;
}

/** Up to where a journal was looked through. */
export interface Mark {
  readonly journal: Uint8Array;
  readonly sequence: number;
}

export interface SettledPage {
  /** In the order in which they were committed, over all journals of the database; signed or not. */
  readonly settled: readonly { readonly journal: Uint8Array; readonly intent: Intent }[];
  /** Up to where each journal was looked through: the next page begins there. */
  readonly marks: readonly Mark[];
}

/** All of the series that the store serves. */
export interface LedgerReads {
  /** Entries above `sequence`, in their order. */
  journalAfter(sequence: number, page: PageSize): Promise<readonly ReadEntry[]>;
  /** Intents of `kind` above `sequence`, in the order of the journal; for a kind of which the journal has many. */
  intentsAfter(kind: IntentKind, sequence: number, most: number): Promise<readonly NumberedIntent[]>;
  /**
   * The lowest number of the first intents of `kind` by their ids from `id` on. Ids begin with the time, so that this is where those made
   * since then begin, wherever the clock was not put back.
   */
  firstSince(kind: IntentKind, id: Uint8Array): Promise<number | undefined>;
  /** The orders that an intent stands for; none where there is no such intent. */
  ordersOf(kind: IntentKind, id: Uint8Array): Promise<readonly Order[]>;
  /** What was settled of a quota after `marks`, of all journals; a journal that is not in `marks` from its beginning. */
  settlementsAfter(
    issuer: string,
    currency: string,
    marks: readonly Mark[],
    page: PageSize,
  ): Promise<SettledPage>;
  /** The last of the series' intents that settles of this quota. */
  lastSettlement(issuer: string, currency: string): Promise<Intent | undefined>;
}

/** So many ids are looked at for the lowest number: more than requests that are made in one millisecond. */
export const sinceDepth = 100;

/** The last of `sizes` that fits. */
export function lastThatFits(
  sizes: readonly { readonly sequence: bigint; readonly size: bigint }[],
  bytes: number,
): number | undefined {
  let last: number | undefined;
  let taken = 0;
  for (const { sequence, size } of sizes) {
    taken += Number(size);
    if (last !== undefined && taken > bytes) break;
    last = Number(sequence);
  }
  return last;
}
