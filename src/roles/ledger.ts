/**
 * A role's store and its anchor as one: intents that arrive together share a transaction and an anchored head.
 *
 * INVARIANT: nothing is signed before its entry is anchored. What is anchored is on the disk of another device than the database,
 * so that a database that was put back to an earlier state is known by it.
 */
import type { Anchor } from '../journal/anchor.ts';
import type { JournalHead } from '../journal/chain.ts';
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
  /** Transaction B, together with whatever arrives at the same moment. */
  record(signed: SignedIntent): Promise<Intent>;
}

/** `anchored` is where the anchor stands, as the check at the start found it. */
export function makeLedger(store: Store, anchor?: Anchor, anchored?: JournalHead): Ledger {
  let last = anchored;
  let running: Promise<void> | undefined;
  /** What an advance was tried to that failed: it may have arrived all the same. */
  let tried: JournalHead | undefined;

  async function advance(anchor: Anchor): Promise<void> {
    if (tried !== undefined) {
      const found = await anchor.read();
      if (found?.sequence === tried.sequence) last = tried;
      tried = undefined;
    }
    const head = await store.head();
    if (head.sequence === (last?.sequence ?? 0)) return;
    tried = head;
    // A crash in it leaves the old head or the new one; the start goes on from either.
    await anchor.advance(last, head);
    tried = undefined;
    last = head;
  }

  async function commitAll(groups: readonly (readonly NewIntent[])[]): Promise<Committed[][]> {
    const committed = await store.commit(groups.flat());
    let next = 0;
    return groups.map(({ length }) => {
      next += length;
      return committed.slice(next - length, next);
    });
  }

  return {
    store,
    commit: gather(commitAll, { room: atMost(groupSize) }) as Ledger['commit'],
    async anchored(sequence) {
      if (anchor === undefined) return;
      while ((last?.sequence ?? 0) < sequence) {
        running ??= advance(anchor).finally(() => {
          running = undefined;
        });
        await running;
      }
    },
    record: gather((signed: readonly SignedIntent[]) => store.recordSigned(signed), {
      room: atMost(groupSize),
    }),
  };
}
