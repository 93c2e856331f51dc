/** Feeds what a PostgreSQL database holds to the check of a ledger, as it is at one moment: other processes may be writing. */
import { orderBytes } from '../../journal/entry.ts';
import type { LedgerRole } from '../../quota/history.ts';
import { LedgerCheck } from '../ledger-check.ts';
import {
  AccountCheck,
  type ChangeRow,
  type Corrupt,
  checkChanges,
  checkResolutions,
  checkStops,
  pairAccounts,
  replayRows,
  type WholeStopRow,
} from '../quota-check.ts';
import { ReservationCheck, type ReservingRow } from '../reservation-check.ts';
import {
  type AccountRow,
  type ApprovalRow,
  bytesOf,
  type JournalRow,
  type QuotaRow,
  type ReservationRow,
  type ResolutionRow,
  type SlotRow,
  type TakeRow,
} from '../row.ts';
import { SettlementCheck, type SettlingRow } from '../settlement-check.ts';
import { StoreError } from '../store.ts';
import { readHeldHeads } from './held-heads.ts';
import type { Ask, Session } from './session.ts';
import { findSpent } from './settlement-statement.ts';
import type { SeriesIntentRow } from './statement.ts';

/** Rows of one page: what is held in memory at once. */
const pageSize = 2_000;
/** Of rows that may have some 160 kB each: a retirement of 4,096 units, and its entry. */
const wideSize = 200;

/** Checks all series, since their intents take from the same quotas; throws `store_corrupt` with the first thing at fault. */
export async function verifyLedger(session: Session, role: string): Promise<void> {
  await session.transact('ISOLATION LEVEL REPEATABLE READ READ ONLY', (ask) =>
    verifyRows(ask, role, session.address.shown),
  );
}

/** In a transaction, so that what it sees is one state. */
export async function verifyRows(ask: Ask, role: string, shown: string): Promise<void> {
  const corrupt: Corrupt = (message) =>
    new StoreError('store_corrupt', `\`${shown}\` is not whole: ${message}; restore a backup`);
  const check = new LedgerCheck(corrupt);
  const all = await ask<{ number: number; id: Uint8Array }>('SELECT number, id FROM series ORDER BY number');
  for (const series of all) {
    check.series(role, series.id);
    for await (const { entry, intent } of readEntries(ask, series.number)) check.entry(entry, intent);
  }
  const [lost] = await ask<{ sequence: bigint; position: number }>(lostOrder);
  if (lost !== undefined)
    throw corrupt(`order ${lost.position} of entry ${lost.sequence} is not found by its id`);
  const [counted] = await ask<{ intents: bigint; orders: bigint }>(
    'SELECT (SELECT count(*) FROM intent) AS intents, (SELECT count(*) FROM caller_order) AS orders',
  );
  check.finish(counted ?? { intents: -1n, orders: -1n });
  await verifyQuotas(ask, role as LedgerRole, corrupt);
  await readHeldHeads(ask, shown);
}

async function verifyQuotas(ask: Ask, role: LedgerRole, corrupt: Corrupt): Promise<void> {
  const history = replayRows(
    await ask<JournalRow>(`SELECT j.ordinal AS sequence, j.bytes FROM journal j
      WHERE NOT EXISTS (SELECT FROM intent i WHERE i.series = j.series AND i.sequence = j.sequence) ORDER BY j.ordinal`),
    role,
    corrupt,
  );
  const [strange] = await ask<{
    sequence: bigint;
  }>(`SELECT sequence FROM intent i WHERE (take_amount IS NOT NULL OR approve_amount IS NOT NULL)
    AND NOT EXISTS (SELECT FROM quota q
      WHERE q.issuer = i.issuer AND q.currency = coalesce(i.take_currency, i.approve_currency)) LIMIT 1`);
  if (strange !== undefined)
    throw corrupt(`entry ${strange.sequence} takes or approves of a quota that is not there`);
  const quotas = await ask<QuotaRow>('SELECT * FROM quota');
  const reservations = new ReservationCheck(history, corrupt);
  for await (const page of pagesOf<ReservingRow>(ask, reservingSql, pageSize))
    for (const row of page) reservations.reserve(row);
  reservations.ends();
  for (const { row, recorded } of pairAccounts(quotas, history, corrupt)) {
    const check = new AccountCheck(row, recorded, corrupt);
    for await (const { take, signed } of readTakes(ask, row)) {
      check.add(take, signed);
      reservations.take(take, row);
    }
    for await (const approval of readApprovals(ask, row)) check.approve(approval);
    check.finish(
      await ask<SlotRow>('SELECT name, slot, used FROM quota_slot WHERE issuer = $1 AND currency = $2', [
        row.issuer,
        row.currency,
      ]),
    );
  }
  for await (const row of readAllReservations(ask)) reservations.row(row);
  reservations.finish(quotas);
  checkChanges(await ask<ChangeRow>('SELECT *, ordinal AS sequence FROM quota_change'), history, corrupt);
  checkResolutions(
    await ask<ResolutionRow>('SELECT *, ordinal AS sequence FROM resolution'),
    history,
    corrupt,
  );
  checkStops(await ask<WholeStopRow>('SELECT *, ordinal AS sequence FROM quota_stop'), history, corrupt);
  await verifySettlements(ask, new SettlementCheck(history, corrupt), quotas);
}

