/**
 * What an honest quota control's reservations have to come to, kept beside it from what it answered: each use within what is left of one that is
 * open and of its issuer, each end once, and what is held exactly what is left of those that are open. A broken rule throws, with its name first.
 */
import { toHex } from '../../src/kit/bytes.ts';
import type { ControlBit } from '../../src/records/control-bit.ts';
import { decodeReservationReceipt } from '../../src/records/reservation.ts';
import type { QuotaPosition } from '../../src/store/store.ts';
import { Broken } from '../crash/auditor.ts';

interface Kept {
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly amount: bigint;
  readonly expiresAt: number;
  readonly receipt: Uint8Array;
  used: bigint;
  released: boolean;
}

export class ReservationBook {
  private readonly kept = new Map<string, Kept>();
  /** Σ of the control bits of each issuer, of reservations or not. */
  private readonly taken = new Map<string, bigint>();
  private readonly serials = new Set<string>();

  /** A receipt of quota control's. INVARIANT: of one id there is one, for ever. */
  keep(receipt: Uint8Array): void {
    const decoded = decodeReservationReceipt(receipt);
    if (!decoded.ok) throw new Broken(`receipt: ${decoded.message}`);
    const { id, issuer, total, expiresAt } = decoded.value.record;
    const key = toHex(id);
    const known = this.kept.get(key);
    if (known !== undefined && toHex(known.receipt) !== toHex(receipt))
      throw new Broken(`one receipt a reservation: ${key} has two`);
    if (known !== undefined) return;
    this.kept.set(key, { id, issuer, amount: total, expiresAt, receipt, used: 0n, released: false });
  }

  /** A control bit, of the reservation that its request names where it names one. */
  take({ issuer, total, issuedAt, epoch, sequence }: ControlBit, reservation?: Uint8Array): void {
    const serial = `${epoch}/${sequence}`;
    // Whoever asks again gets the same one.
    if (this.serials.has(serial)) return;
    this.serials.add(serial);
    this.taken.set(issuer, (this.taken.get(issuer) ?? 0n) + total);
    if (reservation === undefined) return;
    const kept = this.kept.get(toHex(reservation));
    if (kept?.issuer !== issuer) throw new Broken('reservation: one that is not of this issuer is used');
    if (kept.released || kept.expiresAt <= issuedAt)
      throw new Broken('reservation: one that has ended is used');
    kept.used += total;
    if (kept.used > kept.amount)
      throw new Broken(`reservation: ${kept.used} is used of one for ${kept.amount}`);
  }

  /** Quota control answered that `issuer`'s is released, or was before. */
  release(id: Uint8Array, issuer: string, at: number): void {
    const kept = this.kept.get(toHex(id));
    if (kept?.issuer !== issuer) throw new Broken('reservation: another issuer ends it');
    if (kept.expiresAt > at && kept.used < kept.amount) kept.released = true;
  }

  /** INVARIANT: taken + held + available = allocated, with what was answered and no number of quota control's own. */
  check(position: QuotaPosition | undefined, at: number): void {
    if (position === undefined) throw new Broken('quota: there is none');
    const { issuer, allocated, reserved, issued, held, available } = position;
    const taken = this.taken.get(issuer) ?? 0n;
    if (reserved + issued !== taken)
      throw new Broken(`quota control counts ${reserved + issued}, and its control bits come to ${taken}`);
    let left = 0n;
    for (const one of this.kept.values())
      if (one.issuer === issuer && !one.released && one.expiresAt > at) left += one.amount - one.used;
    if (held !== left) throw new Broken(`held: ${held}, and ${left} is left of what is open`);
    if (taken + left + available !== allocated)
      throw new Broken(`conservation of the quota: ${taken} + ${left} + ${available} of ${allocated}`);
  }
}
