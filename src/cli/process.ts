/** `ringmint process`: quota control as several processes on one PostgreSQL ledger. */
import type { Command } from 'commander';
import { quote } from '../kit/result.ts';
import type { ExitCode } from './exit-code.ts';
import { type CommandContext, subcommandsOf } from './subcommands.ts';
import type { Terminal } from './terminal.ts';

/** Of a journal that a process writes, and of a process. */
const seriesPattern = /^[a-z][a-z0-9-]{0,31}$/;

export function refuseSeries(terminal: Terminal, series: string): ExitCode {
  return terminal.refuse({
    code: 'usage',
    message: `--series ${quote(series)}: 1 to 32 of a-z, 0-9 and \`-\`, a letter first, are accepted`,
  });
}

export function isSeriesName(series: string): boolean {
  return seriesPattern.test(series);
}

/** Adds the commands to `process`, which is `ringmint process`. */
export function addProcessCommands(
  group: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  const command = subcommandsOf(group);

  command('list', 'show the processes of quota control, those that are taken out too', 'list')
    .addOption(home())
    .action(async (given: { home: string }) => {
      const processes = await appliance.processes.list(given.home);
      done(
        terminal.result(
          { processes },
          processes.length === 0
            ? ['quota control is one process; `ringmint process add` makes it several']
            : processes.map(
                ({ series, epoch, anchor, port, journal, state }) =>
                  `${series.padEnd(12)}  ${state.padEnd(9)}  epoch ${epoch}, anchor ${anchor}, port ${port === 0 ? 'auto' : port}, journal ${journal}`,
              ),
        ),
      );
    });

  command(
    'add',
    'add a process to quota control, whose ledger is on PostgreSQL, with a journal, an epoch and an anchor of its own; or put one back',
    'add --series quota-2',
  )
    .addOption(home())
    .requiredOption('--series <name>', 'its name: 1 to 32 of a-z, 0-9 and `-`, a letter first')
    .option('--port <port>', 'where it listens; 0 lets the system choose', '0')
    .action(async (given: { home: string; series: string; port: string }) => {
      if (!isSeriesName(given.series)) return done(refuseSeries(terminal, given.series));
      const port = Number(given.port);
      if (!(Number.isInteger(port) && port >= 0 && port < 65_536))
        return done(
          terminal.refuse({ code: 'usage', message: `--port \`${given.port}\`: 0 to 65535 is accepted` }),
        );
      const added = await appliance.processes.add({ home: given.home, series: given.series, port });
      const { outcome, ...process } = added;
      const told = { added: 'is added', 'put-back': 'is put back', there: 'is there already' }[outcome];
      return done(
        terminal.result({ ...process, outcome }, [
          `process ${added.series} of quota control ${told}: epoch ${added.epoch}, anchor ${added.anchor}`,
          '  a running `ringmint up` starts it within seconds; otherwise `ringmint serve quota --series NAME` does',
          '  where the other systems have machines of their own: copy appliance.json there, before it is started',
        ]),
      );
    });

  command(
    'take-out',
    'take a process out of quota control: it ends, its journal stays, and the heads that are held of it stay held',
    'take-out quota-2',
  )
    .argument('<series>', 'which one')
    .addOption(home())
    .option(
      '--abandon',
      'also where it has taken on what it never signed, and cannot be started any more: that is never signed, and what it took of a quota is lost',
      false,
    )
    .action(async (series: string, given: { home: string; abandon: boolean }) => {
      const report = await appliance.processes.takeOut({
        ...given,
        series,
        progress: (line) => terminal.progress(line),
      });
      done(
        terminal.result({ ...report }, [
          `process ${series} of quota control is taken out; its journal stays`,
          ...(report.abandoned === 0
            ? []
            : [
                `  ${report.abandoned} that it took on are never signed: their callers are told \`request_abandoned\``,
              ]),
        ]),
      );
    });
}