async function verifySettlements(
  ask: Ask,
  check: SettlementCheck,
  quotas: readonly QuotaRow[],
): Promise<void> {
  for await (const page of pagesOf<SettlingRow>(ask, settlingSql, wideSize)) {
    const units = page.flatMap((row) => check.add(row).map((unit) => ({ row, unit })));
    const spent = await findSpent(
      ask,
      units.map(({ unit }) => unit),
    );
    for (const [i, { row, unit }] of units.entries()) check.spent(row, unit, spent[i]);
  }
  for await (const row of readAllBalances(ask)) check.account(row);
  const [counted] = await ask<{ units: bigint }>('SELECT count(*) AS units FROM spent_unit');
  check.finish(quotas, counted?.units ?? -1n);
}

async function* readAllBalances(ask: Ask): AsyncGenerator<AccountRow> {
  let from: Pick<AccountRow, 'id' | 'issuer' | 'currency'> = {
    id: new Uint8Array(),
    issuer: '',
    currency: '',
  };
  for (;;) {
    const page = await ask<AccountRow>(
      'SELECT * FROM account WHERE (id, issuer, currency) > ($1::bytea, $2::text, $3::text) ORDER BY id, issuer, currency LIMIT $4',
      [bytesOf(from.id), from.issuer, from.currency, pageSize],
    );
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    from = last;
  }
}

async function* readAllReservations(ask: Ask): AsyncGenerator<ReservationRow> {
  let from: Uint8Array = new Uint8Array();
  for (;;) {
    const page = await ask<ReservationRow>('SELECT * FROM reservation WHERE id > $1 ORDER BY id LIMIT $2', [
      from,
      pageSize,
    ]);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    from = bytesOf(last.id);
  }
}

const settlingSql = `SELECT j.ordinal AS sequence, id, issuer, settles FROM intent i JOIN journal j USING (series, sequence)
  WHERE settles IS NOT NULL AND j.ordinal > $1 ORDER BY j.ordinal LIMIT $2`;

const reservingSql = `SELECT j.ordinal AS sequence, id, issuer, reserves FROM intent i JOIN journal j USING (series, sequence)
  WHERE reserves IS NOT NULL AND j.ordinal > $1 ORDER BY j.ordinal LIMIT $2`;

async function* pagesOf<Row extends { sequence: bigint }>(
  ask: Ask,
  sql: string,
  size: number,
): AsyncGenerator<readonly Row[]> {
  let from = 0n;
  for (;;) {
    const page = await ask<Row>(sql, [from, size]);
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < size) return;
    from = last.sequence;
  }
}

async function* readTakes(
  ask: Ask,
  { issuer, currency }: QuotaRow,
): AsyncGenerator<{ take: TakeRow; signed: boolean }> {
  let from = 0n;
  for (;;) {
    const page = await ask<TakeRow & { done: boolean }>(
      `SELECT j.ordinal AS sequence, take_amount, take_orders, take_ms, take_reservation, signed IS NOT NULL AS done
        FROM intent i JOIN journal j USING (series, sequence)
        WHERE issuer = $1 AND take_currency = $2 AND take_ms IS NOT NULL AND j.ordinal > $3 ORDER BY j.ordinal LIMIT $4`,
      [issuer, currency, from, pageSize],
    );
    for (const take of page) {
      yield { take, signed: take.done };
      from = take.sequence;
    }
    if (page.length < pageSize) return;
  }
}

async function* readApprovals(ask: Ask, { issuer, currency }: QuotaRow): AsyncGenerator<ApprovalRow> {
  let from = 0n;
  for (;;) {
    const page = await ask<ApprovalRow>(
      `SELECT j.ordinal AS sequence, approve_amount FROM intent i JOIN journal j USING (series, sequence)
        WHERE issuer = $1 AND approve_currency = $2 AND approve_amount IS NOT NULL AND j.ordinal > $3
        ORDER BY j.ordinal LIMIT $4`,
      [issuer, currency, from, pageSize],
    );
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    from = last.sequence;
  }
}

async function* readEntries(
  ask: Ask,
  series: number,
): AsyncGenerator<{ entry: JournalRow; intent: SeriesIntentRow | undefined }> {
  let from = 0n;
  for (;;) {
    const page = await ask<JournalRow & { intent_kind: string | null } & SeriesIntentRow>(
      `SELECT i.*, i.kind AS intent_kind, j.series, j.sequence, j.bytes, j.hash
        FROM (SELECT * FROM journal WHERE series = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) j
        LEFT JOIN intent i ON i.series = j.series AND i.sequence = j.sequence ORDER BY j.sequence`,
      [series, from, wideSize],
    );
    for (const row of page) {
      yield { entry: row, intent: row.intent_kind === null ? undefined : row };
      from = row.sequence;
    }
    if (page.length < wideSize) return;
  }
}

/** An order of an intent that cannot be found by its id as what it is: it could be issued again. */
const lostOrder = `SELECT i.sequence, k AS position FROM intent i, generate_series(0, length(i.orders) / ${orderBytes} - 1) k
  WHERE NOT EXISTS (SELECT FROM caller_order o WHERE o.id = substring(i.orders FROM k * ${orderBytes} + 1 FOR 16)
    AND o.body_hash = substring(i.orders FROM k * ${orderBytes} + 17 FOR 32) AND o.intent_id = i.id AND o.position = k) LIMIT 1`;
