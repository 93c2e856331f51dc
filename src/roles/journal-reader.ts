/** A system's own journal as the API shows it: in pages of bytes and hashes, and as events. */
import { decodeEntry, withoutOpenings } from '../journal/entry.ts';
import type { Clock } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';
import { type JournalFeed, makeJournalFeed } from './journal-feed.ts';
import type { Ledger } from './ledger.ts';
import type { ReadTurns } from './read-turns.ts';
import { nameSubject } from './subject.ts';

export interface ListedEntry {
  readonly sequence: number;
  readonly kind: string;
  /** An id as a UUID or, where it is longer, in hex; of an allocation the issuer and the currency. */
  readonly subject: string;
  readonly createdMs: number;
  /** What `hash` is of, with the hash before; unless something is withheld of it. */
  readonly bytes: Uint8Array;
  /** Whether `bytes` lack what opens commitments: of that, only whoever has the ledger itself, or its extract, can follow the hash. */
  readonly withheld: boolean;
  readonly hash: Uint8Array;
}

export interface JournalReader {
  /** 16 bytes. */
  id(): Promise<Uint8Array>;
  head(): Promise<{ readonly sequence: number; readonly hash: Uint8Array }>;
  hashAt(sequence: number): Promise<Uint8Array | undefined>;
  /** Entries above `sequence`: at most `most`, and no more than 1 MiB but for the first. */
  page(
    sequence: number,
    most: number,
  ): Promise<{ readonly entries: readonly ListedEntry[]; readonly more: boolean }>;
  readonly feed: JournalFeed;
}

const pageBytes = 1024 * 1024;

/** `ledger` is asked when something is read, and not before. */
export function makeJournalReader(ledger: () => Ledger, turns: ReadTurns, clock: Clock): JournalReader {
  return {
    id: () => ledger().store.journalId(),
    head: () => ledger().store.head(),
    hashAt: (sequence) => ledger().store.hashAt(sequence),
    page: (sequence, most) =>
      turns(async () => {
        const { store } = ledger();
        const entries = (await store.reads().journalAfter(sequence, { most, bytes: pageBytes })).map(
          ({ bytes, hash, sequence: number }): ListedEntry => {
            const decoded = decodeEntry(bytes);
            assert(decoded.ok, 'an entry of a checked journal decodes');
            const { kind, subject, createdMs } = decoded.value;
            const shown = withoutOpenings(decoded.value);
            return {
              sequence: number,
              kind,
              subject: nameSubject(subject),
              createdMs,
              bytes: shown ?? bytes,
              withheld: shown !== undefined,
              hash,
            };
          },
        );
        const last = entries.at(-1)?.sequence ?? sequence;
        return { entries, more: (await store.head()).sequence > last };
      }),
    feed: makeJournalFeed({ ledger, turns, clock }),
  };
}
