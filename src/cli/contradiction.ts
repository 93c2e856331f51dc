/** `ringmint contradiction`: what issuance does where quota control has signed two control bits under one serial. */
import type { Command } from 'commander';
import { refuse } from '../kit/result.ts';
import { ClaimReader } from '../records/claims.ts';
import { readReason } from '../records/quota-change.ts';
import type { Appliance } from './appliance.ts';
import type { ExitCode } from './exit-code.ts';
import { writeRecords } from './file.ts';
import { type CommandContext, subcommandsOf } from './subcommands.ts';
import type { Terminal } from './terminal.ts';

/** Adds the commands to `contradiction`, which is `ringmint contradiction`. */
export function addContradictionCommands(
  contradiction: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  const command = subcommandsOf(contradiction);

  command(
    'keep',
    'write the two control bits that a running issuance holds against quota control to a folder',
    'keep --out proof',
  )
    .addOption(home())
    .option('--out <folder>', 'where to write them', 'contradiction')
    .action(async (given: { home: string; out: string }) => {
      done(await runKeep(appliance, terminal, given));
    });

  command(
    'release',
    'have a stopped issuance take control bits again: once it is known what happened, and one copy of quota control runs',
    "release --reason 'the second copy is off and wiped'",
  )
    .addOption(home())
    .requiredOption('--reason <text>', 'why, for the journal')
    .action(async (given: { home: string; reason: string }) => {
      const reader = new ClaimReader(new Map());
      const reason = reader.finish(readReason(reader, given.reason));
      if (!reason.ok) return done(terminal.refuse(refuse('usage', `--reason: ${reason.message}`)));
      const found = await appliance.releaseContradiction({ home: given.home, reason: reason.value });
      return done(
        terminal.result({ released: found !== undefined, found: found ?? null }, [
          found === undefined
            ? 'issuance holds nothing against quota control: there is nothing to be released'
            : `released: ${found}; start issuance again (\`ringmint up\`)`,
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
  let status: Awaited<ReturnType<typeof operator.status>>;
  try {
    status = await operator.status('issuance');
  } finally {
    await operator.close();
  }
  if (!status.ok) return terminal.refuse(status);
  const { contradiction, stopped } = status.value;
  if (stopped === null)
    return terminal.result({ found: null, files: [] }, ['issuance holds nothing against quota control']);
  const written = await writeRecords(
    out,
    contradiction.map((hex, place) => ({ name: `control-bit-${place + 1}.cose`, hex })),
  );
  if (!written.ok) return terminal.refuse(written);
  const files = written.value;
  return terminal.result({ found: stopped.reason, sequence: stopped.sequence, files }, [
    `${stopped.reason} (journal ${stopped.sequence} of issuance)`,
    ...files.map((file) => `  ${file}`),
  ]);
}
