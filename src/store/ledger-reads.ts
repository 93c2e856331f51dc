/**
 * What lists and streams read of a ledger, a page at a time: bounded in entries and in bytes, and found by indexes that are there anyway,
 * so that whoever reads a ledger of any length holds up nobody who writes it.
 */
import type { JournalEntry } from '../journal/chain.ts';
import { toHex } from '../kit/bytes.ts';
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
  /** Its id, 16 bytes. */
  readonly journal: Uint8Array;
  readonly sequence: number;
}

export interface SettledPage {
  /** In the order in which they were committed, over all journals of the database; signed or not. */
  readonly settled: readonly { readonly journal: Uint8Array; readonly intent: Intent }[];
  /** Those that were given, each where its journal was looked through up to, and of journals that were not among them. The next page begins there. */
  readonly marks: readonly Mark[];
}

/** Of the series that the store serves, where nothing else is said. */
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
  /**
   * What was settled of a quota after `marks`, of all journals of the database; a journal without a mark from its beginning, a mark of an
   * unknown journal stays as it is. Bytes count what an intent keeps, is to be signed and was signed. An empty page is the end, and so are
   * marks that did not change.
   */
  settlementsAfter(
    issuer: string,
    currency: string,
    marks: readonly Mark[],
    page: PageSize,
  ): Promise<SettledPage>;
  /**
   * The last intent that settles of this quota. Where there is none and the quota has what came back, central management was told of that
   * by a program of before: it follows nothing of that quota, or the ledger does not open again.
   */
  lastSettlement(issuer: string, currency: string): Promise<Intent | undefined>;
}

/** So many ids are looked at for the lowest number: more than requests that are made in one millisecond. */
export const sinceDepth = 100;

/** The first of `rows` that fit, and the first one always. */
export function firstThatFit<Row extends { readonly size: bigint }>(
  rows: readonly Row[],
  bytes: number,
): readonly Row[] {
  let taken = 0;
  const end = rows.findIndex(({ size }, index) => {
    taken += Number(size);
    return index > 0 && taken > bytes;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/** The page of what is settled after `marks`. */
export function settledPage(marks: readonly Mark[], settled: SettledPage['settled']): SettledPage {
  const last = new Map(marks.map((mark) => [toHex(mark.journal), mark]));
  for (const { journal, intent } of settled) last.set(toHex(journal), { journal, sequence: intent.sequence });
  return { settled, marks: [...last.values()] };
}
