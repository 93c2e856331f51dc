/** The statements on PostgreSQL's reservations; whoever writes them holds the row of the quota that they belong to. */
import { accountName } from '../../quota/history.ts';
import type { Reservation } from '../../quota/reservation.ts';
import type { FoundReservations } from '../quota-plan.ts';
import { bytesOf, type ReservationRow, reservationOf } from '../row.ts';
import type { NewIntent, Store } from '../store.ts';
import type { QuotaName } from './quota-statement.ts';
import type { Ask } from './session.ts';

const columns = (quotas: readonly QuotaName[]): [string[], string[]] => [
  quotas.map(({ issuer }) => issuer),
  quotas.map(({ currency }) => currency),
];

/** All that decides what the group takes and reserves: under the locks of its quotas, so that nobody else writes it meanwhile. */
export async function readReservations(ask: Ask, intents: readonly NewIntent[]): Promise<FoundReservations> {
  const quotas = intents.flatMap(({ take, reserves }) => take ?? reserves ?? []);
  if (quotas.length === 0) return { reservations: [], open: new Map() };
  const named = intents.flatMap(({ take }) => take?.reservation ?? []);
  const counted = intents.flatMap(({ reserves }) => reserves ?? []);
  const [rows, counts] = await Promise.all([
    ask<ReservationRow>(
      `SELECT * FROM reservation WHERE id = ANY ($1::bytea[])
        UNION SELECT r.* FROM reservation r JOIN quota q USING (issuer, currency)
        WHERE (r.issuer, r.currency) IN (SELECT * FROM unnest($2::text[], $3::text[]))
          AND r.state = 'open' AND r.expires_ms <= greatest(q.clock_ms, $4::bigint)`,
      [named, ...columns(quotas), Math.max(...quotas.map(({ atMs }) => atMs))],
    ),
    counted.length === 0
      ? []
      : ask<QuotaName & { open: bigint }>(
          `SELECT issuer, currency, count(*) AS open FROM reservation
            WHERE (issuer, currency) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND state = 'open'
            GROUP BY issuer, currency`,
          columns(counted),
        ),
  ]);
  return {
    reservations: rows.map(reservationOf),
    open: new Map(counts.map(({ issuer, currency, open }) => [accountName(issuer, currency), Number(open)])),
  };
}

export async function readOpen(ask: Ask, quotas: readonly QuotaName[]): Promise<readonly Reservation[]> {
  const rows = await ask<ReservationRow>(
    `SELECT * FROM reservation
      WHERE (issuer, currency) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND state = 'open'`,
    columns(quotas),
  );
  return rows.map(reservationOf);
}

/** With where its quota's clock is. */
export interface ClockedReservation {
  readonly reservation: Reservation;
  readonly clockMs: number;
}

const clockedSql = 'SELECT r.*, q.clock_ms FROM reservation r JOIN quota q USING (issuer, currency)';

const clockedOf = (row: ReservationRow & { clock_ms: bigint }): ClockedReservation => ({
  reservation: reservationOf(row),
  clockMs: Number(row.clock_ms),
});

export async function readReservation(ask: Ask, id: Uint8Array): Promise<ClockedReservation | undefined> {
  const [row] = await ask<ReservationRow & { clock_ms: bigint }>(`${clockedSql} WHERE r.id = $1`, [
    bytesOf(id),
  ]);
  return row === undefined ? undefined : clockedOf(row);
}

export async function readReservationsAfter(
  ask: Ask,
  {
    after,
    limit,
    issuer = null,
  }: Omit<Parameters<Store['reservations']>[0], 'issuer'> & { issuer?: string | null },
): Promise<readonly ClockedReservation[]> {
  const rows = await ask<ReservationRow & { clock_ms: bigint }>(
    `${clockedSql} WHERE r.id > $1 AND ($2::text IS NULL OR r.issuer = $2) ORDER BY r.id LIMIT $3`,
    [bytesOf(after), issuer, limit],
  );
  return rows.map(clockedOf);
}

/** As each is now, in the order of their keys. */
export async function writeReservations(ask: Ask, reservations: readonly Reservation[]): Promise<void> {
  if (reservations.length === 0) return;
  await ask(
    `INSERT INTO reservation (id, issuer, currency, amount, used, expires_ms, state)
      SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
        AS g (id, issuer, currency, amount, used, expires_ms, state) ORDER BY id
      ON CONFLICT (id) DO UPDATE SET used = excluded.used, state = excluded.state`,
    [
      reservations.map(({ id }) => id),
      ...columns(reservations),
      reservations.map(({ amount }) => amount),
      reservations.map(({ used }) => used),
      reservations.map(({ expiresMs }) => expiresMs),
      reservations.map(({ state }) => state),
    ],
  );
}
