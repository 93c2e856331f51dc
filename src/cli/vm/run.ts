/** `ringmint vm run`: runs a program on the machine that the appliance runs, and tells what its reader is cleared for. */
import type { Program, RunResult } from '../../../vm/host.ts';
import type { InputPlaces } from '../../../vm/input-text.ts';
import { type TrapName, traps, type WordType } from '../../../vm/isa.ts';
import { everybody, flowsTo } from '../../../vm/label.ts';
import { showLabel } from '../../../vm/label-text.ts';
import { instructionAt, type Listing, showPlace, showWord } from '../../../vm/listing.ts';
import type { Grant } from '../../../vm/module.ts';
import { readSymbol } from '../../../vm/symbol.ts';
import type { TranslatedProgram } from '../../../vm/translated-host.ts';
import { toHex } from '../../kit/bytes.ts';
import { refuse, succeed } from '../../kit/result.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import {
  loadProgram,
  type ProgramArguments,
  type ProgramResult,
  readGivenFile,
  refuseProgram,
  showPath,
  type TranslationFile,
} from './program-file.ts';
import { type RunArguments, readClearance, readRunArguments } from './run-arguments.ts';
import { openChecked, openSource, openTranslation } from './translation-file.ts';

interface RunCommand extends ProgramArguments, RunArguments {
  readonly clearance: string | undefined;
  /** The module that a translation is of: its names, and what the checker compares it with. */
  readonly source: string | undefined;
}

/** A program that may be run, and what there is to say of what it does. */
interface Runnable {
  readonly program: Program;
  readonly places: InputPlaces;
  readonly ports: readonly { readonly name: string; readonly type: WordType; readonly label: number }[];
  /** Its kind is not known of a translation without its source. */
  readonly grant: (index: number) => { readonly name: string; readonly kind: Grant['kind'] | null };
  readonly place: (at: number) => string;
  /** The instruction; `null` of a translation without its source. */
  readonly text: (at: number) => string | null;
}

