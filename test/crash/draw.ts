/** Numbers drawn from a seed: SHA-256 of the seed and a counter, so that a sweep that failed is run again by its seed. */
import { hash } from 'node:crypto';

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
  let pool = new Uint8Array();
  let used = 0;
  const draw: Draw = {
    bytes(length) {
      const drawn = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        if (used === pool.length) {
          pool = hash('sha256', `${seed}/${counter++}`, 'buffer');
          used = 0;
        }
        const part = pool.subarray(used, used + length - at);
        drawn.set(part, at);
        at += part.length;
        used += part.length;
      }
      return drawn;
    },
    below(limit) {
      const [a = 0, b = 0, c = 0, d = 0] = draw.bytes(4);
      return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % limit;
    },
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
