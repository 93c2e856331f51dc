/** All takes of a quota, in few bytes each: a change of its limits counts them again. */
import type { CountedTake } from '../quota/tally.ts';

const columns = 4;

export class TakeLog {
  private numbers = new Float64Array(columns * 256);
  private count = 0;

  /** Amounts have at most 50 bits, so that a double has them exactly. */
  add({ sequence, atMs, amount, orders }: CountedTake): void {
    const at = columns * this.count++;
    if (at === this.numbers.length) {
      const larger = new Float64Array(2 * this.numbers.length);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers.set([sequence, atMs, Number(amount), orders], at);
  }

  *all(): Generator<CountedTake> {
    for (let at = 0; at < columns * this.count; at += columns) {
      const [sequence = 0, atMs = 0, amount = 0, orders = 0] = this.numbers.subarray(at, at + columns);
      yield { sequence, atMs, amount: BigInt(amount), orders };
    }
  }
}
