/** `ringmint quota apply`: has quota control carry out a change that enough people approved. */
import { toHex } from '../../kit/bytes.ts';
import { approvalSizeLimit } from '../../records/ceremony-approval.ts';
import { changeId, changeSizeLimit, decodeChange } from '../../records/quota-change.ts';
import { describeChange } from '../../records/quota-description.ts';
import type { Appliance } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, readInputs } from '../file.ts';
import type { Terminal } from '../terminal.ts';

export interface ApplyArguments {
  readonly home: string;
  readonly file: string;
  readonly approvals: readonly string[];
}

export async function runApply(
  appliance: Appliance,
  terminal: Terminal,
  { home, file, approvals: paths }: ApplyArguments,
): Promise<ExitCode> {
  const change = await readInput(file, changeSizeLimit);
  if (!change.ok) return terminal.refuse(change);
  const decoded = decodeChange(change.value);
  if (!decoded.ok) return terminal.refuse(decoded);
  const approvals = await readInputs(paths, approvalSizeLimit);
  if (!approvals.ok) return terminal.refuse(approvals);
  const operator = await appliance.connect(home);
  try {
    const applied = await operator.changeQuota('quota', change.value, approvals.value);
    if (!applied.ok) return terminal.refuse(applied);
    const { sequence } = applied.value;
    // A start is of no quota.
    const counts = decoded.value.action.kind === 'terms';
    const account = counts ? await operator.changeQuota('central', change.value, approvals.value) : undefined;
    // Away, it follows once it is back. What it refuses, it may have no room for until credentials have expired.
    if (account?.ok === false && account.code !== 'peer_unavailable')
      return terminal.refuse(
        {
          ...account,
          message: `quota control has carried it out, as entry ${sequence}; central management's own account has not, and tries again by itself: ${account.message}`,
        },
        { sequence },
      );
    const lines = describeChange(decoded.value);
    return terminal.result(
      {
        changeId: toHex(changeId(change.value)),
        sequence,
        ...(account === undefined ? {} : { account: account.ok ? account.value.sequence : null }),
        change: lines,
      },
      [
        `carried out, as entry ${sequence} of quota control's journal`,
        ...(account === undefined
          ? []
          : [
              account.ok
                ? `and as entry ${account.value.sequence} of central management's, in its own account`
                : 'central management is away: its own account follows once it is back',
            ]),
        ...lines.map((line) => `  ${line}`),
      ],
    );
  } finally {
    await operator.close();
  }
}
