/** The approval: one approver's signature over one plan. */
import type { CborValue } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';

/** No approval is larger. */
export const approvalSizeLimit = 4 * 1024;

export interface CeremonyApproval {
  /** The approver's name in the policy. */
  readonly approver: string;
  /** SHA-256 of the plan's bytes, 32 bytes. */
  readonly planId: Uint8Array;
  readonly issuedAt: number;
}

export function encodeApproval(approval: CeremonyApproval, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.ceremonyApproval,
    keyId,
    new Map<number, CborValue>([
      [claim.subject, approval.approver],
      [claim.issuedAt, approval.issuedAt],
      [claim.planId, approval.planId],
    ]),
  );
}

export function decodeApproval(bytes: Uint8Array): Result<Decoded<CeremonyApproval>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.ceremonyApproval, (reader) =>
    reader.finish({
      approver: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      planId: reader.bytes(claim.planId, 'planId', 32),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    }),
  );
}
