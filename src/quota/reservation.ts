/**
 * A part of a quota that is kept for orders to come: what is left of it, when it ends, and what may be taken of it.
 *
 * INVARIANT: it ends once. What is left then is available again; what was used of it stays reserved or issued. From the moment that it
 * expires at, by the quota's clock, it reads as ended, whether an entry says so yet or not.
 */
import { toHex } from '../kit/bytes.ts';
import { type CborValue, encodeCbor } from '../kit/encoding.ts';
import { assert, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';

/** `used`: up to the last minor unit. */
export type ReservationState = 'open' | 'used' | 'released' | 'expired';

export interface Reservation {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly currency: string;
  /** Minor units, above zero. */
  readonly amount: bigint;
  /** Of the amount, what control bits took. */
  readonly used: bigint;
  readonly expiresMs: number;
  readonly state: ReservationState;
}

export type ReservationCode =
  /** None of this issuer in this currency has the id. */
  | 'reservation_unknown'
  | 'reservation_expired'
  | 'reservation_released'
  /** Less is left of it than what is asked for. */
  | 'reservation_exceeded'
  /** As many of the quota are open as may be. */
  | 'reservations_too_many';

/** The most of one quota that are open at once: what expires together is ended in one transaction. */
export const openReservationLimit = 256;

/** The longest that one may last. */
export const longestReservationMs = 7 * 86_400_000;

/** What is kept for it. */
export function leftOf({ state, amount, used }: Reservation): bigint {
  return state === 'open' ? amount - used : 0n;
}

/** Whether it is open where an entry has yet to say that it has expired. */
export function isLapsed({ state, expiresMs }: Reservation, atMs: number): boolean {
  return state === 'open' && expiresMs <= atMs;
}

/** As it reads at a moment of its quota's clock. */
export function standingOf(reservation: Reservation, atMs: number): Reservation {
  return isLapsed(reservation, atMs) ? { ...reservation, state: 'expired' } : reservation;
}

export function refuseUnknownReservation(id: Uint8Array): Refusal<'reservation_unknown'> {
  return refuse(
    'reservation_unknown',
    `no reservation \`${toHex(id)}\` is of this issuer and currency: the id of one that was made, or none, is accepted`,
    'reservation',
  );
}

/** Whether `amount` may be taken of it at a moment of its quota's clock. */
export function checkUse(
  reservation: Reservation,
  amount: bigint,
  atMs: number,
): Result<null, ReservationCode> {
  const { state, expiresMs, currency } = standingOf(reservation, atMs);
  if (state === 'expired')
    return refuse(
      'reservation_expired',
      `the reservation has expired, at ${new Date(expiresMs).toISOString()}: an order without one, or with another, is accepted`,
      'reservation',
    );
  if (state === 'released')
    return refuse(
      'reservation_released',
      'the reservation was released: an order without one, or with another, is accepted',
      'reservation',
    );
  const left = leftOf(reservation);
  if (amount > left)
    return refuse(
      'reservation_exceeded',
      `${amount} minor units of ${currency} asked for, ${left} left of the reservation: at most that is accepted`,
      'reservation',
    );
  return succeed(null);
}

/** After `amount` was taken of it, which `checkUse` let through. */
export function useReservation(reservation: Reservation, amount: bigint): Reservation {
  const used = reservation.used + amount;
  assert(reservation.state === 'open' && used <= reservation.amount, 'no more is used than what is left');
  return { ...reservation, used, state: used === reservation.amount ? 'used' : 'open' };
}

/** How one ended before it was used up, as the journal has it. */
export interface ReservationEnd {
  readonly how: 'released' | 'expired';
  /** What was left: available again. */
  readonly amount: bigint;
  /** The moment of the quota's clock. */
  readonly atMs: number;
  /** Who released it; null where it expired. */
  readonly by: string | null;
  /** The issuer's signed release, where there is one. */
  readonly evidence: Uint8Array | null;
}

export function encodeReservationEnd({ how, amount, atMs, by, evidence }: ReservationEnd): Uint8Array {
  return encodeCbor([how, amount, atMs, by, evidence]);
}

/** `undefined` where the content of an entry says something else. */
export function readReservationEnd(value: CborValue): ReservationEnd | undefined {
  if (!Array.isArray(value) || value.length !== 5) return undefined;
  const [how, amount, atMs, by, evidence] = value as readonly CborValue[];
  if (how !== 'released' && how !== 'expired') return undefined;
  if (typeof amount !== 'number' && typeof amount !== 'bigint') return undefined;
  if (typeof atMs !== 'number') return undefined;
  if (by !== null && typeof by !== 'string') return undefined;
  if (evidence !== null && !(evidence instanceof Uint8Array)) return undefined;
  return { how, amount: BigInt(amount), atMs, by, evidence };
}
