/**
 * Cursors of lists: where a page ended, as opaque text. A cursor needs no memory of the server's and no secret, and is good for as long as
 * the journal is there: it is bound to the list, to its filters and to the journal's hash at its place, so that one of another journal, of
 * another list, or one that was altered is refused.
 *
 * ```
 * base64url of: version 1 (1) │ journal number (8) │ place in the entry, or -1 (4) │ tag (16)
 * tag = SHA-256("ringmint.cursor.v1" ‖ 0x00 ‖ list and filters ‖ 0x00 ‖ number and place ‖ hash of the journal there)[0, 16)
 * ```
 */
import { concatBytes, equalBytes, sha256, utf8 } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';

/** What a cursor is for. */
export interface ListIdentity {
  /** Of the list, such as `journal`. */
  readonly list: string;
  /** Whatever decides what is in the list; not how much of it a page has. */
  readonly filters: readonly (string | undefined)[];
  /** The journal's hash at a number; `undefined` above its end. */
  readonly hashAt: (sequence: number) => Promise<Uint8Array | undefined>;
}

export interface Place {
  readonly sequence: number;
  readonly order: number;
}

const version = 1;
const tagBytes = 16;
const cursorBytes = 1 + 8 + 4 + tagBytes;

/** 39 characters. */
export const cursorPattern = `^[A-Za-z0-9_-]{${Math.ceil((cursorBytes * 4) / 3)}}$`;

/** The cursor of a place that the journal has. */
export async function encodeCursor(place: Place, identity: ListIdentity): Promise<string> {
  const head = encodePlace(place);
  const tag = (await tagOf(head, place.sequence, identity)) ?? new Uint8Array(tagBytes);
  return Buffer.from(concatBytes(head, tag)).toString('base64url');
}

/** Refuses as `cursor_invalid` what no server of this journal gave for this list. */
export async function decodeCursor(
  text: string,
  identity: ListIdentity,
): Promise<Result<Place, 'cursor_invalid'>> {
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  // A base64 text has other spellings; a cursor has one.
  if (
    bytes.length !== cursorBytes ||
    bytes[0] !== version ||
    Buffer.from(bytes).toString('base64url') !== text
  )
    return invalid(text);
  const head = bytes.subarray(0, cursorBytes - tagBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const sequence = Number(view.getBigUint64(1));
  if (!Number.isSafeInteger(sequence)) return invalid(text);
  const tag = await tagOf(head, sequence, identity);
  if (tag === undefined || !equalBytes(tag, bytes.subarray(cursorBytes - tagBytes))) return invalid(text);
  return succeed({ sequence, order: view.getInt32(9) });
}

function encodePlace({ sequence, order }: Place): Uint8Array {
  const head = new Uint8Array(cursorBytes - tagBytes);
  const view = new DataView(head.buffer);
  view.setUint8(0, version);
  view.setBigUint64(1, BigInt(sequence));
  view.setInt32(9, order);
  return head;
}

async function tagOf(
  head: Uint8Array,
  sequence: number,
  { list, filters, hashAt }: ListIdentity,
): Promise<Uint8Array | undefined> {
  const hash = await hashAt(sequence);
  if (hash === undefined) return undefined;
  const zero = Uint8Array.of(0);
  const of = utf8(JSON.stringify([list, ...filters.map((filter) => filter ?? null)]));
  return sha256(concatBytes(utf8('ringmint.cursor.v1'), zero, of, zero, head, hash)).subarray(0, tagBytes);
}

function invalid(text: string) {
  return refuse(
    'cursor_invalid',
    `after ${quote(text)}: \`next\` of an earlier answer of this list, with the same filters and of this journal, is accepted, or none for the beginning`,
    'after',
  );
}
