/** Work that goes together, and who is told what when. */
import { describe, expect, it } from 'vitest';
import { atMost, gather } from '../../src/roles/gathering.ts';

/** Rounds of at most three items; the one with 5 in it fails, where that is asked for. */
function threes(failing = false) {
  const rounds: number[][] = [];
  const add = gather(
    async (items: readonly number[]) => {
      rounds.push([...items]);
      await Promise.resolve();
      if (failing && items.includes(5)) throw new Error('the round of 5');
      return items.map((item) => item * 10);
    },
    { room: atMost(3) },
  );
  return { rounds, add };
}

describe('items that are gathered', () => {
  it('have their outcomes in their order, however many rounds they are in and whoever else is there', async () => {
    const { rounds, add } = threes();
    const [first, second] = await Promise.all([add([1, 2, 3, 4]), add([5, 6])]);
    expect([first, second]).toEqual([
      [10, 20, 30, 40],
      [50, 60],
    ]);
    expect(rounds).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it('are none: there is nothing to wait for', async () => {
    const { rounds, add } = threes();
    expect(await add([])).toEqual([]);
    expect(rounds).toEqual([]);
  });

  it('are told of one by one', async () => {
    const { add } = threes();
    let done = 0;
    const seen: number[] = [];
    const all = add([1, 2, 3, 4], () => seen.push(++done));
    expect(seen).toEqual([]);
    await all;
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('of a round that fails reject who has one in it, once all of theirs are through, and nobody else', async () => {
    const { rounds, add } = threes(true);
    let settled = 0;
    const first = add([4, 5, 6, 7, 8], () => settled++).catch((error: unknown) => [
      (error as Error).message,
      settled,
    ]);
    const [failed, other] = await Promise.all([first, add([9, 10, 11])]);
    expect(failed).toEqual(['the round of 5', 5]);
    expect(other).toEqual([90, 100, 110]);
    expect(rounds).toEqual([
      [4, 5, 6],
      [7, 8, 9],
      [10, 11],
    ]);
    expect(await add([1])).toEqual([10]);
  });
});
