import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chargesOf,
  checkTake,
  leastRemaining,
  positionOf,
  type QuotaAccount,
  type SlotUse,
} from '../../src/quota/bucket.ts';
import { makeTally } from '../../src/quota/tally.ts';
import { slotsOf } from '../../src/quota/window.ts';
import type { Limit } from '../../src/records/quota-terms.ts';
import { nightly } from '../nightly.ts';

const nowMs = Date.parse('2026-11-20T12:00:00Z');
const now = { nowMs, stopped: false };
const day: Limit = {
  name: 'day',
  counts: 'amount',
  window: { kind: 'day', timeZone: 'Europe/Berlin' },
  maximum: 500n,
};
const hour: Limit = {
  name: 'hour',
  counts: 'amount',
  window: { kind: 'rolling', seconds: 3_600 },
  maximum: 400n,
};
const burst: Limit = {
  name: 'burst',
  counts: 'orders',
  window: { kind: 'rolling', seconds: 60 },
  maximum: 3n,
};
const account: QuotaAccount = {
  issuer: 'demo-issuer',
  currency: 'EUR',
  version: 1,
  allocated: 1_000n,
  reserved: 100n,
  issued: 300n,
  retired: 0n,
  returned: 0n,
  credited: 0n,
  held: 0n,
  voided: 0n,
  returns: false,
  frozen: false,
  limits: [day, hour, burst],
  clockMs: nowMs - 1_000,
};
const uses: SlotUse[] = [
  { limit: 'day', slot: slotsOf(day.window, nowMs).current, used: 100n },
  { limit: 'hour', slot: slotsOf(hour.window, nowMs).current - 60, used: 30n },
  { limit: 'hour', slot: slotsOf(hour.window, nowMs).current, used: 10n },
  { limit: 'burst', slot: slotsOf(burst.window, nowMs).current, used: 1n },
];

function ask(amount: bigint, orders = 1, changed: Partial<QuotaAccount> = {}, stopped = false): string {
  const position = positionOf({ ...account, ...changed }, uses, { nowMs, stopped });
  const checked = checkTake(position, { amount, orders });
  return checked.ok ? 'ok' : `${checked.code}: ${checked.message}`;
}

