/** The cells of one sector: bits that are 1 or 0, ones that nobody knows, and ones that stick. */
import { sha256, toHex } from '../../src/kit/bytes.ts';
import { Draw } from './draw.ts';

/** One bit in so many erases beyond the endurance sticks: soon, as a test waits for it. */
const erasesPerStuckBit = 2;

export class Sector {
  /** Solid bits; a metastable one is 1 here. */
  private readonly bytes: Uint8Array;
  /** 1 for bits that are metastable. */
  private loose: Uint8Array | undefined;
  /** 1 for bits that stay 0 whatever is erased, and for those that stay 1 whatever is programmed. */
  private low: Uint8Array | undefined;
  private high: Uint8Array | undefined;
  private erases: number;
  private known: string | undefined;

  constructor(bytes: Uint8Array, erases: number) {
    this.bytes = bytes;
    this.erases = erases;
  }

  get wear(): number {
    return this.erases;
  }

  clone(): Sector {
    const copy = new Sector(this.bytes.slice(), this.erases);
    copy.loose = this.loose?.slice();
    copy.low = this.low?.slice();
    copy.high = this.high?.slice();
    copy.known = this.known;
    return copy;
  }

  get looseBits(): number {
    let bits = 0;
    for (const mask of this.loose ?? []) for (let left = mask; left !== 0; left &= left - 1) bits++;
    return bits;
  }

  /** The same for sectors whose bits are the same: solid ones, metastable ones, and those that stick. */
  get fingerprint(): string {
    this.known ??= [this.bytes, this.loose, this.low, this.high]
      .map((bits) => (bits?.some((byte) => byte !== 0) === true ? toHex(sha256(bits)) : ''))
      .join(' ');
    return this.known;
  }

  /** Puts a reading of `length` bytes into `into`; metastable bits as they are drawn. */
  read(at: number, length: number, into: Uint8Array, intoAt: number, draw: Draw): void {
    const { loose } = this;
    into.set(this.bytes.subarray(at, at + length), intoAt);
    if (loose === undefined) return;
    for (let index = 0; index < length; index++) {
      const mask = loose[at + index] as number;
      if (mask !== 0) into[intoAt + index] = (into[intoAt + index] as number) & ~(mask & draw.bits(128));
    }
  }

  program(at: number, given: Uint8Array): void {
    for (let index = 0; index < given.length; index++) {
      const byte = given[index] as number;
      this.set(at + index, this.solid(at + index) & byte, this.looseAt(at + index) & byte);
    }
  }

  /**
   * Power goes while it programs: in the order of the words, so that those before a drawn one are done and those after it untouched; or all words at a
   * time. Of an unfinished word each bit is done, metastable or untouched.
   */
  programPart(at: number, given: Uint8Array, wordBytes: number, draw: Draw): void {
    const words = given.length / wordBytes;
    const inOrder = draw.chance(192);
    const word = draw.below(words);
    const from = inOrder ? word * wordBytes : 0;
    const to = inOrder ? from + wordBytes : given.length;
    this.program(at, given.subarray(0, from));
    const was = this.bytes.slice(at + from, at + to);
    // Scattered, or the two that are hardest to tell: one bit that is half way, of a word that else is untouched, or done.
    const edge = draw.pick(['scattered', 'begun', 'ended'] as const);
    const done = edge === 'scattered' ? draw.pick([0, 8, 128, 248, 256]) : edge === 'begun' ? 0 : 256;
    // Of those that are not done.
    const hanging = edge === 'scattered' ? draw.pick([0, 16, 128, 256]) : 0;
    for (let index = from; index < to; index++) {
      const zeros = ~(given[index] as number) & 0xff;
      const finished = zeros & draw.bits(done);
      const unknown = zeros & ~finished & this.solid(at + index) & draw.bits(hanging);
      this.set(
        at + index,
        this.solid(at + index) & ~finished,
        (this.looseAt(at + index) & ~finished) | unknown,
      );
    }
    if (edge === 'scattered') return;
    const index = from + draw.below(to - from);
    const bits = [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (((given[index] as number) >> bit) & 1) === 0);
    if (bits.length > 0 && was[index - from] === 0xff) this.loosen(at + index, draw.pick(bits));
  }

