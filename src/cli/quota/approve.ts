/** `ringmint quota approve`: one approver's signature under a change, made without the appliance. */
import { toHex } from '../../kit/bytes.ts';
import type { Clock } from '../../kit/clock.ts';
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { attachSignature } from '../../records/cose.ts';
import { isoTime } from '../../records/key-ring.ts';
import { encodeQuotaApproval, quotaPolicy } from '../../records/quota-approval.ts';
import { changeId, changeSizeLimit, decodeChange, type QuotaChange } from '../../records/quota-change.ts';
import { describeChange } from '../../records/quota-description.ts';
import { findApprover, readApproversBundle, type TrustArguments } from '../approver.ts';
import { readApproverKey } from '../ceremony/approver-key.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';

export interface ApproveChangeArguments extends TrustArguments {
  readonly file: string;
  readonly key: string;
  readonly out: string | undefined;
}

export async function runApproveChange(
  terminal: Terminal,
  given: ApproveChangeArguments,
  clock: Clock,
): Promise<ExitCode> {
  const now = clock.nowSeconds();
  const bytes = await readInput(given.file, changeSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const change = decodeChange(bytes.value);
  if (!change.ok) return terminal.refuse(change);
  const timely = checkTime(change.value, now);
  if (!timely.ok) return terminal.refuse(timely);
  const trust = await readApproversBundle(given, now);
  if (!trust.ok) return terminal.refuse(trust);
  const policy = quotaPolicy(trust.value.bundle.approval);
  if (!policy.ok) return terminal.refuse(policy);
  const key = await readApproverKey(given.key);
  if (!key.ok) return terminal.refuse(key);
  const approver = findApprover(trust.value.bundle, key.value.key, 'the trust bundle names no approvers');
  if (!approver.ok) return terminal.refuse(approver);

  const { name } = approver.value;
  const id = changeId(bytes.value);
  const toBeSigned = encodeQuotaApproval(
    { approver: name, changeId: id, issuedAt: now },
    key.value.key.keyId,
  );
  const out = given.out ?? `${name}.cose`;
  const written = await writeOutput(out, attachSignature(toBeSigned, key.value.sign(toBeSigned)));
  if (!written.ok) return terminal.refuse(written);
  const lines = describeChange(change.value);
  const { expiresAt } = change.value;
  return terminal.result({ file: out, approver: name, changeId: toHex(id), expiresAt, change: lines }, [
    `${out}: ${name} approves`,
    ...lines.map((line) => `  ${line}`),
    `  change id  ${toHex(id)}`,
    `  expires    ${isoTime(expiresAt)}`,
  ]);
}

function checkTime({ madeAt, expiresAt }: QuotaChange, now: number): Result<null> {
  if (now < madeAt)
    return refuse(
      'change_early',
      `the change was made at ${isoTime(madeAt)}, and here it is ${isoTime(now)}: set the clock right`,
    );
  if (now > expiresAt)
    return refuse('change_expired', `the change expired at ${isoTime(expiresAt)}: a new one is accepted`);
  return succeed(null);
}
