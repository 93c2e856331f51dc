/** `ringmint quota`: shows quotas, and changes them by what two people or more approve. */
import type { Command } from 'commander';
import { type CommandContext, collect, subcommandsOf } from '../subcommands.ts';
import { runApply } from './apply.ts';
import { runApproveChange } from './approve.ts';
import { runPropose } from './propose.ts';
import { runQuota } from './show.ts';

/** Of a change, for `quota propose` and for `start`. */
export function addProposalOptions(command: Command, out: string): Command {
  return command
    .requiredOption('--reason <text>', 'why, for those who approve and for the journal')
    .option('--valid <seconds>', 'how long it may be approved and carried out', '86400')
    .option('--out <file>', 'where to write it', out);
}

/** Adds the commands to `quota`, which is `ringmint quota`. */
export function addQuotaCommands(
  quota: Command,
  { appliance, terminal, clock, home, trustFile, done }: CommandContext,
): void {
  quota.addOption(home()).action(async (given: { home: string }) => {
    done(await runQuota(appliance, terminal, given));
  });
  const command = subcommandsOf(quota);

  addProposalOptions(
    command(
      'propose',
      'write down a change of a quota, for others to approve',
      'propose EUR --total 12000000.00 --limit hour=500000.00/3600s --reason "approved budget of 2027"',
    )
      .argument('<currency>', 'ISO 4217 code')
      .addOption(home())
      .option('--issuer <name>', 'where several issuers have a quota in it')
      .option('--total <amount>', 'how much is allocated: what may ever be issued')
      .option(
        '--limit <limit>',
        'NAME=MAXIMUM/WINDOW, such as hour=5000.00/3600s, burst=100orders/60s, day=20000.00/Europe/Berlin; may be given again',
        collect,
      )
      .option('--remove-limit <name>', 'a limit that is to go; may be given again', collect)
      .option('--freeze', 'nothing is issued of it')
      .option('--unfreeze', 'issued again')
      .option('--returns', 'what is retired for good comes back, and may be issued again')
      .option('--no-returns', 'it does not come back')
      .option('--reset-clock', 'its clock, which was ahead, is put back to now'),
    'change.cbor',
  ).action(
    async (
      currency: string,
      given: Record<'home' | 'reason' | 'valid' | 'out', string> & {
        issuer?: string;
        total?: string;
        limit?: string[];
        removeLimit?: string[];
        freeze?: true;
        unfreeze?: true;
        returns?: boolean;
        resetClock?: true;
      },
    ) => {
      const { issuer, total, limit = [], removeLimit = [], ...rest } = given;
      const { freeze = false, unfreeze = false, returns, resetClock = false } = rest;
      const switches = { freeze, unfreeze, returns, resetClock };
      const changes = { issuer, total, limits: limit, removed: removeLimit, ...switches };
      done(await runPropose(appliance, terminal, { ...rest, ...changes, currency }, clock));
    },
  );

  command(
    'approve',
    'approve a change with your own key, on your own machine',
    'approve change.cbor --key alice.pem --trust trust.cbor --out alice.cose',
  )
    .argument('<change>', 'what `ringmint quota propose` or `ringmint start` wrote')
    .requiredOption('--key <file>', 'your private key on P-256, PEM, that nobody else can read')
    .option('--trust <file>', 'the trust bundle, which names the approvers', trustFile)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .option('--out <file>', 'where to write the approval; your name and .cose unless given')
    .action(async (file: string, given: { key: string; trust: string; root?: string; out?: string }) => {
      const { key, trust, root, out } = given;
      done(await runApproveChange(terminal, { file, key, trust, root, out }, clock));
    });

  command('apply', 'carry out a change that was approved', 'apply change.cbor alice.cose bob.cose')
    .argument('<change>', 'what `ringmint quota propose` or `ringmint start` wrote')
    .argument('<approval...>', 'what `ringmint quota approve` wrote, as many as are asked for')
    .addOption(home())
    .action(async (file: string, approvals: string[], given: { home: string }) => {
      done(await runApply(appliance, terminal, { file, approvals, home: given.home }));
    });
}
