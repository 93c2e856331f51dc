/** What every store has to do with quota that is kept for orders to come; run for each of them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openReservationLimit } from '../../src/quota/reservation.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import type { QuotaPosition, Reservation } from '../../src/store/store.ts';
import { nightly } from '../nightly.ts';
import type { StoreUnderTest } from './contract.ts';
import {
  allocated,
  bytes,
  changeOf,
  commitOne,
  day,
  issuer,
  noon,
  recordOne,
  releaseOf,
  reserving,
  stopOf,
  taking,
  terms,
  termsAction,
} from './intents.ts';
import { anyReservationCommand, ReservationModel } from './reservation-model.ts';

const start = noon(day);
const hour = 3_600_000;

export function describeReservations(make: () => Promise<StoreUnderTest>, share: number): void {
  describe('reservations', () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await make();
      await allocated(under.store, 1_000n, 600n);
    });
    afterEach(() => under.remove());

    const position = async (nowMs = start): Promise<QuotaPosition> => {
      const found = await under.store.position(issuer, 'EUR', nowMs);
      if (found === undefined) throw new Error('no position');
      expect(found.reserved + found.held + found.issued - found.returned + found.available).toBe(
        found.allocated,
      );
      return found;
    };
    const reservation = (name: string | number, nowMs = start): Promise<Reservation | undefined> =>
      under.store.findReservation(reserving(name, 1n).id, nowMs);
    const change = async (version: number, changed: Partial<QuotaTerms>, nowMs = start): Promise<string> => {
      const action = termsAction(version, { limits: [], ...changed });
      const done = await under.store.applyChange(changeOf(action, nowMs, `version ${version}`));
      return done.ok ? 'changed' : done.code;
    };

    it('keep a part of the quota until they are used up, to the last minor unit', async () => {
      const made = reserving('r', 300n);
      const committed = await commitOne(under.store, made);
      const stored = { ...made, sequence: 2, signed: null, own: true };
      expect(committed).toMatchObject({ ok: true, value: { created: true } });
      expect(await position()).toMatchObject({ held: 300n, available: 700n, reserved: 0n });
      await under.reopen();
      expect(await under.store.unsigned()).toMatchObject([
        { kind: 'reservation', id: stored.id, sequence: 2 },
      ]);
      expect(await commitOne(under.store, made)).toMatchObject({ ok: true, value: { created: false } });
      const first = taking('first', 120n, { of: 'r' });
      expect(await commitOne(under.store, first)).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ held: 180n, reserved: 120n, available: 700n });
      expect(await commitOne(under.store, taking('more', 181n, { of: 'r' }))).toMatchObject({
        ok: false,
        code: 'reservation_exceeded',
        message: expect.stringContaining('180 left of the reservation'),
      });
      await recordOne(under.store, first.id, bytes(64, 1));
      expect(await commitOne(under.store, taking('rest', 180n, { of: 'r' }))).toMatchObject({ ok: true });
      expect(await reservation('r')).toMatchObject({ amount: 300n, used: 300n, state: 'used' });
      expect(await position()).toMatchObject({ held: 0n, reserved: 180n, issued: 120n, available: 700n });
      expect(await commitOne(under.store, taking('one', 1n, { of: 'r' }))).toMatchObject({
        code: 'reservation_exceeded',
      });
      const after = await position();
      await under.reopen();
      expect(await position()).toEqual(after);
    });

    it('are refused above what is available, twice under one id with other content, and of no quota', async () => {
      await commitOne(under.store, reserving('r', 900n));
      expect(await commitOne(under.store, reserving('s', 101n))).toMatchObject({
        code: 'quota_exceeded',
        message: expect.stringContaining('100 available'),
      });
      expect(await commitOne(under.store, taking('t', 101n))).toMatchObject({ code: 'quota_exceeded' });
      expect(
        await commitOne(under.store, { ...reserving('r', 5n), bodyHash: bytes(32, 'other') }),
      ).toMatchObject({
        code: 'request_id_conflict',
      });
      expect(await commitOne(under.store, reserving('u', 5n, { currency: 'USD' }))).toMatchObject({
        code: 'quota_missing',
      });
      expect(await commitOne(under.store, taking('t', 5n, { of: 'nobody' }))).toMatchObject({
        code: 'reservation_unknown',
      });
      expect((await under.store.head()).sequence).toBe(2);
    });

    it('count in limits over windows when they are used, not when they are made', async () => {
      expect(await commitOne(under.store, reserving('r', 800n))).toMatchObject({ ok: true });
      expect((await position()).limits).toMatchObject([{ used: 0n }]);
      expect(await commitOne(under.store, taking('a', 600n, { of: 'r' }))).toMatchObject({ ok: true });
      expect(await commitOne(under.store, taking('b', 1n, { of: 'r' }))).toMatchObject({
        code: 'daily_limit',
      });
      expect(await reservation('r')).toMatchObject({ used: 600n, state: 'open' });
    });

    it('read as ended from the moment that they expire at, and are ended by the next commit that takes or reserves', async () => {
      await commitOne(under.store, reserving('r', 900n, { expiresMs: start + hour }));
      await commitOne(under.store, taking('used', 100n, { of: 'r' }));
      expect(await position(start + hour - 1)).toMatchObject({ held: 800n, available: 100n });
      expect(await position(start + hour)).toMatchObject({ held: 0n, available: 900n, reserved: 100n });
      expect(await reservation('r', start + hour)).toMatchObject({ state: 'expired', used: 100n });
      expect(await commitOne(under.store, taking('late', 1n, { of: 'r', atMs: start + hour }))).toMatchObject(
        {
          code: 'reservation_expired',
        },
      );
      expect((await under.store.head()).sequence).toBe(3);
      // It needs the room: the entry that says so comes before its own.
      expect(await commitOne(under.store, taking('next', 500n, { atMs: start + hour }))).toMatchObject({
        ok: true,
        value: { intent: { sequence: 5 } },
      });
      await under.reopen();
      // The clock of the quota does not go back, and what has ended stays so.
      expect(await reservation('r', start)).toMatchObject({ state: 'expired' });
      expect(await position(start)).toMatchObject({ held: 0n, reserved: 600n, available: 400n });
      expect(await under.store.release(releaseOf('r'))).toMatchObject({
        ok: true,
        value: { state: 'expired' },
      });
      expect((await under.store.head()).sequence).toBe(5);
    });

    it('are ended by a later reservation too, and by a change that needs their room', async () => {
      await commitOne(under.store, reserving('a', 600n, { expiresMs: start + hour }));
      expect(await change(1, { allocated: 599n }, start + hour - 1_000)).toBe('allocation_below_issued');
      const later = reserving('b', 900n, { atMs: start + hour, expiresMs: start + 3 * hour });
      expect(await commitOne(under.store, later)).toMatchObject({
        ok: true,
        value: { intent: { sequence: 4 } },
      });
      expect(await position()).toMatchObject({ held: 900n, available: 100n });
      expect(await change(1, { allocated: 500n }, start + 3 * hour)).toBe('changed');
      expect(await position()).toMatchObject({ held: 0n, allocated: 500n, available: 500n });
      await under.reopen();
      expect((await under.store.head()).sequence).toBe(6);
    });

    it('give what is left back once when they are released, whatever is asked again', async () => {
      await commitOne(under.store, reserving('r', 300n));
      await commitOne(under.store, taking('t', 100n, { of: 'r' }));
      const released = await under.store.release(releaseOf('r'));
      expect(released).toMatchObject({ ok: true, value: { state: 'released', used: 100n, amount: 300n } });
      expect(await position()).toMatchObject({ held: 0n, reserved: 100n, available: 900n });
      expect(await under.store.release(releaseOf('r'))).toEqual(released);
      await under.reopen();
      expect(await under.store.release(releaseOf('r'))).toEqual(released);
      expect(await position()).toMatchObject({ held: 0n, available: 900n });
      expect(await commitOne(under.store, taking('more', 1n, { of: 'r' }))).toMatchObject({
        code: 'reservation_released',
      });
      expect(await under.store.release(releaseOf('nobody'))).toMatchObject({ code: 'reservation_unknown' });
    });

    it('stay as they are while issuing is stopped or the quota is frozen, and nothing is taken of them', async () => {
      await commitOne(under.store, reserving('r', 300n));
      expect(await change(1, { frozen: true })).toBe('changed');
      expect(await commitOne(under.store, taking('t', 1n, { of: 'r' }))).toMatchObject({
        code: 'quota_frozen',
      });
      expect(await commitOne(under.store, reserving('s', 1n))).toMatchObject({ code: 'quota_frozen' });
      expect(await change(2, { frozen: false })).toBe('changed');
      await under.store.stop(stopOf('stop'));
      expect(await commitOne(under.store, taking('t', 1n, { of: 'r' }))).toMatchObject({
        code: 'issuance_stopped',
      });
      expect(await commitOne(under.store, reserving('s', 1n))).toMatchObject({ code: 'issuance_stopped' });
      // What was reserved before the stop gets its receipt: it issues nothing.
      const [signed] = await under.store.recordSigned([
        { kind: 'reservation', id: reserving('r', 1n).id, signed: bytes(64, 1) },
      ]);
      expect(signed?.signed).toEqual(bytes(64, 1));
      expect(await position()).toMatchObject({ held: 300n });
      expect(await under.store.release(releaseOf('r'))).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ held: 0n, available: 1_000n });
    });

    it('all end where the journal is anchored anew: what was used of them since is not known', async () => {
      await commitOne(under.store, reserving('r', 700n));
      await commitOne(under.store, taking('t', 100n, { of: 'r' }));
      const head = { sequence: 1, hash: bytes(32, 'head') };
      const applied = await under.store.applyChange(
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
            quotas: [{ issuer, currency: 'EUR', version: 1, terms: terms(400n, 100n) }],
          },
          start,
        ),
      );
      expect(applied).toMatchObject({ ok: true });
      expect(await position()).toMatchObject({ held: 0n, reserved: 100n, allocated: 400n, available: 300n });
      await under.reopen();
      expect(await reservation('r')).toMatchObject({ state: 'released' });
    });

    it('are decided one after another in a group: what is refused leaves no trace, what comes before counts', async () => {
      const outcomes = await under.store.commit([
        reserving('r', 500n),
        taking('a', 200n, { of: 'r' }),
        reserving('s', 501n),
        taking('b', 301n, { of: 'r' }),
        taking('c', 300n, { of: 'r' }),
        reserving('u', 500n),
      ]);
      expect(outcomes.map((one) => (one.ok ? one.value.intent.sequence : one.code))).toEqual([
        2,
        3,
        'quota_exceeded',
        'reservation_exceeded',
        4,
        5,
      ]);
      await under.reopen();
      expect(await position()).toMatchObject({ held: 500n, reserved: 500n, available: 0n });
      expect(await under.store.findReservation(reserving('s', 1n).id, start)).toBeUndefined();
    });

    it('are open up to a number, so that what expires together ends together', async () => {
      const many = Array.from({ length: openReservationLimit + 1 }, (_, i) =>
        reserving(i, 1n, { expiresMs: start + hour }),
      );
      const outcomes = await under.store.commit(many);
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(openReservationLimit);
      expect(outcomes.at(-1)).toMatchObject({ code: 'reservations_too_many' });
      const next = reserving('next', 1n, { atMs: start + hour, expiresMs: start + 2 * hour });
      expect(await commitOne(under.store, next)).toMatchObject({ ok: true });
      await under.reopen();
      expect(await position(start + hour)).toMatchObject({ held: 1n });
    });

    it('are listed by their ids, in pages, and by issuer', async () => {
      const ids = [1, 2, 3].map((name) => reserving(name, 10n));
      await under.store.commit(ids);
      const page = (after: Uint8Array, limit: number, of?: string) =>
        under.store.reservations({ after, limit, nowMs: start, ...(of === undefined ? {} : { issuer: of }) });
      const all = await page(new Uint8Array(16), 10);
      expect(all.map(({ amount, state }) => ({ amount, state }))).toEqual(
        Array.from({ length: 3 }, () => ({ amount: 10n, state: 'open' })),
      );
      const [first, ...others] = all;
      expect(await page(first?.id ?? new Uint8Array(), 10, issuer)).toEqual(others);
      expect(await page(new Uint8Array(16), 2)).toEqual(all.slice(0, 2));
      expect(await page(new Uint8Array(16), 2, 'nobody')).toEqual([]);
    });

    it('conserve: held, reserved, issued and available are the quota, and nothing comes back twice, whatever is done', async () => {
      const commands = fc.array(anyReservationCommand, { minLength: 10, maxLength: 40, size: 'max' });
      await fc.assert(
        fc.asyncProperty(commands, async (all) => {
          const fresh = await make();
          try {
            await allocated(fresh.store, 1_000n, 10n ** 12n);
            const model = new ReservationModel();
            for (const command of all) await model.run(command, fresh);
            await fresh.reopen();
            await model.compare(fresh.store);
          } finally {
            await fresh.remove();
          }
        }),
        { numRuns: Math.ceil((nightly ? 1_000 : 12) * share) },
      );
    });
  });
}
