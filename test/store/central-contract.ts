/** What every store has to do with central management's own account; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QuotaAction } from '../../src/records/quota-change.ts';
import type { Committed, NewIntent, NewResolution, Settlement, Store } from '../../src/store/store.ts';
import type { MakeStore, StoreUnderTest } from './contract.ts';
import {
  account,
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issuer,
  newIntent,
  noon,
  settling,
  terms,
  termsAction,
  units,
} from './intents.ts';

const start = noon(day);

export function approving(
  name: string | number,
  amount: bigint,
  changed: Partial<NewIntent> = {},
): NewIntent {
  return newIntent(name, {
    kind: 'credential',
    decides: 1,
    approves: { issuer, currency: 'EUR', amount },
    ...changed,
  });
}

export function resolving(name: string | number, used: bigint, mark = 0): NewResolution {
  return {
    requestId: bytes(16, `id ${name}`),
    issuer,
    currency: 'EUR',
    used,
    word: bytes(50, `word ${name}`),
    mark,
    createdMs: start,
  };
}

/** Of a ledger of central management's: 900 approved and 100 freed of that; followed are 300 into an account, 50 that did not come back, and 70 that did. */
export async function fillFollowing(store: Store): Promise<Store> {
  await allocated(store);
  await store.commit([approving(1, 800n), approving(2, 100n)]);
  await store.resolve([resolving(2, 0n)]);
  await store.applyChange(changeOf(termsAction(1, { returns: true }), start));
  const outcomes = await store.commit(
    (
      [
        ['a', 300n, { units: units(1, 0, 1), to: account('a') }],
        ['b', 50n, { units: units(1, 2) }],
        ['c', 70n, { from: account('a'), returned: 70n }],
      ] as const
    ).map(([name, amount, of]) => settling(name, amount, { ...of, followed: true })),
  );
  if (outcomes.some(({ ok }) => !ok)) throw new Error('all of it is followed');
  await store.recordSigned([{ kind: 'retirement', id: bytes(16, 'id b'), signed: bytes(64, 'b') }]);
  return store;
}

export async function writeOff(
  store: Store,
  role: 'central' | 'quota',
  version: number,
  total: bigint,
): Promise<QuotaAction> {
  return {
    kind: 'anchor',
    role,
    journalId: bytes(16, 'journal'),
    head: await store.head(),
    givenUp: [],
    unexplained: 0,
    epoch: role === 'quota' ? 2 : null,
    others: [],
    quotas: [{ issuer, currency: 'EUR', version, terms: terms(total, 600n) }],
  };
}

