/** Rule modules as commands are given them: files, all of a folder, or standard input; and what is wrong in them, told. */
import { readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUtf8 } from '../../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { placeOf, showFault } from '../../rules/language/place.ts';
import type { Fault } from '../../rules/language/syntax.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { readStandardInput, type StandardInput } from '../vm/standard-input.ts';

/** What the name of a module's file ends with. */
export const moduleEnding = '.rules';
/** A module has at most a million characters, each of up to three bytes. */
const mostBytes = 4 * 1024 * 1024;

export interface ModuleFile {
  /** As it was given; `-` for standard input. */
  readonly file: string;
  readonly text: string;
}

/** The files that `words` name: of a folder all that end in `.rules`, in the order of the alphabet. */
export async function listModuleFiles(words: readonly string[]): Promise<Result<readonly string[]>> {
  const files: string[] = [];
  for (const word of words) {
    const entry = word === '-' ? undefined : await stat(word).catch(() => undefined);
    if (entry?.isDirectory() !== true) {
      files.push(word);
      continue;
    }
    const names = (await readdir(word)).filter((name) => name.endsWith(moduleEnding)).toSorted();
    if (names.length === 0)
      return refuse(
        'file_unreadable',
        `${quote(word)} has no file that ends in \`${moduleEnding}\`: the path of a module, or of a folder with some, is accepted`,
      );
    files.push(...names.map((name) => join(word, name)));
  }
  return succeed(files);
}

/** Reads a file as UTF-8, which it has to be to the last byte. */
export async function readModuleFile(file: string, stdin: StandardInput): Promise<Result<ModuleFile>> {
  const bytes = file === '-' ? await readStandardInput(stdin, mostBytes) : await readInput(file, mostBytes);
  if (!bytes.ok) return bytes;
  const text = decodeUtf8(bytes.value);
  return text === undefined ? refuseNoText(file) : succeed({ file, text });
}

export function refuseNoText(file: string): Refusal<'rules_malformed'> {
  return refuse('rules_malformed', `${quote(file)} is no text in UTF-8: such a text is accepted`);
}

/** Writes a module's text in the place of what is there, whole or not at all; who may read the file stays as it is. */
export async function replaceModuleFile(file: string, text: string): Promise<Result<null>> {
  let beside: string | undefined;
  try {
    const path = await realpath(file);
    const { mode } = await stat(path);
    const made = `${path}.${process.pid}.new`;
    await writeFile(made, text, { flag: 'wx', mode });
    beside = made;
    await rename(made, path);
    return succeed(null);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (beside !== undefined) await rm(beside, { force: true });
    return refuse(
      'file_unwritable',
      `cannot write ${quote(file)} (${code}): a file that can be written is accepted`,
    );
  }
}

export interface FaultyModule extends ModuleFile {
  readonly faults: readonly Fault[];
}

/** Tells what is wrong, each fault with its line and a mark under the place; with `--json` a list `faults`. */
export function refuseModules(terminal: Terminal, modules: readonly FaultyModule[]): ExitCode {
  const count = modules.reduce((sum, { faults }) => sum + faults.length, 0);
  for (const { file, text, faults } of modules) {
    for (const fault of faults)
      for (const line of showFault(text, fault, shownName(file))) terminal.say(line);
  }
  const files = modules.map(({ file }) => quote(shownName(file))).join(', ');
  return terminal.refuse(
    refuse(
      'rules_malformed',
      `${files}: ${count} ${count === 1 ? 'fault' : 'faults'}; a module without any is accepted`,
    ),
    { faults: modules.flatMap(faultsAsJson) },
  );
}

function shownName(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** Lines and columns from 1, columns in UTF-16 units; `start` and `end` in UTF-16 units from the beginning of the text. */
function faultsAsJson({ file, text, faults }: FaultyModule): readonly Readonly<Record<string, unknown>>[] {
  return faults.map(({ code, message, span }) => {
    const start = placeOf(text, span.start);
    const end = placeOf(text, span.end);
    return {
      file,
      code,
      message,
      line: start.line,
      column: start.column,
      end_line: end.line,
      end_column: end.column,
      start: span.start,
      end: span.end,
    };
  });
}
