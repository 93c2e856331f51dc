/** Reads the journals of one ledger from the first entry to the last: each has to follow from the one before it, and be what others know. */
import { chainHash, genesisHash } from '../journal/chain.ts';
import type { PlacedEntry } from '../journal/extract.ts';
import { equalBytes } from '../kit/bytes.ts';
import { decodeEntry, type Entry, kindsOf } from './entry.ts';
import { type KnownEntry, KnownJournal, type Witnessing } from './heads.ts';
import { type AuditContext, report, type System } from './system.ts';

/** Where a journal ends, as it was read. */
export interface JournalEnd {
  readonly system: System;
  readonly series: string;
  readonly journalId: Uint8Array;
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly witnessed: readonly Witnessing[];
}

interface Follower {
  last: number;
  hash: Uint8Array;
  readonly known: KnownJournal;
}

/** Gives each entry that can be read to `take`, in their order, with what is known of every journal; throws ExtractError where the file is not whole. */
export function readJournals(
  context: AuditContext,
  system: System,
  known: readonly KnownEntry[],
  take: (entry: Entry, placed: PlacedEntry, journals: readonly KnownJournal[]) => void,
): JournalEnd[] {
  const { journals } = system.extract.header;
  const followers = journals.map(({ id }): Follower => {
    const hash = genesisHash(system.role, id);
    const follower = { last: 0, hash, known: new KnownJournal(context, system, id, known) };
    follower.known.pass(0, hash);
    return follower;
  });
  const all = followers.map((follower) => follower.known);
  let ordinal = 0;
  for (const placed of system.extract.entries()) {
    const follower = followers[placed.journal];
    if (follower === undefined) continue;
    follow(context, system, follower, placed);
    if (placed.ordinal <= ordinal)
      report(
        context,
        system,
        placed.sequence,
        'journal_gap',
        `it has the place ${placed.ordinal} among all entries, and comes after place ${ordinal}`,
        'entries in their order',
      );
    ordinal = placed.ordinal;
    const read = decodeEntry(placed.bytes);
    if ('fault' in read) {
      report(context, system, placed.sequence, 'entry_malformed', read.fault, 'an entry of a journal');
      continue;
    }
    const { entry } = read;
    if (entry.sequence !== placed.sequence)
      report(
        context,
        system,
        placed.sequence,
        'entry_malformed',
        `the entry says that it is number ${entry.sequence}`,
        `number ${placed.sequence}`,
      );
    if (kindsOf[system.role].includes(entry.kind)) take(entry, placed, all);
    else
      report(
        context,
        system,
        placed.sequence,
        'entry_malformed',
        `an entry of kind \`${entry.kind}\``,
        `one of ${kindsOf[system.role].join(', ')}`,
      );
  }
  return followers.map(({ last, hash, known: head }, index) => ({
    system,
    series: journals[index]?.series ?? '',
    journalId: journals[index]?.id ?? new Uint8Array(16),
    sequence: last,
    hash,
    witnessed: head.end(last),
  }));
}

/** After a fault it goes on from what the ledger says, so that one fault is not found again at each entry behind it. */
function follow(context: AuditContext, system: System, follower: Follower, placed: PlacedEntry): void {
  const { sequence, bytes, hash } = placed;
  if (sequence !== follower.last + 1)
    report(
      context,
      system,
      sequence,
      'journal_gap',
      `entry ${sequence} follows entry ${follower.last}`,
      `entry ${follower.last + 1}`,
    );
  else if (!equalBytes(chainHash(follower.hash, bytes), hash))
    report(
      context,
      system,
      sequence,
      'journal_altered',
      'the hash of the entry does not follow from it and the one before it',
      'entries as they were written',
    );
  follower.last = sequence;
  follower.hash = hash;
  follower.known.pass(sequence, hash);
}
