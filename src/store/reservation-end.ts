/** Reservations that end before they are used up: what becomes of them, and the entries that say so, the same for both databases. */
import type { EntryContent } from '../journal/chain.ts';
import {
  encodeReservationEnd,
  isLapsed,
  leftOf,
  type Reservation,
  type ReservationEnd,
} from '../quota/reservation.ts';

export interface EndedReservation {
  /** As it is from then on. */
  readonly reservation: Reservation;
  readonly end: ReservationEnd;
}

/** Of `reservations` those that are open and have expired at `atMs`; all that are open where someone releases them. */
export function endReservations(
  reservations: readonly Reservation[],
  moment: {
    readonly atMs: number;
    readonly releasedBy?: string | undefined;
    readonly evidence?: Uint8Array | null;
  },
): readonly EndedReservation[] {
  const { atMs, releasedBy, evidence = null } = moment;
  return reservations.flatMap((reservation): EndedReservation[] => {
    if (reservation.state !== 'open') return [];
    const amount = leftOf(reservation);
    if (isLapsed(reservation, atMs))
      return [
        {
          reservation: { ...reservation, state: 'expired' },
          end: { how: 'expired', amount, atMs, by: null, evidence: null },
        },
      ];
    if (releasedBy === undefined) return [];
    return [
      {
        reservation: { ...reservation, state: 'released' },
        end: { how: 'released', amount, atMs, by: releasedBy, evidence },
      },
    ];
  });
}

export function sumEnded(ended: readonly EndedReservation[]): bigint {
  return ended.reduce((sum, { end }) => sum + end.amount, 0n);
}

export function entryOfEnd(
  { reservation, end }: EndedReservation,
  createdMs: number,
): Omit<EntryContent, 'sequence'> {
  return {
    kind: 'reservation-end',
    subject: reservation.id,
    createdMs,
    content: encodeReservationEnd(end),
  };
}
