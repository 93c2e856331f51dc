/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding is cborg's. Decoding is done here, in one pass that also says whether the bytes are deterministic: tests hold what is accepted
 * against cbor2's strict profile (CDE), and what comes out against cborg's decoder.
 */
import { encode, rfc8949EncodeOptions } from 'cborg';
import { concatBytes } from './bytes.ts';
import { assert, type Result, refuse, succeed } from './result.ts';

export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>;

export function encodeCbor(value: CborValue): Uint8Array {
  // cborg gives a Buffer in Node, at times from a shared pool: a copy is its own, and plain.
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

/** The most bytes that `putHead` writes. */
export const headLimit = 9;

/**
 * Writes the head of an item (RFC 8949 §3), `argument` in its shortest form, and gives the place behind it. `major` is the major type,
 * 0 for an unsigned integer.
 *
 * For what is encoded by the ten thousand: of such an integer a call of the library takes some twenty times as long. Asserts that the
 * argument has at most 53 bits.
 *
 * @example
 * putHead(bytes, 0, 0, 500); // 3: bytes begins with 19 01 f4, which is 500
 */
export function putHead(into: Uint8Array, at: number, major: 0 | 2 | 3 | 4 | 5, argument: number): number {
  assert(Number.isSafeInteger(argument) && argument >= 0, 'the argument of a head has at most 53 bits');
  const type = major << 5;
  if (argument < 24) {
    into[at] = type | argument;
    return at + 1;
  }
  const size = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  into[at] = type | (size === 1 ? 24 : size === 2 ? 25 : size === 4 ? 26 : 27);
  let left = argument;
  for (let i = at + size; i > at; i--) {
    into[i] = left % 256;
    left = Math.floor(left / 256);
  }
  return at + 1 + size;
}

/**
 * Deterministic CBOR, written item by item: for what is encoded by the ten thousand, of which the library makes tokens first. A test holds
 * the bytes against the library's.
 *
 * @example
 * new CborWriter().array(2).integer(1n).text('EUR').finish(); // 82 01 63 45 55 52
 */
export class CborWriter {
  private bytes = new Uint8Array(1_024);
  private at = 0;

  /** The items of it are what is written next. */
  array(length: number): this {
    return this.head(4, length);
  }

  integer(value: number | bigint): this {
    const small = Number(value);
    return small >= 0 && small <= Number.MAX_SAFE_INTEGER
      ? this.head(0, small)
      : this.encoded(encodeCbor(value));
  }

  /** An array of integers. */
  integers(values: readonly (number | bigint)[]): this {
    this.array(values.length);
    for (const value of values) this.integer(value);
    return this;
  }

  byteString(bytes: Uint8Array): this {
    return this.head(2, bytes.length).encoded(bytes);
  }

  text(text: string): this {
    const { length } = text;
    this.makeRoom(headLimit + length);
    const end = this.at;
    this.at = putHead(this.bytes, end, 3, length);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        // Not ASCII, and so of another length.
        this.at = end;
        return this.encoded(encodeCbor(text));
      }
      this.bytes[this.at++] = unit;
    }
    return this;
  }

  /** An item that is encoded already. */
  encoded(item: Uint8Array): this {
    this.makeRoom(item.length);
    this.bytes.set(item, this.at);
    this.at += item.length;
    return this;
  }

  /** What was written; what is written next is by itself. */
  finish(): Uint8Array {
    const written = this.bytes.slice(0, this.at);
    this.at = 0;
    return written;
  }

  private head(major: 0 | 2 | 4, argument: number): this {
    this.makeRoom(headLimit);
    this.at = putHead(this.bytes, this.at, major, argument);
    return this;
  }

  private makeRoom(length: number): void {
    const { bytes, at } = this;
    if (at + length <= bytes.length) return;
    this.bytes = new Uint8Array(2 * (at + length));
    this.bytes.set(bytes.subarray(0, at));
  }
}

/** A map of items that are encoded already; its keys, numbers or text, are given in the order that they have in it. */
export function encodeMap(entries: readonly (readonly [number | string, Uint8Array])[]): Uint8Array {
  const head = new Uint8Array(headLimit);
  const parts: Uint8Array[] = [head.subarray(0, putHead(head, 0, 5, entries.length))];
  let before: Uint8Array | undefined;
  for (const [key, value] of entries) {
    const encoded = encodeCbor(key);
    assert(before === undefined || isBefore(before, encoded), 'the keys of a map are in order');
    parts.push(encoded, value);
    before = encoded;
  }
  return concatBytes(...parts);
}

/** Whether one encoded key comes before another: two that differ do so before the shorter one ends. */
function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  let i = 0;
  while (i < b.length && a[i] === b[i]) i++;
  return i < b.length && (a[i] as number) < (b[i] as number);
}

/** Levels of arrays and maps; the deepest record has 6. */
const depthLimit = 8;

/**
 * Decodes untrusted bytes, or refuses them as `not_cbor`: malformed, not deterministic, deeper than 8,
 * a tag, a float, or anything but integers of 64 bits, byte and text strings, arrays, maps, booleans and null.
 *
 * Byte strings are copies. With `views` they are views of `bytes`, for whoever lets go of all of them together.
 */
