/** `ringmint keys backup` and `ringmint keys restore-drill`: keys of a system kept elsewhere, and the proof that they could be used. */
import { Argument } from 'commander';
import { isoTime } from '../../records/key-ring.ts';
import { type DrillReport, type Role, roles } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { CommandContext, MakeCommand } from '../subcommands.ts';

/** Adds the commands by `command`, which makes a command of `ringmint keys`. */
export function addBackupCommands(
  command: MakeCommand,
  { appliance, terminal, home, done }: CommandContext,
): void {
  command(
    'backup',
    "copy the keys of a system's SoftHSM token into a folder, also while the system runs",
    'backup quota --out backups/quota-2026-11-21',
  )
    .addArgument(new Argument('<role>', 'whose').choices(roles))
    .addOption(home())
    .requiredOption('--out <folder>', 'a new folder, or an empty one')
    .option('--hsm <name>', "the HSM, by its name in the system's config.json; the first one unless given")
    .action(async (role: Role, given: { home: string; out: string; hsm?: string }) => {
      const report = await appliance.keys.backUp({
        home: given.home,
        role,
        out: given.out,
        hsm: given.hsm,
      });
      done(
        terminal.result({ ...report }, [
          `${report.keys.length} ${report.keys.length === 1 ? 'key' : 'keys'} of ${role} in \`${report.hsm}\` are backed up in \`${report.folder}\``,
          ...report.keys.map(({ keyId, label }) => `  ${keyId.slice(0, 16)}…  ${label}`),
          `  the PIN is not in it, and without the PIN it is worth nothing: keep a copy of \`${report.pinFile}\` in another place`,
          `  prove that it can be used: \`ringmint keys restore-drill ${report.folder}\``,
        ]),
      );
    });

  command(
    'restore-drill',
    'prove that a backup of keys can be used, in a copy that is thrown away',
    'restore-drill backups/quota-2026-11-21',
  )
    .argument('<folder>', 'what `ringmint keys backup` wrote')
    .addOption(home())
    .option('--pin <source>', "file:PATH, env:NAME or credential:NAME; the token's own PIN file unless given")
    .action(async (folder: string, given: { home: string; pin?: string }) => {
      terminal.progress('  opening a copy of the backup, and using each of its keys');
      const report = await appliance.keys.drill({ home: given.home, folder, pin: given.pin });
      done(report.lacking.length > 0 ? refuseOutdated(report) : showDrill(report));
    });

  function showDrill(report: DrillReport): ExitCode {
    return terminal.result({ ...report }, [
      `the backup of ${report.role} of ${isoTime(report.madeAt)} can be used, and lacks no key that is valid now or later`,
      ...report.keys.map(
        ({ keyId, kind, label, published }) =>
          `  ${keyId.slice(0, 16)}…  ${label}: ${kind === 'signing' ? 'signed' : 'derived a secret'}${
            published ? ', as the trust bundle has it' : '; never published, so that it is worth nothing'
          }`,
      ),
    ]);
  }

  function refuseOutdated(report: DrillReport): ExitCode {
    const names = report.lacking.map(({ role, keyId }) => `the ${role} key \`${keyId}\``).join(' and ');
    return terminal.refuse(
      {
        code: 'backup_outdated',
        message: `the backup of ${isoTime(report.madeAt)} can be used, but lacks ${names}: make a new one with \`ringmint keys backup ${report.role} --out FOLDER\``,
      },
      { ...report },
    );
  }
}
