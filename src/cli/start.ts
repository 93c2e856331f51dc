/** `ringmint start`: proposes that issuing starts again; two people or more approve it, as any change of a quota. */
import type { Clock } from '../kit/clock.ts';
import { refuse } from '../kit/result.ts';
import type { RoleStatus } from '../roles/status.ts';
import type { Appliance } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { type ProposalArguments, writeProposal } from './quota/proposal.ts';
import type { Terminal } from './terminal.ts';

export async function runStart(
  appliance: Appliance,
  terminal: Terminal,
  given: ProposalArguments & { readonly home: string },
  clock: Clock,
): Promise<ExitCode> {
  const operator = await appliance.connect(given.home);
  let status: Awaited<ReturnType<typeof operator.status>>;
  try {
    status = await operator.status('quota');
  } finally {
    await operator.close();
  }
  if (!status.ok) return terminal.refuse(status);
  const { stopped }: RoleStatus = status.value;
  if (stopped === null)
    return terminal.refuse(
      refuse('issuance_not_stopped', 'issuing is not stopped: there is nothing to be started'),
    );
  terminal.progress(`stopped by ${stopped.by}: ${stopped.reason}`);
  return writeProposal(terminal, { kind: 'start', stop: stopped.sequence }, given, clock);
}
