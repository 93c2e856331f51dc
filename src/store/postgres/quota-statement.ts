/**
 * The statements on PostgreSQL's quota tables: what is taken, allocated, changed and stopped.
 *
 * Locks come in this order, in every transaction: the gate, shared by whoever takes, settles or records and held alone by whoever stops
 * or starts; then the quotas' rows, by their keys; then what belongs to them: slots, spent units and accounts, by their keys. So no two transactions wait for each other, and when a stop is committed, no take
 * that did not see it is still under way.
 */

import { assert } from '../../kit/result.ts';
import type { QuotaAccount, QuotaPosition, SlotUse } from '../../quota/bucket.ts';
import { positionOf } from '../../quota/bucket.ts';
import { accountName } from '../../quota/history.ts';
import { makeTally, tallyStart } from '../../quota/tally.ts';
import { type QuotaAction, termsActionsOf } from '../../records/quota-change.ts';
import type { QuotaTerms } from '../../records/quota-terms.ts';
import type { Changeable } from '../change-decision.ts';
import type { Found } from '../commit-plan.ts';
import type { Added, Taken } from '../quota-plan.ts';
import type { EndedReservation } from '../reservation-end.ts';
import {
  accountOf,
  type QuotaRow,
  type SlotRow,
  type StopRow,
  stopOf,
  type TakeRow,
  takeOf,
  termsRowOf,
  useOf,
} from '../row.ts';
import type { Stop } from '../store.ts';
import { readOpen } from './reservation-statement.ts';
import { seriesLock } from './schema.ts';
import type { Ask, Written } from './session.ts';

/** Which quota. */
export interface QuotaName {
  readonly issuer: string;
  readonly currency: string;
}

const columns = (quotas: readonly QuotaName[]): [string[], string[]] => [
  quotas.map(({ issuer }) => issuer),
  quotas.map(({ currency }) => currency),
];

/** The gate, shared, and then the quotas. */
export async function lockQuotas(ask: Ask, quotas: readonly QuotaName[]): Promise<void> {
  await Promise.all([
    ask('SELECT pg_advisory_xact_lock_shared($1, 0)', [seriesLock]),
    // The lock is that of an update, but lets the slots' foreign keys look at the row.
    ask(
      `SELECT 1 FROM quota WHERE (issuer, currency) IN (SELECT * FROM unnest($1::text[], $2::text[]))
        ORDER BY issuer, currency FOR NO KEY UPDATE`,
      columns(quotas),
    ),
  ]);
}

/** Waits until no take or settlement is under way, and keeps others from beginning before this transaction ends. */
export async function closeGate(ask: Ask): Promise<void> {
  await ask('SELECT pg_advisory_xact_lock($1, 0)', [seriesLock]);
}

type AccountRow = QuotaRow & { [K in keyof SlotRow]: SlotRow[K] | null } & {
  stopped: boolean;
  lapsed: bigint;
};

/** One statement, so that it shows one state. */
const accountsSql = `SELECT q.*, s.name, s.slot, s.used, EXISTS (SELECT FROM quota_stop WHERE lifted IS NULL) AS stopped,
    (SELECT coalesce(sum(r.amount - r.used), 0)::bigint FROM reservation r WHERE r.issuer = q.issuer AND r.currency = q.currency
      AND r.state = 'open' AND r.expires_ms <= greatest(q.clock_ms, $1::bigint)) AS lapsed
  FROM quota q LEFT JOIN quota_slot s ON s.issuer = q.issuer AND s.currency = q.currency`;

interface ReadAccounts extends Pick<Found, 'quotas' | 'stopped'> {
  /** Of each of `quotas`: what is left of its reservations that have expired at the moment that was asked for. */
  readonly lapsed: readonly bigint[];
}

/** The quotas that are named, or all, with what is in their slots. */
export async function readAccounts(
  ask: Ask,
  quotas?: readonly QuotaName[],
  nowMs = 0,
): Promise<ReadAccounts> {
  const rows =
    quotas === undefined
      ? await ask<AccountRow>(`${accountsSql} ORDER BY q.issuer, q.currency`, [nowMs])
      : await ask<AccountRow>(
          `${accountsSql} WHERE (q.issuer, q.currency) IN (SELECT * FROM unnest($2::text[], $3::text[]))
            ORDER BY q.issuer, q.currency`,
          [nowMs, ...columns(quotas)],
        );
  const accounts = new Map<string, { account: QuotaAccount; uses: SlotUse[]; lapsed: bigint }>();
  for (const row of rows) {
    const name = accountName(row.issuer, row.currency);
    const known = accounts.get(name) ?? { account: accountOf(row), uses: [], lapsed: row.lapsed };
    accounts.set(name, known);
    const { name: limit, slot, used } = row;
    if (limit !== null && slot !== null && used !== null) known.uses.push(useOf({ name: limit, slot, used }));
  }
  const found = [...accounts.values()];
  return {
    quotas: found.map(({ account, uses }) => ({ account, uses })),
    stopped: rows[0]?.stopped ?? false,
    lapsed: found.map(({ lapsed }) => lapsed),
  };
}

