/** `ringmint watch`: what happens in the systems, as it happens. */
import { Argument, type Command } from 'commander';
import type { Refusal } from '../kit/result.ts';
import { formatMoney } from '../records/amount.ts';
import { currencyShown } from '../records/iso4217.ts';
import type { JournalEvent, SystemEvent } from '../roles/journal-event.ts';
import { type Appliance, type Role, roles } from './appliance.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { chooseSeries, seriesOption } from './series-option.ts';
import type { CommandContext } from './subcommands.ts';
import type { Terminal } from './terminal.ts';

/** Adds what it takes to `watch`, which is `ringmint watch`. */
export function addWatchCommand(watch: Command, { appliance, terminal, home, done }: CommandContext): void {
  watch
    .addArgument(new Argument('[role]', 'which one; all three without it').choices(roles))
    .addOption(home())
    .option('--after <number>', 'begin after this entry of the journal, 0 for all; from now on without it')
    .addOption(seriesOption())
    .addHelpText('after', '\nWith --json there is a line of JSON for each event.')
    .action(async (role: Role | undefined, given: { home: string; after?: string; series?: string }) => {
      const { home: folder, after, series } = given;
      if (series !== undefined && role !== 'quota')
        return done(
          terminal.refuse({
            code: 'usage',
            message: `--series \`${series}\`: \`watch quota\` is accepted with it`,
          }),
        );
      if (after !== undefined && (role === undefined || !/^[0-9]{1,15}$/.test(after))) {
        const accepted = 'the number of a journal entry, with the system whose journal it is,';
        return done(
          terminal.refuse({ code: 'usage', message: `--after \`${after}\`: ${accepted} is accepted` }),
        );
      }
      const watched = role === undefined ? roles : [role];
      const begin = after === undefined ? undefined : Number(after);
      done(await runWatch(appliance, terminal, { home: folder, roles: watched, after: begin, series }));
    });
}

interface WatchOptions {
  readonly home: string;
  readonly roles: readonly Role[];
  readonly after: number | undefined;
  /** One process of quota control; all of them without it. */
  readonly series: string | undefined;
}

/** A system that restarts, or takes a new trust bundle, is waited for so long. */
const patienceMs = 30_000;

/** Until Ctrl-C, or until a system refuses, is halted or does not come back. */
async function runWatch(
  appliance: Appliance,
  terminal: Terminal,
  { home, roles: watched, after, series: named }: WatchOptions,
): Promise<ExitCode> {
  const operator = await appliance.connect(home);
  const journals: Watched[] = [];
  for (const role of watched) {
    // A number is of one journal.
    const isOne = named !== undefined || after !== undefined;
    const chosen = isOne ? chooseSeries(operator, role, named) : undefined;
    if (chosen?.ok === false) {
      await operator.close();
      return terminal.refuse(chosen);
    }
    const all = operator.processes(role);
    const several = chosen === undefined ? (all.length === 0 ? [null] : all) : [chosen.value];
    journals.push(...several.map((series) => ({ role, series })));
  }
  const ended = new AbortController();
  let refusal: Pick<Refusal, 'code' | 'message'> | undefined;
  terminal.startLines();
  const follow = async (of: Watched): Promise<void> => {
    const { role, series } = of;
    const query = { ended: ended.signal, patienceMs, ...(after === undefined ? {} : { after }) };
    for await (const event of operator.events(role, query, series)) {
      if (event.ok) {
        const { value } = event;
        terminal.item(
          () => eventItem(of, value),
          () => eventLine(of, value),
        );
        if (value.kind !== 'halted') continue;
        refusal ??= { code: value.code, message: `${nameOf(of)} is halted: ${value.message}` };
      } else refusal ??= event;
      return ended.abort();
    }
  };
  try {
    await Promise.all(journals.map(follow));
  } finally {
    await operator.close();
  }
  return refusal === undefined ? exitCode.ok : terminal.refuse(refusal);
}

/** A journal: of a system, or of one of its processes. */
interface Watched {
  readonly role: Role;
  readonly series: string | null;
}

function nameOf({ role, series }: Watched): string {
  return series === null ? role : `${role} ${series}`;
}

function eventItem({ role, series }: Watched, event: SystemEvent): Record<string, unknown> {
  const of = { role, ...(series === null ? {} : { series }) };
  switch (event.kind) {
    case 'entry':
      return { ...of, event: event.entry.kind, ...event.entry };
    case 'open':
      return { ...of, event: 'open', ...event.open };
    case 'halted':
      return { ...of, event: 'halted', code: event.code, message: event.message };
  }
}

function eventLine(of: Watched, event: SystemEvent): string {
  const role = nameOf(of);
  switch (event.kind) {
    case 'entry':
      return `${timeOf(event.entry)}  ${role.padEnd(8)}  ${String(event.entry.sequence).padStart(8)}  ${event.entry.kind.padEnd(12)}  ${describeEntry(event.entry)}`;
    case 'open':
      return `${role}: journal ${event.open.sequence}, ${event.open.hash.slice(0, 16)}; what comes after it:`;
    case 'halted':
      return `${role}: HALTED`;
  }
}

function timeOf({ createdMs }: JournalEvent): string {
  return new Date(createdMs).toISOString();
}

function describeEntry(entry: JournalEvent): string {
  const { currency, amount, orders, issued, denied, units, signed, issuer, reason, by, lifts } = entry;
  const { version, allocated, frozen } = entry;
  const money = (minor: bigint, code = ''): string => formatMoney(minor, currencyShown(code));
  const told = [
    issuer,
    amount === undefined ? undefined : money(amount, currency),
    allocated === undefined ? undefined : `allocated ${money(allocated, currency)}`,
    version === undefined ? undefined : `version ${version + 1}`,
    frozen === true ? 'frozen' : undefined,
    units === undefined ? undefined : `${units} units`,
    orders === undefined ? undefined : `${orders} ${orders === 1 ? 'order' : 'orders'}`,
    issued === undefined ? undefined : `${issued} issued`,
    denied === undefined || denied === 0 ? undefined : `${denied} denied`,
    lifts === undefined ? undefined : `issuing starts again, after the stop ${lifts}`,
    by,
    reason,
    signed === false ? 'NOT SIGNED' : undefined,
  ];
  return told.filter((part) => part !== undefined && part !== null && part !== '').join(', ');
}
