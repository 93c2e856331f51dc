/** Whether enough approvers approved: the one rule for a plan of a key ceremony and for a change of a quota. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type ApprovalPolicy, approverOf, describePolicy } from './approval-policy.ts';
import type { RecordErrorCode } from './claims.ts';
import { type Decoded, verifyRecord } from './cose.ts';
import { isoTime } from './key-ring.ts';
import type { VerifySignature } from './signature.ts';

export type QuorumCode =
  | RecordErrorCode
  | 'approver_unknown'
  | 'approval_invalid'
  | 'approval_mismatch'
  | 'approval_early'
  | 'approval_late'
  | 'approval_repeated'
  | 'approvals_too_few';

/** What any approval says. */
export interface Approval {
  /** The approver's name in the policy. */
  readonly approver: string;
  readonly issuedAt: number;
}

/** What is approved: between which moments, and by which id its approvals name it. */
export interface Approved<A extends Approval> {
  readonly what: 'plan' | 'change';
  /** 32 bytes. */
  readonly id: Uint8Array;
  readonly madeAt: number;
  readonly expiresAt: number;
  readonly decode: (bytes: Uint8Array) => Result<Decoded<A>, RecordErrorCode>;
  readonly idOf: (approval: A) => Uint8Array;
}

export interface Approvals {
  /** The approvals' bytes. */
  readonly approvals: readonly Uint8Array[];
  readonly policy: ApprovalPolicy | null;
  readonly verifySignature: VerifySignature;
}

/**
 * The names of those who approved, as many as `policy` asks for or more; who approves is there once. Each approval that is given has to
 * count: one that does not is refused, and not passed over, with the index of it as the field.
 */
export function checkApprovals<A extends Approval>(
  approved: Approved<A>,
  { approvals, policy, verifySignature }: Approvals,
): Result<readonly string[], QuorumCode> {
  const names: string[] = [];
  for (const [index, bytes] of approvals.entries()) {
    const name = checkApproval(bytes, approved, policy, verifySignature);
    if (!name.ok) return inside(name, index);
    if (names.includes(name.value))
      return inside(
        refuse('approval_repeated', `\`${name.value}\` approved already: one of each approver is accepted`),
        index,
      );
    names.push(name.value);
  }
  if (policy !== null && names.length < policy.threshold)
    return refuse(
      'approvals_too_few',
      `${names.length === 0 ? 'nobody' : names.join(', ')} approved: the approval of ${describePolicy(policy)} is accepted`,
    );
  return succeed(names);
}

function inside(refusal: Refusal<QuorumCode>, index: number): Refusal<QuorumCode> {
  return refuse(refusal.code, `approvals[${index}]: ${refusal.message}`, `approvals[${index}]`);
}

function checkApproval<A extends Approval>(
  bytes: Uint8Array,
  { what, id, madeAt, expiresAt, decode, idOf }: Approved<A>,
  policy: ApprovalPolicy | null,
  verifySignature: VerifySignature,
): Result<string, QuorumCode> {
  const decoded = decode(bytes);
  if (!decoded.ok) return decoded;
  const { record, keyId } = decoded.value;
  const approver = approverOf(policy, record.approver, keyId);
  if (approver === undefined)
    return refuse(
      'approver_unknown',
      `signed by key \`${toHex(keyId).slice(0, 16)}\` for \`${record.approver}\`: ${
        policy === null ? 'no approval is asked for, so none' : `the key of one of ${describePolicy(policy)}`
      } is accepted`,
    );
  const verified = verifyRecord(decoded.value, approver.key, verifySignature);
  if (!verified.ok)
    return refuse(
      'approval_invalid',
      `the signature is not by \`${approver.name}\`: it was altered or forged`,
    );
  if (!equalBytes(idOf(record), id))
    return refuse(
      'approval_mismatch',
      `\`${approver.name}\` approved the ${what} \`${toHex(idOf(record)).slice(0, 16)}\`: an approval of \`${toHex(id).slice(0, 16)}\` is accepted`,
    );
  if (record.issuedAt < madeAt)
    return refuse(
      'approval_early',
      `\`${approver.name}\` approved at ${isoTime(record.issuedAt)}: the time of the ${what}, ${isoTime(madeAt)}, or a later one is accepted`,
    );
  if (record.issuedAt > expiresAt)
    return refuse(
      'approval_late',
      `\`${approver.name}\` approved at ${isoTime(record.issuedAt)}: a time until ${isoTime(expiresAt)}, when the ${what} expires, is accepted`,
    );
  return succeed(approver.name);
}
