/**
 * A role's store and its anchor as one: intents that arrive together share a transaction and an anchored head.
 *
 * INVARIANT: nothing is signed before its entry is anchored. What is anchored is on the disk of another device than the database,
 * so that a database that was put back to an earlier state is known by it.
 */
import { type Anchor, judgeStart, type StartCode } from '../journal/anchor.ts';
import type { JournalHead } from '../journal/chain.ts';
import { highestHead, type ReplicatedAnchor } from '../journal/replicated-anchor.ts';
import type { Committed, Intent, NewIntent, SignedIntent, Store } from '../store/store.ts';
import { atMost, gather } from './gathering.ts';

/** The most commits of one transaction: what a group takes of memory stays bounded. */
const groupSize = 1_000;

export interface Ledger {
  readonly store: Store;
  /** Transaction A for all of `intents`, together with whatever arrives at the same moment. */
  commit<const Intents extends readonly NewIntent[]>(
    intents: Intents,
  ): Promise<{ readonly [I in keyof Intents]: Committed }>;
  /** Resolves when the entry is anchored; throws what the anchor's device throws, and then the entry may be anchored by a later try. */
  anchored(sequence: number): Promise<void>;
  /** Anchors what the store wrote by itself: a change or a stop that people decided, up to the last entry that is there. */
  follow(): Promise<void>;
  /** Transaction B, together with whatever arrives at the same moment. */
  record(signed: SignedIntent): Promise<Intent>;
}

/** A system that does not start, since its database and its anchor contradict each other. */
export class HaltedError extends Error {
  readonly code: StartCode;
  constructor(code: StartCode, message: string) {
    super(message);
    this.name = 'HaltedError';
    this.code = code;
  }
}

/**
 * Holds the store against the anchor, and anchors what a crash left behind it. Throws HaltedError where the store is an old one, and
 * what the anchor's device throws.
 */
export async function openLedger(store: Store, anchor: ReplicatedAnchor): Promise<Ledger> {
  const others = await anchor.readAll();
  const start = await judgeStart({
    anchored: highestHead(others),
    others,
    head: await store.head(),
    hashAt: (sequence) => store.hashAt(sequence),
    firstSignedAfter: (sequence) => store.firstSignedAfter(sequence),
  });
  if (!start.ok) throw new HaltedError(start.code, start.message);
  if (start.value.state === 'equal') return makeLedger(store, anchor, start.value.head);
  // A crash in it leaves the old head or the new one; the next start goes on from either.
  await anchor.advance(start.value.from, start.value.to);
  return makeLedger(store, anchor, start.value.to);
}

/** `anchored` is where the anchor stands. */
function makeLedger(store: Store, anchor: Anchor, anchored: JournalHead): Ledger {
  let last = anchored;
  let running: Promise<void> | undefined;

  async function advance(): Promise<void> {
    const head = await store.head();
    if (head.sequence === last.sequence) return;
    // A crash in it leaves the old head or the new one; the start goes on from either. After a failure the same is asked again.
    await anchor.advance(last, head);
    last = head;
  }

  async function anchorUpTo(sequence: number): Promise<void> {
    while (last.sequence < sequence) {
      running ??= advance().finally(() => {
        running = undefined;
      });
      await running;
    }
  }

  async function commitAll(groups: readonly (readonly NewIntent[])[]): Promise<Committed[][]> {
    const committed = await store.commit(groups.flat());
    let next = 0;
    return groups.map(({ length }) => {
      next += length;
      return committed.slice(next - length, next);
    });
  }

  const commit = one(gather(commitAll, { room: atMost(groupSize) }));
  const recordAll = (signed: readonly SignedIntent[]) => store.recordSigned(signed);
  return {
    store,
    commit: commit as Ledger['commit'],
    anchored: anchorUpTo,
    // Not by the number that the store gives of it: that is its place among the entries of all series, and may be above this one's last.
    follow: async () => anchorUpTo((await store.head()).sequence),
    record: one(gather(recordAll, { room: atMost(groupSize) })),
  };
}

/** For whoever adds one item at a time. */
function one<Item, Outcome>(
  add: (items: readonly Item[]) => Promise<readonly Outcome[]>,
): (item: Item) => Promise<Outcome> {
  return async (item) => (await add([item]))[0] as Outcome;
}
