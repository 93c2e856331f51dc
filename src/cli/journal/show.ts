/** `ringmint journal show`: the journal of a system, held against its own hashes as it comes. */
import { Argument, type Command } from 'commander';
import { toHex } from '../../kit/bytes.ts';
import type { ListedEntry } from '../../roles/journal-reader.ts';
import { type Role, roles } from '../appliance.ts';
import { listOption, printList } from '../list.ts';
import { type CommandContext, subcommandsOf } from '../subcommands.ts';

/** Adds the command to `journal`, which is `ringmint journal`. */
export function addJournalCommands(
  journal: Command,
  { appliance, terminal, home, done }: CommandContext,
): void {
  subcommandsOf(journal)(
    'show',
    'show the journal of a running system, the first entry first; with --json a line of JSON for each, with its bytes',
    'show quota --json',
  )
    .addArgument(new Argument('<role>', 'whose').choices(roles))
    .addOption(home())
    .addOption(listOption())
    .action(async (role: Role, given: { home: string; most?: number }) => {
      const operator = await appliance.connect(given.home);
      try {
        done(
          await printList(terminal, operator.journal(role), {
            most: given.most,
            item: entryJson,
            line: entryLine,
          }),
        );
      } finally {
        await operator.close();
      }
    });
}

function entryJson({ bytes, hash, ...entry }: ListedEntry): Record<string, unknown> {
  return { ...entry, hash: toHex(hash), bytes: toHex(bytes) };
}

function entryLine({ sequence, kind, subject, createdMs, bytes, withheld, hash }: ListedEntry): string {
  const made = new Date(createdMs).toISOString();
  return `${String(sequence).padStart(8)}  ${made}  ${kind.padEnd(12)}  ${subject}  ${bytes.length} bytes${withheld ? ' without openings' : ''}, ${toHex(hash).slice(0, 16)}`;
}
