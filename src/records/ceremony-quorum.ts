/** Whether enough approvers approved a plan: the one rule for the appliance that carries it out and for the auditor. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type ApprovalPolicy, describePolicy } from './approval-policy.ts';
import { decodeApproval } from './ceremony-approval.ts';
import { type CeremonyPlan, decodePlan, planId } from './ceremony-plan.ts';
import type { RecordErrorCode } from './claims.ts';
import { verifyRecord } from './cose.ts';
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

export interface QuorumQuestion {
  /** The plan's bytes. */
  readonly plan: Uint8Array;
  /** The approvals' bytes. */
  readonly approvals: readonly Uint8Array[];
  /** Of the trust bundle that the plan starts from. */
  readonly policy: ApprovalPolicy | null;
  readonly verifySignature: VerifySignature;
}

/**
 * The names of those who approved, as many as the policy asks for or more. Each approval that is given has to count: one that does not is
 * refused, and not passed over, with the index of it as the field.
 */
export function checkQuorum(question: QuorumQuestion): Result<readonly string[], QuorumCode> {
  const { approvals, policy } = question;
  const plan = decodePlan(question.plan);
  if (!plan.ok) return plan;
  const names: string[] = [];
  for (const [index, bytes] of approvals.entries()) {
    const name = checkApproval(bytes, plan.value, question);
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

function checkApproval(
  bytes: Uint8Array,
  { madeAt, expiresAt }: CeremonyPlan,
  { plan, policy, verifySignature }: QuorumQuestion,
): Result<string, QuorumCode> {
  const decoded = decodeApproval(bytes);
  if (!decoded.ok) return decoded;
  const { record, keyId } = decoded.value;
  const approver = policy?.approvers.find(({ key }) => equalBytes(key.keyId, keyId));
  if (approver === undefined || approver.name !== record.approver)
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
  if (!equalBytes(record.planId, planId(plan)))
    return refuse(
      'approval_mismatch',
      `\`${approver.name}\` approved the plan \`${toHex(record.planId).slice(0, 16)}\`: an approval of \`${toHex(planId(plan)).slice(0, 16)}\` is accepted`,
    );
  if (record.issuedAt < madeAt)
    return refuse(
      'approval_early',
      `\`${approver.name}\` approved at ${isoTime(record.issuedAt)}: the time of the plan, ${isoTime(madeAt)}, or a later one is accepted`,
    );
  if (record.issuedAt > expiresAt)
    return refuse(
      'approval_late',
      `\`${approver.name}\` approved at ${isoTime(record.issuedAt)}: a time until ${isoTime(expiresAt)}, when the plan expires, is accepted`,
    );
  return succeed(approver.name);
}
