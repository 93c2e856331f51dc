/** The statements of the PostgreSQL store. Groups go in as arrays, one a column, so that a group is one statement however large it is. */
import type { EntryContent, JournalEntry, JournalHead } from '../../journal/chain.ts';
import { assert } from '../../kit/result.ts';
import { type CommitPlan, type Found, nextEntry } from '../commit-plan.ts';
import { encodeReserve } from '../reservation.ts';
import { bytesOf, encodeOrders, type IntentRow, intentOf } from '../row.ts';
import { encodeSettlement } from '../settlement.ts';
import type { ApprovedOrders, NewIntent } from '../store.ts';
import { addToQuotas, lockQuotas, readAccounts, takeQuotas } from './quota-statement.ts';
import { readReservations, writeReservations } from './reservation-statement.ts';
import type { Ask } from './session.ts';
import { readSpent, readTouched, writeSettled } from './settlement-statement.ts';

export type SeriesIntentRow = IntentRow & { readonly series: number };

/** Where the journal of a series ends, at its genesis where it has no entry, and the server's process that says so. */
export async function readHead(
  ask: Ask,
  series: number,
  genesis: Uint8Array,
): Promise<{ backend: number; head: JournalHead }> {
  const [row] = await ask<{ backend: number; sequence: bigint | null; hash: Uint8Array | null }>(
    `SELECT b.backend, j.sequence, j.hash FROM pg_backend_pid() AS b (backend)
      LEFT JOIN LATERAL (SELECT sequence, hash FROM journal WHERE series = $1 ORDER BY sequence DESC LIMIT 1) j ON true`,
    [series],
  );
  assert(row !== undefined, 'one row comes from one function');
  const { backend, sequence, hash } = row;
  return {
    backend,
    head:
      sequence === null || hash === null
        ? { sequence: 0, hash: genesis }
        : { sequence: Number(sequence), hash: bytesOf(hash) },
  };
}

/** The hash of the entry with this number, from 1. */
export async function readHash(ask: Ask, series: number, sequence: number): Promise<Uint8Array | undefined> {
  const [row] = await ask<{ hash: Uint8Array }>(
    'SELECT hash FROM journal WHERE series = $1 AND sequence = $2',
    [series, sequence],
  );
  return row === undefined ? undefined : bytesOf(row.hash);
}

/** What was approved of an issuer's orders in a currency since a moment. */
export async function readApproved(
  ask: Ask,
  issuer: string,
  currency: string,
  sinceMs: number,
): Promise<ApprovedOrders> {
  const [row] = await ask<ApprovedOrders>(
    'SELECT coalesce(sum(approve_amount), 0)::bigint AS spent, coalesce(sum(decides), 0)::bigint AS count FROM intent WHERE issuer = $1 AND created_ms >= $2 AND decides > 0 AND approve_currency = $3',
    [issuer, sinceMs, currency],
  );
  return row ?? { spent: 0n, count: 0n };
}

/** The highest serial of the epoch; 0 where there is none. */
export async function readLastSerial(ask: Ask, epoch: number): Promise<number> {
  const [row] = await ask<{ last: bigint }>(
    'SELECT coalesce(max(serial), 0) AS last FROM intent WHERE epoch = $1',
    [epoch],
  );
  return Number(row?.last ?? 0n);
}

/** The lowest number above `sequence` whose intent has been signed. */
export async function readFirstSignedAfter(
  ask: Ask,
  series: number,
  sequence: number,
): Promise<number | undefined> {
  const [row] = await ask<{ sequence: bigint }>(
    'SELECT sequence FROM intent WHERE series = $1 AND sequence > $2 AND signed IS NOT NULL ORDER BY sequence LIMIT 1',
    [series, sequence],
  );
  return row === undefined ? undefined : Number(row.sequence);
}

/**
 * Locks the quotas that the group takes from, reserves or settles of, and reads all that decides it.
 *
 * The locks come first and in the order of their keys, here as in every transaction, so that two of them never wait for each
 * other; and what is read after them is what the transactions left that had them before (READ COMMITTED: a snapshot a statement).
 */
export async function readFound(
  ask: Ask,
  series: number,
  intents: readonly NewIntent[],
): Promise<Omit<Found, 'head'>> {
  const quotas = intents.flatMap(
    ({ take, reserves, settles, approves }) => take ?? reserves ?? settles ?? approves ?? [],
  );
  const settlements = intents.flatMap(({ settles }) => settles ?? []);
  const orders = intents.flatMap(({ orders = [] }) => orders.map(({ id }) => id));
  const spends = intents.flatMap(({ spends }) => (spends === undefined ? [] : [spends]));
  const [, found, reservations, known, ordered, spent, units, balances] = await Promise.all([
    quotas.length === 0 ? undefined : lockQuotas(ask, quotas),
    quotas.length === 0 ? { quotas: [], stopped: false } : readAccounts(ask, quotas),
    readReservations(ask, intents),
    ask<SeriesIntentRow>(intentsSql, [intents.map(({ kind }) => kind), intents.map(({ id }) => id)]),
    orders.length === 0
      ? []
      : ask<{ id: Uint8Array }>('SELECT id FROM caller_order WHERE id = ANY ($1::bytea[])', [orders]),
    spends.length === 0
      ? []
      : ask<{ spends: Uint8Array }>('SELECT spends FROM intent WHERE spends = ANY ($1::bytea[])', [spends]),
    readSpent(
      ask,
      settlements.flatMap((one) => one.units),
    ),
    readTouched(ask, settlements),
  ]);
  return {
    ...found,
    reservations,
    intents: known.map((row) => intentOf(row, row.series === series)),
    orders: ordered.map(({ id }) => id),
    spent: spent.map((row) => row.spends),
    units,
    balances,
  };
}

