/** Whether enough approvers approved a plan: the one rule for the appliance that carries it out and for the auditor. */
import type { Result } from '../kit/result.ts';
import { type Approvals, checkApprovals, type QuorumCode } from './approval-quorum.ts';
import { decodeApproval } from './ceremony-approval.ts';
import { decodePlan, planId } from './ceremony-plan.ts';

export interface QuorumQuestion extends Approvals {
  /** The plan's bytes. */
  readonly plan: Uint8Array;
}

/** The names of those who approved; `policy` is that of the trust bundle that the plan starts from. */
export function checkQuorum(question: QuorumQuestion): Result<readonly string[], QuorumCode> {
  const plan = decodePlan(question.plan);
  if (!plan.ok) return plan;
  const { madeAt, expiresAt } = plan.value;
  return checkApprovals(
    {
      what: 'plan',
      id: planId(question.plan),
      madeAt,
      expiresAt,
      decode: decodeApproval,
      idOf: (approval) => approval.planId,
    },
    question,
  );
}
