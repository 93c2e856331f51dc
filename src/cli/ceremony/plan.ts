/** `ringmint ceremony plan`: writes down what is to be done to the keys, for others to approve. */
import { toHex } from '../../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { type ApprovalPolicy, describePolicy } from '../../records/approval-policy.ts';
import { decodePlan, describeAction, planId } from '../../records/ceremony-plan.ts';
import { isoTime } from '../../records/key-ring.ts';
import type { KeyRole } from '../../records/trust-bundle.ts';
import type { Appliance, Standstill } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readApprovers } from './approvers-file.ts';

export interface PlanArguments {
  readonly home: string;
  readonly rotate: readonly KeyRole[];
  /** KEY or KEY@TIME. */
  readonly revoke: readonly string[];
  /** A file; `false` for none any more. */
  readonly approvers: string | false | undefined;
  readonly hsm: string | undefined;
  readonly delay: string;
  readonly overlap: string;
  readonly valid: string;
  readonly out: string;
}

export async function runPlan(
  appliance: Appliance,
  terminal: Terminal,
  given: PlanArguments,
): Promise<ExitCode> {
  const { home, rotate, hsm, out } = given;
  const delay = readSeconds('--delay', given.delay, 0);
  if (!delay.ok) return terminal.refuse(delay);
  const overlap = readSeconds('--overlap', given.overlap, 0);
  if (!overlap.ok) return terminal.refuse(overlap);
  const valid = readSeconds('--valid', given.valid, 1);
  if (!valid.ok) return terminal.refuse(valid);
  if (rotate.length + given.revoke.length === 0 && given.approvers === undefined)
    return terminal.refuse(
      refuse('usage', 'nothing to do: `--rotate`, `--revoke`, `--approvers` or `--no-approvers` is accepted'),
    );
  const revoke: { keyId: string; since: number | undefined }[] = [];
  for (const words of given.revoke) {
    const revocation = readRevocation(words);
    if (!revocation.ok) return terminal.refuse(revocation);
    revoke.push(revocation.value);
  }
  const approvers = await readPolicyChange(given.approvers);
  if (!approvers.ok) return terminal.refuse(approvers);

  const { plan, policy, standstills } = await appliance.ceremony.plan({
    home,
    rotate,
    revoke,
    approvers: approvers.value,
    hsm,
    delaySeconds: delay.value,
    overlapSeconds: overlap.value,
    validSeconds: valid.value,
  });
  const written = await writeOutput(out, plan);
  if (!written.ok) return terminal.refuse(written);
  const decoded = decodePlan(plan);
  assert(decoded.ok, 'a plan that was just made can be read');
  const actions = decoded.value.actions.map(describeAction);
  const { expiresAt } = decoded.value;
  return terminal.result(
    {
      file: out,
      planId: toHex(planId(plan)),
      expiresAt,
      actions,
      threshold: policy?.threshold ?? 0,
      standstills,
    },
    [
      `${out}: a plan of ${actions.length} ${actions.length === 1 ? 'action' : 'actions'}`,
      ...actions.map((action, index) => `  ${index + 1}  ${action}`),
      `  plan id  ${toHex(planId(plan))}`,
      `  expires  ${isoTime(expiresAt)}`,
      policy === null
        ? '  nobody has to approve it: `ringmint ceremony run`'
        : `  it needs the approval of ${describePolicy(policy)}: \`ringmint ceremony approve\`, each on their own machine`,
      ...describeStandstills(standstills),
    ],
  );
}

/** Lines that tell which roles will have no valid key. */
export function describeStandstills(standstills: readonly Standstill[]): string[] {
  return standstills.map(({ role, until }) =>
    until === null
      ? `  ${role} has no valid key left then, and stands still`
      : `  ${role} has no valid key until its new one begins, and stands still for so long`,
  );
}

async function readPolicyChange(
  approvers: string | false | undefined,
): Promise<Result<ApprovalPolicy | null | undefined>> {
  if (approvers === undefined) return succeed(undefined);
  return approvers === false ? succeed(null) : readApprovers(approvers);
}

function readRevocation(words: string): Result<{ keyId: string; since: number | undefined }, 'usage'> {
  const [keyId = '', time, ...rest] = words.split('@');
  const since = time === undefined ? undefined : Math.floor(Date.parse(time) / 1000);
  if (!/^[0-9a-fA-F]{8,64}$/.test(keyId) || rest.length > 0 || (since !== undefined && !(since >= 0)))
    return refuse(
      'usage',
      `--revoke ${quote(words)}: eight digits or more of a key's id are accepted, and a time after an @, such as \`4f6a1c0e@2026-11-20T12:00:00Z\``,
    );
  return succeed({ keyId, since });
}

function readSeconds(option: string, text: string, minimum: number): Result<number, 'usage'> {
  if (/^\d{1,9}$/.test(text) && Number(text) >= minimum) return succeed(Number(text));
  return refuse(
    'usage',
    `${option} ${quote(text)}: a whole number of seconds from ${minimum} on is accepted`,
  );
}
