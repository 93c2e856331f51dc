/**
 * The control bit: quota control's word that the quota for these units was taken. It is a COSE_Sign1
 * over the Merkle root of the units, with its claims in the protected header, so that it is also the
 * receipt (RFC 9942) of each of them.
 */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type Currency, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeRoot, prepareRoot, recordType } from './cose.ts';
import { encodeCurrency, readCurrency } from './request.ts';
import { encodeRuns, type Run, readRuns } from './selection.ts';

export interface ControlBit {
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  /** SHA-256 of the signed request. */
  readonly requestHash: Uint8Array;
  /** The request's orders whose units these are: of those that were approved, the ones that the quota had room for. */
  readonly orders: readonly Run[];
  /** Random, 16 bytes. */
  readonly reservation: Uint8Array;
  /** (epoch, sequence) names the control bit: ECDSA is randomised, so its signature does not. */
  readonly epoch: number;
  readonly sequence: number;
  /** RFC 9162 §2.1.1 root over the units, 32 bytes. */
  readonly root: Uint8Array;
  readonly count: number;
  readonly total: bigint;
  readonly currency: Currency;
  /** Id of the key that must sign the currency. */
  readonly issuanceKey: Uint8Array;
  readonly keySet: Uint8Array;
  readonly redeemUntil: number;
}

export function encodeControlBit(controlBit: ControlBit, keyId: Uint8Array): Uint8Array {
  return prepareRoot(
    recordType.controlBit,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'quota'],
      [claim.subject, controlBit.issuer],
      [claim.issuedAt, controlBit.issuedAt],
      [claim.id, controlBit.requestId],
      [claim.requestHash, controlBit.requestHash],
      [claim.approved, encodeRuns(controlBit.orders)],
      [claim.reservation, controlBit.reservation],
      [claim.epoch, controlBit.epoch],
      [claim.sequence, controlBit.sequence],
      [claim.count, controlBit.count],
      [claim.total, controlBit.total],
      [claim.currency, encodeCurrency(controlBit.currency)],
      [claim.issuanceKey, controlBit.issuanceKey],
      [claim.keySet, controlBit.keySet],
      [claim.redeemUntil, controlBit.redeemUntil],
    ]),
    controlBit.root,
  );
}

export function decodeControlBit(bytes: Uint8Array): Result<Decoded<ControlBit>, RecordErrorCode> {
  return decodeRoot(bytes, recordType.controlBit, (reader, root) => {
    reader.exactText(claim.issuer, 'issuer', 'quota');
    return reader.finish({
      requestId: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      requestHash: reader.bytes(claim.requestHash, 'requestHash', 32),
      orders: readRuns(reader, claim.approved, 'orders'),
      reservation: reader.bytes(claim.reservation, 'reservation', 16),
      epoch: reader.integer(claim.epoch, 'epoch', 1),
      sequence: reader.integer(claim.sequence, 'sequence', 1),
      root,
      count: reader.integer(claim.count, 'count', 1),
      total: reader.amount(claim.total, 'total'),
      currency: readCurrency(reader),
      issuanceKey: reader.bytes(claim.issuanceKey, 'issuanceKey', 32),
      keySet: reader.bytes(claim.keySet, 'keySet', 32),
      redeemUntil: reader.time(claim.redeemUntil, 'redeemUntil'),
    });
  });
}
