/** The closing: issuance's word that it has issued nothing in a request, and never will. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';

export interface ClosingRecord {
  /** INVARIANT: of a request issuance signs a currency record or this, and never both. */
  readonly requestId: Uint8Array;
  readonly issuer: string;
  readonly issuedAt: number;
}

export function encodeClosing(record: ClosingRecord, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.closing,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, record.issuer],
      [claim.issuedAt, record.issuedAt],
      [claim.id, record.requestId],
    ]),
  );
}

export function decodeClosing(bytes: Uint8Array): Result<Decoded<ClosingRecord>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.closing, (reader) =>
    reader.finish({
      requestId: reader.bytes(claim.id, 'id', 16),
      issuer: reader.text(claim.issuer, 'issuer', namePattern, nameAccepted),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    }),
  );
}
