/**
 * Work that goes together: what arrives while the rounds that may run at once run waits, and goes with the next. A lone item waits
 * for nobody but those that arrive in the same turn of the event loop.
 */
import { assert } from '../kit/result.ts';

export interface GatheringOptions<Item> {
  /** Gives, for a new round, what says of one item after another whether it still fits; the first one always goes. */
  readonly room: () => (item: Item) => boolean;
  /** Items of different keys never go together. */
  readonly keyOf?: (item: Item) => string;
  /** How many rounds may run at once. */
  readonly rounds?: number;
}

interface Waiting<Item, Outcome> {
  readonly item: Item;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Room for a number of items. */
export function atMost(count: number): () => () => boolean {
  return () => {
    let taken = 0;
    return () => ++taken <= count;
  };
}

/**
 * Gives the function that adds an item and resolves with its outcome. `run` gets the items of a round and gives their outcomes in the
 * same order; where it throws, every item of that round gets the error, and the next round goes on.
 */
export function gather<Item, Outcome>(
  run: (items: readonly Item[]) => Promise<readonly Outcome[]>,
  { room, keyOf = () => '', rounds = 1 }: GatheringOptions<Item>,
): (item: Item) => Promise<Outcome> {
  /** By key, the one that has waited longest first. */
  const queues = new Map<string, Waiting<Item, Outcome>[]>();
  let running = 0;

  /** The longest run of items from the head of the next queue that go together. */
  function nextRound(): Waiting<Item, Outcome>[] {
    for (const [key, queue] of queues) {
      const fits = room();
      let count = 0;
      for (const { item } of queue) {
        if (!fits(item) && count > 0) break;
        count++;
      }
      queues.delete(key);
      // What is left goes to the end, so that no key keeps another from its turn.
      if (count < queue.length) queues.set(key, queue.slice(count));
      return queue.slice(0, count);
    }
    return [];
  }

  async function runRounds(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let round = nextRound(); round.length > 0; round = nextRound()) {
      try {
        const outcomes = await run(round.map(({ item }) => item));
        assert(outcomes.length === round.length, 'every item of a round has its outcome');
        for (const [i, { resolve }] of round.entries()) resolve(outcomes[i] as Outcome);
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    running--;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const key = keyOf(item);
      const queue = queues.get(key);
      if (queue === undefined) queues.set(key, [{ item, resolve, reject }]);
      else queue.push({ item, resolve, reject });
      if (running >= rounds) return;
      running++;
      void runRounds();
    });
}
