/** `ringmint rules fmt`: modules in their canonical form. */
import { refuse } from '../../kit/result.ts';
import { formatModule } from '../../rules/language/format.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Streams, Terminal } from '../terminal.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import {
  type FaultyModule,
  listModuleFiles,
  readModuleFile,
  refuseModules,
  replaceModuleFile,
} from './module-file.ts';

export interface FormatArguments {
  /** Files, folders, or `-`. */
  readonly files: readonly string[];
  /** Whether to tell which are not in canonical form, and write nothing. */
  readonly check: boolean;
  readonly stdin: StandardInput;
}

/** Writes each file anew that is not in canonical form; what has a fault is left as it is, and told. */
export async function runFormat(
  terminal: Terminal,
  streams: Streams,
  given: FormatArguments,
): Promise<ExitCode> {
  const listed = await listModuleFiles(given.files);
  if (!listed.ok) return terminal.refuse(listed);
  const faulty: FaultyModule[] = [];
  const changed: string[] = [];
  for (const file of listed.value) {
    const read = await readModuleFile(file, given.stdin);
    if (!read.ok) return terminal.refuse(read);
    const { text, faults } = formatModule(read.value.text);
    if (text === undefined) {
      faulty.push({ ...read.value, faults });
      continue;
    }
    const isCanonical = text === read.value.text;
    if (!isCanonical) changed.push(file);
    if (file === '-' && !given.check && !terminal.json) streams.out(text);
    if (file === '-' && !given.check && terminal.json) {
      return terminal.result({ files: [{ file, changed: !isCanonical, text }] }, []);
    }
    if (isCanonical || given.check || file === '-') continue;
    const written = await replaceModuleFile(file, text);
    if (!written.ok) return terminal.refuse(written);
  }
  if (faulty.length > 0) return refuseModules(terminal, faulty);
  const files = listed.value.map((file) => ({ file, changed: changed.includes(file) }));
  if (given.check && changed.length > 0) {
    for (const file of changed) terminal.say(`${file}: not in canonical form`);
    const message = `${changed.length} of ${files.length} not in canonical form: what \`ringmint rules fmt\` writes is accepted`;
    return terminal.refuse(refuse('not_canonical', message), { files });
  }
  const lines = changed.filter((file) => file !== '-').map((file) => `${file}: written in canonical form`);
  return terminal.result({ files }, lines);
}
