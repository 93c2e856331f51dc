/** What every store has to do with quotas: limits, changes, stops; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeId, type QuotaAction } from '../../src/records/quota-change.ts';
import type { Limit, QuotaTerms } from '../../src/records/quota-terms.ts';
import type { ApprovedChange, Store } from '../../src/store/store.ts';
import { nightly } from '../nightly.ts';
import type { StoreUnderTest } from './contract.ts';
import {
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issuer,
  newIntent,
  noon,
  recordOne,
  stopOf,
  terms,
  termsAction,
} from './intents.ts';

const start = noon(day);

function taking(
  name: string | number,
  amount: bigint,
  atMs = start,
  orders = 1,
): ReturnType<typeof newIntent> {
  return newIntent(name, { take: { issuer, currency: 'EUR', amount, orders, atMs } });
}

export function describeQuotas(make: () => Promise<StoreUnderTest>, share: number): void {
  describe('quotas', () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await make();
      await allocated(under.store);
    });
    afterEach(() => under.remove());
    const position = (nowMs = start) => under.store.position(issuer, 'EUR', nowMs);

    it('changes several at once where its journal is anchored anew, all of them or none', async () => {
      const { store } = under;
      const yen = { issuer, currency: 'JPY', terms: terms(500n, 500n), createdMs: start };
      expect(await store.allocate(yen)).toMatchObject({ ok: true });
      const head = await store.head();
      const anew = (versions: readonly number[]): ApprovedChange =>
        changeOf(
          {
            kind: 'anchor',
            role: 'quota',
            journalId: bytes(16, 'journal'),
            head,
            givenUp: [],
            unexplained: 0,
            epoch: 2,
            others: [],
            quotas: versions.map((version, index) => ({
              issuer,
              currency: index === 0 ? 'EUR' : 'JPY',
              version,
              terms: { ...terms(400n, 100n), frozen: true },
            })),
          },
          start,
        );
      expect(await store.applyChange(anew([1, 2]))).toMatchObject({ ok: false, code: 'change_stale' });
      expect([await store.head(), await position()]).toMatchObject([head, { allocated: 1_000n, version: 1 }]);
      expect(await store.applyChange(anew([1, 1]))).toEqual({ ok: true, value: 3 });
      // Of a system without quotas, and of one of whose quotas nothing is written off.
      expect(await store.applyChange(anew([]))).toEqual({ ok: true, value: 4 });
      await under.reopen();
      const changed = { allocated: 400n, version: 2, frozen: true, limits: [{ maximum: 100n }] };
      expect(await under.store.positions(start)).toMatchObject([
        { currency: 'EUR', ...changed },
        { currency: 'JPY', ...changed },
      ]);
      expect((await under.store.head()).sequence).toBe(4);
    });

    it('changes by the version that it has, once, as a journal entry; the same again is answered the same', async () => {
      const change = changeOf(termsAction(1, { allocated: 2_000n }), start);
      expect(await under.store.findChange(changeId(change.change))).toBeUndefined();
      expect(await under.store.applyChange(change)).toEqual({ ok: true, value: 2 });
      await under.reopen();
      expect(await position()).toMatchObject({ version: 2, allocated: 2_000n, available: 2_000n });
      // Long after it expired, too.
      expect(await under.store.applyChange({ ...change, createdMs: start + 10 ** 9 })).toEqual({
        ok: true,
        value: 2,
      });
      expect(await under.store.findChange(changeId(change.change))).toBe(2);
      expect((await under.store.head()).sequence).toBe(2);
      const again = changeOf(termsAction(1, { allocated: 3_000n }), start);
      expect(await under.store.applyChange(again)).toMatchObject({ ok: false, code: 'change_stale' });
      expect((await under.store.head()).sequence).toBe(2);
    });

    it('refuses a change before its time, after it, of a quota that is not there, and in a zone that nobody knows', async () => {
      const good = termsAction(1, { allocated: 2_000n });
      const at = (createdMs: number): ApprovedChange => ({ ...changeOf(good, start), createdMs });
      expect(await under.store.applyChange(at(start - 1_000))).toMatchObject({ code: 'change_early' });
      expect(await under.store.applyChange(at(start + 3_601_000))).toMatchObject({ code: 'change_expired' });
      const other = changeOf({ ...good, currency: 'USD' } as QuotaAction, start);
      expect(await under.store.applyChange(other)).toMatchObject({ code: 'quota_missing' });
      const nowhere: Limit = {
        name: 'day',
        counts: 'amount',
        window: { kind: 'day', timeZone: 'Europe/Atlantis' },
        maximum: 1n,
      };
      expect(
        await under.store.applyChange(changeOf(termsAction(1, { limits: [nowhere] }), start)),
      ).toMatchObject({ code: 'time_zone_unknown' });
      expect((await under.store.head()).sequence).toBe(1);
      expect(await under.store.applyChange(at(start + 3_600_000))).toMatchObject({ ok: true });
    });

    it('decreases to what is issued and reserved, and not below', async () => {
      await commitOne(under.store, taking(1, 100n));
      await commitOne(under.store, taking(2, 50n));
      await recordOne(under.store, bytes(16, 'id 1'), bytes(64, 1));
      const below = await under.store.applyChange(changeOf(termsAction(1, { allocated: 149n }), start));
      expect(below).toMatchObject({ ok: false, code: 'allocation_below_issued' });
      expect(below.ok ? '' : below.message).toContain('150 or more is accepted');
      expect(
        await under.store.applyChange(changeOf(termsAction(1, { allocated: 150n }), start)),
      ).toMatchObject({
        ok: true,
      });
      expect(await position()).toMatchObject({ issued: 100n, reserved: 50n, available: 0n });
      expect(await commitOne(under.store, taking(3, 1n))).toMatchObject({ code: 'quota_exceeded' });
    });

    it('freezes and unfreezes', async () => {
      await under.store.applyChange(changeOf(termsAction(1, { frozen: true }), start));
      expect(await commitOne(under.store, taking(1, 1n))).toMatchObject({ ok: false, code: 'quota_frozen' });
      await under.store.applyChange(changeOf(termsAction(2, { frozen: false }), start));
      expect(await commitOne(under.store, taking(1, 1n))).toMatchObject({ ok: true });
    });

    it('lets a new limit count what was taken before it was there, and a removed one nothing', async () => {
      await commitOne(under.store, taking(1, 300n, start - 3_000_000, 4));
      await commitOne(under.store, taking(2, 200n, start, 2));
      const hour: Limit = {
        name: 'hour',
        counts: 'amount',
        window: { kind: 'rolling', seconds: 3_600 },
        maximum: 550n,
      };
      const burst: Limit = {
        name: 'burst',
        counts: 'orders',
        window: { kind: 'rolling', seconds: 60 },
        maximum: 3n,
      };
      await under.store.applyChange(changeOf(termsAction(1, { limits: [hour, burst] }), start));
      await under.reopen();
      expect((await position())?.limits).toMatchObject([{ used: 500n }, { used: 2n }]);
      expect(await commitOne(under.store, taking(3, 51n))).toMatchObject({ code: 'rolling_limit' });
      expect(await commitOne(under.store, taking(3, 50n, start, 2))).toMatchObject({
        code: 'frequency_limit',
      });
      expect(await commitOne(under.store, taking(3, 50n))).toMatchObject({ ok: true });
      await under.store.applyChange(changeOf(termsAction(2, { limits: [] }), start));
      expect(await commitOne(under.store, taking(4, 450n))).toMatchObject({ ok: true });
    });

    it('counts at the latest moment seen when the clock goes back, until a change puts it back', async () => {
      const ahead = noon('2036-11-20');
      expect(await commitOne(under.store, taking(1, 100n))).toMatchObject({ ok: true });
      expect(await commitOne(under.store, taking(2, 550n, ahead))).toMatchObject({ ok: true });
      // Right again, but the 50 that are left are those of that day in ten years.
      expect(await commitOne(under.store, taking(3, 51n))).toMatchObject({ code: 'daily_limit' });
      const reset = changeOf(termsAction(1, {}, start / 1000), start);
      expect(await under.store.applyChange(reset)).toMatchObject({ ok: true });
      await under.reopen();
      // What was taken in the time to come counts now, and so does what was taken today: 650 of 600.
      expect((await position())?.limits).toMatchObject([{ used: 650n, remaining: 0n }]);
      expect(await commitOne(under.store, taking(3, 1n))).toMatchObject({ code: 'daily_limit' });
      expect(await commitOne(under.store, taking(3, 350n, noon('2026-11-21')))).toMatchObject({ ok: true });
      expect(await commitOne(under.store, taking(4, 1n, noon('2026-11-22')))).toMatchObject({
        code: 'quota_exceeded',
      });
      await under.reopen();
    });

    it('stops at once, for good until a start that names the last stop, and through a restart', async () => {
      const waiting = taking(1, 10n);
      await commitOne(under.store, waiting);
      expect(await under.store.stopped()).toBeUndefined();
      const stop = await under.store.stop(stopOf('fire'));
      expect(stop).toEqual({ sequence: 3, reason: 'fire', by: 'operator operator', createdMs: start });
      expect(await under.store.stop(stopOf('fire'))).toEqual(stop);
      await under.reopen();
      expect(await under.store.stopped()).toEqual(stop);
      expect(await under.store.evidenceOf(stop)).toBeNull();
      const proven = await under.store.stop({ ...stopOf('smoke'), evidence: Uint8Array.of(1, 2, 3) });
      expect(await under.store.evidenceOf(proven)).toEqual(Uint8Array.of(1, 2, 3));
      expect(await position()).toMatchObject({ stopped: true, reserved: 10n });
      expect(await commitOne(under.store, taking(2, 1n))).toMatchObject({ code: 'issuance_stopped' });
      await expect(recordOne(under.store, waiting.id, bytes(64, 1))).rejects.toMatchObject({
        code: 'issuance_stopped',
      });
      // What needs no quota goes on.
      expect(await commitOne(under.store, newIntent('other', { kind: 'currency' }))).toMatchObject({
        ok: true,
      });
      expect((await under.store.stop(stopOf('more fire'))).sequence).toBe(6);
      expect(await under.store.applyChange(changeOf({ kind: 'start', stop: 3 }, start))).toMatchObject({
        code: 'change_stale',
      });
      const lift = changeOf({ kind: 'start', stop: 6 }, start);
      expect(await under.store.applyChange(lift)).toEqual({ ok: true, value: 7 });
      expect(await under.store.stopped()).toBeUndefined();
      expect(await recordOne(under.store, waiting.id, bytes(64, 1))).toMatchObject({ signed: bytes(64, 1) });
      // Neither an old start nor an old stop does anything again.
      expect(await under.store.applyChange(lift)).toEqual({ ok: true, value: 7 });
      expect((await under.store.stop(stopOf('fire'))).sequence).toBe(3);
      await under.reopen();
      expect(await under.store.stopped()).toBeUndefined();
      expect(
        await under.store.applyChange(changeOf({ kind: 'start', stop: 6 }, start, 'once more')),
      ).toMatchObject({ code: 'issuance_not_stopped' });
    });

    it('tells what the last takes took for an order, the last first', async () => {
      expect(await under.store.recentAmounts(issuer, 'EUR', 2)).toEqual([]);
      await commitOne(under.store, taking(1, 100n, start));
      await commitOne(under.store, taking(2, 90n, start + 1_000, 3));
      await commitOne(under.store, taking(3, 7n, start + 2_000, 1));
      expect(await under.store.recentAmounts(issuer, 'EUR', 2)).toEqual([7n, 30n]);
      expect(await under.store.recentAmounts(issuer, 'USD', 2)).toEqual([]);
    });

    it('hands out what was signed before a stop', async () => {
      await commitOne(under.store, taking(1, 10n));
      await recordOne(under.store, bytes(16, 'id 1'), bytes(64, 'before'));
      await under.store.stop(stopOf('fire'));
      expect(await recordOne(under.store, bytes(16, 'id 1'), bytes(64, 'after'))).toMatchObject({
        signed: bytes(64, 'before'),
      });
    });

    it('do as a plain model does, whatever is taken, changed, frozen, stopped, opened again, and whatever the clock does', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyCommand, { maxLength: 30 }), async (commands) => {
          const fresh = await make();
          try {
            await allocated(fresh.store);
            const model = new Model();
            for (const command of commands) await model.run(command, fresh);
          } finally {
            await fresh.remove();
          }
        }),
        { numRuns: Math.ceil((nightly ? 2_000 : 25) * share) },
      );
    });
  });
}

type Command =
  | { what: 'take'; amount: bigint; orders: number; waitMs: number }
  | { what: 'sign' | 'stop' | 'start' | 'reopen' }
  | { what: 'change'; terms: QuotaTerms; stale: boolean; reset: boolean };

const anyLimits: fc.Arbitrary<Limit[]> = fc
  .tuple(
    fc.option(fc.bigInt({ min: 0n, max: 700n })),
    fc.option(
      fc.record({
        seconds: fc.constantFrom(7, 60, 3_600, 100_000),
        maximum: fc.bigInt({ min: 0n, max: 500n }),
      }),
    ),
    fc.option(fc.bigInt({ min: 0n, max: 9n })),
  )
  .map(([daily, rolling, orders]) => [
    ...(daily === null ? [] : terms(0n, daily).limits),
    ...(rolling === null
      ? []
      : [
          {
            name: 'rolling',
            counts: 'amount' as const,
            window: { kind: 'rolling' as const, seconds: rolling.seconds },
            maximum: rolling.maximum,
          },
        ]),
    ...(orders === null
      ? []
      : [
          {
            name: 'burst',
            counts: 'orders' as const,
            window: { kind: 'rolling' as const, seconds: 60 },
            maximum: orders,
          },
        ]),
  ]);

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('take' as const),
      amount: fc.bigInt({ min: 1n, max: 300n }),
      orders: fc.integer({ min: 1, max: 5 }),
      // Mostly a little later; at times a year, ten years, or back.
      waitMs: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 90_000 }) },
        { weight: 2, arbitrary: fc.integer({ min: -4 * 86_400_000, max: 4 * 86_400_000 }) },
        { weight: 1, arbitrary: fc.constantFrom(-315_360_000_000, 315_360_000_000) },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('sign' as const, 'reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('stop' as const, 'start' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('change' as const),
      terms: fc.record({
        allocated: fc.bigInt({ min: 0n, max: 2_000n }),
        frozen: fc.oneof(
          { weight: 3, arbitrary: fc.constant(false) },
          { weight: 1, arbitrary: fc.constant(true) },
        ),
        limits: anyLimits,
        returns: fc.boolean(),
      }),
      stale: fc.oneof(
        { weight: 5, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
      reset: fc.boolean(),
    }),
  },
);

/** Takes in a list, and every window added up anew. Of a rolling window it knows bounds only: how it is cut is the store's. */
class Model {
  private nowMs = start;
  private clockMs = 0;
  private terms: QuotaTerms = terms(1_000n, 600n);
  private version = 1;
  private entries = 1;
  private stop: number | undefined;
  private turn = 0;
  private takes: { id: Uint8Array; amount: bigint; orders: number; atMs: number; signed: boolean }[] = [];

