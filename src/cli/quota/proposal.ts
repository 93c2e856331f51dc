/** Writes a change that nobody has approved yet. */
import { toHex } from '../../kit/bytes.ts';
import type { Clock } from '../../kit/clock.ts';
import { quote, refuse } from '../../kit/result.ts';
import { isoTime } from '../../records/key-ring.ts';
import { changeId, decodeChange, encodeChange, type QuotaAction } from '../../records/quota-change.ts';
import { describeChange } from '../../records/quota-description.ts';
import type { ExitCode } from '../exit-code.ts';
import { writeOutput } from '../file.ts';
import type { Terminal } from '../terminal.ts';

export interface ProposalArguments {
  readonly reason: string;
  /** Seconds. */
  readonly valid: string;
  readonly out: string;
}

export async function writeProposal(
  terminal: Terminal,
  action: QuotaAction,
  { reason, valid, out }: ProposalArguments,
  clock: Clock,
  warnings: readonly string[] = [],
): Promise<ExitCode> {
  if (!/^\d{1,9}$/.test(valid) || Number(valid) < 1)
    return terminal.refuse(
      refuse('usage', `--valid ${quote(valid)}: a whole number of seconds from 1 on is accepted`),
    );
  const madeAt = clock.nowSeconds();
  const bytes = encodeChange({ madeAt, expiresAt: madeAt + Number(valid), reason, action });
  // Nothing is handed to approvers that could not be read again.
  const decoded = decodeChange(bytes);
  if (!decoded.ok) return terminal.refuse(decoded);
  const written = await writeOutput(out, bytes);
  if (!written.ok) return terminal.refuse(written);
  const id = toHex(changeId(bytes));
  const { expiresAt } = decoded.value;
  const lines = describeChange(decoded.value);
  return terminal.result({ file: out, changeId: id, expiresAt, change: lines, warnings }, [
    `${out}: a change that two people or more have to approve`,
    ...lines.map((line) => `  ${line}`),
    `  change id  ${id}`,
    `  expires    ${isoTime(expiresAt)}`,
    ...warnings.map((line) => `  warning: ${line}`),
    `  next: \`ringmint quota approve ${out} --key KEY\`, each on their own machine; then \`ringmint ${action.kind === 'anchor' ? 'store anchor-anew' : 'quota apply'} ${out} APPROVAL…\``,
  ]);
}