/** Of the kinds and ids that are given those that are there. */
export const intentsSql =
  'SELECT i.* FROM intent i JOIN unnest($1::text[], $2::bytea[]) AS g (kind, id) USING (kind, id)';

/** Writes a plan: one statement a table. */
export async function writePlan(ask: Ask, series: number, plan: CommitPlan): Promise<void> {
  await Promise.all([
    // First: what comes back may be taken in the same group.
    addToQuotas(ask, plan.added),
    takeQuotas(ask, plan.taken),
    writeReservations(ask, plan.reserved),
    appendEntries(ask, series, plan.entries),
    insertIntents(ask, series, plan.created),
    insertOrders(ask, plan.created),
    writeSettled(ask, plan),
  ]);
}

/** Appends an entry that is of no intent; gives its number in the order of all series as well. */
export async function appendEntry(
  ask: Ask,
  series: number,
  head: JournalHead,
  content: Omit<EntryContent, 'sequence'>,
): Promise<{ head: JournalHead; ordinal: number }> {
  const entry = nextEntry(head, { ...content, sequence: head.sequence + 1 });
  await appendEntries(ask, series, [entry]);
  const [row] = await ask<{ ordinal: bigint }>(
    'SELECT ordinal FROM journal WHERE series = $1 AND sequence = $2',
    [series, entry.sequence],
  );
  return { head: { sequence: entry.sequence, hash: entry.hash }, ordinal: Number(row?.ordinal) };
}

async function appendEntries(ask: Ask, series: number, entries: readonly JournalEntry[]): Promise<void> {
  await ask(
    'INSERT INTO journal (series, sequence, bytes, hash) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS g (sequence, bytes, hash) ORDER BY sequence',
    [
      series,
      entries.map(({ sequence }) => sequence),
      entries.map(({ bytes }) => bytes),
      entries.map(({ hash }) => hash),
    ],
  );
}

async function insertIntents(ask: Ask, series: number, created: CommitPlan['created']): Promise<void> {
  const column = <T>(of: (intent: NewIntent) => T): T[] => created.map(({ intent }) => of(intent));
  // Sorted: of two groups with the same intents the second waits for the first, and never both.
  await ask(
    `INSERT INTO intent (kind, id, issuer, body_hash, series, sequence, created_ms, context, to_be_signed,
        epoch, serial, orders, decides, spends, take_currency, take_amount, take_orders, take_ms, settles, take_reservation, reserves,
        approve_currency, approve_amount)
      SELECT kind, id, issuer, body_hash, $1, sequence, created_ms, context, to_be_signed,
        epoch, serial, orders, decides, spends, take_currency, take_amount, take_orders, take_ms, settles, take_reservation, reserves,
        approve_currency, approve_amount
      FROM unnest($2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bytea[],
        $10::bigint[], $11::bigint[], $12::bytea[], $13::bigint[], $14::bytea[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bytea[],
        $20::bytea[], $21::bytea[], $22::text[], $23::bigint[])
        AS g (kind, id, issuer, body_hash, sequence, created_ms, context, to_be_signed,
          epoch, serial, orders, decides, spends, take_currency, take_amount, take_orders, take_ms, settles, take_reservation,
          reserves, approve_currency, approve_amount)
      ORDER BY kind, id`,
    [
      series,
      column(({ kind }) => kind),
      column(({ id }) => id),
      column(({ issuer }) => issuer),
      column(({ bodyHash }) => bodyHash),
      created.map(({ sequence }) => sequence),
      column(({ createdMs }) => createdMs),
      column(({ context }) => context),
      column(({ toBeSigned }) => toBeSigned),
      column(({ serial }) => serial?.epoch ?? null),
      column(({ serial }) => serial?.number ?? null),
      column(({ orders }) => (orders === undefined ? null : encodeOrders(orders))),
      column(({ decides }) => decides ?? 0),
      column(({ spends }) => spends ?? null),
      column(({ take }) => take?.currency ?? null),
      column(({ take }) => take?.amount ?? null),
      column(({ take }) => take?.orders ?? null),
      column(({ take }) => take?.atMs ?? null),
      column(({ settles }) => (settles === undefined ? null : encodeSettlement(settles))),
      column(({ take }) => take?.reservation ?? null),
      column(({ reserves }) => (reserves === undefined ? null : encodeReserve(reserves))),
      column(({ approves }) => approves?.currency ?? null),
      column(({ approves }) => approves?.amount ?? null),
    ],
  );
}

async function insertOrders(ask: Ask, created: CommitPlan['created']): Promise<void> {
  const orders = created.flatMap(({ intent }) =>
    (intent.orders ?? []).map((order, position) => ({ ...order, position, intentId: intent.id })),
  );
  if (orders.length === 0) return;
  await ask(
    `INSERT INTO caller_order (id, body_hash, intent_id, position)
      SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[]) AS g (id, body_hash, intent_id, position) ORDER BY id`,
    [
      orders.map(({ id }) => id),
      orders.map(({ bodyHash }) => bodyHash),
      orders.map(({ intentId }) => intentId),
      orders.map(({ position }) => position),
    ],
  );
}
