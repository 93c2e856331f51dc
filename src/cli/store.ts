/** `ringmint store`: where the ledgers of the systems are. */
import { type Command, Option } from 'commander';
import { quote } from '../kit/result.ts';
import { type Role, roles } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { type CommandContext, subcommandsOf } from './subcommands.ts';

/** Adds the commands to `store`, which is `ringmint store`. */
export function addStoreCommands(store: Command, { appliance, terminal, home, done }: CommandContext): void {
  const command = subcommandsOf(store);
  const role = (): Option => new Option('--role <role>', 'whose').choices(roles).makeOptionMandatory();
  const seriesName = /^[a-z][a-z0-9-]{0,31}$/;
  const refuseSeries = (series: string): ExitCode =>
    terminal.refuse({
      code: 'usage',
      message: `--series ${quote(series)}: 1 to 32 of a-z, 0-9 and \`-\`, a letter first, are accepted`,
    });
  const addressHelp = "file with the database's address, postgres://USER:PASSWORD@HOST/DATABASE";

  command(
    'migrate',
    'copy the SQLite ledger of a system that is stopped to PostgreSQL, check it there, and mark the file as moved',
    'migrate --role quota --to-file /etc/ringmint/quota.url --series quota-1',
  )
    .addOption(home())
    .addOption(role())
    .requiredOption('--to-file <file>', addressHelp)
    .option('--series <name>', 'the journal that this system writes there', 'main')
    .action(async (given: { home: string; role: Role; toFile: string; series: string }) => {
      if (!seriesName.test(given.series)) return done(refuseSeries(given.series));
      let shown = 0;
      const report = await appliance.store.migrate({
        home: given.home,
        role: given.role,
        urlFile: given.toFile,
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
          `  put this into ${report.role}/config.json: "store": { "kind": "postgres", "urlFile": "${given.toFile}", "series": "${report.series}", "anchor": "${report.anchor}" }`,
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
