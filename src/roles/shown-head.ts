/** A head that a witness shows to the system whose journal it is said to be of. */
import { equalBytes } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { RecordErrorCode } from '../records/claims.ts';
import { decodeJournalHead } from '../records/journal-head.ts';
import { isoTime, type KeyRing, type KeyRingCode } from '../records/key-ring.ts';
import type { Store } from '../store/store.ts';
import type { JournalOwner } from './witness.ts';

export type ShownHeadCode =
  | RecordErrorCode
  | KeyRingCode
  | 'head_foreign'
  | 'journal_behind_witness'
  | 'journal_forked';

/**
 * Holds `bytes` against the journal in `store`. `journal_behind_witness` and `journal_forked` are proven by the system's own signature;
 * every other refusal says that the witness has shown nothing that counts.
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
  if (!equalBytes(record.journalId, await store.journalId()))
    return refuse(
      'journal_forked',
      `a head of another journal of this system was signed at ${isoTime(issuedAt)}: this database is not the one that it served from`,
    );
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

async function hashAt(store: Store, sequence: number): Promise<Uint8Array> {
  const [entry] = await store.journal(sequence, 1);
  return entry?.hash ?? new Uint8Array();
}