  async run(command: Command, under: StoreUnderTest): Promise<void> {
    this.turn++;
    const { store } = under;
    switch (command.what) {
      case 'take':
        await this.take(command, store);
        break;
      case 'sign':
        await this.sign(store);
        break;
      case 'reopen':
        await under.reopen();
        break;
      case 'stop':
        this.stop = ++this.entries;
        expect(await store.stop(stopOf(`stop ${this.turn}`, this.nowMs))).toMatchObject({
          sequence: this.stop,
        });
        break;
      case 'start': {
        const change = changeOf({ kind: 'start', stop: this.stop ?? 1 }, this.nowMs, `turn ${this.turn}`);
        const started = await store.applyChange(change);
        if (this.stop === undefined) expect(started).toMatchObject({ code: 'issuance_not_stopped' });
        else expect(started).toEqual({ ok: true, value: ++this.entries });
        this.stop = undefined;
        break;
      }
      case 'change':
        await this.change(command, store);
    }
    await this.compare(under.store);
  }

  private get taken(): bigint {
    return this.takes.reduce((sum, { amount }) => sum + amount, 0n);
  }

  /** What was taken in a limit's window that ends at `atMs`: at least, and at most. */
  private used({ counts, window }: Limit, atMs: number): [bigint, bigint] {
    const sum = (within: (takenMs: number) => boolean): bigint =>
      this.takes
        .filter((take) => within(take.atMs))
        .reduce((total, { amount, orders }) => total + (counts === 'amount' ? amount : BigInt(orders)), 0n);
    if (window.kind === 'day') {
      const dayOf = (ms: number): number => Math.floor(ms / 86_400_000);
      const exact = sum((takenMs) => dayOf(takenMs) === dayOf(atMs));
      return [exact, exact];
    }
    const lengthMs = window.seconds * 1000;
    const sixtieth = Math.ceil(lengthMs / 60);
    return [sum((takenMs) => takenMs > atMs - lengthMs), sum((takenMs) => takenMs > atMs - 61 * sixtieth)];
  }

