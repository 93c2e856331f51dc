/** What every store has to do with what is spent, retired and in accounts; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import type { Committed, NewIntent, QuotaPosition, Settlement } from '../../src/store/store.ts';
import { nightly } from '../nightly.ts';
import type { MakeStore, StoreUnderTest } from './contract.ts';
import {
  account,
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issue,
  issuer,
  newIntent,
  noon,
  settling,
  stopOf,
  take,
  termsAction,
  units,
} from './intents.ts';
import { anySettlementCommand, SettlementModel } from './settlement-model.ts';

const start = noon(day);

export function describeSettlements(make: MakeStore, share: number): void {
  describe('settlements', () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await make();
      await allocated(under.store, 1_000n, 1_000n);
    });
    afterEach(() => under.remove());

    const position = async (): Promise<QuotaPosition> => {
      const found = await under.store.position(issuer, 'EUR', start);
      if (found === undefined) throw new Error('no position');
      return found;
    };
    const settle = (
      name: string | number,
      amount: bigint,
      changed: Partial<Settlement>,
    ): Promise<Committed> => commitOne(under.store, settling(name, amount, changed));
    const change = async (version: number, changed: Partial<QuotaTerms>): Promise<string> => {
      const action = termsAction(version, { allocated: 1_000n, limits: [], ...changed });
      const done = await under.store.applyChange(changeOf(action, start, `version ${version}`));
      return done.ok ? 'changed' : done.code;
    };
    const balance = async (name: string): Promise<bigint> =>
      (await under.store.balances(account(name)))[0]?.amount ?? 0n;

    it('spends a unit once, for ever, and says by which retirement', async () => {
      await issue(under.store, 1, 30n);
      const first = settling('first', 20n, { units: units(1, 0, 1) });
      expect(await commitOne(under.store, first)).toMatchObject({ ok: true });
      const before = await under.store.head();
      await under.reopen();
      const again = await settle('second', 20n, { units: units(1, 2, 1) });
      expect(again).toMatchObject({
        ok: false,
        code: 'unit_spent',
        field: 'units',
        message: expect.stringContaining(`unit 1.1.1 was spent before, by retirement ${toHex(first.id)}`),
      });
      expect(await under.store.findSpent(units(1, 2, 1, 0))).toEqual([undefined, first.id, first.id]);
      expect(await under.store.head()).toEqual(before);
      expect(await position()).toMatchObject({ issued: 30n, retired: 20n, outstanding: 10n });
      expect(await settle('second', 10n, { units: units(1, 2) })).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ retired: 30n, outstanding: 0n });
    });

    it('gives a settlement back as it was committed, also after a restart, and to the same again', async () => {
      await issue(under.store, 7, 30n);
      const intent = settling('r', 20n, { units: units(7, 5, 1, 2 ** 32 - 1), to: account('a') });
      const stored = { ...intent, sequence: 3, signed: null, own: true };
      expect(await commitOne(under.store, intent)).toEqual({
        ok: true,
        value: { intent: stored, created: true },
      });
      await under.reopen();
      expect(await under.store.findIntent('retirement', intent.id)).toEqual(stored);
      expect(await under.store.unsigned()).toEqual([stored]);
      expect(await commitOne(under.store, intent)).toEqual({
        ok: true,
        value: { intent: stored, created: false },
      });
      expect(await commitOne(under.store, { ...intent, bodyHash: bytes(32, 'other') })).toMatchObject({
        code: 'request_id_conflict',
      });
      expect((await under.store.findSerial(1, 7))?.id).toEqual(bytes(16, 'id issue 7'));
      expect(await under.store.findSerial(1, 8)).toBeUndefined();
      expect(await under.store.findSerial(2, 7)).toBeUndefined();
    });

    it('gives what is retired back to the total where the terms say so, and only then', async () => {
      await issue(under.store, 1, 900n);
      expect(await settle('kept', 100n, { units: units(1, 0) })).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ available: 100n, retired: 100n, returned: 0n });
      expect(await settle('early', 50n, { units: units(1, 1), returned: 50n })).toMatchObject({
        ok: false,
        code: 'quota_changed',
      });
      expect(await change(1, { returns: true })).toBe('changed');
      expect(await settle('late', 50n, { units: units(1, 1) })).toMatchObject({ code: 'quota_changed' });
      expect(await settle('back', 50n, { units: units(1, 1), returned: 50n })).toMatchObject({ ok: true });
      expect(await settle('credited', 25n, { units: units(1, 2), to: account('a') })).toMatchObject({
        ok: true,
      });
      expect(await position()).toMatchObject({
        available: 150n,
        issued: 900n,
        retired: 150n,
        returned: 50n,
        credited: 25n,
        outstanding: 750n,
        returns: true,
      });
      expect(await commitOne(under.store, newIntent(1, take(151n)))).toMatchObject({
        code: 'quota_exceeded',
      });
      expect(await commitOne(under.store, newIntent(1, take(150n)))).toMatchObject({ ok: true });
      await under.reopen();
      expect(await position()).toMatchObject({ available: 0n, reserved: 150n });
    });

    it('gives nothing back to a limit over a window', async () => {
      await issue(under.store, 1, 600n);
      const limits = [
        { name: 'day', counts: 'amount', window: { kind: 'day', timeZone: 'Etc/UTC' }, maximum: 600n },
      ] as const;
      expect(await change(1, { returns: true, limits })).toBe('changed');
      await settle('back', 600n, { units: units(1, 0), returned: 600n });
      expect(await position()).toMatchObject({ available: 1_000n, limits: [{ used: 600n, remaining: 0n }] });
      expect(await commitOne(under.store, newIntent(1, take(1n)))).toMatchObject({ code: 'daily_limit' });
    });

    it('lowers a total to what is issued and reserved and did not come back, and no further', async () => {
      await issue(under.store, 1, 500n);
      await commitOne(under.store, newIntent(1, take(100n)));
      expect(await change(1, { returns: true })).toBe('changed');
      await settle('back', 200n, { units: units(1, 0), returned: 200n });
      expect(await change(2, { allocated: 399n })).toBe('allocation_below_issued');
      // What was retired while the terms did not say so stays used up.
      expect(await change(2, { allocated: 400n, returns: false })).toBe('changed');
      await settle('kept', 100n, { units: units(1, 1) });
      expect(await change(3, { allocated: 399n, returns: true })).toBe('allocation_below_issued');
      expect(await position()).toMatchObject({ available: 0n, retired: 300n, returned: 200n });
      await under.reopen();
    });

    it('moves amounts between accounts, never more than there is, and retires from them', async () => {
      await issue(under.store, 1, 100n);
      await settle('credit', 100n, { units: units(1, 0), to: account('a') });
      expect(await position()).toMatchObject({ credited: 100n, retired: 0n, outstanding: 100n });
      expect(await settle('much', 101n, { from: account('a'), to: account('b') })).toMatchObject({
        ok: false,
        code: 'balance_too_low',
        field: 'total',
      });
      expect(await settle('none', 1n, { from: account('b'), to: account('a') })).toMatchObject({
        code: 'balance_too_low',
      });
      expect(await settle('some', 60n, { from: account('a'), to: account('b') })).toMatchObject({ ok: true });
      expect(await settle('self', 60n, { from: account('b'), to: account('b') })).toMatchObject({ ok: true });
      expect(await settle('all', 60n, { from: account('b') })).toMatchObject({ ok: true });
      await under.reopen();
      expect(await under.store.balances(account('a'))).toEqual([{ issuer, currency: 'EUR', amount: 40n }]);
      expect(await under.store.balances(account('b'))).toEqual([]);
      expect(await position()).toMatchObject({ credited: 40n, retired: 60n, outstanding: 40n });
    });

    it('keeps the balances of currencies and issuers apart', async () => {
      const common = { terms: (await position()) as QuotaTerms, createdMs: start };
      for (const [name, currency] of [
        [issuer, 'USD'],
        ['other', 'EUR'],
      ] as const)
        expect(await under.store.allocate({ ...common, issuer: name, currency })).toMatchObject({ ok: true });
      await issue(under.store, 1, 10n);
      await settle('credit', 10n, { units: units(1, 0), to: account('a') });
      expect(await settle('usd', 1n, { currency: 'USD', from: account('a') })).toMatchObject({
        code: 'balance_too_low',
      });
      const other = settling('other', 1n, { issuer: 'other', from: account('a') });
      expect(await commitOne(under.store, { ...other, issuer: 'other' })).toMatchObject({
        code: 'balance_too_low',
      });
      expect(await settle('chf', 1n, { currency: 'CHF', units: units(1, 1) })).toMatchObject({
        code: 'quota_missing',
      });
    });

    it('settles no more than what is issued, whatever units are named: reserved is not issued', async () => {
      await issue(under.store, 1, 30n);
      await commitOne(under.store, newIntent('waiting', { ...take(500n), serial: { epoch: 1, number: 2 } }));
      await settle('credit', 20n, { units: units(1, 0), to: account('a') });
      expect(await settle('much', 11n, { units: units(2, 0) })).toMatchObject({
        ok: false,
        code: 'outstanding_exceeded',
      });
      expect(await under.store.findSpent(units(2, 0))).toEqual([undefined]);
      expect(await settle('rest', 10n, { units: units(1, 1) })).toMatchObject({ ok: true });
      expect(await settle('account', 20n, { from: account('a') })).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ issued: 30n, retired: 30n, outstanding: 0n, reserved: 500n });
    });

    it('decides a group one after another: what is refused leaves no trace, what comes before counts', async () => {
      await issue(under.store, 1, 1_000n);
      await change(1, { returns: true });
      const group: readonly NewIntent[] = [
        settling('a', 300n, { units: units(1, 0), to: account('a') }),
        settling('b', 100n, { units: units(1, 1, 0), returned: 100n }),
        settling('c', 301n, { from: account('a'), returned: 301n }),
        settling('d', 200n, { from: account('a'), to: account('b') }),
        newIntent('e', take(1n)),
        settling('f', 200n, { from: account('b'), returned: 200n }),
        newIntent('g', take(200n)),
        newIntent('h', take(1n)),
        settling('a', 300n, { units: units(1, 0), to: account('a') }),
        settling('i', 700n, { units: units(1, 1), returned: 700n }),
        settling('j', 1n, { units: units(1, 2), returned: 1n }),
      ];
      const committed = await under.store.commit(group);
      expect(committed.map((one) => (one.ok ? one.value.intent.sequence : one.code))).toEqual([
        4,
        'unit_spent',
        'balance_too_low',
        5,
        'quota_exceeded',
        6,
        7,
        'quota_exceeded',
        4,
        8,
        'outstanding_exceeded',
      ]);
      await under.reopen();
      expect([await balance('a'), await balance('b')]).toEqual([100n, 0n]);
      expect(await under.store.findSpent(units(1, 0, 1, 2))).toEqual([
        bytes(16, 'id a'),
        bytes(16, 'id i'),
        undefined,
      ]);
      expect(await position()).toMatchObject({
        reserved: 200n,
        retired: 900n,
        credited: 100n,
        available: 700n,
      });
    });

    it('is held up neither by a stop nor by a frozen quota: it only takes money away', async () => {
      await issue(under.store, 1, 30n);
      await change(1, { frozen: true });
      await under.store.stop(stopOf('alarm'));
      const intent = settling('r', 20n, { units: units(1, 0), to: account('a') });
      expect(await commitOne(under.store, intent)).toMatchObject({ ok: true });
      const [signed] = await under.store.recordSigned([
        { kind: 'retirement', id: intent.id, signed: bytes(64, 1) },
      ]);
      expect(signed).toMatchObject({ signed: bytes(64, 1), settles: intent.settles });
      expect(await settle('t', 20n, { from: account('a') })).toMatchObject({ ok: true });
    });

    it('takes no settlement that is none: the role has seen to that', async () => {
      await issue(under.store, 1, 30n);
      const unit = { units: units(1, 0) };
      for (const [title, intent] of [
        ['takes quota too', { ...settling(1, 1n, unit), ...take(1n) }],
        ['is of another issuer', { ...settling(1, 1n, unit), issuer: 'other' }],
        ['spends units and debits', settling(1, 1n, { ...unit, from: account('a') })],
        ['does neither', settling(1, 1n, {})],
        ['names a unit twice', settling(1, 1n, { units: units(1, 0, 0) })],
        ['is of nothing', settling(1, 0n, unit)],
        ['gives back what it credits', settling(1, 1n, { ...unit, to: account('a'), returned: 1n })],
        ['gives back a part', settling(1, 2n, { ...unit, returned: 1n })],
        ['is said to be settled before', settling(1, 1n, { ...unit, followed: true })],
        ['names no currency', settling(1, 1n, { ...unit, currency: 'EURO' })],
        ['names half an account', settling(1, 1n, { ...unit, to: bytes(16, 'a') })],
        ['names a unit that cannot be', settling(1, 1n, { units: units(1, 2 ** 32) })],
      ] as const)
        await expect(
          Promise.resolve().then(() => commitOne(under.store, intent)),
          title,
        ).rejects.toThrow('invariant');
      expect((await under.store.head()).sequence).toBe(2);
    });

    it.each(['quota', 'central'] as const)(
      'conserves in a ledger of role %s: what is issued is in units, in accounts or retired, and what is left follows, whatever is done',
      async (role) => {
        // Long runs: money has to be issued before it can go round.
        const manyCommands = fc.array(anySettlementCommand, { minLength: 10, maxLength: 40, size: 'max' });
        await fc.assert(
          fc.asyncProperty(manyCommands, async (commands) => {
            const fresh = await make(role);
            try {
              await allocated(fresh.store, 1_000n, 10n ** 12n);
              const model = new SettlementModel(role);
              for (const command of commands) await model.run(command, fresh);
              await fresh.reopen();
              await model.compare(fresh.store);
            } finally {
              await fresh.remove();
            }
          }),
          { numRuns: Math.ceil((nightly ? 1_000 : 20) * share) },
        );
      },
    );
  });
}
