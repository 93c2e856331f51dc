/**
 * NOR flash as firmware sees it: bits are programmed from 1 to 0, and only the erase of a whole sector makes them 1 again.
 *
 * One call of `program` or `erase` is one operation: power may be cut before it, in it and after it. What a cut in it leaves is
 * between the two states, bit by bit, and a bit that was not finished is metastable: it reads as it likes, each time anew, until it is
 * programmed (then it is 0 for good) or its sector is erased whole.
 */

export interface Geometry {
  readonly sectorBytes: number;
  readonly sectors: number;
  /** What is programmed begins and ends at a multiple of it. */
  readonly wordBytes: number;
  /** The most that one operation programs; it lies within one page. */
  readonly pageBytes: number;
  /** The first so many sectors cannot be erased: fuses. */
  readonly fuseSectors: number;
  /** Erases of a sector until its bits begin to stick. */
  readonly endurance: number;
}

export interface Memory {
  readonly geometry: Geometry;
  /** A copy. Two readings differ where bits are metastable. Throws `RangeError` outside the memory. */
  read(address: number, length: number): Uint8Array;
  /** Each byte becomes what it was AND what is given. Throws `RangeError` for what is no whole words, or not within one page. */
  program(address: number, bytes: Uint8Array): void;
  /** All bytes of the sector become 0xff. Throws `RangeError` for a fuse sector. */
  erase(sector: number): void;
  /** Waits until what was programmed and erased is on the medium: a real chip's operation ends so, a file's with fdatasync. */
  settle(): void;
  /** How often the sector was erased. */
  wear(sector: number): number;
}

/** Whether every bit is 1. By index: a sector has thousands of bytes, and `every` takes several times as long. */
export function isErased(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== 0xff) return false;
  return true;
}

/** Bytes, once the last word of them is filled up. */
export function wholeWords(length: number, wordBytes: number): number {
  return Math.ceil(length / wordBytes) * wordBytes;
}

/** What `program` takes one after another to write these bytes: whole words, the last filled up with ones, each piece within a page. */
export function* pagesOf(
  { wordBytes, pageBytes }: Geometry,
  address: number,
  bytes: Uint8Array,
): Generator<readonly [address: number, page: Uint8Array]> {
  const whole = new Uint8Array(wholeWords(bytes.length, wordBytes)).fill(0xff);
  whole.set(bytes);
  for (let done = 0; done < whole.length; ) {
    const at = address + done;
    const page = whole.subarray(done, done + pageBytes - (at % pageBytes));
    yield [at, page];
    done += page.length;
  }
}

/** Power went away: nothing runs any more, and RAM is lost. Thrown by a memory, and caught only by whoever holds the chip. */
export class PowerCutError extends Error {
  constructor(message = 'power was cut', options?: ErrorOptions) {
    super(message, options);
    this.name = 'PowerCutError';
  }
}
