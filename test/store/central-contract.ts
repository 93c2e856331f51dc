/** What every store has to do with central management's own account; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QuotaAction } from '../../src/records/quota-change.ts';
import type { NewIntent, NewResolution, Store } from '../../src/store/store.ts';
import type { MakeStore, StoreUnderTest } from './contract.ts';
import {
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issuer,
  newIntent,
  noon,
  terms,
  termsAction,
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

    it('counts what came back, upwards only, and no more than it approved', async () => {
      await under.store.commit([approving(1, 800n)]);
      const returned = (total: bigint) =>
        under.store.bringBack({ issuer, currency: 'EUR', total, createdMs: start });
      await returned(300n);
      const head = await under.store.head();
      await returned(200n);
      expect(await under.store.head()).toEqual(head);
      expect(await position()).toMatchObject({ returned: 300n, available: 500n });
      await returned(5_000n);
      await under.reopen();
      expect(await position()).toMatchObject({ returned: 800n, available: 1_000n });
    });

    it('takes no quota over where it has one', async () => {
      const adoption = { terms: terms(5_000n, 10n), version: 4, counted: 0n, createdMs: start };
      expect(await under.store.adopt([{ ...adoption, issuer, currency: 'JPY' }])).toBe(false);
      expect(await under.store.positions(start)).toHaveLength(1);
    });

    it('takes quotas over where it has none, with the version and what it approved before', async () => {
      const fresh = await make('central');
      try {
        const adoption = { terms: terms(5_000n, 10n), version: 4, counted: 1_200n, createdMs: start };
        expect(await fresh.store.adopt([{ ...adoption, issuer, currency: 'EUR' }])).toBe(true);
        await fresh.reopen();
        expect(await fresh.store.position(issuer, 'EUR', start)).toMatchObject({
          allocated: 5_000n,
          issued: 1_200n,
          version: 4,
          available: 3_800n,
        });
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
