/** Whether the reservations, and what is held of each quota, follow from the journal, whatever database they are in. */
import { toHex } from '../kit/bytes.ts';
import { quote } from '../kit/result.ts';
import { accountName, type QuotaHistory } from '../quota/history.ts';
import { leftOf, type ReservationState } from '../quota/reservation.ts';
import type { Corrupt } from './quota-check.ts';
import { decodeReserve } from './reservation.ts';
import { type QuotaRow, type ReservationRow, reservationOf, type TakeRow } from './row.ts';

/** An intent that reserves, with its number in the order in which they were written. */
export interface ReservingRow {
  sequence: bigint;
  id: Uint8Array;
  issuer: string;
  reserves: Uint8Array;
}

interface Kept {
  readonly sequence: number;
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
  readonly expiresMs: number;
  used: bigint;
}

export class ReservationCheck {
  private readonly history: QuotaHistory;
  private readonly corrupt: Corrupt;
  /** By the id in hex; memory grows with the number of reservations, by some 300 bytes each. */
  private readonly kept = new Map<string, Kept>();
  private readonly held = new Map<string, bigint>();

  constructor(history: QuotaHistory, corrupt: Corrupt) {
    this.history = history;
    this.corrupt = corrupt;
  }

  /** Each intent that reserves, before any take. */
  reserve({ sequence, id, issuer, reserves: bytes }: ReservingRow): void {
    const { currency, amount, expiresMs } = decodeReserve(bytes, issuer);
    if (!this.history.accounts.has(accountName(issuer, currency)))
      throw this.corrupt(`entry ${sequence} reserves of a quota that is not there`);
    this.kept.set(toHex(id), { sequence: Number(sequence), issuer, currency, amount, expiresMs, used: 0n });
  }

  /** Each take of a quota; what names no reservation is passed over. */
  take(row: TakeRow, { issuer, currency }: Pick<QuotaRow, 'issuer' | 'currency'>): void {
    if (row.take_reservation === null) return;
    const name = toHex(row.take_reservation);
    const kept = this.kept.get(name);
    const end = this.history.ends.get(name);
    const at = Number(row.sequence);
    if (kept?.issuer !== issuer || kept.currency !== currency || kept.sequence > at)
      throw this.corrupt(`entry ${at} takes of a reservation that is not there`);
    if ((end !== undefined && end.sequence < at) || Number(row.take_ms) >= kept.expiresMs)
      throw this.corrupt(`entry ${at} takes of a reservation that had ended`);
    kept.used += row.take_amount;
    if (kept.used > kept.amount) throw this.corrupt(`entry ${at} takes more than is left of a reservation`);
  }

  /** One row of the reservations, each once; after all of the takes. */
  row(row: ReservationRow): void {
    const reservation = reservationOf(row);
    const name = toHex(row.id);
    const kept = this.kept.get(name);
    if (
      kept?.issuer !== row.issuer ||
      kept.currency !== row.currency ||
      kept.amount !== row.amount ||
      kept.expiresMs !== reservation.expiresMs ||
      kept.used !== row.used ||
      this.stateOf(name, kept) !== row.state
    )
      throw this.corrupt(`the reservation ${name} is not what the journal has`);
    this.kept.delete(name);
    const account = accountName(row.issuer, row.currency);
    this.held.set(account, (this.held.get(account) ?? 0n) + leftOf(reservation));
  }

  finish(quotas: readonly QuotaRow[]): void {
    const [gone] = this.kept.keys();
    if (gone !== undefined) throw this.corrupt(`the reservation ${gone} is gone`);
    for (const { issuer, currency, held } of quotas) {
      const name = accountName(issuer, currency);
      const sum = this.held.get(name) ?? 0n;
      if (held !== sum)
        throw this.corrupt(
          `${held} of the quota ${quote(name)} are held, where its reservations have ${sum}`,
        );
    }
  }

  private stateOf(name: string, { sequence, amount, used, expiresMs }: Kept): ReservationState {
    const end = this.history.ends.get(name);
    if (end === undefined) return used === amount ? 'used' : 'open';
    const due = end.amount === amount - used && end.amount > 0n && end.sequence > sequence;
    if (!due || (end.how === 'expired') !== end.atMs >= expiresMs)
      throw this.corrupt(`entry ${end.sequence} ends the reservation ${name} otherwise than it could`);
    return end.how;
  }

  /** Ends of reservations that were never made. */
  ends(): void {
    for (const [name, { sequence }] of this.history.ends)
      if (!this.kept.has(name)) throw this.corrupt(`entry ${sequence} ends a reservation that is not there`);
  }
}
