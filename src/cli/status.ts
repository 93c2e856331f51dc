/** `ringmint status`: whether each system answers and its token signs, how far its journal is, and who holds which head of it. */
import { type Refusal, refuse } from '../kit/result.ts';
import { currencyShown } from '../records/iso4217.ts';
import type { RoleStatus } from '../roles/status.ts';
import { type Appliance, roles } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { warnOfCeilings } from './quota/key-ceiling.ts';
import type { Terminal } from './terminal.ts';

export async function runStatus(
  appliance: Appliance,
  terminal: Terminal,
  given: { home: string; nowMs: number },
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  const systems: Record<string, unknown>[] = [];
  const lines: string[] = [];
  const answered: RoleStatus[] = [];
  const warnings: string[] = [];
  let firstRefusal: Refusal | undefined;
  try {
    for (const role of roles) {
      const status = await operator.status(role);
      if (status.ok) {
        const { keyId, journal, unsigned, stopped } = status.value;
        answered.push(status.value);
        systems.push({ ...status.value, ok: true });
        lines.push(
          `${role.padEnd(9)} signs with ${keyId.slice(0, 16)}; journal ${journal.sequence}, ${journal.hash.slice(0, 16)}; ${unsigned} unsigned`,
        );
        if (stopped !== null && role === 'issuance')
          lines.push(
            `  issuance takes NOTHING OF QUOTA CONTROL: ${stopped.reason} (journal ${stopped.sequence}; \`ringmint contradiction\`)`,
          );
        else if (stopped !== null)
          lines.push(
            `  issuing is STOPPED by ${stopped.by}: ${stopped.reason} (journal ${stopped.sequence})`,
          );
      } else {
        firstRefusal ??= status;
        systems.push({ role, ok: false, code: status.code, message: status.message });
        lines.push(`${role.padEnd(9)} ${status.message} [${status.code}]`);
      }
    }
    const positions = await operator.quotaPositions();
    for (const position of positions.ok ? positions.value : [])
      warnings.push(...warnOfCeilings(answered, position, currencyShown(position.currency)));
  } finally {
    await operator.close();
  }
  lines.push(...warnings.map((line) => `  warning: ${line}`));
  for (const { role } of answered) {
    lines.push(`  head of ${role}: ${describeHolders(role, answered, given.nowMs)}`);
    if (isForked(role, answered))
      firstRefusal ??= refuse(
        'journal_forked',
        `${role} has signed two journal heads that no one journal has: docs/OPERATIONS.md, Witnesses`,
      );
  }
  for (const { role, witnessing } of answered)
    if (witnessing.state !== 'open')
      lines.push(`  ${role} signs nothing now, as far as its witnesses go: ${witnessing.state}`);
  if (firstRefusal === undefined) return terminal.result({ systems, warnings }, lines);
  for (const line of lines) terminal.say(line);
  return terminal.refuse(firstRefusal, { systems, warnings });
}

function describeHolders(role: RoleStatus['role'], answered: readonly RoleStatus[], nowMs: number): string {
  const holders = answered.flatMap(({ role: holder, holds }) =>
    holds
      .filter((held) => held.role === role)
      .map(({ sequence, heldMs, contradiction }) => {
        const age = Math.max(0, Math.round((nowMs - heldMs) / 1000));
        return `${holder} holds ${sequence} since ${age} s${contradiction === null ? '' : ', and ONE THAT CONTRADICTS IT'}`;
      }),
  );
  return holders.length === 0 ? 'nobody holds one' : holders.join('; ');
}

/** Seen by one witness, or by none alone: each may have been shown another one. */
function isForked(role: RoleStatus['role'], answered: readonly RoleStatus[]): boolean {
  const held = answered.flatMap(({ holds }) => holds.filter((head) => head.role === role));
  return held.some(
    (head) =>
      head.contradiction !== null ||
      held.some((other) => other.sequence === head.sequence && other.hash !== head.hash),
  );
}
