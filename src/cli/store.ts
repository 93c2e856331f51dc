/** `ringmint store`: where the ledgers of the systems are. */
import { type Command, Option } from 'commander';
import { quote } from '../kit/result.ts';
import { addAnchorCommands } from './anchor.ts';
import { type Appliance, type Role, roles } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { addLedgerCommands } from './ledger.ts';
import { type CommandContext, subcommandsOf } from './subcommands.ts';
import type { Terminal } from './terminal.ts';

/** Adds the commands to `store`, which is `ringmint store`. */
export function addStoreCommands(store: Command, context: CommandContext): void {
  const { appliance, terminal, home, done } = context;
  const command = subcommandsOf(store);
  const role = (): Option => new Option('--role <role>', 'whose').choices(roles).makeOptionMandatory();
  addLedgerCommands(command, role, context);
  addAnchorCommands(command, role, context);
  const seriesName = /^[a-z][a-z0-9-]{0,31}$/;
  const refuseSeries = (series: string): ExitCode =>
    terminal.refuse({
      code: 'usage',
      message: `--series ${quote(series)}: 1 to 32 of a-z, 0-9 and \`-\`, a letter first, are accepted`,
    });
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
      if (!seriesName.test(given.series)) return done(refuseSeries(given.series));
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

  command(
    'add-series',
    'give one more process of a system a journal of its own in a PostgreSQL ledger',
    'add-series --role quota --to-file /etc/ringmint/quota.url --series quota-2',
  )
    .addOption(role())
    .requiredOption('--to-file <file>', addressHelp)
    .requiredOption('--series <name>', 'its name: 1 to 32 of a-z, 0-9 and `-`, a letter first')
    .action(async (given: { role: Role; toFile: string; series: string }) => {
      if (!seriesName.test(given.series)) return done(refuseSeries(given.series));
      const to = await appliance.store.addSeries({
        role: given.role,
        urlFile: given.toFile,
        series: given.series,
      });
      return done(
        terminal.result({ role: given.role, to, series: given.series }, [
          `series ${given.series} of ${given.role} is in ${to}`,
          '  serve it with an epoch of its own in config.json, which no other process may have',
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
