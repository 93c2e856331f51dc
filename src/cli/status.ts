/** `ringmint status`: whether each system answers and its token signs, how far its journal is, and who holds which head of it. */
import { type Refusal, refuse } from '../kit/result.ts';
import { currencyShown } from '../records/iso4217.ts';
import type { HeldHeadStatus, RoleStatus } from '../roles/status.ts';
import { type Appliance, type Operator, type Role, roles } from './appliance.ts';
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
    for (const { role, series } of roles.flatMap((one) => processesOf(operator, one))) {
      const name = series === null ? role : `${role} ${series}`;
      const status = await operator.status(role, series);
      if (status.ok) {
        const { keyId, journal, unsigned, stopped, devices } = status.value;
        answered.push(status.value);
        systems.push({ ...status.value, ok: true });
        lines.push(
          `${name.padEnd(9)} signs with ${keyId.slice(0, 16)}; journal ${journal.sequence}, ${journal.hash.slice(0, 16)}, anchored in ${anchorNames[devices.anchor.kind]}${devices.anchor.simulator ? ' (simulated)' : ''}; ${unsigned} unsigned`,
        );
        if (devices.keys.simulator)
          warnings.push(`the keys of ${name} are in a SIMULATOR (firmware-sim): never for money`);
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
        systems.push({ role, series, ok: false, code: status.code, message: status.message });
        lines.push(`${name.padEnd(9)} ${status.message} [${status.code}]`);
      }
    }
    const positions = await operator.quotaPositions();
    // Of several processes each has the same ceiling.
    const each = answered.filter(
      ({ role }, index) => answered.findIndex((one) => one.role === role) === index,
    );
    for (const position of positions.ok ? positions.value : [])
      warnings.push(...warnOfCeilings(each, position, currencyShown(position.currency)));
  } finally {
    await operator.close();
  }
  lines.push(...warnings.map((line) => `  warning: ${line}`));
  for (const of of answered) {
    lines.push(`  head of ${nameOf(of)}: ${describeHolders(of, answered, given.nowMs)}`);
    if (isForked(of, answered))
      firstRefusal ??= refuse(
        'journal_forked',
        `${nameOf(of)} has signed two journal heads that no one journal has: docs/OPERATIONS.md, Witnesses`,
      );
  }
  for (const of of answered)
    if (of.witnessing.state !== 'open')
      lines.push(`  ${nameOf(of)} signs nothing now, as far as its witnesses go: ${of.witnessing.state}`);
  if (firstRefusal === undefined) return terminal.result({ systems, warnings }, lines);
  for (const line of lines) terminal.say(line);
  return terminal.refuse(firstRefusal, { systems, warnings });
}

const anchorNames: Readonly<Record<RoleStatus['devices']['anchor']['kind'], string>> = {
  'firmware-sim': 'firmware-sim',
  tokens: 'its tokens',
  tpm: 'the TPM',
};

function processesOf(
  operator: Pick<Operator, 'processes'>,
  role: Role,
): readonly { readonly role: Role; readonly series: string | null }[] {
  const processes = operator.processes(role);
  return (processes.length === 0 ? [null] : processes).map((series) => ({ role, series }));
}

function nameOf({ role, series }: Pick<RoleStatus, 'role' | 'series'>): string {
  return series === null ? role : `${role} ${series}`;
}

/** Of the system's journal: what is held of one that it had before contradicts it. Of several processes each holds the same. */
function headsHeld(
  { role, series, journal }: RoleStatus,
  answered: readonly RoleStatus[],
): readonly (readonly [RoleStatus['role'], HeldHeadStatus])[] {
  const held = new Map<string, readonly [RoleStatus['role'], HeldHeadStatus]>();
  for (const { role: holder, holds } of answered)
    for (const head of holds)
      if (head.role === role && (series === null || head.journal === journal.id))
        held.set(`${holder} ${head.journal} ${head.signed}`, [holder, head]);
  return [...held.values()];
}

function describeHolders(of: RoleStatus, answered: readonly RoleStatus[], nowMs: number): string {
  const holders = headsHeld(of, answered).map(([holder, head]) => describeHeld(holder, head, nowMs));
  return holders.length === 0 ? 'nobody holds one' : holders.join('; ');
}

function describeHeld(
  holder: RoleStatus['role'],
  { sequence, heldMs, contradiction }: HeldHeadStatus,
  nowMs: number,
): string {
  const age = Math.max(0, Math.round((nowMs - heldMs) / 1000));
  return `${holder} holds ${sequence} since ${age} s${contradiction === null ? '' : ', and ONE THAT CONTRADICTS IT'}`;
}

/** Seen by one witness, or by none alone: each may have been shown another one. */
function isForked(of: RoleStatus, answered: readonly RoleStatus[]): boolean {
  const held = headsHeld(of, answered).map(([, head]) => head);
  return held.some(
    (head) =>
      head.contradiction !== null ||
      held.some((other) => other.sequence === head.sequence && other.hash !== head.hash),
  );
}
