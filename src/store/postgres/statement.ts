/** The statements of the PostgreSQL store. Groups go in as arrays, one a column, so that a group is one statement however large it is. */
import type { JournalEntry, JournalHead } from '../../journal/chain.ts';
import { assert } from '../../kit/result.ts';
import type { QuotaPosition } from '../../quota/bucket.ts';
import type { CommitPlan, Found, Taken } from '../commit-plan.ts';
import { bytesOf, encodeOrders, type IntentRow, intentOf, positionOf, type QuotaRow } from '../row.ts';
import type { NewIntent, QuotaTake } from '../store.ts';
import type { Ask, Written } from './session.ts';

export type SeriesIntentRow = IntentRow & { readonly series: number };

/** Where the journal of a series ends, and the server's process that says so. */
export async function readHead(
  ask: Ask,
  series: number,
): Promise<{ backend: number; head: JournalHead | undefined }> {
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
      sequence === null || hash === null ? undefined : { sequence: Number(sequence), hash: bytesOf(hash) },
  };
}

/**
 * Locks the quotas that the group takes from and reads all that decides it.
 *
 * The locks come first and in the order of their keys, here as in every transaction, so that two of them never wait for each
 * other; and what is read after them is what the transactions left that had them before (READ COMMITTED: a snapshot a statement).
 */
export async function readFound(
  ask: Ask,
  series: number,
  intents: readonly NewIntent[],
): Promise<Omit<Found, 'head'>> {
  const takes = intents.flatMap(({ take }) => (take === undefined ? [] : [take]));
  const orders = intents.flatMap(({ orders = [] }) => orders.map(({ id }) => id));
  const spends = intents.flatMap(({ spends }) => (spends === undefined ? [] : [spends]));
  const [positions, known, ordered, spent] = await Promise.all([
    lockPositions(ask, takes),
    ask<SeriesIntentRow>(
      'SELECT i.* FROM intent i JOIN unnest($1::text[], $2::bytea[]) AS g (kind, id) USING (kind, id)',
      [intents.map(({ kind }) => kind), intents.map(({ id }) => id)],
    ),
    orders.length === 0
      ? []
      : ask<{ id: Uint8Array }>('SELECT id FROM caller_order WHERE id = ANY ($1::bytea[])', [orders]),
    spends.length === 0
      ? []
      : ask<{ spends: Uint8Array }>('SELECT spends FROM intent WHERE spends = ANY ($1::bytea[])', [spends]),
  ]);
  return {
    positions,
    intents: known.map((row) => intentOf(row, row.series === series)),
    orders: ordered.map(({ id }) => id),
    spent: spent.map((row) => row.spends),
  };
}

export async function lockQuotas(
  ask: Ask,
  quotas: readonly { readonly issuer: string; readonly currency: string }[],
): Promise<readonly Omit<QuotaRow, 'used'>[]> {
  // The lock is that of an update, but lets the days' foreign keys look at the row.
  return ask(
    `SELECT * FROM quota WHERE (issuer, currency) IN (SELECT * FROM unnest($1::text[], $2::text[]))
      ORDER BY issuer, currency FOR NO KEY UPDATE`,
    [quotas.map(({ issuer }) => issuer), quotas.map(({ currency }) => currency)],
  );
}

async function lockPositions(ask: Ask, takes: readonly QuotaTake[]): Promise<readonly QuotaPosition[]> {
  if (takes.length === 0) return [];
  const [quotas, days] = await Promise.all([
    lockQuotas(ask, takes),
    ask<{ issuer: string; currency: string; day: string; used: bigint }>(
      `SELECT * FROM quota_day WHERE (issuer, currency, day) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))`,
      [takes.map(({ issuer }) => issuer), takes.map(({ currency }) => currency), takes.map(({ day }) => day)],
    ),
  ]);
  const windows = new Map(takes.map((take) => [`${take.currency} ${take.day} ${take.issuer}`, take]));
  return [...windows.values()].flatMap(({ issuer, currency, day }) => {
    const quota = quotas.find((one) => one.issuer === issuer && one.currency === currency);
    if (quota === undefined) return [];
    const used = days.find((one) => one.issuer === issuer && one.currency === currency && one.day === day);
    return [positionOf({ ...quota, used: used?.used ?? 0n }, day)];
  });
}

