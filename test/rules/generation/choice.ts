/** Where a generated case gets its choices from: a seed, for long sweeps, or what fast-check gives, which it can make smaller. */
import fc from 'fast-check';

export abstract class Choice {
  /** From 0 to `count` - 1. */
  abstract below(count: number): number;

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error('nothing to pick from');
    return items[this.below(items.length)] as T;
  }

  /** True once in so many times. */
  once(inTimes: number): boolean {
    return this.below(inTimes) === inTimes - 1;
  }
}

/** Small and repeatable (mulberry32): a case is named by its seed. */
export class SeededChoice extends Choice {
  private state: number;

  constructor(seed: number) {
    super();
    this.state = Math.imul(seed, 0x9e3779b1) >>> 0;
  }

  below(count: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  }
}

/** Numbers that were given; 0, which is the plainest choice everywhere, when they are used up. */
class GivenChoice extends Choice {
  private readonly given: readonly number[];
  private next = 0;

  constructor(given: readonly number[]) {
    super();
    this.given = given;
  }

  below(count: number): number {
    const number = this.given[this.next] ?? 0;
    this.next += 1;
    return number % count;
  }
}

/** Choices that fast-check makes smaller where a property fails: fewer of them, and nearer to 0. */
export function arbitraryChoice(most = 2_000): fc.Arbitrary<() => Choice> {
  return fc
    .array(fc.nat({ max: 1_000_000 }), { maxLength: most, size: 'max' })
    .map((given) => () => new GivenChoice(given));
}
