/**
 * The extract of a ledger: what a system hands to an auditor, as one file that is written and read from the front to the end.
 *
 * ```
 * file   frame* ; frame = length of the item (4 bytes, big-endian) ‖ item, deterministic CBOR
 * first  [ "ringmint.ledger-extract", 1, role, name, made at (ms), [ [ series, journal id (16) ], … ] ]
 * heads  [ head of another system's journal, as signed, what contradicts it or null ]
 * then   [ journal, ordinal, number, entry, hash (32), what was handed out or null ]
 * last   [ number of entries, check (32) ]
 * check  C(0) = 32 zero bytes, C(n) = SHA-256(C(n-1) ‖ frame n)
 * ```
 * The check tells a file that was damaged on its way; it proves nothing of the ledger. That is for the audit.
 */
import { equalBytes } from '../kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { ClaimReader, nameAccepted, namePattern } from '../records/claims.ts';
import { chainHash } from './chain.ts';

const kind = 'ringmint.ledger-extract';
const version = 1;
const lengthBytes = 4;
/** No frame is longer: an entry holds no more than a message between systems, twice. */
const frameLimit = 64 * 1024 * 1024;
const roles = ['central', 'issuance', 'quota'] as const;

export interface ExtractHeader {
  readonly role: (typeof roles)[number];
  /** The issuer's name for issuance, the role's own name for the others. */
  readonly name: string;
  readonly madeMs: number;
  /** One for each series of the ledger. */
  readonly journals: readonly { readonly series: string; readonly id: Uint8Array }[];
}

/** What a ledger holds as a witness, of one other system. */
export interface ExtractedHead {
  readonly signed: Uint8Array;
  readonly contradiction: Uint8Array | null;
}

export interface ExtractedEntry {
  /** Place of its journal in the header. */
  readonly journal: number;
  /** The order of all series, as the database numbered it; the number where there is one series. */
  readonly ordinal: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly signed: Uint8Array | null;
}

/** A ledger as it was at one moment. Entries come in the order of their ordinals. */
export interface LedgerContent {
  readonly journals: ExtractHeader['journals'];
  readonly heads: readonly ExtractedHead[];
  readonly entries: AsyncIterable<ExtractedEntry> | Iterable<ExtractedEntry>;
}

/** A file that is no extract, or not whole: nothing can be said of the ledger by it. */
export class ExtractError extends Error {
  readonly code = 'extract_damaged';
}

/** The extract's frames, one after another. */
export async function* encodeExtract(
  { role, name, madeMs }: Omit<ExtractHeader, 'journals'>,
  { journals, heads, entries }: LedgerContent,
): AsyncGenerator<Uint8Array> {
  let check: Uint8Array = new Uint8Array(32);
  const frame = (item: CborValue): Uint8Array => {
    const body = encodeCbor(item);
    assert(body.length <= frameLimit, 'a frame of an extract has at most 64 MiB');
    const bytes = new Uint8Array(lengthBytes + body.length);
    new DataView(bytes.buffer).setUint32(0, body.length);
    bytes.set(body, lengthBytes);
    check = chainHash(check, bytes);
    return bytes;
  };
  yield frame([kind, version, role, name, madeMs, journals.map(({ series, id }) => [series, id])]);
  for (const { signed, contradiction } of heads) yield frame([signed, contradiction]);
  let count = 0;
  for await (const { journal, ordinal, sequence, bytes, hash, signed } of entries) {
    count++;
    yield frame([journal, ordinal, sequence, bytes, hash, signed]);
  }
  yield frame([count, check]);
}

/** Bytes that can be read anywhere; gives fewer than asked for at the end. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

export interface PlacedEntry extends ExtractedEntry {
  /** Of its frame in the file. */
  readonly offset: number;
}

/** Reads the front of an extract; throws ExtractError where it is none. */
export function openExtract(source: ByteSource): Extract {
  return new Extract(source);
}

/** An extract whose entries are read in their order, and then by their places again. */
export class Extract {
  readonly header: ExtractHeader;
  readonly heads: readonly ExtractedHead[];
  private readonly frames: FrameReader;
  private readonly entriesAt: number;
  private readonly checkBefore: Uint8Array;

  constructor(source: ByteSource) {
    this.frames = new FrameReader(source);
    const first = this.frames.at(0);
    this.header = readHeader(first.item);
    let check = chainHash(new Uint8Array(32), first.bytes);
    const heads: ExtractedHead[] = [];
    let next = this.frames.at(first.end);
    for (let head = readHead(next.item); head !== undefined; head = readHead(next.item)) {
      heads.push(head);
      check = chainHash(check, next.bytes);
      next = this.frames.at(next.end);
      if (heads.length > headLimit) throw damaged('it holds more journal heads than there are systems');
    }
    this.heads = heads;
    this.entriesAt = next.offset;
    this.checkBefore = check;
  }

  get size(): number {
    return this.frames.size;
  }

