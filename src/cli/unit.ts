/** `ringmint unit`: takes one unit out of a currency file, with its two receipts: what its holder gets. */
import { quote, refuse } from '../kit/result.ts';
import { decodeCurrencyFile, fileSizeLimit } from '../records/currency-file.ts';
import { unitExtractor } from '../records/unit-file.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput, writeOutput } from './file.ts';
import type { Terminal } from './terminal.ts';

export async function runUnit(
  terminal: Terminal,
  given: { file: string; index: string; out: string },
): Promise<ExitCode> {
  const bytes = await readInput(given.file, fileSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const file = decodeCurrencyFile(bytes.value);
  if (!file.ok) return terminal.refuse(file);
  const opened = unitExtractor(file.value);
  if (!opened.ok) return terminal.refuse(opened);
  const { batchCount } = opened.value;
  const { first, leaves } = file.value;
  const index = Number(given.index);
  const last = first + leaves.length - 1;
  if (!/^\d{1,15}$/.test(given.index) || index < first || index > last) {
    return terminal.refuse(
      refuse('usage', `unit ${quote(given.index)}: a whole number from ${first} to ${last} is accepted`),
    );
  }
  const unit = opened.value.extract(index);
  const written = await writeOutput(given.out, unit);
  if (!written.ok) return terminal.refuse(written);
  return terminal.result({ index, of: batchCount, bytes: unit.length, file: given.out }, [
    `unit ${index} of ${batchCount} is in ${given.out}, ${unit.length} bytes: \`ringmint verify ${given.out}\``,
  ]);
}
