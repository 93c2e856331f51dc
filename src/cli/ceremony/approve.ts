/** `ringmint ceremony approve`: one approver's signature under a plan, made without the appliance. */
import { equalBytes, sha256, toHex } from '../../kit/bytes.ts';
import type { Clock } from '../../kit/clock.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { encodeApproval } from '../../records/ceremony-approval.ts';
import {
  type CeremonyPlan,
  decodePlan,
  describeAction,
  planId,
  planSizeLimit,
} from '../../records/ceremony-plan.ts';
import { attachSignature } from '../../records/cose.ts';
import { isoTime } from '../../records/key-ring.ts';
import type { TrustBundle } from '../../records/trust-bundle.ts';
import { findApprover, readApproversBundle } from '../approver.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readApproverKey } from './approver-key.ts';

export interface ApproveArguments {
  readonly file: string;
  readonly key: string;
  readonly trust: string;
  /** Id of the root key of the bundle, in hex. */
  readonly root: string | undefined;
  readonly out: string | undefined;
}

export async function runApprove(
  terminal: Terminal,
  given: ApproveArguments,
  clock: Clock,
): Promise<ExitCode> {
  const now = clock.nowSeconds();
  const bytes = await readInput(given.file, planSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const plan = decodePlan(bytes.value);
  if (!plan.ok) return terminal.refuse(plan);
  const timely = checkTime(plan.value, now);
  if (!timely.ok) return terminal.refuse(timely);
  const bundle = await readBundle(given, plan.value, now);
  if (!bundle.ok) return terminal.refuse(bundle);
  const key = await readApproverKey(given.key);
  if (!key.ok) return terminal.refuse(key);
  const approver = findApprover(
    bundle.value,
    key.value.key,
    'the trust bundle asks for no approval: `ringmint ceremony run` takes the plan as it is',
  );
  if (!approver.ok) return terminal.refuse(approver);

  const { name } = approver.value;
  const id = planId(bytes.value);
  const toBeSigned = encodeApproval({ approver: name, planId: id, issuedAt: now }, key.value.key.keyId);
  const out = given.out ?? `${name}.cose`;
  const written = await writeOutput(out, attachSignature(toBeSigned, key.value.sign(toBeSigned)));
  if (!written.ok) return terminal.refuse(written);
  const actions = plan.value.actions.map(describeAction);
  return terminal.result(
    { file: out, approver: name, planId: toHex(id), expiresAt: plan.value.expiresAt, actions },
    [
      `${out}: ${name} approves`,
      ...actions.map((action, index) => `  ${index + 1}  ${action}`),
      `  plan id  ${toHex(id)}`,
      `  expires  ${isoTime(plan.value.expiresAt)}`,
    ],
  );
}

function checkTime({ madeAt, expiresAt }: CeremonyPlan, now: number): Result<null> {
  if (now < madeAt)
    return refuse(
      'plan_early',
      `the plan was made at ${isoTime(madeAt)}, and here it is ${isoTime(now)}: set the clock right`,
    );
  if (now > expiresAt)
    return refuse('plan_expired', `the plan expired at ${isoTime(expiresAt)}: a new plan is accepted`);
  return succeed(null);
}

/** The bundle that the plan starts from: whoever approves knows by it which keys there are, and who may approve. */
async function readBundle(
  given: ApproveArguments,
  plan: CeremonyPlan,
  now: number,
): Promise<Result<TrustBundle>> {
  const read = await readApproversBundle(given, now);
  if (!read.ok) return read;
  if (!equalBytes(sha256(read.value.bytes), plan.startsFrom))
    return refuse(
      'plan_stale',
      `the plan starts from another trust bundle than ${quote(given.trust)}: the one that it was made with is accepted`,
    );
  return succeed(read.value.bundle);
}