describe('a quota', () => {
  it('lets what fits be taken to the last unit, and says which limit something else meets', () => {
    expect(ask(360n)).toBe('ok');
    expect(ask(361n)).toMatch(
      /^rolling_limit: .*`hour` \(400 minor units of EUR in 3600 seconds\): 361 asked for, 360 left/,
    );
    expect(ask(400n, 1, { limits: [day] })).toBe('ok');
    expect(ask(401n, 1, { limits: [day] })).toMatch(/^daily_limit: .*`day`.*401 asked for, 400 left/);
    expect(ask(600n, 1, { limits: [] })).toBe('ok');
    expect(ask(601n, 1, { limits: [] })).toMatch(/^quota_exceeded: .*601 .*600 available/);
    expect(ask(1n, 2)).toBe('ok');
    expect(ask(1n, 3)).toMatch(/^frequency_limit: .*`burst` \(3 orders in 60 seconds\): 3 asked for, 2 left/);
  });

  it('says when more will be left, and where never', () => {
    expect(ask(401n, 1, { limits: [day] })).toContain('401 from 2026-11-20T23:00:00.000Z on');
    // 30 of the 40 are forgotten with the oldest slot, which is 60 s long and ends after the next minute.
    expect(ask(390n, 1, { limits: [hour] })).toContain('390 from 2026-11-20T12:01:00.000Z on');
    expect(ask(400n, 1, { limits: [hour] })).toContain('400 from 2026-11-20T13:01:00.000Z on');
    expect(ask(501n, 1, { limits: [day] })).toContain('never more than the limit at once');
  });

  it('that is frozen, or issuing that is stopped, lets nothing be taken', () => {
    expect(ask(1n, 1, { frozen: true })).toMatch(/^quota_frozen: /);
    expect(ask(1n, 1, { frozen: true }, true)).toMatch(/^issuance_stopped: /);
  });

  it('whose limit was lowered below what was used has nothing left, and not less', () => {
    const position = positionOf({ ...account, limits: [{ ...day, maximum: 50n }] }, uses, now);
    expect(position.limits).toMatchObject([{ used: 100n, remaining: 0n }]);
    expect(leastRemaining(position)).toBe(0n);
    expect(leastRemaining(positionOf(account, uses, now))).toBe(360n);
    expect(leastRemaining(positionOf({ ...account, limits: [burst] }, uses, now))).toBeUndefined();
  });

  it('is conserved, or the program stops', () => {
    expect(positionOf(account, uses, now)).toMatchObject({ available: 600n });
    const settled = { retired: 200n, returned: 150n, credited: 100n };
    expect(positionOf({ ...account, ...settled }, uses, now)).toMatchObject({
      available: 750n,
      outstanding: 100n,
    });
    for (const broken of [
      { issued: 901n },
      { reserved: -1n },
      { issued: -1n },
      { allocated: 399n },
      { ...settled, allocated: 249n },
      { ...settled, returned: 201n },
      { ...settled, returned: -1n },
      { ...settled, credited: 101n },
      { ...settled, credited: -1n },
    ])
      expect(() => positionOf({ ...account, ...broken }, uses, now)).toThrow('invariant broken');
  });

  it('takes no more than a limit in any window, wherever it begins and whatever the clock says', () => {
    const limit = fc.record({
      seconds: fc.integer({ min: 1, max: 500 }),
      maximum: fc.bigInt({ min: 1n, max: 50n }),
    });
    const ask = fc.record({
      amount: fc.bigInt({ min: 1n, max: 20n }),
      wait: fc.integer({ min: -60_000, max: 60_000 }),
    });
    fc.assert(
      fc.property(limit, fc.array(ask, { maxLength: 120 }), ({ seconds, maximum }, asks) => {
        const rolling: Limit = {
          name: 'rolling',
          counts: 'amount',
          window: { kind: 'rolling', seconds },
          maximum,
        };
        let state: QuotaAccount = { ...account, allocated: 10n ** 9n, limits: [rolling], clockMs: 0 };
        let slots: SlotUse[] = [];
        let clock = nowMs;
        const taken: { sequence: number; atMs: number; amount: bigint; orders: number }[] = [];
        for (const [sequence, { amount, wait }] of asks.entries()) {
          clock += wait;
          const position = positionOf(state, slots, { nowMs: clock, stopped: false });
          if (!checkTake(position, { amount, orders: 1 }).ok) continue;
          for (const { limit: name, slot, oldest, by } of chargesOf(position, { amount, orders: 1 })) {
            const before = slots.find((use) => use.slot === slot)?.used ?? 0n;
            slots = [
              ...slots.filter((use) => use.slot >= oldest && use.slot !== slot),
              { limit: name, slot, used: before + by },
            ];
          }
          state = { ...state, clockMs: position.atMs };
          taken.push({ sequence, atMs: position.atMs, amount, orders: 1 });
        }
        for (const first of taken) {
          const within = taken.filter(({ atMs }) => atMs >= first.atMs && atMs < first.atMs + seconds * 1000);
          expect(within.reduce((sum, { amount }) => sum + amount, 0n)).toBeLessThanOrEqual(maximum);
        }
        // What the slots hold is what the takes alone say.
        const tally = makeTally([rolling], state.clockMs, []);
        for (const take of taken) tally.add(take);
        expect([...slots].sort((a, b) => a.slot - b.slot)).toEqual(tally.uses());
        expect(slots.length).toBeLessThanOrEqual(61);
      }),
      { numRuns: nightly ? 20_000 : 500 },
    );
  });
});
