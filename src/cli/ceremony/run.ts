/** `ringmint ceremony run`: has the appliance carry out a plan. */
import { describePolicy } from '../../records/approval-policy.ts';
import { approvalSizeLimit } from '../../records/ceremony-approval.ts';
import { planSizeLimit } from '../../records/ceremony-plan.ts';
import { isoTime } from '../../records/key-ring.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, readInputs } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { describeStandstills } from './plan.ts';

export interface RunArguments {
  readonly file: string;
  readonly approvals: readonly string[];
  readonly home: string;
  readonly rootFolder: string | undefined;
  readonly out: string;
}

export async function runRun(
  appliance: Appliance,
  terminal: Terminal,
  given: RunArguments,
): Promise<ExitCode> {
  const plan = await readInput(given.file, planSizeLimit);
  if (!plan.ok) return terminal.refuse(plan);
  const approvals = await readInputs(given.approvals, approvalSizeLimit);
  if (!approvals.ok) return terminal.refuse(approvals);
  const { home, rootFolder, out } = given;
  const report = await appliance.ceremony.run({
    home,
    rootFolder,
    plan: plan.value,
    approvals: approvals.value,
    out,
    progress: (line) => terminal.progress(`  ${line}`),
  });
  const { approvedBy, madeKeys, revocationEpoch, policy, standstills, resumed } = report;
  return terminal.result({ file: out, ...report }, [
    resumed
      ? `${out}: an earlier run ended before it published the trust bundle; that is done now`
      : `${out}: the transcript of the ceremony`,
    approvedBy.length === 0 ? '  nobody had to approve' : `  approved by ${approvedBy.join(', ')}`,
    ...madeKeys.map(
      ({ role, keyId, hsm, label, notBefore }) =>
        `  ${role} has a new key ${keyId} (${hsm}: ${label}), in use from ${isoTime(notBefore)} on`,
    ),
    `  the revocation epoch is ${revocationEpoch}`,
    policy === null
      ? '  nobody has to approve the next change'
      : `  the next change needs the approval of ${describePolicy(policy)}`,
    ...describeStandstills(standstills),
    '  running systems take the new trust bundle by themselves; hand it to your verifiers, and the transcript to your auditors',
  ]);
}
