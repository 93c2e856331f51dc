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

/** What was added in one call: it has one promise, however many items it has. */
interface Group<Outcome> {
  readonly outcomes: Outcome[];
  left: number;
  /** Of the first round of its items that failed. */
  failed: { readonly error: unknown } | undefined;
  readonly settled: () => void;
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting<Item, Outcome> {
  readonly item: Item;
  readonly group: Group<Outcome>;
  /** Its place in the group. */
  readonly index: number;
}

/** Room for a number of items. */
export function atMost(count: number): () => () => boolean {
  return () => {
    let taken = 0;
    return () => ++taken <= count;
  };
}

/**
 * Gives the function that adds items and resolves with their outcomes, in the same order, when each has one; `settled` is called at each. `run`
 * gets the items of a round and gives their outcomes in the same order; where it throws, whoever has an item in that round gets the error,
 * when all items are through, and the next round goes on.
 */
export function gather<Item, Outcome>(
  run: (items: readonly Item[]) => Promise<readonly Outcome[]>,
  { room, keyOf = () => '', rounds = 1 }: GatheringOptions<Item>,
): (items: readonly Item[], settled?: () => void) => Promise<readonly Outcome[]> {
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
        for (const [i, { group, index }] of round.entries()) group.outcomes[index] = outcomes[i] as Outcome;
      } catch (error) {
        for (const { group } of round) group.failed ??= { error };
      }
      for (const { group } of round) settleOne(group);
    }
    running--;
  }

  function add(item: Item, group: Group<Outcome>, index: number): void {
    const key = keyOf(item);
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, [{ item, group, index }]);
    else queue.push({ item, group, index });
    if (running >= rounds) return;
    running++;
    void runRounds();
  }

  return (items, settled = () => undefined) =>
    new Promise((resolve, reject) => {
      if (items.length === 0) return resolve([]);
      const outcomes = new Array<Outcome>(items.length);
      const group = { outcomes, left: items.length, failed: undefined, settled, resolve, reject };
      for (const [index, item] of items.entries()) add(item, group, index);
    });
}

function settleOne<Outcome>(group: Group<Outcome>): void {
  group.left--;
  group.settled();
  if (group.left > 0) return;
  if (group.failed === undefined) group.resolve(group.outcomes);
  else group.reject(group.failed.error);
}
