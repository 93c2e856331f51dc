/** `ringmint inspect`: decodes and explains any file of Ringmint's; verifies nothing. */
import { draftSizeLimit } from '../records/draft.ts';
import { inspectRecord } from '../records/inspection.ts';
import type { ExitCode } from './exit-code.ts';
import { readInput } from './file.ts';
import type { Terminal } from './terminal.ts';

export async function runInspect(terminal: Terminal, given: { file: string }): Promise<ExitCode> {
  const bytes = await readInput(given.file, draftSizeLimit);
  if (!bytes.ok) return terminal.refuse(bytes);
  const inspected = inspectRecord(bytes.value);
  if (!inspected.ok) return terminal.refuse(inspected);
  const { kind, explanation, fields } = inspected.value;
  const width = Math.max(...fields.map((field) => field.name.length));
  return terminal.result({ kind, explanation, bytes: bytes.value.length, fields }, [
    `${kind}: ${explanation}; ${bytes.value.length} bytes`,
    ...fields.map(
      (field) =>
        `  ${field.name.padEnd(width)}  ${field.value}${field.claim === undefined ? '' : `  [${field.claim}]`}`,
    ),
  ]);
}
