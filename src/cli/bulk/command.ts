/** The options of `ringmint bulk`. */
import type { Command, Option } from 'commander';
import { unitLimit } from '../../records/claims.ts';
import type { ExitCode } from '../exit-code.ts';
import { type BulkArguments, type BulkContext, runBulk } from './bulk.ts';

/** Half of what a request may have: with a million payees this program took 347 MB at most, and 440 MB with whole requests. */
const chunkPayees = 32_768;

/** Adds arguments, options and action to `bulk`, which is `ringmint bulk`. */
export function addBulkCommand(
  bulk: Command,
  context: BulkContext & { readonly home: () => Option; readonly done: (code: ExitCode) => void },
): void {
  bulk
    .argument('<file>', 'a CSV with the header payee,amount; of any length')
    .requiredOption(
      '--out <folder>',
      'where openings, drafts and currency go: all that the same command goes on from',
    )
    .addOption(context.home())
    .requiredOption('--currency <code>', 'ISO 4217 code')
    .option('--purpose <text>', 'what it is for', '')
    .requiredOption('--origin <country>', 'ISO 3166 code')
    .requiredOption('--destination <country>', 'ISO 3166 code')
    .option('--confirm-amount <total>', 'the total of the CSV, where nobody is there to type it')
    .option('--chunk <payees>', `payees in one request, at most ${unitLimit}`, String(chunkPayees))
    .option('--patience <seconds>', 'how long to wait for a system that does not answer', '60')
    .option('--reserve', 'keep the whole total of the quota before the first order, for 7 days', false)
    .option('--again', 'send what was denied again, under new ids', false)
    .option('--verify', 'verify every currency file, and that it has one unit for each payee', false)
    .addHelpText(
      'after',
      `
The CSV is read whole and its total asked back before anything is issued. After kill -9, a power cut, a
full disk or a denial, give the same command again: it goes on where it was, and issues nothing twice.

Example:
  $ ringmint bulk payees.csv --currency EUR --origin DE --destination DE --out payments --confirm-amount 104836.11
`,
    )
    .action(async (file: string, given: Omit<BulkArguments, 'file'>) => {
      // Commander leaves out what was not given.
      const { confirmAmount, ...rest } = given;
      context.done(await runBulk(context, { ...rest, file, confirmAmount }));
    });
}