export async function readPositions(
  ask: Ask,
  nowMs: number,
  quotas?: readonly QuotaName[],
): Promise<readonly QuotaPosition[]> {
  const { quotas: found, stopped, lapsed } = await readAccounts(ask, quotas, nowMs);
  return found.map(({ account, uses }, i) =>
    positionOf(account, uses, { nowMs, stopped, lapsed: lapsed[i] ?? 0n }),
  );
}

export async function readRecentAmounts(
  ask: Ask,
  { issuer, currency }: QuotaName,
  most: number,
): Promise<readonly bigint[]> {
  const rows = await ask<Pick<TakeRow, 'take_amount' | 'take_orders'>>(
    `SELECT take_amount, take_orders FROM intent
      WHERE issuer = $1 AND take_currency = $2 AND take_ms IS NOT NULL ORDER BY take_ms DESC, sequence DESC LIMIT $3`,
    [issuer, currency, most],
  );
  return rows.map((row) => row.take_amount / row.take_orders);
}

/** The conditional update: one row for each quota, and one for each slot, whatever the size of the group. */
export async function takeQuotas(ask: Ask, taken: readonly Taken[]): Promise<void> {
  if (taken.length === 0) return;
  const charges = taken.flatMap(({ issuer, currency, charges: own }) =>
    own.map((charge) => ({ ...charge, issuer, currency })),
  );
  const [written] = (await Promise.all([
    ask(
      `UPDATE quota q SET reserved = q.reserved + g.amount, held = q.held + g.held, clock_ms = g.clock_ms
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS g (issuer, currency, amount, held, clock_ms)
        WHERE q.issuer = g.issuer AND q.currency = g.currency AND q.allocated - q.reserved - q.held - q.issued + q.voided + q.returned >= g.amount + g.held`,
      [
        ...columns(taken),
        taken.map(({ amount }) => amount),
        taken.map(({ held }) => held),
        taken.map(({ clockMs }) => clockMs),
      ],
    ),
    ask(
      `DELETE FROM quota_slot s USING unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS g (issuer, currency, name, oldest)
        WHERE s.issuer = g.issuer AND s.currency = g.currency AND s.name = g.name AND s.slot < g.oldest`,
      [...columns(charges), charges.map(({ limit }) => limit), charges.map(({ oldest }) => oldest)],
    ),
    addUses(
      ask,
      charges.map(({ issuer, currency, limit, slot, by }) => ({ issuer, currency, limit, slot, used: by })),
    ),
  ])) as unknown as readonly [Written];
  assert(written.count === taken.length, 'what was found to fit into a quota fits, under its lock');
}

async function addUses(ask: Ask, uses: readonly (SlotUse & QuotaName)[]): Promise<void> {
  await ask(
    `INSERT INTO quota_slot AS s (issuer, currency, name, slot, used)
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
      ON CONFLICT (issuer, currency, name, slot) DO UPDATE SET used = s.used + excluded.used`,
    [
      ...columns(uses),
      uses.map(({ limit }) => limit),
      uses.map(({ slot }) => slot),
      uses.map(({ used }) => used),
    ],
  );
}

/** Adds what is approved and settled: one row for each quota. */
export async function addToQuotas(ask: Ask, added: readonly Added[]): Promise<void> {
  if (added.length === 0) return;
  const written = (await ask(
    `UPDATE quota q SET issued = q.issued + g.approved, retired = q.retired + g.retired, returned = q.returned + g.returned,
        credited = q.credited + g.credited
      FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS g (issuer, currency, approved, retired, returned, credited)
      WHERE q.issuer = g.issuer AND q.currency = g.currency`,
    [
      ...columns(added),
      added.map(({ approved }) => approved),
      added.map(({ retired }) => retired),
      added.map(({ returned }) => returned),
      added.map(({ credited }) => credited),
    ],
  )) as unknown as Written;
  assert(written.count === added.length, 'what is approved or settled is of a quota');
}

/** Turns reserved quota into issued. */
export async function issueQuotas(
  ask: Ask,
  signed: readonly (QuotaName & { readonly amount: bigint })[],
): Promise<void> {
  const sums = new Map<string, QuotaName & { amount: bigint }>();
  for (const { issuer, currency, amount } of signed) {
    const name = accountName(issuer, currency);
    sums.set(name, { issuer, currency, amount: (sums.get(name)?.amount ?? 0n) + amount });
  }
  const quotas = [...sums.values()];
  if (quotas.length === 0) return;
  const written = (await ask(
    `UPDATE quota q SET reserved = q.reserved - g.amount, issued = q.issued + g.amount
      FROM unnest($1::text[], $2::text[], $3::bigint[]) AS g (issuer, currency, amount)
      WHERE q.issuer = g.issuer AND q.currency = g.currency AND q.reserved >= g.amount`,
    [...columns(quotas), quotas.map(({ amount }) => amount)],
  )) as unknown as Written;
  assert(written.count === quotas.length, 'what was reserved is there to be issued');
}

