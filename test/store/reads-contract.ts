/** What every store's pages have to be; run for each of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/journal/chain.ts';
import { makeRequestId } from '../../src/records/request-id.ts';
import type { Mark, Store } from '../../src/store/store.ts';
import type { StoreUnderTest } from './contract.ts';
import {
  account,
  allocated,
  bytes,
  commitOne,
  day,
  issue,
  issuer,
  newIntent,
  noon,
  recordOne,
  settling,
  terms,
  units,
} from './intents.ts';

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

    it('are what was settled of a quota, and of no other, from where each journal was looked through', async () => {
      await allocated(store, 1_000n, 1_000n);
      await store.allocate({ issuer, currency: 'USD', terms: terms(1_000n, 1_000n), createdMs: 1 });
      await issue(store, 1, 500n);
      const dollars = { issuer, currency: 'USD', amount: 500n, orders: 1, atMs: noon(day) };
      await commitOne(store, newIntent('dollars', { take: dollars }));
      await recordOne(store, newIntent('dollars').id, bytes(64, 'dollars'));
      const journal = await store.journalId();
      const unknown = { journal: bytes(16, 'unknown'), sequence: 7 };
      const settled = (marks: readonly Mark[], most = 10, size = 1e9) =>
        store.reads().settlementsAfter(issuer, 'EUR', marks, { most, bytes: size });
      expect(await settled([])).toEqual({ settled: [], marks: [] });
      expect(await store.reads().lastSettlement(issuer, 'EUR')).toBeUndefined();

      for (const n of [0, 1, 2, 3]) {
        await commitOne(store, settling(`e${n}`, 1n, { units: units(1, n), to: account('a') }));
        await commitOne(store, settling(`d${n}`, 1n, { units: units(2, n), currency: 'USD' }));
      }
      await commitOne(store, settling('t', 2n, { from: account('a') }));
      await store.recordSigned([{ kind: 'retirement', id: bytes(16, 'id e1'), signed: bytes(900, 'e1') }]);
      const whole = await settled([unknown]);
      expect(whole.marks).toEqual([unknown, { journal, sequence: 13 }]);
      const names = ['e0', 'e1', 'e2', 'e3', 't'];
      expect(whole.settled.map((one) => [one.journal, one.intent.id, one.intent.sequence])).toEqual(
        names.map((name, i) => [journal, bytes(16, `id ${name}`), [5, 7, 9, 11, 13][i]]),
      );
      for (const { intent } of whole.settled)
        expect(intent).toEqual(await store.findIntent(intent.kind, intent.id));
      expect(whole.settled[1]?.intent.signed).toEqual(bytes(900, 'e1'));
      expect(await settled(whole.marks)).toEqual({ settled: [], marks: whole.marks });

      // A page at a time, the same in the same order; and of a page that is too large for what it may be, one.
      let marks: readonly Mark[] = [];
      for (const name of names) {
        const page = await settled(marks, 1);
        expect(page.settled.map(({ intent }) => intent.id)).toEqual([bytes(16, `id ${name}`)]);
        ({ marks } = page);
      }
      expect(marks).toEqual([{ journal, sequence: 13 }]);
      const sizes = [0, 44, 45, 990, 1_034, 1_035].map(
        async (size) => (await settled([], 10, size)).settled.length,
      );
      // Each has 45 bytes, and the second 900 more.
      expect(await Promise.all(sizes)).toEqual([1, 1, 1, 2, 2, 3]);

      const last = (currency: string, of = issuer) => store.reads().lastSettlement(of, currency);
      expect(await last('EUR')).toEqual(whole.settled.at(-1)?.intent);
      expect(await last('USD')).toMatchObject({ sequence: 12, settles: { currency: 'USD' } });
      expect([await last('JPY'), await last('EUR', 'other')]).toEqual([undefined, undefined]);
      expect(await store.reads().settlementsAfter('other', 'EUR', [], { most: 9, bytes: 9 })).toMatchObject({
        settled: [],
      });
    });
  });
}