  private async take({ amount, orders, waitMs }: Command & { what: 'take' }, store: Store): Promise<void> {
    this.nowMs = Math.max(this.nowMs + waitMs, 1_000_000_000_000);
    const atMs = Math.max(this.nowMs, this.clockMs);
    const intent = taking(`turn ${this.turn}`, amount, this.nowMs, orders);
    const committed = await commitOne(store, intent);
    const code = committed.ok ? 'taken' : committed.code;
    const asked = (limit: Limit): bigint => (limit.counts === 'amount' ? amount : BigInt(orders));
    const over = (bound: 0 | 1) =>
      this.terms.limits.filter((limit) => this.used(limit, atMs)[bound] + asked(limit) > limit.maximum);
    if (this.stop !== undefined) expect(code).toBe('issuance_stopped');
    else if (this.terms.frozen) expect(code).toBe('quota_frozen');
    else if (amount > this.terms.allocated - this.taken) expect(code).toBe('quota_exceeded');
    else if (over(0).length > 0) expect(code).toMatch(/^(daily|rolling|frequency)_limit$/);
    else if (over(1).length === 0) expect(code).toBe('taken');
    if (!committed.ok) return;
    this.entries++;
    this.clockMs = atMs;
    this.takes.push({ id: intent.id, amount, orders, atMs, signed: false });
  }

