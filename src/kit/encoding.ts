/**
 * Deterministic CBOR (RFC 8949 §4.2.1): one value has one encoding, so that a hash names a value.
 *
 * Encoding and decoding are cborg's; a test holds what is accepted against cbor2's strict profile (CDE), which takes twenty times as
 * long for a small record.
 */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
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
 * What is accepted is decided before the library sees it. A test holds that against what the library makes of it: a value has one
 * encoding, so what was decoded and is encoded again has to have the same bytes.
 */
export function decodeCbor(bytes: Uint8Array): Result<CborValue, 'not_cbor'> {
  const walk = new CanonicalWalk(bytes);
  if (walk.item(depthLimit) && walk.at < bytes.length) walk.fail('bytes after the end');
  if (walk.fault !== undefined) {
    return refuse(
      'not_cbor',
      `not deterministic CBOR (RFC 8949 §4.2.1), or of a type that no record uses: ${walk.fault}`,
    );
  }
  return succeed(decode(bytes, { useMaps: true }) as CborValue);
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Passes over an encoded item and says where it is not the deterministic encoding of a `CborValue`. Encoding what was decoded, and comparing,
 * would say as much, and takes several times as long; a walk makes nothing that has to be collected.
 */
class CanonicalWalk {
  at = 0;
  fault: string | undefined;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(what: string): false {
    this.fault ??= `${what} at byte ${this.at}`;
    return false;
  }

  /** False where the item is refused; `depth` levels of arrays and maps may be inside. */
  item(depth: number): boolean {
    const initial = this.bytes[this.at];
    if (initial === undefined) return this.fail('cut short');
    const major = initial >> 5;
    if (major >= 6) {
      if (major === 6) return this.fail('a tag');
      if (initial < 0xf4 || initial > 0xf6) return this.fail('a float, or a simple value');
      this.at++;
      return true;
    }
    const argument = this.argument(initial & 0x1f);
    if (argument === undefined) return false;
    if (major < 2) return true;
    if (argument > this.bytes.length - this.at) return this.fail('cut short');
    if (major === 2) {
      this.at += argument;
      return true;
    }
    if (major === 3) return this.text(argument);
    if (depth === 0) return this.fail(`deeper than ${depthLimit}`);
    if (major === 5) return this.entries(argument, depth - 1);
    for (let i = 0; i < argument; i++) if (!this.item(depth - 1)) return false;
    return true;
  }

  /** The argument of a head (RFC 8949 §3) in its shortest form; beyond 53 bits it is rounded, which no length in these bytes reaches. */
  private argument(info: number): number | undefined {
    if (info < 24) {
      this.at++;
      return info;
    }
    const size = info > 27 ? 0 : 1 << (info - 24);
    if (size === 0 || this.at + size >= this.bytes.length) {
      this.fail(size === 0 ? 'an item without a length' : 'cut short');
      return undefined;
    }
    let argument = 0;
    for (let i = 1; i <= size; i++) argument = argument * 256 + (this.bytes[this.at + i] as number);
    if (argument < (size === 1 ? 24 : 2 ** (4 * size))) {
      this.fail('an integer or a length in a long form');
      return undefined;
    }
    this.at += 1 + size;
    return argument;
  }

  private text(length: number): boolean {
    const { bytes, at } = this;
    const end = at + length;
    let ascii = at;
    while (ascii < end && (bytes[ascii] as number) < 0x80) ascii++;
    if (ascii < end) {
      // What begins with a byte order mark comes out of the library without it.
      if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf)
        return this.fail('a byte order mark');
      try {
        utf8Decoder.decode(bytes.subarray(ascii, end));
      } catch {
        // A TextDecoder has no other way to tell.
        return this.fail('text that is not UTF-8');
      }
    }
    this.at = end;
    return true;
  }

  /** Keys are integers of 53 bits or text, each once, in the order of their encoded bytes. */
  private entries(count: number, depth: number): boolean {
    let before = 0;
    for (let i = 0; i < count; i++) {
      const key = this.at;
      const major = (this.bytes[key] ?? 0) >> 5;
      if (major === 2 || major > 3) return this.fail('a key that is neither an integer nor text');
      if (!this.item(0)) return false;
      if (major < 2 && this.at - key === 9 && !this.isSafe(key))
        return this.fail('a key of more than 53 bits');
      if (i > 0 && !this.isAfter(key, before)) return this.fail('a key out of order, or there twice,');
      before = key;
      if (!this.item(depth)) return false;
    }
    return true;
  }

  private isSafe(key: number): boolean {
    const decoded: unknown = decode(this.bytes.subarray(key, key + 9));
    return Number.isSafeInteger(decoded);
  }

  /** Whether the key at `key` comes after the one at `before`: two that differ do so before the shorter one ends. */
  private isAfter(key: number, before: number): boolean {
    const { bytes } = this;
    let i = 0;
    while (key + i < this.at && bytes[before + i] === bytes[key + i]) i++;
    return key + i < this.at && (bytes[before + i] as number) < (bytes[key + i] as number);
  }
}
