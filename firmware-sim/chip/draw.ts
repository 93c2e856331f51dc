/**
 * Numbers from a seed, the same at each run: for faults that are drawn, never for secrets.
 *
 * The generator is SplitMix32: 2^32 numbers until it begins again, and cheap, because a metastable bit is drawn at each reading.
 */
export class Draw {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0, below 2^32. */
  word(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor((this.word() / 2 ** 32) * limit);
  }

  /** True in so many of 256. */
  chance(of256: number): boolean {
    return this.word() >>> 24 < of256;
  }

  /** Eight bits, each of them 1 in so many of 256. */
  bits(of256: number): number {
    if (of256 <= 0) return 0;
    if (of256 >= 256) return 0xff;
    if (of256 === 128) return this.word() >>> 24;
    let drawn = 0;
    for (let bit = 0; bit < 8; bit++) if (this.chance(of256)) drawn |= 1 << bit;
    return drawn;
  }

  bytes(length: number): Uint8Array {
    const drawn = new Uint8Array(length);
    for (let at = 0; at < length; at++) drawn[at] = this.word() >>> 24;
    return drawn;
  }

  pick<T>(of: readonly T[]): T {
    const picked = of[this.below(of.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  /** Draws from here on what this one does. */
  clone(): Draw {
    return new Draw(this.state);
  }
}
