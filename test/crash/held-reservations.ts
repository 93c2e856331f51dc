/** Reservations by quota control's journal alone: used while they are open and up to what is left, ended once, and what is left of them. A broken rule throws. */
import { decodeEntry } from '../../src/audit/entry.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { Broken } from './broken.ts';

interface Held {
  readonly amount: bigint;
  readonly expiresMs: number;
  used: bigint;
  ended: boolean;
}

export class HeldReservations {
  private readonly held = new Map<string, Held>();

  /** The next entry. */
  add(bytes: Uint8Array): void {
    const decoded = decodeEntry(bytes);
    if (!('entry' in decoded)) throw new Broken('journal: quota has an entry that cannot be read');
    const { entry } = decoded;
    if (entry.kind === 'reservation-end') {
      const one = this.openOf(entry.id, entry.atMs, entry.how === 'expired');
      if (entry.amount !== one.amount - one.used)
        throw new Broken(`reservation: ${entry.amount} comes back of one with ${one.amount - one.used} left`);
      one.ended = true;
      return;
    }
    if (entry.kind === 'reservation' && entry.reserves !== null) {
      const { amount, expiresMs } = entry.reserves;
      if (this.held.has(toHex(entry.id))) throw new Broken('reservation: one is made twice');
      this.held.set(toHex(entry.id), { amount, expiresMs, used: 0n, ended: false });
    }
    if (entry.kind !== 'control-bit' || entry.take === null || entry.take.reservation === null) return;
    const one = this.openOf(entry.take.reservation, entry.take.atMs, false);
    one.used += entry.take.amount;
    if (one.used > one.amount) throw new Broken(`reservation: ${one.used} is used of one for ${one.amount}`);
  }

  /** Of those that are open at a moment. */
  left(atMs: number): bigint {
    let left = 0n;
    for (const { amount, used, expiresMs, ended } of this.held.values())
      if (!ended && expiresMs > atMs) left += amount - used;
    return left;
  }

  private openOf(id: Uint8Array, atMs: number, expired: boolean): Held {
    const one = this.held.get(toHex(id));
    if (one === undefined || one.ended || one.expiresMs <= atMs !== expired)
      throw new Broken('reservation: one that is not there, or has ended, is used or ends');
    return one;
  }
}
