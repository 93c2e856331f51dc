/** What every store's pages have to be; run for each of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/journal/chain.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { Store } from '../../src/store/store.ts';
import type { StoreUnderTest } from './contract.ts';
import { allocated, bytes, commitOne, newIntent, recordOne } from './intents.ts';

const kilobyte = 1_024;

/** Made at this moment, in ms, and different from those of the same moment by `random`. */
function idAt(ms: number, random: number): Uint8Array {
  return makeRequestId({ nowMs: () => ms, nowSeconds: () => ms / 1_000 }, (length) =>
    new Uint8Array(length).fill(random),
  );
}

export function describeReads(make: () => Promise<StoreUnderTest>): void {
  describe('read in pages', () => {
    let under: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      under = await make();
      store = under.store;
    });
    afterEach(() => under.remove());

    it('is the journal, entry by entry, with what has been signed of it', async () => {
      await allocated(store);
      for (const n of [1, 2, 3]) await commitOne(store, newIntent(n));
      await recordOne(store, newIntent(2).id, bytes(64, 'signature'));
      const whole = await store.reads().journalAfter(0, { most: 100, bytes: 1e9 });
      expect(whole.map(({ signed }) => signed)).toEqual([null, false, true, false]);
      expect(whole.map(({ sequence, bytes: entry, hash }) => ({ sequence, bytes: entry, hash }))).toEqual(
        await store.journal(1, 100),
      );
      const genesis = await store.hashAt(0);
      expect(verifyChain(whole, genesis ?? new Uint8Array())).toMatchObject({
        ok: true,
        value: await store.head(),
      });
      expect(
        (await store.reads().journalAfter(1, { most: 2, bytes: 1e9 })).map(({ sequence }) => sequence),
      ).toEqual([2, 3]);
      expect(await store.reads().journalAfter(4, { most: 2, bytes: 1e9 })).toEqual([]);

      // A page ends before what no longer fits, and never before the first.
      for (const n of [4, 5, 6])
        await commitOne(store, newIntent(n, { toBeSigned: bytes(100 * kilobyte, n) }));
      const sizes = async (most: number) =>
        (await store.reads().journalAfter(4, { most: 9, bytes: most })).length;
      expect(await Promise.all([0, 150, 250, 350].map((each) => sizes(each * kilobyte)))).toEqual([
        1, 1, 2, 3,
      ]);
    });

    it('are the intents of a kind by their numbers, from a moment on, and the orders of each', async () => {
      for (const n of [1, 2, 3, 4])
        await commitOne(store, newIntent(n, { kind: n % 2 === 0 ? 'currency' : 'request' }));
      expect(await store.reads().intentsAfter('request', 0, 9)).toEqual([
        { id: newIntent(1).id, sequence: 1 },
        { id: newIntent(3).id, sequence: 3 },
      ]);
      expect(await store.reads().intentsAfter('currency', 2, 1)).toEqual([
        { id: newIntent(4).id, sequence: 4 },
      ]);

      // Those made since a time begin where the first of them is, whichever of one moment came first.
      // Of the same millisecond the later one has the lower id.
      const made = [idAt(1_000, 9), idAt(2_000, 200), idAt(2_000, 3), idAt(3_000, 0)];
      for (const [n, id] of made.entries())
        await commitOne(store, newIntent(`at ${n}`, { kind: 'credential', id }));
      const since = (ms: number) => store.reads().firstSince('credential', idAt(ms, 0));
      expect(await Promise.all([0, 1_000, 1_001, 2_000].map(since))).toEqual([5, 5, 6, 6]);
      expect(await Promise.all([2_001, 3_001].map(since))).toEqual([8, undefined]);
      expect(await store.reads().firstSince('denial', idAt(0, 0))).toBeUndefined();

      const orders = [1, 2, 3].map((n) => ({ id: bytes(16, n), bodyHash: bytes(32, n) }));
      await commitOne(store, newIntent(9, { kind: 'request', orders }));
      expect(await store.reads().ordersOf('request', newIntent(9).id)).toEqual(orders);
      expect(await store.reads().ordersOf('currency', newIntent(9).id)).toEqual([]);
    });
  });
}
