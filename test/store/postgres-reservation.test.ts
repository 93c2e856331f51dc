/** Several processes that use, release and let expire one reservation on one PostgreSQL database at the same moment. */
import { beforeEach, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { allocated, commitOne, day, issuer, noon, releaseOf, reserving, taking } from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

const start = noon(day);

describePostgres('reservations in series of a PostgreSQL store', (suite) => {
  let a: Store;
  let b: Store;
  const reopen = async (): Promise<void> => {
    await suite.closeStores();
    [a, b] = [await suite.open({ series: 'a' }), await suite.open({ series: 'b' })];
  };
  beforeEach(async () => {
    [a, b] = [await suite.open({ series: 'a' }), await suite.open({ series: 'b' })];
    await allocated(a, 1_000n, 10n ** 6n);
  });

  it('are used up to what is left, whoever takes of them, and conserved at each moment', async () => {
    await commitOne(a, reserving('r', 500n));
    let taken = 0;
    for (let round = 0; round < 10; round++) {
      const takes = (series: string) =>
        Array.from({ length: 5 }, (_, i) => taking(`${series} ${round} ${i}`, 9n, { of: 'r' }));
      const outcomes = (await Promise.all([a.commit(takes('a')), b.commit(takes('b'))])).flat();
      taken += outcomes.filter(({ ok }) => ok).length;
      expect(outcomes.every((one) => one.ok || one.code === 'reservation_exceeded')).toBe(true);
      const found = await b.position(issuer, 'EUR', start);
      expect(found?.reserved).toBe(BigInt(taken) * 9n);
      expect(found?.held).toBe(500n - BigInt(taken) * 9n);
      expect(found?.available).toBe(500n);
    }
    expect(taken).toBe(55);
    await reopen();
  });

  it('are released or used, and never give back what was taken', async () => {
    for (let round = 0; round < 20; round++) {
      const before = await a.position(issuer, 'EUR', start);
      await commitOne(a, reserving(round, 20n));
      const [used, released, again] = await Promise.all([
        commitOne(a, taking(round, 15n, { of: round })),
        b.release(releaseOf(round)),
        round % 2 === 0 ? b.release(releaseOf(round)) : a.release(releaseOf(round)),
      ]);
      expect(released).toEqual(again);
      const found = await b.findReservation(reserving(round, 1n).id, start);
      expect(found?.state).toBe('released');
      expect(found?.used).toBe(used.ok ? 15n : 0n);
      if (!used.ok) expect(used.code).toBe('reservation_released');
      const after = await a.position(issuer, 'EUR', start);
      expect(after?.held).toBe(0n);
      expect(after?.available).toBe((before?.available ?? 0n) - (used.ok ? 15n : 0n));
    }
    await reopen();
  });

  it('expire once, where both need their room at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const atMs = start + round * 1_000;
      await commitOne(a, reserving(round, 100n, { atMs, expiresMs: atMs + 500 }));
      const later = atMs + 500;
      const outcomes = await Promise.all([
        commitOne(a, taking(`a ${round}`, 10n, { atMs: later })),
        commitOne(b, taking(`b ${round}`, 10n, { atMs: later })),
      ]);
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
      expect(await b.position(issuer, 'EUR', later)).toMatchObject({
        held: 0n,
        reserved: BigInt(20 * (round + 1)),
      });
    }
    await reopen();
  });
});
