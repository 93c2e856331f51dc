/** What every store has to do, whatever is behind it; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../src/journal/chain.ts';
import { equalBytes } from '../../src/kit/bytes.ts';
import type { JournalHeadRecord } from '../../src/records/journal-head.ts';
import type { Store } from '../../src/store/store.ts';
import { nightly } from '../nightly.ts';
import { describeCentral } from './central-contract.ts';
import {
  allocated,
  bytes,
  commitOne,
  day,
  issuer,
  newIntent,
  noon,
  recordOne,
  signedHead,
  take,
  terms,
} from './intents.ts';
import { describeQuotas } from './quota-contract.ts';
import { describeReads } from './reads-contract.ts';
import { describeReservations } from './reservation-contract.ts';
import { describeSettlements } from './settlement-contract.ts';

export interface StoreUnderTest {
  store: Store;
  /** Closes and opens again, as a restart does. */
  reopen(): Promise<void>;
  /** Closes, writes what a program of before wrote when central management was told what came back, and opens again. */
  tell(total: bigint): Promise<void>;
  remove(): Promise<void>;
}

/** A ledger of quota control's, unless another is asked for. */
export type MakeStore = (role?: 'central' | 'quota') => Promise<StoreUnderTest>;

/** `share`: of the properties' runs; a store that takes long to make has fewer. */
export function describeStore(name: string, make: MakeStore, share = 1): void {
  describe(`${name} store`, () => {
    let under: StoreUnderTest;

    beforeEach(async () => {
      under = await make();
    });
    afterEach(() => under.remove());

    describeCentral(make, share);
    describeQuotas(make, share);
    describeReads(make);
    describeReservations(make, share);
    describeSettlements(make, share);

    it('gives an intent back as it was committed, also after a restart', async () => {
      const intent = newIntent(1);
      const committed = await commitOne(under.store, intent);
      expect(committed).toEqual({
        ok: true,
        value: { intent: { ...intent, sequence: 1, signed: null, own: true }, created: true },
      });
      await under.reopen();
      expect(await under.store.findIntent('control-bit', intent.id)).toEqual({
        ...intent,
        sequence: 1,
        signed: null,
        own: true,
      });
      expect(await under.store.findIntent('currency', intent.id)).toBeUndefined();
    });

    it('gives the one that is there for the same id and body, and writes nothing', async () => {
      const intent = newIntent(1);
      await commitOne(under.store, intent);
      const head = await under.store.head();
      const again = await commitOne(under.store, {
        ...intent,
        toBeSigned: bytes(40, 'other'),
      });
      expect(again).toMatchObject({
        ok: true,
        value: { created: false, intent: { sequence: 1, toBeSigned: intent.toBeSigned } },
      });
      expect(await under.store.head()).toEqual(head);
    });

    it('refuses another body under the same id for ever, and takes the same id of another kind', async () => {
      await commitOne(under.store, newIntent(1));
      await under.reopen();
      const other = newIntent(1, { bodyHash: bytes(32, 'other') });
      expect(await commitOne(under.store, other)).toMatchObject({ ok: false, code: 'request_id_conflict' });
      expect(await commitOne(under.store, { ...other, kind: 'currency' })).toMatchObject({ ok: true });
    });

    it('refuses a credential that another intent has used up, and keeps its quota', async () => {
      await allocated(under.store);
      await commitOne(under.store, newIntent(1, { spends: bytes(16, 'credential'), ...take(10n) }));
      const second = newIntent(2, { spends: bytes(16, 'credential'), ...take(10n) });
      expect(await commitOne(under.store, second)).toMatchObject({ ok: false, code: 'credential_spent' });
      expect(await under.store.position(issuer, 'EUR', noon(day))).toMatchObject({
        reserved: 10n,
        available: 990n,
      });
    });

    it('takes quota to the last unit of the day and of the total, and refuses one more without a trace', async () => {
      await allocated(under.store);
      const commit = async (name: number, amount: bigint, on = day) =>
        commitOne(under.store, newIntent(name, take(amount, on)));
      expect(await commit(1, 601n)).toMatchObject({ ok: false, code: 'daily_limit' });
      expect(await commit(2, 1_001n)).toMatchObject({ ok: false, code: 'quota_exceeded' });
      expect(await commit(3, 600n)).toMatchObject({ ok: true });
      expect(await commit(4, 1n)).toMatchObject({ ok: false, code: 'daily_limit' });
      expect(await commit(5, 401n, '2026-11-21')).toMatchObject({ ok: false, code: 'quota_exceeded' });
      expect(await commit(6, 400n, '2026-11-21')).toMatchObject({ ok: true });
      expect(await commit(7, 1n, '2026-11-22')).toMatchObject({ ok: false, code: 'quota_exceeded' });
      expect(await under.store.position(issuer, 'EUR', noon('2026-11-21'))).toMatchObject({
        issuer,
        currency: 'EUR',
        version: 1,
        allocated: 1_000n,
        reserved: 1_000n,
        issued: 0n,
        available: 0n,
        limits: [{ name: 'day', maximum: 600n, used: 400n, remaining: 200n }],
      });
      expect((await under.store.head()).sequence).toBe(3);
    });

    it('refuses to take where nothing is allocated', async () => {
      expect(await commitOne(under.store, newIntent(1, take(1n)))).toMatchObject({
        ok: false,
        code: 'quota_missing',
      });
      expect(await under.store.position(issuer, 'EUR', noon(day))).toBeUndefined();
    });

    it('stores what was signed once: the first stays, and reserved becomes issued', async () => {
      await allocated(under.store);
      const intent = newIntent(1, take(30n));
      await commitOne(under.store, intent);
      expect(await under.store.unsigned()).toHaveLength(1);
      expect(await recordOne(under.store, intent.id, bytes(64, 'first'))).toMatchObject({
        signed: bytes(64, 'first'),
      });
      expect(await recordOne(under.store, intent.id, bytes(64, 'second'))).toMatchObject({
        signed: bytes(64, 'first'),
      });
      await under.reopen();
      expect(await under.store.unsigned()).toEqual([]);
      expect(await under.store.position(issuer, 'EUR', noon(day))).toMatchObject({
        reserved: 0n,
        issued: 30n,
        available: 970n,
      });
    });

    it('throws where something is signed that was never committed', async () => {
      await expect(recordOne(under.store, bytes(16, 'none'), bytes(64, 1))).rejects.toThrow('invariant');
    });

    it('allocates once: the same again changes nothing, another is refused, and so is one out of range', async () => {
      await allocated(under.store);
      await allocated(under.store);
      expect((await under.store.head()).sequence).toBe(1);
      const common = { issuer, createdMs: 0 };
      expect(
        await under.store.allocate({ ...common, currency: 'EUR', terms: terms(2_000n, 600n) }),
      ).toMatchObject({ ok: false, code: 'allocation_exists' });
      expect(
        await under.store.allocate({ ...common, currency: 'USD', terms: terms(10n ** 15n + 1n, 1n) }),
      ).toMatchObject({ ok: false, code: 'allocation_invalid' });
      expect(await under.store.allocate({ ...common, currency: 'USD', terms: terms(-1n, 1n) })).toMatchObject(
        { ok: false, code: 'allocation_invalid' },
      );
      expect(
        await under.store.allocate({ ...common, currency: 'USD', terms: terms(10n ** 15n, 0n) }),
      ).toMatchObject({ ok: true });
      expect((await under.store.positions(noon(day))).map((position) => position.currency)).toEqual([
        'EUR',
        'USD',
      ]);
    });

    it('adds up the orders that were decided on, by issuer and time', async () => {
      for (const [name, createdMs, decides] of [
        ['a', 1_000, 1],
        ['b', 2_000, 3],
        ['c', 3_000, 40],
      ] as const) {
        await commitOne(under.store, newIntent(name, { kind: 'credential', createdMs, decides }));
      }
      await commitOne(under.store, newIntent('d', { kind: 'denial', createdMs: 3_000, decides: 500 }));
      await commitOne(under.store, newIntent('e', { kind: 'request', createdMs: 3_000 }));
      expect(await under.store.countDecided(issuer, 2_000)).toBe(543);
      expect(await under.store.countDecided(issuer, 3_001)).toBe(0);
      expect(await under.store.countDecided('other', 0)).toBe(0);
    });

    it('stores what it can of many intents, and what it refuses leaves no trace', async () => {
      await allocated(under.store);
      const spends = bytes(16, 'credential');
      const outcomes = await under.store.commit([
        newIntent(1, take(400n)),
        newIntent(2, take(300n)),
        newIntent(3, { ...take(100n), spends }),
        newIntent(4, { ...take(10n), spends }),
        newIntent(1, take(400n)),
        newIntent(1, { bodyHash: bytes(32, 'other') }),
        newIntent(5, take(100n)),
      ]);
      expect(outcomes.map((one) => (one.ok ? one.value.intent.sequence : one.code))).toEqual([
        2,
        'daily_limit',
        3,
        'credential_spent',
        2,
        'request_id_conflict',
        4,
      ]);
      expect(await under.store.position(issuer, 'EUR', noon(day))).toMatchObject({
        reserved: 600n,
        limits: [{ used: 600n }],
      });
      expect((await under.store.head()).sequence).toBe(4);
      await under.reopen();
      expect((await under.store.unsigned()).map(({ sequence }) => sequence)).toEqual([2, 3, 4]);
    });

    it('finds an order by its id for ever, and refuses it in another intent', async () => {
      const orders = ['x', 'y', 'z'].map((name) => ({ id: bytes(16, name), bodyHash: bytes(32, name) }));
      const intent = newIntent(1, { kind: 'request', orders });
      await commitOne(under.store, intent);
      await under.reopen();
      const [y, none, x] = await under.store.findOrders([bytes(16, 'y'), bytes(16, 'none'), bytes(16, 'x')]);
      expect(y).toEqual({ id: bytes(16, 'y'), bodyHash: bytes(32, 'y'), intentId: intent.id, index: 1 });
      expect([none, x?.index]).toEqual([undefined, 0]);
      expect(await under.store.findOrders([])).toEqual([]);
      const twice = await under.store.findOrders([bytes(16, 'z'), bytes(16, 'z')]);
      expect(twice.map((order) => order?.index)).toEqual([2, 2]);
      const again = newIntent(2, { kind: 'request', orders: orders.slice(2) });
      expect(await commitOne(under.store, again)).toMatchObject({ ok: false, code: 'request_id_conflict' });
      expect((await under.store.head()).sequence).toBe(1);
    });

    it('knows the last serial of each epoch', async () => {
      expect(await under.store.lastSerial(1)).toBe(0);
      for (const [name, epoch, number] of [
        ['a', 1, 1],
        ['b', 1, 5],
        ['c', 2, 3],
      ] as const)
        await commitOne(under.store, newIntent(name, { serial: { epoch, number } }));
      await under.reopen();
      expect([await under.store.lastSerial(1), await under.store.lastSerial(2)]).toEqual([5, 3]);
    });

    it('refuses a serial that was given out before, and writes nothing', async () => {
      const serial = { epoch: 1, number: 1 };
      await commitOne(under.store, newIntent('a', { serial }));
      await expect(commitOne(under.store, newIntent('b', { serial }))).rejects.toMatchObject({
        code: 'epoch_in_use',
      });
      expect((await under.store.head()).sequence).toBe(1);
      expect(await under.store.findIntent('control-bit', newIntent('b').id)).toBeUndefined();
    });

    it('keeps a journal whose chain follows, in pages', async () => {
      const genesis = await under.store.head();
      await allocated(under.store);
      for (let i = 0; i < 5; i++) await commitOne(under.store, newIntent(i));
      const first = await under.store.journal(1, 3);
      const rest = await under.store.journal(4, 100);
      expect(verifyChain([...first, ...rest], genesis.hash)).toEqual({
        ok: true,
        value: await under.store.head(),
      });
    });

    it('holds a head of each of several journals that a system has at once, and takes any other for a contradiction', async () => {
      const journal = (n: number): Uint8Array => bytes(16, `journal ${n}`);
      const several = [journal(1), journal(2)];
      const hold = async (n: number, sequence: number, of = several): Promise<string> =>
        (await under.store.holdHead(signedHead({ journalId: journal(n), sequence }), 1, of)).standing;
      const held = async (): Promise<unknown> =>
        (await under.store.heldHeads()).map(({ record, contradiction }) => [
          [1, 2, 3].find((n) => equalBytes(journal(n), record.journalId)),
          record.sequence,
          contradiction === null,
        ]);
      expect([await hold(1, 4), await hold(2, 3), await hold(1, 5), await hold(2, 2)]).toEqual([
        'held',
        'held',
        'held',
        'behind',
      ]);
      await under.reopen();
      expect(new Set((await held()) as unknown[])).toEqual(
        new Set([
          [1, 5, true],
          [2, 3, true],
        ]),
      );
      // Of the two one is contradicted, and the other goes on.
      expect(await hold(3, 9)).toBe('forked');
      const forked = (await under.store.heldHeads()).filter(({ contradiction }) => contradiction !== null);
      expect(forked).toHaveLength(1);
      expect(await under.store.releaseHead('quota', 'quota', forked[0]?.record.journalId)).toBe(true);
      expect(await under.store.heldHeads()).toHaveLength(1);
      // One that is named no more: the next head of another journal contradicts it.
      expect(await under.store.releaseHead('quota', 'quota')).toBe(true);
      expect([await hold(1, 1), await hold(2, 1, [journal(2)])]).toEqual(['held', 'forked']);
    });

    it('holds the highest head of each other system, also after a restart, and both where two contradict each other', async () => {
      const head = (sequence: number, changed: Partial<JournalHeadRecord> = {}): Uint8Array =>
        signedHead({ sequence, hash: bytes(32, sequence), ...changed });
      const hold = async (shown: Uint8Array, heldMs = 1): Promise<string> =>
        (await under.store.holdHead(shown, heldMs)).standing;
      expect(await under.store.heldHeads()).toEqual([]);
      expect(await hold(head(4))).toBe('held');
      expect(await hold(head(7), 2)).toBe('held');
      expect(await hold(head(5))).toBe('behind');
      expect(await hold(head(7, { issuedAt: 2_000 }), 3)).toBe('held');
      expect(await hold(head(7), 4)).toBe('held');
      expect(await hold(head(1, { role: 'issuance', name: 'demo-issuer', epoch: null }))).toBe('held');
      await under.reopen();
      const [issuance, quota] = await under.store.heldHeads();
      expect(issuance).toMatchObject({ record: { role: 'issuance', sequence: 1 }, contradiction: null });
      expect(quota).toEqual({
        record: expect.objectContaining({ role: 'quota', sequence: 7, issuedAt: 2_000 }),
        signed: head(7, { issuedAt: 2_000 }),
        heldMs: 3,
        contradiction: null,
      });
      const other = head(7, { hash: bytes(32, 'other') });
      expect(await hold(other)).toBe('forked');
      await under.reopen();
      for (const shown of [head(8), head(7), other, head(3), head(7, { journalId: bytes(16, 'b') })])
        expect(await hold(shown)).toBe('forked');
      expect((await under.store.heldHeads())[1]).toMatchObject({
        record: { sequence: 7 },
        contradiction: other,
      });
      expect(await under.store.releaseHead('quota', 'quota')).toBe(true);
      expect(await under.store.releaseHead('quota', 'quota')).toBe(false);
      expect(await hold(head(3))).toBe('held');
      expect(await hold(head(9, { journalId: bytes(16, 'b') }))).toBe('forked');
    });

    it('has one journal id for ever, and another one than any other database', async () => {
      const id = await under.store.journalId();
      await under.reopen();
      expect(await under.store.journalId()).toEqual(id);
      const other = await make();
      expect(await other.store.journalId()).not.toEqual(id);
      await other.remove();
    });

    it('does as a plain model does, whatever the order', async () => {
      const command = fc.record({
        what: fc.constantFrom('commit', 'commit', 'commit', 'record', 'reopen'),
        name: fc.integer({ min: 0, max: 7 }),
        body: fc.integer({ min: 0, max: 1 }),
        amount: fc.bigInt({ min: 1n, max: 400n }),
        on: fc.constantFrom('2026-11-20', '2026-11-21'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
          const fresh = await make();
          try {
            await allocated(fresh.store);
            const model = new Map<
              number,
              { body: number; amount: bigint; on: string; signed: Uint8Array | null }
            >();
            // The latest day that a take was counted on: a take at an earlier one counts there.
            let latest = '';
            const used = (on?: string): bigint =>
              [...model.values()]
                .filter((entry) => on === undefined || entry.on === on)
                .reduce((sum, entry) => sum + entry.amount, 0n);
            for (const [turn, { what, name, body, amount, on }] of commands.entries()) {
              const known = model.get(name);
              const counted = on > latest ? on : latest;
              if (what === 'reopen') await fresh.reopen();
              if (what === 'commit') {
                const intent = newIntent(name, {
                  bodyHash: bytes(32, `${name} ${body}`),
                  ...take(amount, on),
                });
                const committed = await commitOne(fresh.store, intent);
                const expected =
                  known !== undefined
                    ? known.body === body
                      ? 'known'
                      : 'request_id_conflict'
                    : used() + amount > 1_000n
                      ? 'quota_exceeded'
                      : used(counted) + amount > 600n
                        ? 'daily_limit'
                        : 'created';
                expect(committed.ok ? (committed.value.created ? 'created' : 'known') : committed.code).toBe(
                  expected,
                );
                if (expected === 'created') {
                  latest = counted;
                  model.set(name, { body, amount, on: counted, signed: null });
                }
              }
              if (what === 'record' && known !== undefined) {
                known.signed ??= bytes(64, turn);
                const recorded = await recordOne(fresh.store, bytes(16, `id ${name}`), bytes(64, turn));
                expect(recorded.signed).toEqual(known.signed);
              }
              const issued = [...model.values()]
                .filter((entry) => entry.signed !== null)
                .reduce((sum, entry) => sum + entry.amount, 0n);
              expect(await fresh.store.position(issuer, 'EUR', noon('2026-11-21'))).toMatchObject({
                issued,
                reserved: used() - issued,
                available: 1_000n - used(),
                limits: [{ used: used('2026-11-21') }],
              });
            }
            expect((await fresh.store.head()).sequence).toBe(model.size + 1);
          } finally {
            await fresh.remove();
          }
        }),
        { numRuns: Math.ceil((nightly ? 2_000 : 40) * share) },
      );
    });
  });
}
