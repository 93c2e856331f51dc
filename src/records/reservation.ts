/**
 * Reservations: an issuer asks quota control to keep a part of its quota until a time, quota control signs that it does, and the issuer may
 * release what is left of it before.
 */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type Currency, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { encodeCurrency, readCurrency } from './request.ts';

/** What the issuer signs. */
export interface ReservationRequest {
  /** UUIDv7, 16 bytes: of the reservation, and the idempotency key. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  /** When the reservation ends, seconds. */
  readonly expiresAt: number;
  readonly currency: Currency;
  readonly total: bigint;
}

/** What the issuer signs to end it. */
export interface ReservationRelease {
  /** Of the reservation. */
  readonly id: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
}

/** Quota control's receipt: it keeps this much until then. */
export interface ReservationReceipt extends ReservationRequest {
  /** SHA-256 of the signed reservation request, 32 bytes. */
  readonly requestHash: Uint8Array;
}

const audience = 'quota';

export function encodeReservationRequest(request: ReservationRequest, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.reservationRequest,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, request.issuer],
      [claim.audience, audience],
      [claim.expiresAt, request.expiresAt],
      [claim.issuedAt, request.issuedAt],
      [claim.id, request.id],
      [claim.currency, encodeCurrency(request.currency)],
      [claim.total, request.total],
    ]),
  );
}

export function decodeReservationRequest(
  bytes: Uint8Array,
): Result<Decoded<ReservationRequest>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.reservationRequest, (reader) => {
    reader.exactText(claim.audience, 'audience', audience);
    const request = {
      id: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.issuer, 'issuer', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
      currency: readCurrency(reader),
      total: reader.amount(claim.total, 'total'),
    };
    if (request.expiresAt <= request.issuedAt) reader.fail('expiresAt', 'a time after `issuedAt`');
    return reader.finish(request);
  });
}

export function encodeReservationRelease(release: ReservationRelease, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.reservationRelease,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, release.issuer],
      [claim.audience, audience],
      [claim.issuedAt, release.issuedAt],
      [claim.id, release.id],
    ]),
  );
}

export function decodeReservationRelease(
  bytes: Uint8Array,
): Result<Decoded<ReservationRelease>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.reservationRelease, (reader) => {
    reader.exactText(claim.audience, 'audience', audience);
    return reader.finish({
      id: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.issuer, 'issuer', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    });
  });
}

export function encodeReservationReceipt(receipt: ReservationReceipt, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.reservation,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'quota'],
      [claim.subject, receipt.issuer],
      [claim.expiresAt, receipt.expiresAt],
      [claim.issuedAt, receipt.issuedAt],
      [claim.id, receipt.id],
      [claim.requestHash, receipt.requestHash],
      [claim.currency, encodeCurrency(receipt.currency)],
      [claim.total, receipt.total],
    ]),
  );
}

export function decodeReservationReceipt(
  bytes: Uint8Array,
): Result<Decoded<ReservationReceipt>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.reservation, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'quota');
    return reader.finish({
      id: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
      requestHash: reader.bytes(claim.requestHash, 'requestHash', 32),
      currency: readCurrency(reader),
      total: reader.amount(claim.total, 'total'),
    });
  });
}
