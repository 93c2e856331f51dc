/** What the records of a reservation say, for `ringmint inspect`. */
import { toHex } from '../kit/bytes.ts';
import { type Result, succeed } from '../kit/result.ts';
import { formatMoney } from './amount.ts';
import { claim, type RecordErrorCode } from './claims.ts';
import { recordType } from './cose.ts';
import { isoTime } from './key-ring.ts';
import { formatUuid } from './request-id.ts';
import {
  decodeReservationReceipt,
  decodeReservationRelease,
  decodeReservationRequest,
  type ReservationRequest,
} from './reservation.ts';
import type { Inspection } from './signed-inspection.ts';

type ReservationType =
  | typeof recordType.reservationRequest
  | typeof recordType.reservation
  | typeof recordType.reservationRelease;

/** Of the three types, each by its own words. */
export function inspectReservation(
  type: ReservationType,
  bytes: Uint8Array,
): Result<Inspection, RecordErrorCode> {
  switch (type) {
    case recordType.reservationRequest: {
      const decoded = decodeReservationRequest(bytes);
      if (!decoded.ok) return decoded;
      return succeed({
        kind: 'reservation request',
        explanation: 'an issuer asks quota control to keep a part of its quota',
        fields: fieldsOf(decoded.value.record, claim.issuer),
      });
    }
    case recordType.reservation: {
      const decoded = decodeReservationReceipt(bytes);
      if (!decoded.ok) return decoded;
      const { record } = decoded.value;
      return succeed({
        kind: 'reservation',
        explanation: 'quota control keeps a part of a quota until it expires, is used up or released',
        fields: [
          ...fieldsOf(record, claim.subject),
          { name: 'request hash', value: toHex(record.requestHash), claim: claim.requestHash },
        ],
      });
    }
    case recordType.reservationRelease: {
      const decoded = decodeReservationRelease(bytes);
      if (!decoded.ok) return decoded;
      const { id, issuer, issuedAt } = decoded.value.record;
      return succeed({
        kind: 'reservation release',
        explanation: 'an issuer gives back what is left of a reservation',
        fields: [
          { name: 'reservation', value: formatUuid(id), claim: claim.id },
          { name: 'issuer', value: issuer, claim: claim.issuer },
          { name: 'issued at', value: isoTime(issuedAt), claim: claim.issuedAt },
        ],
      });
    }
  }
}

function fieldsOf(
  { id, issuer, issuedAt, expiresAt, total, currency }: ReservationRequest,
  issuerClaim: number,
): Inspection['fields'] {
  return [
    { name: 'reservation', value: formatUuid(id), claim: claim.id },
    { name: 'issuer', value: issuer, claim: issuerClaim },
    { name: 'issued at', value: isoTime(issuedAt), claim: claim.issuedAt },
    { name: 'expires at', value: isoTime(expiresAt), claim: claim.expiresAt },
    { name: 'total', value: formatMoney(total, currency), claim: claim.total },
  ];
}
