/**
 * Work that goes together: what arrives while one round runs waits, and is the next round. A lone item waits for nobody but those
 * that arrive in the same turn of the event loop.
 */
import { assert } from '../kit/result.ts';

export interface GatheringOptions {
  /** The most items of one round. */
  readonly atMost: number;
}

/**
 * Gives the function that adds an item and resolves with its result. `run` gets the items of a round and gives their results in the
 * same order; where it throws, every item of that round gets the error, and the next round goes on.
 */
export function gather<Item, Outcome>(
  run: (items: readonly Item[]) => Promise<readonly Outcome[]>,
  { atMost }: GatheringOptions,
): (item: Item) => Promise<Outcome> {
  let waiting: { item: Item; resolve: (outcome: Outcome) => void; reject: (error: unknown) => void }[] = [];
  let running = false;

  async function goOn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const round = waiting.slice(0, atMost);
      waiting = waiting.slice(atMost);
      try {
        const outcomes = await run(round.map(({ item }) => item));
        assert(outcomes.length === round.length, 'every item of a round has its outcome');
        for (const [i, { resolve }] of round.entries()) resolve(outcomes[i] as Outcome);
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    running = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (running) return;
      running = true;
      void goOn();
    });
}
