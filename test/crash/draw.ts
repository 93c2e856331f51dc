/** Numbers drawn from a seed: SHA-256 of the seed and a counter, so that a sweep that failed is run again by its seed. */
import { createHash } from 'node:crypto';

export interface Draw {
  /** A whole number from 0, below `limit`. */
  below(limit: number): number;
  /** True in `percent` of 100. */
  chance(percent: number): boolean;
  pick<T>(of: readonly T[]): T;
  bytes(length: number): Uint8Array;
  /** A source of its own, that what else is drawn here does not move. */
  branch(name: string): Draw;
}

export function drawFrom(seed: string): Draw {
  let counter = 0;
  let pool: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  const draw: Draw = {
    bytes(length) {
      const parts: Buffer[] = [];
      for (let missing = length; missing > 0; ) {
        if (pool.length === 0) pool = createHash('sha256').update(`${seed}/${counter++}`).digest();
        const part = pool.subarray(0, missing);
        pool = pool.subarray(part.length);
        parts.push(part);
        missing -= part.length;
      }
      return new Uint8Array(Buffer.concat(parts));
    },
    below: (limit) => Buffer.from(draw.bytes(4)).readUInt32BE() % limit,
    chance: (percent) => draw.below(100) < percent,
    pick(of) {
      const picked = of[draw.below(of.length)];
      if (picked === undefined) throw new RangeError('nothing to pick from');
      return picked;
    },
    branch: (name) => drawFrom(`${seed}/${name}`),
  };
  return draw;
}
