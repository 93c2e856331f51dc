/** `ringmint audit`: rebuilds everything from the ledgers of the three systems, and signs what it found. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { type Role, roles } from '../appliance.ts';
import { type CommandContext, collect, subcommandsOf } from '../subcommands.ts';
import { runAudit } from './check.ts';
import { runVerifyStatement } from './verify-statement.ts';

/** Adds the commands to `audit`, which is `ringmint audit`. */
export function addAuditCommands(
  audit: Command,
  { appliance, terminal, clock, home, trustFile, done }: CommandContext,
): void {
  const command = subcommandsOf(audit);

  command(
    'extract',
    'write what an auditor needs of one ledger, while its system runs or not; as confidential as the ledger',
    'extract --role quota --out quota.extract',
  )
    .addOption(home())
    .addOption(new Option('--role <role>', 'whose ledger').choices(roles).makeOptionMandatory())
    .option('--out <file>', 'where to write it; the role and .extract unless given')
    .action(async (given: { home: string; role: Role; out?: string }) => {
      const written = await appliance.extractLedger({
        home: given.home,
        role: given.role,
        out: given.out ?? `${given.role}.extract`,
        progress: (entries) => terminal.status(`  ${entries} entries`),
      });
      done(
        terminal.result({ ...written }, [
          `${written.file}: ${written.entries} entries of ${written.role}, ${written.bytes} bytes`,
          `  it is as confidential as the ledger${written.role === 'issuance' ? ': it holds the seeds of all units' : ''}`,
        ]),
      );
    });

  command(
    'check',
    'hold the ledgers of all systems against each other, offline; exit code 4 where anything is found',
    'check central.extract issuance.extract quota.extract --trust trust.cbor --root ID --out audit',
  )
    .argument('<extract...>', 'what `ringmint audit extract` wrote, of each system')
    .option('--trust <file>', 'the trust bundle; earlier ones too, where approvers have changed', collect)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .option(
      '--kept <file>',
      'a head of `ringmint witness keep`, or the statement of an earlier audit',
      collect,
    )
    .option('--kept-key <file>', 'public key of whoever signed the statements that are kept, PEM')
    .option('--at-rest', 'the systems were stopped: nothing may be on its way between them')
    .option('--apart <seconds>', 'how far apart the extracts may have been made', '600')
    .option('--out <folder>', 'where to write report.json, report.csv, report.txt and the statement')
    .option('--key <file>', "the auditor's private key on P-256, PEM, that nobody else can read")
    .option('--name <name>', 'whom the statement names as auditor', 'auditor')
    .action(
      async (
        extracts: string[],
        given: Record<'apart' | 'name', string> & {
          trust?: string[];
          root?: string;
          kept?: string[];
          keptKey?: string;
          atRest?: true;
          out?: string;
          key?: string;
        },
      ) => {
        const { trust = [trustFile], root, kept = [], keptKey, atRest = false, out, key, ...rest } = given;
        done(
          await runAudit(
            terminal,
            { extracts, trust, root, kept, keptKey, atRest, out, key, ...rest },
            clock,
          ),
        );
      },
    );

  command(
    'verify-statement',
    'tell whether a statement is of this report, signed with this key',
    'verify-statement audit/statement.cose --report audit/report.json --key auditor-public.pem',
  )
    .argument('<statement>', 'what `ringmint audit check` wrote')
    .requiredOption('--report <file>', 'the JSON report')
    .requiredOption('--key <file>', "the auditor's public key, PEM")
    .action(async (file: string, given: { report: string; key: string }) => {
      done(await runVerifyStatement(terminal, { file, ...given }));
    });
}
