/** Reservations made anew, entry by entry: each is used by what it keeps, before it ends, and ends once. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { accountName } from '../quota/history.ts';
import { decodeReservationRelease } from '../records/reservation.ts';
import type { IntentEntry, ReservationEndEntry } from './entry.ts';
import type { Reserves, Take } from './intent-part.ts';
import { type AuditContext, type Find, makeFind, type System } from './system.ts';

interface Kept {
  /** `issuer/currency` */
  readonly account: string;
  readonly issuer: string;
  readonly amount: bigint;
  readonly expiresMs: number;
  used: bigint;
  ended: boolean;
}

export class ReservationReplay {
  private readonly context: AuditContext;
  private readonly system: System;
  /** By the id in hex. */
  private readonly kept = new Map<string, Kept>();

  constructor(context: AuditContext, system: System) {
    this.context = context;
    this.system = system;
  }

  add({ sequence, id, issuer }: IntentEntry, { currency, amount, expiresMs, atMs }: Reserves): void {
    const find = this.finder(sequence);
    const name = toHex(id);
    if (this.kept.has(name)) find('entry_repeated', 'a reservation of this id is there already', 'each once');
    if (expiresMs <= atMs)
      find('reservation_mismatch', `it is made at ${atMs} ms and expires at ${expiresMs} ms`, 'a later end');
    const account = accountName(issuer, currency);
    this.kept.set(name, { account, issuer, amount, expiresMs, used: 0n, ended: false });
  }

  /** Gives what is held no more by the take: nothing where it is of none, or of one that it cannot be of. */
  use(
    sequence: number,
    { issuer, currency }: { readonly issuer: string; readonly currency: string },
    { reservation: id, amount, atMs }: Take,
  ): bigint {
    if (id === null) return 0n;
    const find = this.finder(sequence);
    const kept = this.kept.get(toHex(id));
    if (kept?.account !== accountName(issuer, currency)) {
      find(
        'reservation_mismatch',
        `it takes of a reservation ${toHex(id)}, which this quota does not have`,
        'a reservation of the same quota',
      );
      return 0n;
    }
    if (kept.ended || kept.expiresMs <= atMs) {
      find(
        'reservation_ended',
        `it takes of the reservation ${toHex(id)} at ${atMs} ms, which had ended`,
        'a reservation that is open',
      );
      return 0n;
    }
    const left = kept.amount - kept.used;
    if (amount > left)
      find(
        'reservation_exceeded',
        `it takes ${amount} of the reservation ${toHex(id)}`,
        `at most ${left}, which were left`,
      );
    const used = amount > left ? left : amount;
    kept.used += used;
    return used;
  }

  /** Gives what is held no more by the end, and of which quota. */
  end(
    entry: ReservationEndEntry,
    clockOf: (account: string) => number,
  ): { readonly account: string; readonly amount: bigint } | undefined {
    const { id, sequence, how, amount, atMs, createdMs } = entry;
    const find = this.finder(sequence);
    const kept = this.kept.get(toHex(id));
    if (kept === undefined || kept.ended) {
      find(
        kept === undefined ? 'reservation_mismatch' : 'entry_repeated',
        `the end of a reservation ${toHex(id)} that ${kept === undefined ? 'was never made' : 'has ended before'}`,
        'the end of one that is open',
      );
      return undefined;
    }
    kept.ended = true;
    const left = kept.amount - kept.used;
    if (amount !== left || left === 0n)
      find(
        'reservation_mismatch',
        `${amount} minor units come back to ${kept.account}`,
        `${left}: what was left`,
      );
    const due = Math.max(createdMs, clockOf(kept.account));
    if (atMs !== due)
      find('take_time', `it ends at ${atMs} ms`, `${due} ms: when it ended, or where the quota's clock was`);
    if ((how === 'expired') !== atMs >= kept.expiresMs)
      find(
        'reservation_mismatch',
        `it is ${how} at ${atMs} ms, and was to expire at ${kept.expiresMs} ms`,
        'expired from then on, and released before',
      );
    if (how === 'released') this.checkRelease(entry, kept.issuer, find);
    return { account: kept.account, amount: left };
  }

  /** A release in an issuer's name is signed by it; for an operator's a certificate did, and nothing shows it. */
  private checkRelease({ id, by, evidence }: ReservationEndEntry, issuer: string, find: Find): void {
    if (evidence === null && by !== null && !by.startsWith('issuer ')) return;
    const decoded = evidence === null ? undefined : decodeReservationRelease(evidence);
    const released = decoded?.ok === true ? decoded.value : undefined;
    const isProven =
      released !== undefined &&
      by === `issuer ${issuer}` &&
      released.record.issuer === issuer &&
      equalBytes(released.record.id, id) &&
      this.context.keys.verify(
        released,
        { role: 'issuance', name: issuer },
        { madeAt: released.record.issuedAt, seenAt: released.record.issuedAt },
      ).ok;
    if (!isProven)
      find(
        'reservation_mismatch',
        `it was released by ${by ?? 'nobody'}, and no signed release in it shows that`,
        "the issuer's signed release",
      );
  }

  private finder(sequence: number): Find {
    return makeFind(this.context, this.system, sequence);
  }
}
