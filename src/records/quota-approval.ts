/** The quota approval: one approver's signature over one change of a quota, and whether there are enough of them. */
import type { CborValue } from '../kit/encoding.ts';
import { type Result, refuse } from '../kit/result.ts';
import type { ApprovalPolicy } from './approval-policy.ts';
import { type Approvals, checkApprovals, type QuorumCode } from './approval-quorum.ts';
import { claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { changeId, decodeChange } from './quota-change.ts';

/** However the approval policy reads: one person changes no quota. */
const fewestApprovers = 2;

export interface QuotaApproval {
  /** The approver's name in the policy. */
  readonly approver: string;
  /** SHA-256 of the change's bytes, 32 bytes. */
  readonly changeId: Uint8Array;
  readonly issuedAt: number;
}

export function encodeQuotaApproval(approval: QuotaApproval, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.quotaApproval,
    keyId,
    new Map<number, CborValue>([
      [claim.subject, approval.approver],
      [claim.issuedAt, approval.issuedAt],
      [claim.changeId, approval.changeId],
    ]),
  );
}

export function decodeQuotaApproval(bytes: Uint8Array): Result<Decoded<QuotaApproval>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.quotaApproval, (reader) =>
    reader.finish({
      approver: reader.text(claim.subject, 'subject', namePattern, nameAccepted),
      changeId: reader.bytes(claim.changeId, 'changeId', 32),
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
    }),
  );
}

/** The policy for quotas: that of the trust bundle, with two people at least; refused as `approval_policy_missing` where there is none. */
export function quotaPolicy(
  policy: ApprovalPolicy | null,
): Result<ApprovalPolicy, 'approval_policy_missing'> {
  if (policy !== null && policy.approvers.length >= fewestApprovers)
    return {
      ok: true,
      value: { ...policy, threshold: Math.max(policy.threshold, fewestApprovers) },
    };
  return refuse(
    'approval_policy_missing',
    `the trust bundle names ${policy === null ? 'no approvers' : 'one approver'}, and a quota is changed by two people or more: name them with \`ringmint ceremony plan --approvers FILE\` and \`ringmint ceremony run\``,
  );
}

/** The names of those who approved the change, two or more. */
export function checkQuotaQuorum({
  change,
  ...given
}: Approvals & { /** Its bytes. */ readonly change: Uint8Array }): Result<
  readonly string[],
  QuorumCode | 'approval_policy_missing'
> {
  const decoded = decodeChange(change);
  if (!decoded.ok) return decoded;
  const policy = quotaPolicy(given.policy);
  if (!policy.ok) return policy;
  const { madeAt, expiresAt } = decoded.value;
  return checkApprovals(
    {
      what: 'change',
      id: changeId(change),
      madeAt,
      expiresAt,
      decode: decodeQuotaApproval,
      idOf: (approval) => approval.changeId,
    },
    { ...given, policy: policy.value },
  );
}