  private async sign(store: Store): Promise<void> {
    const waiting = this.takes.find(({ signed }) => !signed);
    if (waiting === undefined) return;
    const recorded = recordOne(store, waiting.id, bytes(64, this.turn));
    if (this.stop !== undefined) await expect(recorded).rejects.toMatchObject({ code: 'issuance_stopped' });
    else {
      await recorded;
      waiting.signed = true;
    }
  }

  private async change(command: Command & { what: 'change' }, store: Store): Promise<void> {
    const version = command.stale ? this.version + 1 : this.version;
    const clock = command.reset ? Math.floor(this.nowMs / 1000) : null;
    const action = termsAction(version, command.terms, clock);
    const changed = await store.applyChange(changeOf(action, this.nowMs, `turn ${this.turn}`));
    if (command.stale) expect(changed).toMatchObject({ code: 'change_stale' });
    else if (command.terms.allocated < this.taken)
      expect(changed).toMatchObject({ code: 'allocation_below_issued' });
    else {
      expect(changed).toEqual({ ok: true, value: ++this.entries });
      this.version++;
      this.terms = command.terms;
      if (clock === null) return;
      this.clockMs = Math.min(this.clockMs, clock * 1000);
      this.takes = this.takes.map((take) => ({ ...take, atMs: Math.min(take.atMs, clock * 1000) }));
    }
  }

  private async compare(store: Store): Promise<void> {
    const issued = this.takes.reduce((sum, { amount, signed }) => sum + (signed ? amount : 0n), 0n);
    const position = await store.position(issuer, 'EUR', this.nowMs);
    expect(position).toMatchObject({
      version: this.version,
      allocated: this.terms.allocated,
      frozen: this.terms.frozen,
      stopped: this.stop !== undefined,
      issued,
      reserved: this.taken - issued,
      available: this.terms.allocated - this.taken,
    });
    const atMs = Math.max(this.nowMs, this.clockMs);
    for (const [index, limit] of this.terms.limits.entries()) {
      const [least, most] = this.used(limit, atMs);
      const found = position?.limits[index];
      expect(found).toMatchObject({ name: limit.name, maximum: limit.maximum });
      expect(found?.used).toBeGreaterThanOrEqual(least);
      expect(found?.used).toBeLessThanOrEqual(most);
    }
    expect((await store.head()).sequence).toBe(this.entries);
    expect((await store.stopped())?.sequence).toBe(this.stop);
  }
}
