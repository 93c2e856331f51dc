/** `ringmint store`: where the ledgers of the systems are. */
import { type Command, Option } from 'commander';
import { addAnchorCommands } from './anchor.ts';
import { type Appliance, type Role, roles } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { addLedgerCommands } from './ledger.ts';
import { isSeriesName, refuseSeries } from './process.ts';
import { type CommandContext, subcommandsOf } from './subcommands.ts';
import type { Terminal } from './terminal.ts';

/** Adds the commands to `store`, which is `ringmint store`. */
export function addStoreCommands(store: Command, context: CommandContext): void {
  const { appliance, terminal, home, done } = context;
  const command = subcommandsOf(store);
  const role = (): Option => new Option('--role <role>', 'whose').choices(roles).makeOptionMandatory();
  addLedgerCommands(command, role, context);
  addAnchorCommands(command, role, context);
  const addressHelp = "file with the database's address, postgres://USER:PASSWORD@HOST/DATABASE";

  command(
    'migrate',
    'move the ledger of a system that is stopped to PostgreSQL, or back into a SQLite file: copied, checked there, and the old one never served again',
    'migrate --role quota --to-file /etc/ringmint/quota.url --series quota-1',
  )
    .addOption(home())
    .addOption(role())
    .option('--to-file <file>', `to PostgreSQL: ${addressHelp}`)
    .option('--series <name>', 'the journal that this system writes there', 'main')
    .option('--to-sqlite', 'from PostgreSQL into the file of the system, where it is of one series', false)
    .option('--set-aside', 'with --to-sqlite: move a file that is there into a folder beside it', false)
    .action(async (given: MigrateArguments) => {
      const { toFile } = given;
      if ((toFile === undefined) !== given.toSqlite)
        return done(
          terminal.refuse({ code: 'usage', message: '`--to-file FILE` or `--to-sqlite` is accepted' }),
        );
      if (toFile === undefined) return done(await runReturn(appliance, terminal, given));
      if (!isSeriesName(given.series)) return done(refuseSeries(terminal, given.series));
      let shown = 0;
      const report = await appliance.store.migrate({
        home: given.home,
        role: given.role,
        urlFile: toFile,
        series: given.series,
        progress(written, all) {
          const percent = Math.floor((100 * written) / Math.max(all, 1));
          if (percent < shown + 10) return;
          shown = percent;
          terminal.progress(`  ${percent} % of ${all} rows`);
        },
      });
      return done(
        terminal.result({ ...report }, [
          `the ledger of ${report.role} is at ${report.to}, ${report.rows} rows, checked there`,
          `  the SQLite file is marked as moved, and is not served again`,
          `  put this into ${report.role}/config.json: "store": { "kind": "postgres", "urlFile": "${toFile}", "series": "${report.series}", "anchor": "${report.anchor}" }`,
        ]),
      );
    });
}

interface MigrateArguments {
  readonly home: string;
  readonly role: Role;
  readonly toFile?: string;
  readonly series: string;
  readonly toSqlite: boolean;
  readonly setAside: boolean;
}

async function runReturn(
  appliance: Appliance,
  terminal: Terminal,
  { home, role, setAside }: MigrateArguments,
): Promise<ExitCode> {
  const progress = (line: string): void => terminal.progress(line);
  const report = await appliance.store.moveBack({ home, role, setAside, progress });
  return terminal.result({ ...report }, [
    `the ledger of ${role} is in \`${report.to}\`, checked there`,
    `  \`${report.from}\` is marked as moved, and is not served again`,
    ...(report.setAside === null ? [] : [`  the file that was there is in \`${report.setAside}\``]),
    `  put this into ${role}/config.json: "store": ${JSON.stringify(report.config)}`,
  ]);
}