export function describeCentral(make: MakeStore, share: number): void {
  describe("central management's account", () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await make('central');
      await allocated(under.store);
    });
    afterEach(() => under.remove());
    const position = () => under.store.position(issuer, 'EUR', start);

    it('counts what is approved at once, up to the total, whatever the limits over windows say', async () => {
      expect(await commitOne(under.store, approving(1, 700n))).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ issued: 700n, reserved: 0n, available: 300n });
      expect(await commitOne(under.store, approving(2, 301n))).toMatchObject({
        ok: false,
        code: 'quota_exceeded',
      });
      expect(await commitOne(under.store, approving(2, 300n))).toMatchObject({ ok: true });
      expect(await commitOne(under.store, approving(2, 300n))).toMatchObject({ value: { created: false } });
      await under.reopen();
      expect(await position()).toMatchObject({ issued: 1_000n, available: 0n });
    });

    it('decides several of a group one after another, as if those before were stored', async () => {
      const outcomes = await under.store.commit([approving(1, 600n), approving(2, 600n), approving(3, 400n)]);
      expect(outcomes.map((one) => (one.ok ? 'ok' : one.code))).toEqual(['ok', 'quota_exceeded', 'ok']);
      expect(await position()).toMatchObject({ issued: 1_000n });
    });

    it('stores nothing of a decision whose credential does not fit', async () => {
      const before = await under.store.head();
      const denial = newIntent(1, { kind: 'denial', decides: 1 });
      const outcomes = await under.store.commit([approving(1, 1_001n), denial]);
      expect(outcomes.map((one) => one.ok)).toEqual([false, false]);
      expect(await under.store.head()).toEqual(before);
      expect(await under.store.findIntent('denial', denial.id)).toBeUndefined();
    });

    it('adds up what was approved since a moment, of one issuer in one currency', async () => {
      const committed = await under.store.commit([
        approving(1, 7n, { createdMs: 1_000 }),
        approving(2, 20n, { createdMs: 2_000, decides: 3 }),
        approving(3, 100n, { createdMs: 3_000, decides: 40 }),
        newIntent(4, { kind: 'denial', createdMs: 3_000, decides: 500 }),
      ]);
      expect(committed.every(({ ok }) => ok)).toBe(true);
      await under.store.resolve([resolving(3, 0n)]);
      expect(await under.store.approvedSince(issuer, 'EUR', 2_000)).toEqual({ spent: 120n, count: 43n });
      expect(await under.store.approvedSince(issuer, 'EUR', 3_001)).toEqual({ spent: 0n, count: 0n });
      expect(await under.store.approvedSince(issuer, 'USD', 0)).toEqual({ spent: 0n, count: 0n });
      expect(await under.store.approvedSince('other', 'EUR', 0)).toEqual({ spent: 0n, count: 0n });
    });

    it('approves nothing of a quota that is frozen, or not there', async () => {
      const frozen = changeOf(termsAction(1, { frozen: true }), start);
      expect(await under.store.applyChange(frozen)).toMatchObject({ ok: true });
      expect(await commitOne(under.store, approving(1, 1n))).toMatchObject({ code: 'quota_frozen' });
      const yen = approving(2, 1n, { approves: { issuer, currency: 'JPY', amount: 1n } });
      expect(await commitOne(under.store, yen)).toMatchObject({ code: 'quota_missing' });
    });

    it('frees what was not issued of a request, once, and keeps how far all is resolved', async () => {
      await under.store.commit([approving(1, 600n), approving(2, 400n)]);
      expect(await under.store.resolvedUpTo()).toBe(0);
      expect(await under.store.resolve([resolving(1, 250n, 2), resolving(2, 0n, 3)])).toBe(2);
      const after = { issued: 1_000n, voided: 750n, available: 750n };
      expect(await position()).toMatchObject(after);
      const head = await under.store.head();
      expect(await under.store.resolve([resolving(1, 0n, 9)])).toBe(0);
      expect(await under.store.head()).toEqual(head);
      await under.reopen();
      expect(await position()).toMatchObject(after);
      expect(await under.store.resolvedUpTo()).toBe(3);
      expect(await commitOne(under.store, approving(3, 751n))).toMatchObject({ code: 'quota_exceeded' });
      expect(await commitOne(under.store, approving(3, 750n))).toMatchObject({ ok: true });
    });

    it('frees nothing of a request that it approved nothing of', async () => {
      await under.store.commit([approving(1, 600n), newIntent(2, { kind: 'credential' })]);
      const before = await under.store.head();
      const yen = { ...resolving(1, 0n), currency: 'JPY' };
      expect(await under.store.resolve([resolving(2, 0n), resolving(3, 0n), yen])).toBe(0);
      expect(await under.store.head()).toEqual(before);
    });

    it('makes no room where more was issued than approved', async () => {
      await under.store.commit([approving(1, 600n)]);
      expect(await under.store.resolve([resolving(1, 700n)])).toBe(1);
      expect(await position()).toMatchObject({ voided: 0n, available: 400n });
    });

    it('leaves as much room as before where quota control wrote off what it had lost', async () => {
      await under.store.commit([approving(1, 600n)]);
      // Of 600 that were issued 250 are lost there: 750 are allocated, and 350 known.
      const change = changeOf(await writeOff(under.store, 'quota', 1, 750n), start);
      expect(await under.store.applyChange({ ...change, followed: true })).toMatchObject({ ok: true });
      const after = { allocated: 750n, issued: 600n, voided: 250n, available: 400n, version: 2 };
      expect(await position()).toMatchObject(after);
      await under.reopen();
      expect(await position()).toMatchObject(after);
      // What was freed cannot have been written off too.
      expect(await under.store.resolve([resolving(1, 100n)])).toBe(1);
      expect(await position()).toMatchObject({ voided: 600n, available: 750n });
    });

    it('makes no room by a write-off of more than it has approved', async () => {
      await under.store.commit([approving(1, 100n)]);
      const change = changeOf(await writeOff(under.store, 'quota', 1, 300n), start);
      expect(await under.store.applyChange({ ...change, followed: true })).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ allocated: 300n, voided: 100n, available: 300n });
      await under.reopen();
    });

    it('counts as approved what its own lost ledger may have approved, and keeps terms and version', async () => {
      await under.store.commit([approving(1, 100n)]);
      const anew = (total: bigint) => writeOff(under.store, 'central', 1, total);
      expect(await under.store.applyChange(changeOf(await anew(99n), start))).toMatchObject({
        code: 'allocation_below_issued',
      });
      expect(await under.store.applyChange(changeOf(await anew(400n), start))).toMatchObject({ ok: true });
      const after = { allocated: 1_000n, issued: 700n, available: 300n, version: 1 };
      expect(await position()).toMatchObject(after);
      await under.reopen();
      expect(await position()).toMatchObject(after);
    });

    it('follows a change after its time, where quota control carried it out; and in its time only where people bring it', async () => {
      const change = changeOf(termsAction(1, { allocated: 2_000n }), start);
      const late = { ...change, createdMs: start + 86_400_000 };
      expect(await under.store.applyChange(late)).toMatchObject({ code: 'change_expired' });
      expect(await under.store.applyChange({ ...late, followed: true })).toMatchObject({ ok: true });
      expect(await under.store.changes()).toMatchObject([
        { change: change.change, approvals: change.approvals },
      ]);
      expect(await position()).toMatchObject({ allocated: 2_000n, version: 2 });
    });

    it('follows what quota control settled, which comes back by the terms of now or not at all', async () => {
      await under.store.commit([approving(1, 800n)]);
      const follow = (name: string, amount: bigint, changed: Partial<Settlement>): Promise<Committed> =>
        commitOne(under.store, settling(name, amount, { followed: true, ...changed }));
      const early = await follow('early', 10n, { units: units(1, 0), returned: 10n });
      expect(early).toMatchObject({ code: 'quota_changed' });
      expect(await follow('a', 300n, { units: units(1, 0), to: account('a') })).toMatchObject({ ok: true });
      const returning = changeOf(termsAction(1, { returns: true }), start);
      expect(await under.store.applyChange({ ...returning, followed: true })).toMatchObject({ ok: true });
      const lost = { units: units(1, 1), returned: 0n };
      expect(await commitOne(under.store, settling('b', 50n, lost))).toMatchObject({ code: 'quota_changed' });
      expect(await follow('b', 50n, lost)).toMatchObject({ ok: true });
      expect(await follow('c', 100n, { from: account('a'), returned: 100n })).toMatchObject({ ok: true });
      expect(await follow('d', 1n, { units: units(1, 1) })).toMatchObject({ code: 'unit_spent' });
      expect(await follow('d', 201n, { from: account('a') })).toMatchObject({ code: 'balance_too_low' });
      const beyond = await follow('d', 451n, { units: units(1, 2) });
      expect(beyond).toMatchObject({ code: 'outstanding_exceeded' });
      const after = { issued: 800n, retired: 150n, returned: 100n, credited: 200n, available: 300n };
      expect(await position()).toMatchObject(after);
      await under.reopen();
      expect(await position()).toMatchObject(after);
      expect(await under.store.balances(account('a'))).toMatchObject([{ amount: 200n }]);
      expect(await under.store.findSpent(units(1, 0, 1, 2))).toEqual([
        bytes(16, 'id a'),
        bytes(16, 'id b'),
        undefined,
      ]);
    });

    it('approves and follows in one group, one after another: what comes back may be approved, and what is approved settled', async () => {
      const returning = changeOf(termsAction(1, { returns: true }), start);
      expect(await under.store.applyChange(returning)).toMatchObject({ ok: true });
      const follow = (name: string, amount: bigint, unit: number): NewIntent =>
        settling(name, amount, { units: units(1, unit), returned: amount, followed: true });
      const outcomes = await under.store.commit([
        approving(1, 1_000n),
        follow('early', 1_001n, 0),
        follow('a', 700n, 0),
        approving(2, 701n),
        approving(3, 700n),
        follow('b', 1_000n, 1),
        approving(4, 1_000n),
      ]);
      const codes = outcomes.map((one) => (one.ok ? 'ok' : one.code));
      expect(codes).toEqual(['ok', 'outstanding_exceeded', 'ok', 'quota_exceeded', 'ok', 'ok', 'ok']);
      await under.reopen();
      expect(await position()).toMatchObject({
        issued: 2_700n,
        retired: 1_700n,
        returned: 1_700n,
        available: 0n,
      });
    });

    it('gives what it followed as what it settles, before and after a restart', async () => {
      await under.store.commit([approving(1, 800n)]);
      const intent = settling('a', 300n, { units: units(1, 0) });
      const followed = { ...intent, settles: { ...intent.settles, followed: true } } as const;
      const expected = { ...intent, sequence: 3, signed: null, own: true };
      for (const created of [true, false])
        expect(await commitOne(under.store, followed)).toEqual({
          ok: true,
          value: { intent: expected, created },
        });
      await under.reopen();
      expect(await under.store.unsigned()).toContainEqual(expected);
    });

    it('counts what it was told that came back by a program of before, and all the rest beside it', async () => {
      await under.store.commit([approving(1, 800n)]);
      await under.tell(200n);
      await under.tell(300n);
      expect(await position()).toMatchObject({ retired: 300n, returned: 300n, available: 500n });
      expect(await commitOne(under.store, approving(2, 501n))).toMatchObject({ code: 'quota_exceeded' });
      expect(await commitOne(under.store, approving(2, 500n))).toMatchObject({ ok: true });
      await under.reopen();
      expect(await position()).toMatchObject({ issued: 1_300n, returned: 300n, available: 0n });
      expect(await under.store.reads().lastSettlement(issuer, 'EUR')).toBeUndefined();
    });

    it('does not open again where it was told what came back and follows it too', async () => {
      await under.store.commit([approving(1, 800n)]);
      const followed = settling('a', 100n, { units: units(1, 0), followed: true });
      expect(await commitOne(under.store, followed)).toMatchObject({ ok: true });
      await expect(under.tell(300n)).rejects.toMatchObject({
        code: 'store_corrupt',
        message: expect.stringContaining('it would count twice'),
      });
    });

    it('takes no quota over where it has one', async () => {
      const adoption = { terms: terms(5_000n, 10n), version: 4, counted: 0n, returned: 0n, createdMs: start };
      expect(await under.store.adopt([{ ...adoption, issuer, currency: 'JPY' }])).toBe(false);
      expect(await under.store.positions(start)).toHaveLength(1);
    });

    it('takes quotas over where it has none, with the version and what it approved before', async () => {
      const fresh = await make('central');
      try {
        const adoption = {
          terms: terms(5_000n, 10n),
          version: 4,
          counted: 1_200n,
          returned: 0n,
          createdMs: start,
        };
        const turned = { ...adoption, counted: 7_000n, returned: 6_500n, currency: 'CHF' };
        expect(
          await fresh.store.adopt([
            { ...adoption, issuer, currency: 'EUR' },
            { ...turned, issuer },
          ]),
        ).toBe(true);
        await fresh.reopen();
        expect(await fresh.store.position(issuer, 'EUR', start)).toMatchObject({
          allocated: 5_000n,
          issued: 1_200n,
          version: 4,
          available: 3_800n,
        });
        // More was issued than is allocated, and most of it came back.
        expect(await fresh.store.position(issuer, 'CHF', start)).toMatchObject({
          issued: 7_000n,
          returned: 6_500n,
          available: 4_500n,
        });
        expect(await fresh.store.reads().lastSettlement(issuer, 'CHF')).toBeUndefined();
        expect(await fresh.store.applyChange(changeOf(termsAction(4, {}), start))).toMatchObject({
          code: 'allocation_below_issued',
        });
      } finally {
        await fresh.remove();
      }
    });

    it('has in every state what was approved, less what was freed, within what is allocated', async () => {
      type Step = {
        readonly kind: 'approve' | 'resolve' | 'change' | 'reopen';
        readonly a: number;
        readonly b: number;
      };
      const step: fc.Arbitrary<Step> = fc.record({
        kind: fc.constantFrom('approve', 'approve', 'resolve', 'change', 'reopen'),
        a: fc.nat(9),
        b: fc.nat(900),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const fresh = await make('central');
          try {
            await allocated(fresh.store);
            const model = { allocated: 1_000n, version: 1, issued: 0n, voided: 0n };
            const approved = new Map<number, bigint>();
            const resolved = new Set<number>();
            for (const { kind, a, b } of steps) {
              const amount = BigInt(b + 1);
              if (kind === 'reopen') await fresh.reopen();
              else if (kind === 'approve') {
                const isNew = !approved.has(a);
                const fits = model.issued - model.voided + amount <= model.allocated;
                const outcome = await commitOne(fresh.store, approving(a, amount));
                expect(outcome.ok).toBe(!isNew || fits);
                if (!isNew || !fits) continue;
                approved.set(a, amount);
                model.issued += amount;
              } else if (kind === 'resolve') {
                const total = approved.get(a);
                if (total === undefined) continue;
                const count = await fresh.store.resolve([resolving(a, BigInt(b))]);
                expect(count).toBe(resolved.has(a) ? 0 : 1);
                if (!resolved.has(a) && total > BigInt(b)) model.voided += total - BigInt(b);
                resolved.add(a);
              } else {
                const to = BigInt(b) * 2n;
                const outcome = await fresh.store.applyChange(
                  changeOf(termsAction(model.version, { allocated: to }), start),
                );
                expect(outcome.ok).toBe(to >= model.issued - model.voided);
                if (!outcome.ok) continue;
                model.allocated = to;
                model.version++;
              }
              const available = model.allocated - model.issued + model.voided;
              expect(await fresh.store.position(issuer, 'EUR', start)).toMatchObject({ ...model, available });
            }
            await fresh.reopen();
          } finally {
            await fresh.remove();
          }
        }),
        { numRuns: Math.ceil(40 * share) },
      );
    });
  });
}
