/** The statements on SQLite's reservations; what is held of the quota is written beside them, in the same transaction. */
import type Database from 'better-sqlite3';
import { accountName } from '../../quota/history.ts';
import type { Reservation } from '../../quota/reservation.ts';
import type { FoundReservations } from '../quota-plan.ts';
import { type ReservationRow, reservationOf } from '../row.ts';
import type { NewIntent, Store } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';

/** Which quota. */
interface Quota {
  readonly issuer: string;
  readonly currency: string;
}

const sql = {
  find: 'SELECT * FROM reservation WHERE id = ?',
  open: `SELECT * FROM reservation WHERE issuer = ? AND currency = ? AND state = 'open'`,
  lapsed: `SELECT * FROM reservation WHERE issuer = ? AND currency = ? AND state = 'open' AND expires_ms <= ?`,
  countOpen: `SELECT count(*) AS open FROM reservation WHERE issuer = ? AND currency = ? AND state = 'open'`,
  sumLapsed: `SELECT coalesce(sum(amount - used), 0) AS lapsed FROM reservation
    WHERE issuer = ? AND currency = ? AND state = 'open' AND expires_ms <= ?`,
  page: 'SELECT * FROM reservation WHERE id > ? ORDER BY id LIMIT ?',
  pageOfIssuer: 'SELECT * FROM reservation WHERE id > ? AND issuer = ? ORDER BY id LIMIT ?',
  write: `INSERT INTO reservation (id, issuer, currency, amount, used, expires_ms, state)
    VALUES (:id, :issuer, :currency, :amount, :used, :expiresMs, :state)
    ON CONFLICT (id) DO UPDATE SET used = excluded.used, state = excluded.state`,
} as const;

export class ReservationTable {
  private readonly statements: Prepared<typeof sql>;

  constructor(db: Database.Database) {
    this.statements = prepareWhenUsed(db, sql);
  }

  find(id: Uint8Array): Reservation | undefined {
    const row = this.statements.find.get(id) as ReservationRow | undefined;
    return row === undefined ? undefined : reservationOf(row);
  }

  open({ issuer, currency }: Quota): readonly Reservation[] {
    return (this.statements.open.all(issuer, currency) as ReservationRow[]).map(reservationOf);
  }

  /** What is left of those that have expired and were not ended. */
  lapsed({ issuer, currency }: Quota, atMs: number): bigint {
    return (this.statements.sumLapsed.get(issuer, currency, atMs) as { lapsed: bigint }).lapsed;
  }

  /** All that decides what the group takes and reserves; `clockMs` of each of its quotas. */
  found(
    intents: readonly NewIntent[],
    quotas: readonly (Quota & { readonly clockMs: number })[],
  ): FoundReservations {
    const latestMs = Math.max(0, ...intents.map(({ take, reserves }) => (take ?? reserves)?.atMs ?? 0));
    const named = intents.flatMap(({ take }) =>
      take?.reservation === undefined ? [] : (this.find(take.reservation) ?? []),
    );
    const lapsed = quotas.flatMap(({ issuer, currency, clockMs }) =>
      (this.statements.lapsed.all(issuer, currency, Math.max(latestMs, clockMs)) as ReservationRow[]).map(
        reservationOf,
      ),
    );
    const counted = intents.some(({ reserves }) => reserves !== undefined) ? quotas : [];
    const open = counted.map(({ issuer, currency }): [string, number] => {
      const row = this.statements.countOpen.get(issuer, currency) as { open: bigint };
      return [accountName(issuer, currency), Number(row.open)];
    });
    return { reservations: [...named, ...lapsed], open: new Map(open) };
  }

  page({ after, limit, issuer }: Parameters<Store['reservations']>[0]): readonly Reservation[] {
    const rows =
      issuer === undefined
        ? this.statements.page.all(after, limit)
        : this.statements.pageOfIssuer.all(after, issuer, limit);
    return (rows as ReservationRow[]).map(reservationOf);
  }

  /** As each is now. */
  write(reservations: readonly Reservation[]): void {
    for (const { id, issuer, currency, amount, used, expiresMs, state } of reservations)
      this.statements.write.run({ id, issuer, currency, amount, used, expiresMs, state });
  }
}
