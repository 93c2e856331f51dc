/**
 * The journal's hash chain: whoever holds a later hash can tell whether an earlier entry was altered,
 * left out, put in or put elsewhere.
 *
 * ```
 * H(0) = SHA-256("ringmint.journal.v1" ‖ 0x00 ‖ role ‖ 0x00 ‖ store id (16))
 * H(n) = SHA-256(H(n-1) ‖ entry n)
 * entry = array(5) [ n, kind, subject, created (ms), content ]        deterministic CBOR
 * ```
 * src/journal/ may import kit and records.
 */
import { concatBytes, equalBytes, sha256, utf8 } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';

export type EntryKind =
  | 'request'
  | 'credential'
  | 'denial'
  | 'control-bit'
  | 'currency'
  | 'retirement'
  | 'transfer'
  | 'reservation'
  | 'release'
  | 'closing'
  | 'allocation'
  | 'quota-change'
  | 'stop'
  | 'reservation-end'
  | 'adoption'
  | 'resolution'
  | 'return';

export interface EntryContent {
  readonly sequence: number;
  readonly kind: EntryKind;
  /**
   * A request id of 16 bytes; of an allocation, an adoption and a return `issuer/currency`; of a change its id (32 bytes), of a stop or a
   * reservation's end its id (16 bytes).
   */
  readonly subject: Uint8Array | string;
  readonly createdMs: number;
  /** Deterministic CBOR: of an intent all that it says, of an allocation its terms, of a change it and its approvals, of a stop what it says. */
  readonly content: Uint8Array;
}

/** Where a journal ends: the last entry's number and hash, or 0 and the genesis hash. */
export interface JournalHead {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

export interface JournalEntry {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

export function encodeEntry(entry: EntryContent): Uint8Array {
  assert(entry.sequence >= 1, 'journal entries are numbered from 1');
  return encodeCbor([entry.sequence, entry.kind, entry.subject, entry.createdMs, entry.content]);
}

export function genesisHash(role: string, storeId: Uint8Array): Uint8Array {
  return sha256(
    concatBytes(utf8('ringmint.journal.v1'), Uint8Array.of(0), utf8(role), Uint8Array.of(0), storeId),
  );
}

export function chainHash(previous: Uint8Array, entry: Uint8Array): Uint8Array {
  assert(previous.length === 32, 'a chain hash has 32 bytes');
  return sha256(concatBytes(previous, entry));
}

export type ChainCode = 'journal_gap' | 'journal_altered';

/** Where the journal ends with `entry`, or that it does not follow `head`. */
export function followEntry(head: JournalHead, entry: JournalEntry): Result<JournalHead, ChainCode> {
  const { sequence, bytes, hash } = entry;
  if (sequence !== head.sequence + 1)
    return refuse(
      'journal_gap',
      `entry ${head.sequence + 1} is missing: ${sequence} follows ${head.sequence}`,
    );
  if (!equalBytes(chainHash(head.hash, bytes), hash))
    return refuse(
      'journal_altered',
      `entry ${sequence} or one before it was altered: its hash does not follow`,
    );
  return succeed({ sequence, hash });
}

/** Checks a run of entries that follows `previous`, the hash of entry `sequence`; gives the last hash, or names the first bad entry. */
export function verifyChain(
  entries: Iterable<JournalEntry>,
  previous: Uint8Array,
  sequence = 0,
): Result<JournalHead, ChainCode> {
  let head: JournalHead = { sequence, hash: previous };
  for (const entry of entries) {
    const next = followEntry(head, entry);
    if (!next.ok) return next;
    head = next.value;
  }
  return succeed(head);
}
