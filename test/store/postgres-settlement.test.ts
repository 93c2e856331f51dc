/** Several processes that settle on one PostgreSQL database at the same moment. */
import { beforeEach, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/kit/bytes.ts';
import { readAddress } from '../../src/store/postgres/address.ts';
import { sql } from '../../src/store/postgres/ledger-reads.ts';
import { Session } from '../../src/store/postgres/session.ts';
import type { Committed, Mark, NewIntent, SettledPage, Store } from '../../src/store/store.ts';
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
  settling,
  take,
  terms,
  units,
} from './intents.ts';
import { describePostgres } from './postgres-suite.ts';

describePostgres('settlements in series of a PostgreSQL store', (suite) => {
  let a: Store;
  let b: Store;
  const open = (series: string): Promise<Store> => suite.open({ series });
  const reopen = async (): Promise<void> => {
    await suite.closeStores();
    [a, b] = [await open('a'), await open('b')];
  };
  beforeEach(async () => {
    [a, b] = [await allocated(await open('a'), 10n ** 6n, 10n ** 6n), await open('b')];
  });

  const balance = async (name: string): Promise<bigint> => (await a.balances(account(name)))[0]?.amount ?? 0n;
  const codes = (outcomes: readonly Committed[]): string[] =>
    outcomes.map((one) => (one.ok ? 'settled' : one.code)).sort();

  it('spend a unit once, where two are asked at the same moment', async () => {
    for (let number = 1; number <= 25; number++) {
      await issue(a, number, 10n);
      const first = settling(`a ${number}`, 10n, { units: units(number, 0, 1) });
      const second = settling(`b ${number}`, 10n, { units: units(number, 1, 2), to: account('x') });
      const outcomes = await Promise.all([commitOne(a, first), commitOne(b, second)]);
      expect(codes(outcomes), `unit ${number}`).toEqual(['settled', 'unit_spent']);
      const winner = outcomes[0].ok ? first.id : second.id;
      expect((await a.findSpent(units(number, 1)))[0]).toEqual(winner);
      // What lost has left nothing: of its other unit neither.
      expect((await b.findSpent(units(number, outcomes[0].ok ? 2 : 0)))[0]).toBeUndefined();
    }
    expect((await a.position(issuer, 'EUR', noon(day)))?.outstanding).toBeLessThanOrEqual(250n);
    await reopen();
  });

  it('spend a unit once also where one names it with another currency, whose quota the other does not lock', async () => {
    await a.allocate({ issuer, currency: 'USD', terms: terms(1_000n, 1_000n), createdMs: noon(day) });
    const dollars = newIntent('usd', { take: { ...take(500n).take, currency: 'USD' } });
    await commitOne(a, dollars);
    await a.recordSigned([{ kind: 'control-bit', id: dollars.id, signed: bytes(64, 1) }]);
    await issue(a, 1, 500n);
    for (let index = 0; index < 25; index++) {
      const first = settling(`a ${index}`, 1n, { units: units(1, index) });
      const second = settling(`b ${index}`, 1n, { units: units(1, index), currency: 'USD' });
      const outcomes = await Promise.all([commitOne(a, first), commitOne(b, second)]);
      expect(codes(outcomes), `unit ${index}`).toEqual(['settled', 'unit_spent']);
    }
    await reopen();
  });

  it('never take more from an account than it has, and lose and make nothing, with both at it', async () => {
    await issue(a, 1, 1_000n);
    await commitOne(a, settling('credit', 600n, { units: units(1, 0), to: account('a') }));
    await commitOne(a, settling('other', 400n, { units: units(1, 1), to: account('b') }));
    const [one, other] = [account('a'), account('b')];
    let settled = 0;
    for (let round = 0; round < 15; round++) {
      // Each way round at once: locks that were taken in the order of what is asked would wait for each other.
      const there = Array.from({ length: 4 }, (_, i) =>
        settling(`there ${round} ${i}`, 170n, { from: one, to: i % 2 === 0 ? other : null }),
      );
      const back = Array.from({ length: 4 }, (_, i) =>
        settling(`back ${round} ${i}`, 110n, { from: other, to: one }),
      );
      const outcomes = (await Promise.all([a.commit(there), b.commit(back)])).flat();
      settled += outcomes.filter(({ ok }) => ok).length;
      expect(codes(outcomes).every((code) => code === 'settled' || code === 'balance_too_low')).toBe(true);
      const left = await Promise.all([balance('a'), balance('b')]);
      const position = await b.position(issuer, 'EUR', noon(day));
      expect(left[0] + left[1] + (position?.retired ?? 0n)).toBe(1_000n);
      expect(position?.credited).toBe(left[0] + left[1]);
    }
    expect(settled).toBeGreaterThan(5);
    await reopen();
  });

  it('are not served where what the journal tells of them was altered', async () => {
    await issue(a, 1, 100n);
    await commitOne(b, settling(1, 60n, { units: units(1, 0, 1), to: account('a') }));
    await commitOne(a, settling(2, 30n, { from: account('a') }));
    await suite.closeStores();
    const run = (statements: string): string =>
      suite.server.sql(
        `SET search_path = ringmint; SET session_replication_role = replica; ${statements}`,
        suite.database,
      );
    for (const [alter, undo, finding] of [
      [
        'CREATE TABLE kept AS SELECT * FROM spent_unit; DELETE FROM spent_unit WHERE position = 1',
        `DELETE FROM spent_unit; INSERT INTO spent_unit SELECT * FROM kept`,
        'unit 1.1.1 of entry 3 is not spent by it',
      ],
      [
        `INSERT INTO spent_unit VALUES (1, 1, 9, decode(repeat('00', 16), 'hex'))`,
        'DELETE FROM spent_unit WHERE position = 9',
        '3 units are spent, where the journal has 2',
      ],
      [
        'UPDATE spent_unit SET serial = 2 WHERE position = 1',
        'UPDATE spent_unit SET serial = 1',
        'unit 1.1.1 of entry 3',
      ],
      [
        'UPDATE account SET amount = 31',
        'UPDATE account SET amount = 30',
        'demo-issuer/EUR has 31, where the journal has 30',
      ],
      [
        `UPDATE account SET currency = 'USD'`,
        `UPDATE account SET currency = 'EUR'`,
        'demo-issuer/USD has 30, where the journal has 0',
      ],
      ['UPDATE quota SET retired = 31', 'UPDATE quota SET retired = 30', '31 of the quota `demo-issuer/EUR`'],
      ['UPDATE quota SET returned = 1', 'UPDATE quota SET returned = 0', '1 of the quota `demo-issuer/EUR`'],
      ['UPDATE quota SET credited = 0', 'UPDATE quota SET credited = 30', '0 of the quota `demo-issuer/EUR`'],
      [
        'UPDATE quota SET returns = 1',
        'UPDATE quota SET returns = 0',
        'is not what the journal has allocated',
      ],
      [
        `CREATE TABLE said AS SELECT id, settles FROM intent; UPDATE intent SET settles = NULL WHERE kind = 'transfer'`,
        'UPDATE intent i SET settles = s.settles FROM said s WHERE s.id = i.id',
        'is not what the journal has',
      ],
    ] as const) {
      run(alter);
      await expect(open('a'), alter).rejects.toMatchObject({
        code: 'store_corrupt',
        message: expect.stringContaining(finding),
      });
      run(undo);
    }
    [a, b] = [await open('a'), await open('b')];
  });

  it('are checked in pages: an account of the second page that was altered is found', async () => {
    await issue(a, 1, 10_000n);
    const group = Array.from({ length: 2_001 }, (_, i) =>
      settling(i, 2n, { units: units(1, i), to: account(`${i}`) }),
    );
    expect(new Set(codes(await a.commit(group)))).toEqual(new Set(['settled']));
    await suite.closeStores();
    suite.server.sql(
      `UPDATE ringmint.account SET amount = 1 WHERE id = (SELECT max(id::text)::bytea FROM ringmint.account)`,
      suite.database,
    );
    await expect(open('a')).rejects.toMatchObject({ message: expect.stringContaining('EUR has 1, where') });
    suite.server.sql('UPDATE ringmint.account SET amount = 2', suite.database);
    [a, b] = [await open('a'), await open('b')];
  });

  it('see in one what the other has settled, and sign their own only', async () => {
    await issue(a, 1, 30n);
    const intent = settling('r', 30n, { units: units(1, 0), to: account('a') });
    await commitOne(a, intent);
    expect(await commitOne(b, intent)).toMatchObject({
      ok: true,
      value: { created: false, intent: { own: false, settles: intent.settles } },
    });
    expect(await b.unsigned()).toEqual([]);
    expect(await commitOne(b, settling('t', 20n, { from: account('a') }))).toMatchObject({ ok: true });
    expect(await a.balances(account('a'))).toEqual([{ issuer, currency: 'EUR', amount: 10n }]);
    await expect(
      b.recordSigned([{ kind: 'retirement', id: intent.id, signed: bytes(64, 1) }]),
    ).rejects.toThrow('invariant');
    expect((await b.findSerial(1, 1))?.own).toBe(false);
  });

  const page = (store: Store, marks: readonly Mark[] = [], most = 100): Promise<SettledPage> =>
    store.reads().settlementsAfter(issuer, 'EUR', marks, { most, bytes: 1e9 });
  /** All pages of this size, one after another. */
  async function allPages(store: Store, most: number, from: readonly Mark[] = []): Promise<SettledPage> {
    const settled: SettledPage['settled'][number][] = [];
    for (let marks = from; ; ) {
      const next = await page(store, marks, most);
      expect(next.settled.length).toBeLessThanOrEqual(most);
      settled.push(...next.settled);
      if (next.settled.length === 0) return { settled, marks: next.marks };
      ({ marks } = next);
    }
  }
  const committedOrder = (): string[] =>
    suite.server
      .sql(
        `SELECT encode(id, 'hex') FROM ringmint.intent JOIN ringmint.journal USING (series, sequence)
          WHERE settles IS NOT NULL ORDER BY ordinal`,
        suite.database,
      )
      .split('\n');

  it('are read in the order of all series, with a mark of each, by whoever has one of them', async () => {
    await issue(a, 1, 100n);
    const [journalA, journalB] = [await a.journalId(), await b.journalId()];
    const names = ['a1', 'b1', 'b2', 'a2', 'b3'];
    for (const [n, name] of names.entries())
      await commitOne(name.startsWith('a') ? a : b, settling(name, 1n, { units: units(1, n) }));
    const whole = await page(a);
    expect(whole.settled.map(({ journal, intent }) => [journal, intent.id, intent.own])).toEqual(
      names.map((name) => [
        name.startsWith('a') ? journalA : journalB,
        bytes(16, `id ${name}`),
        name.startsWith('a'),
      ]),
    );
    expect(new Set(whole.marks)).toEqual(
      new Set([
        { journal: journalA, sequence: 4 },
        { journal: journalB, sequence: 3 },
      ]),
    );
    for (const most of [1, 2, 3]) expect((await allPages(a, most)).settled).toEqual(whole.settled);
    const inB = await page(b, [{ journal: journalB, sequence: 1 }]);
    expect(inB.settled.map(({ intent }) => [intent.id, intent.own])).toEqual(
      ['a1', 'b2', 'a2', 'b3'].map((name) => [bytes(16, `id ${name}`), name.startsWith('b')]),
    );
    expect(inB.marks).toEqual([
      { journal: journalB, sequence: 3 },
      { journal: journalA, sequence: 4 },
    ]);
    // A process that is added is begun at its beginning; what was looked through stays so.
    const added = await open('added');
    await commitOne(added, settling('new', 1n, { units: units(1, 9) }));
    const next = await page(a, whole.marks);
    expect(next.settled).toMatchObject([{ journal: await added.journalId(), intent: { own: false } }]);
    expect(next.marks).toHaveLength(3);
    expect(await page(a, next.marks)).toEqual({ settled: [], marks: next.marks });

    const last = (store: Store) => store.reads().lastSettlement(issuer, 'EUR');
    expect((await last(a))?.id).toEqual(bytes(16, 'id a2'));
    expect((await last(b))?.id).toEqual(bytes(16, 'id b3'));
  });

  it('are each read once, in the order of the commits, while two write', async () => {
    await issue(a, 1, 10_000n);
    const reader = await open('reader');
    const write = async (store: Store, of: number): Promise<void> => {
      for (let round = 0; round < 60; round++)
        await store.commit(
          [0, 1, 2].map((n) => settling(`${of} ${round} ${n}`, 1n, { units: units(of, 3 * round + n) })),
        );
    };
    let isWriting = true;
    const writing = Promise.all([write(a, 1), write(b, 2)]).finally(() => {
      isWriting = false;
    });
    const read: string[] = [];
    let marks: readonly Mark[] = [];
    let pages = 0;
    while (isWriting) {
      const next = await page(reader, marks, 7);
      read.push(...next.settled.map(({ intent }) => toHex(intent.id)));
      ({ marks } = next);
      pages++;
    }
    await writing;
    const rest = await allPages(reader, 7, marks);
    read.push(...rest.settled.map(({ intent }) => toHex(intent.id)));
    expect(pages).toBeGreaterThan(10);
    expect(read).toHaveLength(360);
    expect(read).toEqual(committedOrder());
  });

  it('are found by an index, page by page, whatever else there is', async () => {
    await issue(a, 1, 10_000n);
    const group = (of: number): readonly NewIntent[] =>
      Array.from({ length: 500 }, (_, i) => settling(`${of} ${i}`, 1n, { units: units(of, i) }));
    await a.commit([...group(1), newIntent('between'), ...group(2)]);
    await b.commit(group(3));
    suite.server.sql('ANALYZE', suite.database);
    const session = await Session.open(readAddress(suite.server.url(suite.database)));
    try {
      const quota = [issuer, utf8('EUR')];
      for (const [statement, values] of [
        [sql.settledSizes, [[await a.journalId()], [200], 10]],
        [sql.lastSettled, [1]],
      ] as const) {
        const rows = await session.ask<{ 'QUERY PLAN': string }>(
          `EXPLAIN (ANALYZE, TIMING OFF) ${statement}`,
          [...quota, ...values],
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(plan).toMatch(/Index Scan (Backward )?using intent_settled on intent i/);
        // No more of them than the page has of each series.
        expect(plan.match(/intent_settled on intent i .*actual rows=([\d.]+)/)?.[1]).toMatch(
          /^(10|1)(\.00)?$/,
        );
        expect(plan).not.toContain('Rows Removed by Filter');
      }
    } finally {
      await session.close();
    }
  });
});