export async function runRun(terminal: Terminal, given: RunCommand): Promise<ExitCode> {
  const cleared = readClearance(given.clearance);
  if (!cleared.ok) return terminal.refuse(cleared);
  const opened = await openRunnable(terminal, given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const runnable = opened.value;
  const options = readRunArguments(runnable.places, runnable.program.fuelBound, given);
  if (!options.ok) return terminal.refuse(options);
  const clearance = cleared.value ?? everybody;
  const result = runnable.program.run({ ...options.value, clearance });
  return result.ok
    ? tellResult(terminal, runnable, result, clearance)
    : tellTrap(terminal, runnable, result, clearance);
}

async function openRunnable(terminal: Terminal, given: RunCommand): Promise<ProgramResult<Runnable>> {
  const read = await readGivenFile(given);
  if (!read.ok) return read;
  if ('wasm' in read.value) return openTranslatedRunnable(terminal, given, read.value);
  if (given.source !== undefined)
    return refuse('usage', '--source: accepted with a translated module, whose source it is');
  const opened = await loadProgram(given.file, read.value);
  return opened.ok ? succeed(listedRunnable(opened.value.program, opened.value.listing)) : opened;
}

async function openTranslatedRunnable(
  terminal: Terminal,
  given: RunCommand,
  translation: TranslationFile,
): Promise<ProgramResult<Runnable>> {
  if (given.source !== undefined) {
    const source = await openSource(given.source, given);
    if (!source.ok) return source;
    const checked = await openChecked(given.file, translation, source.value);
    return checked.ok ? succeed(listedRunnable(checked.value, source.value.listing)) : checked;
  }
  if (translation.signedBy === undefined)
    terminal.progress(
      `${showPath(given.file)} was not checked: give the module that it is of with \`--source\``,
    );
  const opened = await openTranslation(given.file, translation);
  return opened.ok ? succeed(unnamedRunnable(opened.value)) : opened;
}

function listedRunnable(program: Program, listing: Listing): Runnable {
  const { module, names } = listing;
  return {
    program,
    places: listing,
    ports: module.ports.map(({ type, label }, port) => ({ name: names.ports[port] ?? '', type, label })),
    grant: (index) => ({
      name: names.grants[index] ?? '',
      kind: module.grants[index]?.kind ?? 'declassify',
    }),
    place: (at) => showPlace(listing, at),
    text: (at) => instructionAt(listing, at).text,
  };
}

/** Called by kind and number, as in a module that was stripped of its names. */
function unnamedRunnable(program: TranslatedProgram): Runnable {
  const segments = program.segmentLengths.map((length) => ({ type: undefined, length }));
  return {
    program,
    places: { module: { segments }, names: { segments: segments.map((_, index) => `segment${index}`) } },
    ports: program.ports.map((port, index) => ({ name: `port${index}`, ...port })),
    grant: (index) => ({ name: `grant${index}`, kind: null }),
    place: (at) => `instruction ${at}`,
    text: () => null,
  };
}

function tellResult(
  terminal: Terminal,
  { program, ports: declared, grant: grantOf, place: placeOf }: Runnable,
  { ports, fuelUsed, audit }: Extract<RunResult, { readonly ok: true }>,
  clearance: number,
): ExitCode {
  const width = Math.max(0, ...declared.map(({ name }) => name.length));
  const rows = declared.map(({ name, type, label }, port) => {
    const value = ports.get(port);
    const state = flowsTo(label, clearance) ? (value === undefined ? 'not written' : 'written') : 'withheld';
    const shown = value === undefined ? state : showWord(type, value);
    return {
      line: `  ${name.padEnd(width)}  ${shown.padEnd(12)}  ${showLabel(label)}`,
      json: {
        name,
        type,
        label: showLabel(label),
        state,
        ...(value === undefined ? {} : { value }),
        ...(value === undefined || type !== 'symbol' ? {} : { symbol: readSymbol(value) }),
      },
    };
  });
  const uses = audit.map(({ instruction, grant }) => {
    const { name, kind } = grantOf(grant);
    return { grant: name, kind, instruction, place: placeOf(instruction) };
  });
  return terminal.result(
    {
      hash: toHex(program.hash),
      fuelUsed,
      fuelBound: program.fuelBound,
      clearance: showLabel(clearance),
      ports: rows.map(({ json }) => json),
      audit: uses,
    },
    [
      `halted; fuel ${fuelUsed}, at most ${program.fuelBound}`,
      ...(rows.length === 0 ? [] : [`ports, for a reader cleared for ${showLabel(clearance)}`]),
      ...rows.map(({ line }) => line),
      ...(uses.length === 0 ? [] : ['audit']),
      ...uses.map(
        ({ grant, kind, place }) => `  ${kind === null ? 'a use of' : `${kind} under`} ${grant}, at ${place}`,
      ),
    ],
  );
}

/** Outside every trap is the same; the detail is for who is cleared for it. */
function tellTrap(
  terminal: Terminal,
  runnable: Runnable,
  { code, detail }: Extract<RunResult, { readonly ok: false }>,
  clearance: number,
): ExitCode {
  const known = detail(clearance);
  if (known !== undefined) terminal.progress(showTrap(runnable, known));
  return terminal.refuse(
    { code, message: 'the program was stopped by a trap' },
    {
      detail:
        known === undefined
          ? null
          : {
              trap: known.trap,
              meaning: traps[known.trap].meaning,
              instruction: known.instruction,
              place: runnable.place(known.instruction),
              text: runnable.text(known.instruction),
              label: showLabel(known.label),
            },
    },
  );
}

function showTrap(
  { place, text }: Runnable,
  {
    trap,
    instruction,
    label,
  }: { readonly trap: TrapName; readonly instruction: number; readonly label: number },
): string {
  const shown = text(instruction);
  const where = shown === null ? place(instruction) : `${place(instruction)} (#${instruction}): \`${shown}\``;
  return `${where}: ${traps[trap].meaning} [${trap}]; label ${showLabel(label)}`;
}
