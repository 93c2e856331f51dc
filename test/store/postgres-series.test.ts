/** Several processes of one role on one database: a journal each, one quota. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeChange } from '../../src/records/quota-change.ts';
import type { Store } from '../../src/store/store.ts';
import {
  allocated,
  bytes,
  commitOne,
  issuer,
  newIntent,
  noon,
  recordOne,
  signedHead,
  take,
  terms,
} from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

describePostgres('series of a PostgreSQL store', (suite) => {
  const open = (series: string): Promise<Store> => suite.open({ series });
  const atNoon = noon('2026-11-20');

  it('have a journal each, and share intents, orders, spent credentials and quotas', async () => {
    const a = await allocated(await open('a'));
    const b = await open('b');
    expect((await a.head()).sequence).toBe(1);
    expect((await b.head()).sequence).toBe(0);
    const order = { id: bytes(16, 'order'), bodyHash: bytes(32, 'order') };
    const intent = newIntent(1, {
      ...take(10n),
      spends: bytes(16, 'c'),
      orders: [order],
      serial: { epoch: 1, number: 1 },
    });
    await commitOne(a, intent);
    expect(await commitOne(b, intent)).toMatchObject({
      ok: true,
      value: { created: false, intent: { own: false, signed: null } },
    });
    expect(await b.findIntent('control-bit', intent.id)).toMatchObject({ own: false });
    expect(await a.findIntent('control-bit', intent.id)).toMatchObject({ own: true });
    expect(await b.findOrders([order.id, bytes(16, 'none')])).toEqual([
      { ...order, intentId: intent.id, index: 0 },
      undefined,
    ]);
    expect(await commitOne(b, newIntent(2, { orders: [order] }))).toMatchObject({
      code: 'request_id_conflict',
    });
    expect(await commitOne(b, newIntent(3, { spends: bytes(16, 'c') }))).toMatchObject({
      code: 'credential_spent',
    });
    expect(await commitOne(b, newIntent(4, take(591n)))).toMatchObject({ code: 'daily_limit' });
    expect(await commitOne(b, newIntent(5, take(590n)))).toMatchObject({ ok: true });
    expect(await a.unsigned()).toHaveLength(1);
    expect(await b.unsigned()).toHaveLength(1);
    expect(await b.lastSerial(1)).toBe(1);
    expect((await b.head()).sequence).toBe(1);
    await recordOne(a, intent.id, bytes(64, 1));
    expect(await b.findIntent('control-bit', intent.id)).toMatchObject({ signed: bytes(64, 1) });
    expect(await b.position(issuer, 'EUR', atNoon)).toMatchObject({
      issued: 10n,
      reserved: 590n,
      available: 400n,
    });
  });

  it('are signed by their own process only', async () => {
    const a = await open('a');
    await commitOne(a, newIntent(1));
    const b = await open('b');
    await expect(recordOne(b, newIntent(1).id, bytes(64, 1))).rejects.toThrow('invariant');
  });

  it('hold heads together: of two that contradict each other, shown to two at the same moment, one is held with the other', async () => {
    const a = await open('a');
    const b = await open('b');
    for (let sequence = 1; sequence <= 20; sequence++) {
      const heads = [signedHead({ sequence }), signedHead({ sequence, hash: bytes(32, 'other') })] as const;
      const shown = await Promise.all([a.holdHead(heads[0], 1), b.holdHead(heads[1], 1)]);
      expect(shown.map(({ standing }) => standing).sort()).toEqual(['forked', 'held']);
      const [held, ...others] = await a.heldHeads();
      expect(others).toEqual([]);
      expect([held?.signed, held?.contradiction]).toEqual(
        shown[0].standing === 'held' ? heads : [heads[1], heads[0]],
      );
      expect(await b.releaseHead('quota', 'quota')).toBe(true);
      expect(await a.heldHeads()).toEqual([]);
    }
  });

  it('are served by one process each', async () => {
    await open('a');
    await open('b');
    await expect(open('a')).rejects.toMatchObject({ code: 'store_in_use' });
  });

  it('refuse a serial that another series has used', async () => {
    const a = await open('a');
    const b = await open('b');
    await commitOne(a, newIntent(1, { serial: { epoch: 1, number: 1 } }));
    await expect(commitOne(b, newIntent(2, { serial: { epoch: 1, number: 1 } }))).rejects.toMatchObject({
      code: 'epoch_in_use',
    });
    expect((await b.head()).sequence).toBe(0);
    expect(await commitOne(b, newIntent(2, { serial: { epoch: 2, number: 1 } }))).toMatchObject({ ok: true });
  });

  it('commit the same group at the same moment as one: each intent is in one journal', async () => {
    const both = [await allocated(await open('a'), 10_000n, 10_000n), await open('b')] as const;
    for (let round = 0; round < 20; round++) {
      const group = Array.from({ length: 20 }, (_, i) =>
        newIntent(`${round} ${i}`, i % 2 === 0 ? take(1n) : {}),
      );
      const reversed = [...group].reverse();
      const [one, other] = await Promise.all([both[0].commit(group), both[1].commit(reversed)]);
      other
        .slice()
        .reverse()
        .forEach((committed, i) => {
          const first = one[i];
          if (!committed.ok || first?.ok !== true) throw new Error('both are accepted');
          expect(committed.value.created).toBe(!first.value.created);
          expect(committed.value.intent.own).toBe(!first.value.intent.own);
        });
    }
    expect(await both[0].position(issuer, 'EUR', atNoon)).toMatchObject({ reserved: 200n });
    expect((await both[0].head()).sequence + (await both[1].head()).sequence).toBe(401);
  });

  it('obey a stop of any of them, and a change of a quota, once, whoever carries it out', async () => {
    const a = await allocated(await open('a'));
    const b = await open('b');
    const waiting = newIntent('waiting', take(1n));
    await commitOne(b, waiting);
    const stop = { id: bytes(16, 'stop'), reason: 'drill', by: 'guard', createdMs: atNoon, evidence: null };
    const stopped = await a.stop(stop);
    expect(await b.stop(stop)).toEqual(stopped);
    expect(await b.stopped()).toEqual(stopped);
    expect(await commitOne(b, newIntent(1, take(1n)))).toMatchObject({ code: 'issuance_stopped' });
    await expect(recordOne(b, waiting.id, bytes(64, 1))).rejects.toMatchObject({ code: 'issuance_stopped' });
    const now = Math.floor(atNoon / 1000);
    const times = { madeAt: now - 10, expiresAt: now + 1_000, reason: 'test' };
    const approved = (action: Parameters<typeof encodeChange>[0]['action']) => ({
      change: encodeChange({ ...times, action }),
      approvals: [bytes(10, 'approval')],
      createdMs: atNoon,
    });
    expect(await b.applyChange(approved({ kind: 'start', stop: stopped.sequence + 1 }))).toMatchObject({
      code: 'change_stale',
    });
    const start = approved({ kind: 'start', stop: stopped.sequence });
    const [one, other] = await Promise.all([a.applyChange(start), b.applyChange(start)]);
    expect(one).toMatchObject({ ok: true });
    expect(other).toEqual(one);
    expect(await a.stopped()).toBeUndefined();
    expect(await commitOne(b, newIntent(1, take(300n)))).toMatchObject({ ok: true });
    const raise = approved({
      kind: 'terms',
      issuer,
      currency: 'EUR',
      version: 1,
      terms: terms(2_000n, 700n),
      clock: null,
    });
    expect(await b.applyChange(raise)).toMatchObject({ ok: true });
    expect(await a.applyChange(raise)).toMatchObject({ ok: true });
    expect(await commitOne(a, newIntent(2, take(400n)))).toMatchObject({ code: 'daily_limit' });
    expect(await commitOne(a, newIntent(2, take(399n)))).toMatchObject({ ok: true });
    const back = approved({
      kind: 'terms',
      issuer,
      currency: 'EUR',
      version: 2,
      terms: terms(2_000n, 700n),
      clock: now - 86_400,
    });
    expect(await a.applyChange(back)).toMatchObject({ ok: true });
    expect(await commitOne(b, newIntent(3, { ...take(1n, '2026-11-20'), createdMs: atNoon }))).toMatchObject({
      ok: true,
    });
    // What is checked at open follows from the journals of both.
    await suite.closeStores();
    await open('a');
    await open('b');
  });

  it('never take more than the quota, with four processes at it and kill -9 among them', async () => {
    const total = 6_000n;
    await (await allocated(await open('main'), total, total)).close();
    const children = new Map<number, ChildProcess>();
    const accepted: number[] = [0, 0, 0, 0];
    const start = (i: number): Promise<void> => {
      const child = fork(
        join(import.meta.dirname, 'postgres-hammer.ts'),
        [suite.server.url(suite.database), `series ${i}`, '16'],
        {
          execArgv: ['--import', 'tsx'],
        },
      );
      children.set(i, child);
      return new Promise((resolve) => {
        child.on('message', (message: { ready?: true; accepted?: number }) => {
          if (message.ready === true) {
            child.send('go');
            resolve();
          }
          accepted[i] = (accepted[i] ?? 0) + (message.accepted ?? 0);
        });
      });
    };
    await Promise.all([0, 1, 2, 3].map(start));
    for (let kills = 0; kills < 6; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      const child = children.get(kills % 4);
      if (child === undefined || child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      await start(kills % 4);
    }
    for (const child of children.values())
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => child.once('exit', resolve));
    const store = await open('main');
    const position = await store.position(issuer, 'EUR', atNoon);
    expect(position?.available).toBe(0n);
    expect((position?.reserved ?? 0n) + (position?.issued ?? 0n)).toBe(total);
    // What was acknowledged is a part of what was taken: a killed process may have died before it said so.
    expect(accepted.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(Number(total));
    expect(suite.server.sql('SELECT sum(take_amount) FROM ringmint.intent', suite.database)).toBe(
      String(total),
    );
    expect(
      Number(suite.server.sql('SELECT count(DISTINCT series) FROM ringmint.intent', suite.database)),
    ).toBe(4);
  });
});
