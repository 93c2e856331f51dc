/** The currency record: issuance's signature over the same root as the control bit, bound to it by its hash. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type Currency, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeRoot, prepareRoot, recordType } from './cose.ts';
import { encodeCurrency, readCurrency } from './request.ts';

export interface CurrencyRecord {
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly root: Uint8Array;
  readonly count: number;
  readonly total: bigint;
  readonly currency: Currency;
  /** SHA-256 of the signed control bit. */
  readonly controlBitHash: Uint8Array;
}

export function encodeCurrencyRecord(record: CurrencyRecord, keyId: Uint8Array): Uint8Array {
  return prepareRoot(
    recordType.currency,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, record.issuer],
      [claim.issuedAt, record.issuedAt],
      [claim.id, record.requestId],
      [claim.epoch, record.epoch],
      [claim.sequence, record.sequence],
      [claim.count, record.count],
      [claim.total, record.total],
      [claim.currency, encodeCurrency(record.currency)],
      [claim.controlBitHash, record.controlBitHash],
    ]),
    record.root,
  );
}

export function decodeCurrencyRecord(bytes: Uint8Array): Result<Decoded<CurrencyRecord>, RecordErrorCode> {
  return decodeRoot(bytes, recordType.currency, (reader, root) =>
    reader.finish({
      requestId: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.issuer, 'issuer', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      epoch: reader.integer(claim.epoch, 'epoch', 1),
      sequence: reader.integer(claim.sequence, 'sequence', 1),
      root,
      count: reader.integer(claim.count, 'count', 1),
      total: reader.amount(claim.total, 'total'),
      currency: readCurrency(reader),
      controlBitHash: reader.bytes(claim.controlBitHash, 'controlBitHash', 32),
    }),
  );
}
