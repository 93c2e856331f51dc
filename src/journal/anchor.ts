/**
 * The journal's head, kept outside its database: whoever puts an older database in its place is found out at the next start.
 *
 * ```
 *   commit entry n+1 ── advance(n, n+1) ── sign it ── store what was signed
 *                    ^                  ^          ^
 *   a crash leaves:  ahead by n+1       equal, n+1 not signed      the same: it is signed again, from the stored bytes
 * ```
 *
 * INVARIANT: nothing is signed whose entry is not anchored. So an entry after the anchor is unsigned, or the anchor is not the one that it
 * was signed under.
 *
 * A PKCS#11 token has this (hsm/anchor.ts), a counter of a TPM (hsm/tpm-anchor.ts), and the secure element (src/appliance/device-anchor.ts).
 */
import { equalBytes } from '../kit/bytes.ts';
import { assert, type Result, refuse, succeed } from '../kit/result.ts';
import type { JournalHead } from './chain.ts';

/** The journal's head outside the database. Throws errors with a stable code where the device is away or broken; nothing is signed then. */
export interface Anchor {
  /** What is anchored; undefined where nothing ever was. */
  read(): Promise<JournalHead | undefined>;
  /**
   * Compare-and-swap: from `from` (undefined: none yet) to `to`, of a higher sequence. Durable when it returns. The same again succeeds.
   * Throws an error with the code `anchor_moved` where what is anchored is neither.
   */
  advance(from: JournalHead | undefined, to: JournalHead): Promise<void>;
}

export type StartCode = 'journal_behind_anchor' | 'journal_forked' | 'anchor_behind' | 'anchor_missing';

/** `ahead`: the entries after `from` are all unsigned. Anchor `to`, and then finish them. */
export type Start =
  | { readonly state: 'equal'; readonly head: JournalHead }
  | { readonly state: 'ahead'; readonly from: JournalHead | undefined; readonly to: JournalHead };

export interface StartPosition {
  readonly anchored: JournalHead | undefined;
  /** What else is anchored, on devices that were away for a while: lower heads of the same journal. */
  readonly others?: readonly JournalHead[];
  /** Of the database. */
  readonly head: JournalHead;
  /** The database's hash of the entry with this number, of 0 the genesis hash; undefined where it has none. */
  readonly hashAt: (sequence: number) => Promise<Uint8Array | undefined>;
  /** The lowest number above `sequence` whose entry has been signed; undefined where none has. */
  readonly firstSignedAfter: (sequence: number) => Promise<number | undefined>;
}

/**
 * Holds the database against the anchor as a system starts. A refusal halts it: nothing is signed, and the message says what to do.
 *
 * @example
 * const start = await judgeStart({ anchored: await anchor.read(), head: await store.head(), hashAt, firstSignedAfter });
 * if (!start.ok) throw new HaltedError(start.code, start.message);
 * if (start.value.state === 'ahead') await anchor.advance(start.value.from, start.value.to);
 */
export async function judgeStart({
  anchored,
  others = [],
  head,
  hashAt,
  firstSignedAfter,
}: StartPosition): Promise<Result<Start, StartCode>> {
  assertHead(head);
  if (anchored === undefined) {
    if (head.sequence === 0) return succeed({ state: 'ahead', from: undefined, to: head });
    return refuse(
      'anchor_missing',
      `the database ends at entry ${head.sequence}, but nothing is anchored: the device that holds the anchor was made anew or exchanged, or another one is configured. ${halted} ${bringBack}`,
    );
  }
  assertHead(anchored);
  if (head.sequence < anchored.sequence)
    return refuse(
      'journal_behind_anchor',
      `the database ends at entry ${head.sequence}, but entry ${anchored.sequence} is anchored: the database was restored from a backup, or lost its end. ${halted} Put the newest database back, one that ends at entry ${anchored.sequence} or later; a copy of it is accepted where every entry up to there is in it. ${goneForGood}`,
    );
  for (const { sequence, hash } of [anchored, ...others]) {
    const own = await hashAt(sequence);
    if (own !== undefined && equalBytes(own, hash)) continue;
    return refuse(
      'journal_forked',
      `the database has another entry ${sequence}, or another one before it, than the one that is anchored: it was restored from a backup and used again, altered, or is the database of another system. ${halted} Keep it, put back the one that this anchor was made with, and find out what was signed from each`,
    );
  }
  if (head.sequence === anchored.sequence) return succeed({ state: 'equal', head });
  const signed = await firstSignedAfter(anchored.sequence);
  if (signed !== undefined)
    return refuse(
      'anchor_behind',
      `entry ${signed} was signed, but only entry ${anchored.sequence} is anchored: the device that holds the anchor was restored from a backup or exchanged, or another copy of the database signed. ${halted} ${bringBack}`,
    );
  return succeed({ state: 'ahead', from: anchored, to: head });
}

const halted = 'Nothing is signed.';
const goneForGood = 'Where that is gone for good: `ringmint store propose-anchor`';
const bringBack = `Bring back the device, or the newest copy of its token or its folder, that this database last signed with. ${goneForGood}`;

function assertHead({ sequence, hash }: JournalHead): void {
  assert(Number.isSafeInteger(sequence) && sequence >= 0, 'a journal head has a whole number from 0');
  assert(hash.length === 32, 'a journal head has a hash of 32 bytes');
}
