/** A head that a witness shows to the system whose journal it is said to be of. */
import { equalBytes } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { RecordErrorCode } from '../records/claims.ts';
import { decodeJournalHead, type JournalHeadRecord } from '../records/journal-head.ts';
import { isoTime, type KeyRing, type KeyRingCode } from '../records/key-ring.ts';
import type { Store } from '../store/store.ts';
import type { JournalOwner } from './witness.ts';

export type ShownHeadCode =
  | RecordErrorCode
  | KeyRingCode
  | 'head_foreign'
  | 'journal_behind_witness'
  | 'journal_forked'
  | 'series_forked';

/**
 * Holds `bytes` against the journals in `store`. `journal_behind_witness` and `journal_forked` are proven by the system's own signature;
 * every other refusal says that the witness has shown nothing that counts. `series_forked` is proven too, of the journal of another
 * process: it halts that one.
 *
 * Of another process's journal the database has to hold all that was signed as well, or it is an older copy: then nobody is to issue from
 * it, whoever's entries it lacks.
 *
 * A key that was revoked counts as any other: an old copy is not to pass because its key was changed, and a system whose last head was
 * signed with it is to start. Whoever has stolen it can halt the system, with a witness that shows what was forged, and gain nothing.
 */
export async function checkShownHead(
  bytes: Uint8Array,
  { owner, keys, store }: { owner: JournalOwner; keys: KeyRing; store: Store },
): Promise<Result<null, ShownHeadCode>> {
  const decoded = decodeJournalHead(bytes);
  if (!decoded.ok) return decoded;
  const { record } = decoded.value;
  if (record.role !== owner.role || record.name !== owner.name)
    return refuse('head_foreign', `the head is of the journal of ${record.role} ${quote(record.name)}`);
  const verified = keys.verifyEver(decoded.value, owner);
  if (!verified.ok) return verified;
  const { sequence, hash, issuedAt } = record;
  if (!equalBytes(record.journalId, await store.journalId())) return checkOther(record, store);
  const own = await store.head();
  if (sequence > own.sequence)
    return refuse(
      'journal_behind_witness',
      `head ${sequence} was signed at ${isoTime(issuedAt)}, and this database ends at ${own.sequence}: it is an older copy`,
    );
  if (sequence === 0 || equalBytes(hash, await hashAt(store, sequence))) return succeed(null);
  return refuse(
    'journal_forked',
    `head ${sequence} was signed at ${isoTime(issuedAt)} with another hash than entry ${sequence} of this database has`,
  );
}

/** A head of a journal that this process does not write. Its entry was committed before it was signed, so it is looked for after that. */
async function checkOther(
  { journalId, sequence, hash, issuedAt }: JournalHeadRecord,
  store: Store,
): Promise<Result<null, ShownHeadCode>> {
  const journal = (await store.journals()).find((one) => equalBytes(one.journalId, journalId));
  if (journal === undefined)
    return refuse(
      'journal_forked',
      `a head of another journal of this system was signed at ${isoTime(issuedAt)}: this database is not the one that it served from`,
    );
  const { series, head } = journal;
  if (sequence > head.sequence)
    return refuse(
      'journal_behind_witness',
      `head ${sequence} of series ${quote(series)} was signed at ${isoTime(issuedAt)}, and that ends at ${head.sequence} in this database: it is an older copy`,
    );
  const there = await journal.hashAt(sequence);
  if (sequence === 0 || (there !== undefined && equalBytes(there, hash))) return succeed(null);
  return refuse(
    'series_forked',
    `head ${sequence} of series ${quote(series)} was signed at ${isoTime(issuedAt)} with another hash than that entry has`,
  );
}

async function hashAt(store: Store, sequence: number): Promise<Uint8Array> {
  const [entry] = await store.journal(sequence, 1);
  return entry?.hash ?? new Uint8Array();
}
