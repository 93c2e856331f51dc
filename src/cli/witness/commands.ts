/** `ringmint witness`: journal heads, which each system signs and the others hold; kept elsewhere too, they find what all three have forgotten. */
import { Argument, type Command, Option } from 'commander';
import { type Refusal, refuse } from '../../kit/result.ts';
import { decodeJournalHead } from '../../records/journal-head.ts';
import { isoTime } from '../../records/key-ring.ts';
import type { HeldHeadStatus } from '../../roles/status.ts';
import { type Appliance, type Role, roles } from '../appliance.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput, writeRecords } from '../file.ts';
import { type CommandContext, subcommandsOf } from '../subcommands.ts';
import type { Terminal } from '../terminal.ts';

/** Adds the commands to `witness`, which is `ringmint witness`. */
export function addWitnessCommands(
  witness: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  const command = subcommandsOf(witness);

  command(
    'keep',
    'write the highest journal head of each system to a folder, to be kept elsewhere',
    'keep --out heads',
  )
    .addOption(home())
    .option('--out <folder>', 'where to write them', 'heads')
    .action(async (given: { home: string; out: string }) => {
      done(await runKeep(appliance, terminal, given));
    });

  command(
    'check',
    'hold a kept journal head against the running system that signed it',
    'check heads/quota-head.cose',
  )
    .argument('<file>', 'what `ringmint witness keep` wrote')
    .addOption(home())
    .action(async (file: string, given: { home: string }) => {
      done(await runCheck(appliance, terminal, { ...given, file }));
    });

  command(
    'release',
    'have a stopped system forget which journal head it holds of another: after an incident, and never to get a backup going',
    'release central --at issuance',
  )
    .addArgument(new Argument('<role>', 'whose head').choices(roles))
    .requiredOption('--at <role>', 'which system holds it')
    .addOption(
      new Option('--series <name>', 'of quota control as several processes: of which one; of all without it'),
    )
    .addOption(home())
    .action(async (of: Role, given: { home: string; at: string; series?: string }) => {
      const { series } = given;
      if (series !== undefined && of !== 'quota')
        return done(terminal.refuse(refuse('usage', `--series \`${series}\`: it is of quota control only`)));
      const at = roles.find((role) => role === given.at && role !== of);
      if (at === undefined)
        return done(
          terminal.refuse(refuse('usage', `--at \`${given.at}\`: one of the other two systems is accepted`)),
        );
      const released = await appliance.releaseHead({
        home: given.home,
        of,
        at,
        ...(series === undefined ? {} : { series }),
      });
      return done(
        terminal.result({ of, at, released }, [
          released ? `${at} holds no journal head of ${of} any more` : `${at} held no journal head of ${of}`,
        ]),
      );
    });
}

async function runKeep(
  appliance: Appliance,
  terminal: Terminal,
  { home, out }: { home: string; out: string },
): Promise<ExitCode> {
  const operator = await appliance.connect(home);
  /** By their journals. */
  const highest = new Map<string, HeldHeadStatus>();
  const seriesOf = new Map<string, string>();
  let firstRefusal: Refusal | undefined;
  try {
    for (const role of roles)
      for (const process of operator.processes(role)) {
        const status = await operator.status(role, process);
        if (!status.ok) {
          firstRefusal ??= status;
          continue;
        }
        const { series, journal, holds } = status.value;
        if (series !== null) seriesOf.set(journal.id, series);
        for (const held of holds) {
          const known = highest.get(held.journal);
          if (known === undefined || held.sequence > known.sequence) highest.set(held.journal, held);
        }
      }
  } finally {
    await operator.close();
  }
  if (firstRefusal !== undefined) return terminal.refuse(firstRefusal);
  const nameOf = ({ role, journal }: HeldHeadStatus): string | undefined => {
    const several = [...highest.values()].filter((other) => other.role === role).length > 1;
    // Of a process that was taken out the journal's id is what is known here.
    return several ? (seriesOf.get(journal) ?? journal) : undefined;
  };
  const kept = roles.flatMap((of) =>
    [...highest.values()]
      .filter(({ role }) => role === of)
      .map((head) => ({ ...head, series: nameOf(head) }))
      .sort((a, b) => ((a.series ?? '') < (b.series ?? '') ? -1 : 1)),
  );
  const written = await writeRecords(
    out,
    kept.map(({ role, series, signed }) => ({
      name: `${role}${series === undefined ? '' : `-${series}`}-head.cose`,
      hex: signed,
    })),
  );
  if (!written.ok) return terminal.refuse(written);
  const heads = kept.map(({ role, series, sequence, hash, issuedAt }, place) => ({
    role,
    ...(series === undefined ? {} : { series }),
    sequence,
    hash,
    issuedAt,
    file: written.value[place] ?? '',
  }));
  return terminal.result(
    { heads },
    heads.map(
      ({ role, sequence, issuedAt, file }) =>
        `${role.padEnd(9)} head ${sequence} of ${isoTime(issuedAt)}, ${file}`,
    ),
  );
}

async function runCheck(
  appliance: Appliance,
  terminal: Terminal,
  { home, file }: { home: string; file: string },
): Promise<ExitCode> {
  const read = await readInput(file, 65_536);
  if (!read.ok) return terminal.refuse(read);
  const decoded = decodeJournalHead(read.value);
  if (!decoded.ok) return terminal.refuse(decoded);
  const { role, sequence, issuedAt } = decoded.value.record;
  const operator = await appliance.connect(home);
  try {
    const checked = await operator.checkHead(role, read.value);
    if (!checked.ok) return terminal.refuse(checked);
  } finally {
    await operator.close();
  }
  return terminal.result({ role, sequence, issuedAt }, [
    `the journal of ${role} has head ${sequence} of ${isoTime(issuedAt)}`,
  ]);
}