  erase(endurance: number, seed: number): void {
    this.wearOut(endurance, seed);
    this.known = undefined;
    this.loose = undefined;
    this.bytes.fill(0xff);
    if (this.low !== undefined) for (const [at, mask] of this.low.entries()) this.bytes[at] = 0xff & ~mask;
  }

  /** Power goes while it erases. A chip programs all bits to 0 first, then pulls them up: each may be anywhere between. */
  erasePart(endurance: number, seed: number, draw: Draw): void {
    this.wearOut(endurance, seed);
    // Of all bits, as it goes on: 0 and 1 as they were or pulled down; all down; most up; all up, and a few that only seem so.
    const [down, hanging, up] = draw.pick([
      [16, 0, 0],
      [128, 4, 0],
      [256, 0, 0],
      [256, 64, 16],
      [256, 128, 128],
      [256, 16, 240],
      [256, 1, 255],
      [0, 1, 256],
      [0, 128, 128],
    ] as const);
    for (let at = 0; at < this.bytes.length; at++) {
      const raised = draw.bits(up);
      const unknown = draw.bits(hanging);
      const lowered = draw.bits(down) & ~raised;
      this.set(
        at,
        (this.solid(at) & ~lowered) | raised | unknown,
        (this.looseAt(at) & ~lowered & ~raised) | unknown,
      );
    }
  }

  /** The bit stays at this value from now on. */
  stick(at: number, bit: number, value: 0 | 1): void {
    if (value === 0) {
      this.low ??= new Uint8Array(this.bytes.length);
      this.low[at] = (this.low[at] as number) | (1 << bit);
    } else {
      this.high ??= new Uint8Array(this.bytes.length);
      this.high[at] = (this.high[at] as number) | (1 << bit);
    }
    this.set(at, this.solid(at), this.looseAt(at));
  }

  /** The bit reads as it likes. */
  loosen(at: number, bit: number): void {
    this.set(at, this.solid(at), this.looseAt(at) | (1 << bit));
  }

  /** These bytes are again what they were; how worn the sector is stays. */
  restore(was: Sector, at: number, length: number): void {
    const end = Math.min(at + length, this.bytes.length);
    for (let index = at; index < end; index++) this.set(index, was.solid(index), was.looseAt(index));
  }

  /** What sticks after so many erases follows from them: a file need not keep it. */
  stickAsWorn(endurance: number, seed: number): void {
    for (let erase = endurance + 1; erase <= this.erases; erase++) this.stickAt(erase, seed);
  }

  private wearOut(endurance: number, seed: number): void {
    this.erases++;
    if (this.erases > endurance) this.stickAt(this.erases, seed);
  }

  private stickAt(erase: number, seed: number): void {
    const draw = new Draw(seed ^ Math.imul(erase, 0x85ebca6b));
    if (draw.below(erasesPerStuckBit) === 0)
      this.stick(draw.below(this.bytes.length), draw.below(8), draw.chance(128) ? 0 : 1);
  }

  private solid(at: number): number {
    return this.bytes[at] as number;
  }

  private looseAt(at: number): number {
    return this.loose?.[at] ?? 0;
  }

  private set(at: number, solid: number, loose: number): void {
    const low = this.low?.[at] ?? 0;
    const high = this.high?.[at] ?? 0;
    this.known = undefined;
    this.bytes[at] = (solid | loose | high) & ~low;
    const unknown = loose & ~low & ~high;
    if (this.loose !== undefined) this.loose[at] = unknown;
    else if (unknown !== 0) {
      this.loose = new Uint8Array(this.bytes.length);
      this.loose[at] = unknown;
    }
  }
}