  /** All entries; throws ExtractError where the file ends before its last frame, or was damaged. */
  *entries(): Generator<PlacedEntry> {
    let check = this.checkBefore;
    let count = 0;
    for (let at = this.entriesAt; ; ) {
      const { item, bytes, end } = this.frames.at(at);
      if (Array.isArray(item) && item.length === 2) {
        const [said, expected] = item as CborValue[];
        if (said !== count || !(expected instanceof Uint8Array) || !equalBytes(expected, check))
          throw damaged('its check at the end does not fit what is before it');
        if (end !== this.frames.size) throw damaged('bytes follow its end');
        return;
      }
      yield this.readEntry(item, at);
      check = chainHash(check, bytes);
      count++;
      at = end;
    }
  }

  entryAt(offset: number): PlacedEntry {
    return this.readEntry(this.frames.at(offset).item, offset);
  }

  private readEntry(item: CborValue, offset: number): PlacedEntry {
    const reader = new ClaimReader(new Map());
    const [journal, ordinal, sequence, bytes, hash, signed] = reader.listOf(item, 'entry', 6);
    const read = reader.finish({
      offset,
      journal: reader.integerOf(journal, 'journal'),
      ordinal: reader.integerOf(ordinal, 'ordinal'),
      sequence: reader.integerOf(sequence, 'number'),
      bytes: bytesOf(bytes),
      hash: reader.bytesOf(hash, 'hash', 32),
      signed: signed === null ? null : bytesOf(signed),
    });
    if (!read.ok || read.value.journal >= this.header.journals.length)
      throw damaged(`what is at byte ${offset} is no entry`);
    return read.value;
  }
}

/** Of every other system one, and there are as many issuance systems as issuers. */
const headLimit = 65_536;

function bytesOf(value: CborValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw damaged('a byte string is missing in an entry');
}

function readHeader(item: CborValue): ExtractHeader {
  const reader = new ClaimReader(new Map());
  const [name, number, role, holder, madeMs, journals] = reader.listOf(item, 'extract', 6);
  const known = roles.find((candidate) => candidate === role);
  if (name !== kind || number !== version || known === undefined)
    throw damaged('it does not begin as what `ringmint audit extract` writes, version 1');
  const read = reader.finish({
    role: known,
    name: reader.textOf(holder, 'name', namePattern, nameAccepted),
    madeMs: reader.momentOf(madeMs, 'made at'),
    journals: reader.listOf(journals, 'journals').map((journal, index) => {
      const [series, id] = reader.listOf(journal, `journals[${index}]`, 2);
      return {
        series: reader.textOf(series, 'series', namePattern, nameAccepted),
        id: reader.bytesOf(id, 'journal id', 16),
      };
    }),
  });
  if (!read.ok) throw damaged(read.message);
  return read.value;
}

/** `undefined` where the frame is an entry, or the end. */
function readHead(item: CborValue): ExtractedHead | undefined {
  if (!Array.isArray(item) || item.length !== 2) return undefined;
  const [signed, contradiction] = item as CborValue[];
  if (!(signed instanceof Uint8Array)) return undefined;
  if (contradiction !== null && !(contradiction instanceof Uint8Array))
    throw damaged('a journal head in it cannot be read');
  return { signed, contradiction: contradiction ?? null };
}

interface Frame {
  readonly offset: number;
  readonly end: number;
  readonly item: CborValue;
  readonly bytes: Uint8Array;
}

/** Most entries are small, so that one reading gives many of them. */
const windowBytes = 256 * 1024;

class FrameReader {
  readonly size: number;
  private readonly source: ByteSource;
  private window: Uint8Array = new Uint8Array();
  private windowAt = 0;

  constructor(source: ByteSource) {
    this.source = source;
    this.size = source.size;
  }

  at(offset: number): Frame {
    const head = this.take(offset, lengthBytes);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    if (length > frameLimit) throw damaged(`byte ${offset} begins a frame of ${length} bytes`);
    const bytes = this.take(offset, lengthBytes + length);
    const decoded = decodeCbor(bytes.subarray(lengthBytes));
    if (!decoded.ok) throw damaged(`the frame at byte ${offset} is ${decoded.message}`);
    return { offset, end: offset + bytes.length, item: decoded.value, bytes };
  }

  private take(offset: number, length: number): Uint8Array {
    let from = offset - this.windowAt;
    if (from < 0 || from + length > this.window.length) {
      // Some of what is before it too: entries of one request are near each other, and are read in turn.
      this.windowAt = Math.max(0, offset - windowBytes / 4);
      from = offset - this.windowAt;
      this.window = this.source.read(this.windowAt, Math.max(from + length, windowBytes));
    }
    if (this.window.length < from + length) throw damaged('it ends in the middle: it was cut short');
    return this.window.subarray(from, from + length);
  }
}

function damaged(what: string): ExtractError {
  return new ExtractError(
    `this is no whole extract of a ledger: ${what}; have it made and sent again (\`ringmint audit extract\`)`,
  );
}