/** What was left of reservations that end is available again. */
export async function giveBack(ask: Ask, ended: readonly EndedReservation[]): Promise<void> {
  for (const { reservation, end } of ended) {
    const written = (await ask(
      'UPDATE quota SET held = held - $3 WHERE issuer = $1 AND currency = $2 AND held >= $3',
      [reservation.issuer, reservation.currency, end.amount],
    )) as unknown as Written;
    assert(written.count === 1, 'what was held is there to be given back');
  }
}

/** Whether it was not there before. */
export async function insertQuota(ask: Ask, account: QuotaName & QuotaTerms): Promise<boolean> {
  const { allocated, frozen, limits, returns } = termsRowOf(account);
  const inserted = await ask(
    `INSERT INTO quota (issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns)
      VALUES ($1, $2, 1, $3, 0, 0, $4, $5, 0, $6) ON CONFLICT (issuer, currency) DO NOTHING RETURNING 1`,
    [account.issuer, account.currency, allocated, frozen, limits, returns],
  );
  return inserted.length === 1;
}

/** Writes the quota's new terms, and its slots anew from what was taken: a limit counts what was taken before it was there, too. */
export async function writeAccount(ask: Ask, account: QuotaAccount): Promise<void> {
  const { issuer, currency, version, limits, clockMs, issued, voided } = account;
  const row = termsRowOf(account);
  await ask(
    `UPDATE quota SET version = $3, allocated = $4, frozen = $5, limits = $6, clock_ms = $7, returns = $8,
        issued = $9, voided = $10
      WHERE issuer = $1 AND currency = $2`,
    [
      ...[issuer, currency, version, row.allocated, row.frozen, row.limits, clockMs, row.returns],
      ...[issued, voided],
    ],
  );
  const resets = await ask<{ ordinal: bigint; reset_ms: bigint }>(
    'SELECT ordinal, reset_ms FROM quota_change WHERE issuer = $1 AND currency = $2 AND reset_ms IS NOT NULL',
    [issuer, currency],
  );
  const tally = makeTally(
    limits,
    clockMs,
    resets.map((row) => ({ sequence: Number(row.ordinal), atMs: Number(row.reset_ms) })),
  );
  const takes = await ask<TakeRow>(
    `SELECT j.ordinal AS sequence, take_amount, take_orders, take_ms FROM intent i JOIN journal j USING (series, sequence)
      WHERE issuer = $1 AND take_currency = $2 AND take_ms IS NOT NULL AND take_ms >= $3`,
    [issuer, currency, tallyStart(limits, clockMs)],
  );
  for (const row of takes) tally.add(takeOf(row));
  await ask('DELETE FROM quota_slot WHERE issuer = $1 AND currency = $2', [issuer, currency]);
  await addUses(
    ask,
    tally.uses().map((use) => ({ ...use, issuer, currency })),
  );
}

/** What the action is decided from. */
export async function readChangeable(ask: Ask, action: QuotaAction): Promise<Changeable> {
  if (action.kind === 'start') return { accounts: [], reservations: [], stop: await readStop(ask) };
  const named = termsActionsOf(action);
  const { quotas } = await readAccounts(ask, named);
  const reservations = await readOpen(ask, named);
  return { accounts: quotas.map(({ account }) => account), reservations, stop: undefined };
}

/** The last stop, where it is not lifted. */
export async function readStop(ask: Ask): Promise<Stop | undefined> {
  const [row] = await ask<StopRow>(
    'SELECT *, ordinal AS sequence FROM quota_stop WHERE lifted IS NULL ORDER BY ordinal DESC LIMIT 1',
  );
  return row === undefined ? undefined : stopOf(row);
}

export async function findStop(ask: Ask, id: Uint8Array): Promise<Stop | undefined> {
  const [row] = await ask<StopRow>('SELECT *, ordinal AS sequence FROM quota_stop WHERE id = $1', [id]);
  return row === undefined ? undefined : stopOf(row);
}

/** The change's number in the order of all series. */
export async function findChange(ask: Ask, id: Uint8Array): Promise<number | undefined> {
  const [row] = await ask<{ ordinal: bigint }>('SELECT ordinal FROM quota_change WHERE id = $1', [id]);
  return row === undefined ? undefined : Number(row.ordinal);
}