export function decodeCbor(
  bytes: Uint8Array,
  { views = false }: { readonly views?: boolean } = {},
): Result<CborValue, 'not_cbor'> {
  const decoder = new CanonicalDecoder(bytes, views);
  const value = decoder.item(depthLimit);
  if (value !== undefined && decoder.at < bytes.length) decoder.fail('bytes after the end');
  if (value === undefined || decoder.fault !== undefined) {
    return refuse(
      'not_cbor',
      `not deterministic CBOR (RFC 8949 §4.2.1), or of a type that no record uses: ${decoder.fault}`,
    );
  }
  return succeed(value);
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/** Text up to here is put together by characters: a call of the TextDecoder costs more. */
const shortText = 24;

/**
 * Decodes an item, or says where it is not the deterministic encoding of a `CborValue`.
 *
 * A library that only decodes leaves the second question open: encoding again, and comparing, takes several times as long, and so does
 * looking first and decoding then.
 */
class CanonicalDecoder {
  at = 0;
  fault: string | undefined;
  private readonly bytes: Uint8Array;
  private readonly views: boolean;

  constructor(bytes: Uint8Array, views: boolean) {
    // What is cut out of a Buffer of Node is a Buffer.
    this.bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.views = views;
  }

  fail(what: string): undefined {
    this.fault ??= `${what} at byte ${this.at}`;
  }

  /** `undefined` where the item is refused; `depth` levels of arrays and maps may be inside. */
  item(depth: number): CborValue | undefined {
    const { bytes, at } = this;
    const initial = bytes[at];
    if (initial === undefined) return this.fail('cut short');
    const major = initial >> 5;
    if (major >= 6) return this.simple(initial);
    const argument = this.argument(initial & 0x1f);
    if (argument === undefined) return undefined;
    if (major < 2) {
      if (argument < Number.MAX_SAFE_INTEGER) return major === 0 ? argument : -1 - argument;
      return this.largeInteger(major);
    }
    if (argument > bytes.length - this.at) return this.fail('cut short');
    if (major === 2) return this.byteString(argument);
    if (major === 3) return this.text(argument);
    if (depth === 0) return this.fail(`deeper than ${depthLimit}`);
    return major === 4 ? this.array(argument, depth - 1) : this.map(argument, depth - 1);
  }

  private simple(initial: number): boolean | null | undefined {
    if (initial < 0xe0) return this.fail('a tag');
    if (initial < 0xf4 || initial > 0xf6) return this.fail('a float, or a simple value');
    this.at++;
    return initial === 0xf6 ? null : initial === 0xf5;
  }

  /** The argument of a head (RFC 8949 §3) in its shortest form; beyond 53 bits it is rounded, which no length in these bytes reaches. */
  private argument(info: number): number | undefined {
    if (info < 24) {
      this.at++;
      return info;
    }
    const size = info > 27 ? 0 : 1 << (info - 24);
    if (size === 0 || this.at + size >= this.bytes.length)
      return this.fail(size === 0 ? 'an item without a length' : 'cut short');
    let argument = 0;
    for (let i = 1; i <= size; i++) argument = argument * 256 + (this.bytes[this.at + i] as number);
    if (argument < (size === 1 ? 24 : 2 ** (4 * size)))
      return this.fail('an integer or a length in a long form');
    this.at += 1 + size;
    return argument;
  }

  /** The integer of 64 bits that ends here, exactly: a number where it is of 53 bits. */
  private largeInteger(major: number): number | bigint {
    const { buffer, byteOffset } = this.bytes;
    const argument = new DataView(buffer, byteOffset).getBigUint64(this.at - 8);
    const value = major === 0 ? argument : -1n - argument;
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  private byteString(length: number): Uint8Array {
    const { at } = this;
    this.at += length;
    return this.views ? this.bytes.subarray(at, at + length) : this.bytes.slice(at, at + length);
  }

  private text(length: number): string | undefined {
    const { bytes, at } = this;
    const end = at + length;
    let ascii = at;
    while (ascii < end && (bytes[ascii] as number) < 0x80) ascii++;
    let text = '';
    if (ascii === end && length <= shortText) {
      for (let i = at; i < end; i++) text += String.fromCharCode(bytes[i] as number);
    } else {
      // The TextDecoder leaves it out.
      if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf)
        return this.fail('a byte order mark');
      try {
        text = utf8Decoder.decode(bytes.subarray(at, end));
      } catch {
        // A TextDecoder has no other way to tell.
        return this.fail('text that is not UTF-8');
      }
    }
    this.at = end;
    return text;
  }

  private array(length: number, depth: number): CborValue[] | undefined {
    // No more room than what follows can fill: the length is anybody's word.
    const items = new Array<CborValue>(Math.min(length, 1_024));
    for (let i = 0; i < length; i++) {
      const item = this.item(depth);
      if (item === undefined) return undefined;
      items[i] = item;
    }
    return items;
  }

  /** Keys are integers of 53 bits or text, each once, in the order of their encoded bytes. */
  private map(count: number, depth: number): Map<number | string, CborValue> | undefined {
    const entries = new Map<number | string, CborValue>();
    let before: Uint8Array | undefined;
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const major = (this.bytes[start] ?? 0) >> 5;
      if (major === 2 || major > 3) return this.fail('a key that is neither an integer nor text');
      const key = this.item(0);
      if (key === undefined) return undefined;
      if (typeof key !== 'number' && typeof key !== 'string') return this.fail('a key of more than 53 bits');
      const encoded = this.bytes.subarray(start, this.at);
      if (before !== undefined && !isBefore(before, encoded))
        return this.fail('a key out of order, or there twice,');
      before = encoded;
      const value = this.item(depth);
      if (value === undefined) return undefined;
      entries.set(key, value);
    }
    return entries;
  }
}
