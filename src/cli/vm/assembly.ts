/** `ringmint vm asm`, `disasm` and `check`: text to modules, modules to text, and what is wrong with either. */
import { disassemble } from '../../../vm/disassembler.ts';
import { findLabelCreep } from '../../../vm/label-lint.ts';
import { showPlace } from '../../../vm/listing.ts';
import { stripNames } from '../../../vm/module.ts';
import { refuse } from '../../kit/result.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import {
  openProgram,
  type ProgramArguments,
  readProgramFile,
  refuseProgram,
  showPath,
} from './program-file.ts';
import { writeResult } from './result-file.ts';

/** Writes a module that the loader takes, or nothing. */
export async function runAsm(
  terminal: Terminal,
  given: ProgramArguments & { readonly out: string; readonly names: boolean },
): Promise<ExitCode> {
  const opened = await openProgram(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { file, hash, listing, program } = opened.value;
  const bytes = given.names ? file : stripNames(file);
  const written = await writeResult(given.out, given.file, bytes);
  if (!written.ok) return terminal.refuse(written);
  const code = listing.instructions.length;
  const functions = listing.functions.length;
  return terminal.result(
    {
      file: given.out,
      hash,
      bytes: bytes.length,
      instructions: code,
      functions,
      fuelBound: program.fuelBound,
    },
    [
      `${given.out}: ${bytes.length} bytes, ${code} instructions in ${functions} ${functions === 1 ? 'function' : 'functions'}`,
      `  hash  ${hash}`,
      `  fuel  at most ${program.fuelBound}`,
    ],
  );
}

/** Prints text that assembles to the same bytes. */
export async function runDisasm(
  terminal: Terminal,
  given: ProgramArguments & { readonly out: string | undefined },
): Promise<ExitCode> {
  const read = await readProgramFile(given);
  if (!read.ok) return refuseProgram(terminal, read);
  const text = disassemble(read.value.file);
  if (!text.ok) return terminal.refuse({ ...text, message: `${showPath(given.file)}: ${text.message}` });
  if (given.out === undefined)
    return terminal.result({ hash: read.value.hash, text: text.text }, text.text.trimEnd().split('\n'));
  const written = await writeResult(given.out, given.file, text.text);
  if (!written.ok) return terminal.refuse(written);
  return terminal.result({ hash: read.value.hash, file: given.out }, [`${given.out}: written`]);
}

/** Finds what always traps, before it runs. */
export async function runCheck(terminal: Terminal, given: ProgramArguments): Promise<ExitCode> {
  const opened = await openProgram(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { listing, hash, program } = opened.value;
  const findings = findLabelCreep(listing).map(({ at, trap, message }) => ({
    place: showPlace(listing, at),
    instruction: at,
    line: listing.instructions[at]?.line,
    trap,
    message,
  }));
  if (findings.length === 0)
    return terminal.result({ hash, fuelBound: program.fuelBound, findings }, [
      `${showPath(given.file)}: the loader takes it, and no label makes it always trap`,
      `  hash  ${hash}`,
      `  fuel  at most ${program.fuelBound}`,
    ]);
  for (const { place, trap, message } of findings) terminal.say(`${place}: ${message} [${trap}]`);
  return terminal.refuse(
    refuse(
      'label_creep',
      `${findings.length} ${findings.length === 1 ? 'instruction' : 'instructions'} of ${showPath(given.file)} cannot run without a trap`,
    ),
    { hash, findings },
  );
}
