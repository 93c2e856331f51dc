/** `ringmint ceremony`: changes of the keys that several people approve, with a transcript that an auditor can replay. */
import { type Command, InvalidArgumentError } from 'commander';
import { type KeyRole, keyRoles } from '../../records/trust-bundle.ts';
import { type CommandContext, collect, rootFolderOption, subcommandsOf } from '../subcommands.ts';
import { runApprove } from './approve.ts';
import { runPlan } from './plan.ts';
import { runRun } from './run.ts';
import { runVerifyCeremony } from './verify.ts';

function collectRole(value: string, earlier: KeyRole[] | undefined): KeyRole[] {
  const role = keyRoles.find((candidate) => candidate === value);
  if (role === undefined) throw new InvalidArgumentError(`${keyRoles.join(', ')} are accepted.`);
  return [...(earlier ?? []), role];
}

/** Adds the commands to `ceremony`, which is `ringmint ceremony`. */
export function addCeremonyCommands(
  ceremony: Command,
  { appliance, terminal, clock, home, trustFile, done }: CommandContext,
): void {
  const command = subcommandsOf(ceremony);

  command(
    'plan',
    'write down what is to be done to the keys, for others to approve',
    'plan --rotate issuance --revoke 4f6a1c0e@2026-11-20T00:00:00Z --out plan.cbor',
  )
    .addOption(home())
    .option(`--rotate <role>`, `make a new key for ${keyRoles.join(', ')}; may be given again`, collectRole)
    .option('--revoke <key[@time]>', 'revoke a key, from a time on or from now; may be given again', collect)
    .option('--approvers <file>', 'JSON of who has to approve from then on: {threshold, approvers}')
    .option('--no-approvers', 'nobody has to approve from then on')
    .option(
      '--hsm <name>',
      "of the new keys, by its name in the system's config.json; the first one unless given",
    )
    .option('--delay <seconds>', 'from the end of the ceremony until new keys name records', '15')
    .option('--overlap <seconds>', 'how long the old keys go on after that', '3600')
    .option('--valid <seconds>', 'how long the plan may be approved and carried out', '86400')
    .option('--out <file>', 'where to write it', 'plan.cbor')
    .action(
      async (
        given: Record<'home' | 'delay' | 'overlap' | 'valid' | 'out', string> & {
          rotate?: KeyRole[];
          revoke?: string[];
          approvers?: string | false;
          hsm?: string;
        },
      ) => {
        const { rotate = [], revoke = [], approvers, hsm, ...rest } = given;
        done(await runPlan(appliance, terminal, { ...rest, rotate, revoke, approvers, hsm }));
      },
    );

  command(
    'approve',
    'approve a plan with your own key, on your own machine',
    'approve plan.cbor --key alice.pem --trust trust.cbor --out alice.cose',
  )
    .argument('<plan>', 'what `ringmint ceremony plan` wrote')
    .requiredOption('--key <file>', 'your private key on P-256, PEM, that nobody else can read')
    .option('--trust <file>', 'the trust bundle that the plan starts from', trustFile)
    .option('--root <id>', 'id of the root key that must have signed the trust bundle')
    .option('--out <file>', 'where to write the approval; your name and .cose unless given')
    .action(async (file: string, given: { key: string; trust: string; root?: string; out?: string }) => {
      const { key, root, out } = given;
      done(await runApprove(terminal, { file, key, trust: given.trust, root, out }, clock));
    });

  command(
    'run',
    'carry out a plan that was approved, and write the transcript',
    'run plan.cbor alice.cose bob.cose --out transcript.cose',
  )
    .argument('<plan>', 'what `ringmint ceremony plan` wrote')
    .argument('[approval...]', 'what `ringmint ceremony approve` wrote, as many as are asked for')
    .addOption(home())
    .addOption(rootFolderOption())
    .option('--out <file>', 'where to write the transcript: a new file', 'transcript.cose')
    .action(
      async (
        file: string,
        approvals: string[],
        given: { home: string; rootFolder?: string; out: string },
      ) => {
        const { rootFolder, out } = given;
        done(await runRun(appliance, terminal, { file, approvals, home: given.home, rootFolder, out }));
      },
    );

  command(
    'verify',
    'carry out the ceremony of a transcript once more, offline',
    'verify transcript.cose --root 5b0e…',
  )
    .argument('<transcript>', 'what `ringmint ceremony run` wrote')
    .option('--root <id>', 'id of the root key that must have signed it')
    .action(async (file: string, given: { root?: string }) => {
      done(await runVerifyCeremony(terminal, { file, root: given.root }));
    });
}
