/** The stop: an approver, alone, has issuing stopped. It has no time limit: a clock that is wrong must not keep anybody from stopping. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { ClaimReader, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { readReason } from './quota-change.ts';

export interface QuotaStop {
  /** 16 random bytes: the same stop, sent again, stops nothing again that was started since. */
  readonly id: Uint8Array;
  /** The approver's name in the policy. */
  readonly approver: string;
  readonly reason: string;
  readonly issuedAt: number;
}

export function encodeStop(stop: QuotaStop, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.quotaStop,
    keyId,
    new Map<number, CborValue>([
      [claim.subject, stop.approver],
      [claim.issuedAt, stop.issuedAt],
      [claim.id, stop.id],
      [claim.reason, stop.reason],
    ]),
  );
}

export function decodeStop(bytes: Uint8Array): Result<Decoded<QuotaStop>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.quotaStop, (reader) =>
    reader.finish({
      id: reader.bytes(claim.id, 'id', 16),
      approver: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      reason: readReason(reader, reader.take(claim.reason, 'reason')),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    }),
  );
}

/** What the operator sends, whom a certificate names: [ id (16), reason ]. */
export function readStopOrder(
  value: CborValue,
): Result<{ readonly id: Uint8Array; readonly reason: string }, RecordErrorCode> {
  const reader = new ClaimReader(new Map());
  const [id, reason] = reader.listOf(value, 'stop', 2);
  return reader.finish({ id: reader.bytesOf(id, 'stop.id', 16), reason: readReason(reader, reason) });
}