/** Writes a plan: one statement a table. */
export async function writePlan(ask: Ask, series: number, plan: CommitPlan): Promise<void> {
  await Promise.all([
    takeQuotas(ask, plan.taken),
    appendEntries(ask, series, plan.entries),
    insertIntents(ask, series, plan.created),
    insertOrders(ask, plan.created),
  ]);
}

export async function appendEntries(
  ask: Ask,
  series: number,
  entries: readonly JournalEntry[],
): Promise<void> {
  await ask(
    'INSERT INTO journal (series, sequence, bytes, hash) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[])',
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
        epoch, serial, orders, spends, take_currency, take_amount, take_day)
      SELECT kind, id, issuer, body_hash, $1, sequence, created_ms, context, to_be_signed,
        epoch, serial, orders, spends, take_currency, take_amount, take_day
      FROM unnest($2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bytea[],
        $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[], $14::text[], $15::bigint[], $16::text[])
        AS g (kind, id, issuer, body_hash, sequence, created_ms, context, to_be_signed,
          epoch, serial, orders, spends, take_currency, take_amount, take_day)
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
      column(({ spends }) => spends ?? null),
      column(({ take }) => take?.currency ?? null),
      column(({ take }) => take?.amount ?? null),
      column(({ take }) => take?.day ?? null),
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

/** The conditional updates: one for each quota and one for each of its days, whatever the plan says. */
async function takeQuotas(ask: Ask, taken: readonly Taken[]): Promise<void> {
  if (taken.length === 0) return;
  const quotas = sumByQuota(taken);
  const [ofQuotas, ofDays] = (await Promise.all([
    ask(
      `UPDATE quota q SET reserved = q.reserved + g.amount
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS g (issuer, currency, amount)
        WHERE q.issuer = g.issuer AND q.currency = g.currency AND q.allocated - q.reserved - q.issued >= g.amount`,
      [
        quotas.map(({ issuer }) => issuer),
        quotas.map(({ currency }) => currency),
        quotas.map(({ amount }) => amount),
      ],
    ),
    ask(
      `INSERT INTO quota_day AS d (issuer, currency, day, used)
        SELECT g.issuer, g.currency, g.day, g.amount
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS g (issuer, currency, day, amount)
        JOIN quota q ON q.issuer = g.issuer AND q.currency = g.currency AND g.amount <= q.day_limit
        ORDER BY g.issuer, g.currency, g.day
        ON CONFLICT (issuer, currency, day) DO UPDATE SET used = d.used + excluded.used
        WHERE d.used + excluded.used <= (SELECT day_limit FROM quota q WHERE q.issuer = d.issuer AND q.currency = d.currency)`,
      [
        taken.map(({ issuer }) => issuer),
        taken.map(({ currency }) => currency),
        taken.map(({ day }) => day),
        taken.map(({ amount }) => amount),
      ],
    ),
  ])) as unknown as readonly [Written, Written];
  assert(ofQuotas.count === quotas.length, 'what was found to fit into a quota fits, under its lock');
  assert(ofDays.count === taken.length, 'what was found to fit into a day fits, under its lock');
}

/** Turns reserved quota into issued. */
export async function settleQuotas(ask: Ask, taken: readonly Omit<Taken, 'day'>[]): Promise<void> {
  const quotas = sumByQuota(taken);
  if (quotas.length === 0) return;
  const settled = (await ask(
    `UPDATE quota q SET reserved = q.reserved - g.amount, issued = q.issued + g.amount
      FROM unnest($1::text[], $2::text[], $3::bigint[]) AS g (issuer, currency, amount)
      WHERE q.issuer = g.issuer AND q.currency = g.currency AND q.reserved >= g.amount`,
    [
      quotas.map(({ issuer }) => issuer),
      quotas.map(({ currency }) => currency),
      quotas.map(({ amount }) => amount),
    ],
  )) as unknown as Written;
  assert(settled.count === quotas.length, 'what was reserved is there to be issued');
}

function sumByQuota(
  taken: readonly Omit<Taken, 'day'>[],
): { issuer: string; currency: string; amount: bigint }[] {
  const sums = new Map<string, { issuer: string; currency: string; amount: bigint }>();
  for (const { issuer, currency, amount } of taken) {
    const key = `${currency} ${issuer}`;
    sums.set(key, { issuer, currency, amount: (sums.get(key)?.amount ?? 0n) + amount });
  }
  return [...sums.values()];
}
