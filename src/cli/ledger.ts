/** `ringmint store backup`, `verify` and `restore`: ledgers kept elsewhere, and put back. */
import type { Option } from 'commander';
import { isoTime } from '../records/key-ring.ts';
import type { Role } from './appliance.ts';
import type { JournalEnd, JudgedLedger, LedgerStanding } from './store-administration.ts';
import type { CommandContext, MakeCommand } from './subcommands.ts';

/** Adds the commands by `command`, which makes a command of `ringmint store`. */
export function addLedgerCommands(
  command: MakeCommand,
  role: () => Option,
  { appliance, terminal, home, done }: CommandContext,
): void {
  const progress = (line: string): void => terminal.progress(line);

  command(
    'backup',
    'copy the ledger of a system into a folder, also while the system runs, and check the copy',
    'backup --role quota --out backups/quota-ledger-2026-11-21',
  )
    .addOption(home())
    .addOption(role())
    .requiredOption('--out <folder>', 'a new folder, or an empty one')
    .action(async (given: { home: string; role: Role; out: string }) => {
      const report = await appliance.store.backUp({ ...given, progress });
      done(
        terminal.result({ ...report }, [
          `the ledger of ${report.role} is backed up in \`${report.folder}\`, checked whole`,
          ...report.journals.map((journal) => `  ${describeJournal(journal)}`),
          `  ${report.size} bytes`,
          '  what is committed from now on is not in it: a system that is put back to it does not start by itself (docs/OPERATIONS.md, Ledgers)',
        ]),
      );
    });

  command(
    'verify',
    'check a backup of a ledger, or a ledger file, and hold it against the anchor and the witnesses of its journal',
    'verify backups/quota-ledger-2026-11-21',
  )
    .argument('<path>', 'what `ringmint store backup` wrote, or a ledger.db')
    .addOption(home())
    .action(async (path: string, given: { home: string }) => {
      const report = await appliance.store.verify({ ...given, path, progress });
      done(
        terminal.result({ ...report }, [
          `\`${path}\` is whole: a ledger of ${report.role}${
            report.madeAt === null ? '' : `, backed up at ${isoTime(report.madeAt)}`
          }`,
          ...report.journals.map((journal) => `  ${describeJournal(journal)}`),
          ...report.standings.map((standing) => `  ${describeStanding(standing, report)}`),
        ]),
      );
    });

  command(
    'restore',
    'put a backup of a ledger where its system, which is stopped, has its ledger',
    'restore backups/quota-ledger-2026-11-21 --set-aside',
  )
    .argument('<folder>', 'what `ringmint store backup` wrote')
    .addOption(home())
    .option('--set-aside', 'move a ledger that is there into a folder beside it; nothing is deleted', false)
    .action(async (folder: string, given: { home: string; setAside: boolean }) => {
      const report = await appliance.store.restore({
        ...given,
        folder,
        progress,
        foresee(foreseen) {
          progress(`  the backup of ${foreseen.role} has`);
          for (const journal of foreseen.journals) progress(`  ${describeJournal(journal)}`);
          for (const standing of foreseen.standings) progress(`  ${describeStanding(standing, foreseen)}`);
        },
      });
      const { role: of, journals, setAside } = report;
      done(
        terminal.result({ ...report }, [
          `the ledger of ${of} is put back, checked whole`,
          ...journals.map((journal) => `  ${describeJournal(journal)}`),
          ...(setAside === null ? [] : [`  what was there is in \`${setAside}\``]),
          ...describeNext(report),
        ]),
      );
    });
}

type Described = Pick<JudgedLedger, 'role' | 'journals'>;

function describeJournal({ series, journalId, head }: JournalEnd): string {
  const name = series === null ? '' : ` of ${series}`;
  return `journal ${journalId}${name}, ${head.sequence === 0 ? 'without an entry' : `up to entry ${head.sequence}`}`;
}

function describeStanding(
  { of, series, standing, sequence, problem }: LedgerStanding,
  { role, journals }: Described,
): string {
  const whose = series === null ? '' : ` for ${series}`;
  const where = of === 'anchor' ? `the anchor of ${role}${whose}` : `what ${of} holds of it${whose}`;
  const end = journals.find((journal) => journal.series === series)?.head.sequence ?? 0;
  switch (standing) {
    case 'whole':
      return `${where}, entry ${sequence}: it has that`;
    case 'behind':
      return `${where}, entry ${sequence}: it lacks ${countOf(Number(sequence) - end)}`;
    case 'forked':
      return `${where}, entry ${sequence}: IT HAS ANOTHER ENTRY THERE; this ledger is not a copy of the one that was anchored or shown`;
    case 'none':
      return `${where}: nothing`;
    case 'unknown':
      return `${where} cannot be asked: ${problem}`;
  }
}

function countOf(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries} entries`;
}

/** What a start on it will say, and the way out, before anybody starts it. */
function describeNext({ role, journals, standings }: JudgedLedger): string[] {
  const bad = standings.find(({ standing }) => standing === 'forked');
  if (bad !== undefined)
    return [
      `  ${role} will not start on it (journal_forked): put back the ledger that this system last signed with, and keep this one`,
    ];
  const behind = standings.filter(({ standing }) => standing === 'behind');
  if (behind.length > 0)
    return [
      `  ${role} will not start on it (${behind[0]?.of === 'anchor' ? 'journal_behind_anchor' : 'journal_behind_witness'}): it lacks what was signed since`,
      '  put the newest ledger back; where that is gone for good, two people decide to go on from this one: `ringmint store propose-anchor`',
    ];
  const written = journals.filter(({ head }) => head.sequence > 0).map(({ series }) => series);
  const unanchored = standings.some(
    ({ of, series, standing }) => of === 'anchor' && standing === 'none' && written.includes(series),
  );
  return unanchored
    ? [`  ${role} will not start on it (anchor_missing): \`ringmint store propose-anchor\` is the way out`]
    : [];
}
