/** `ringmint vm run`: runs a program on the machine that the appliance runs, and tells what its reader is cleared for. */
import type { Program, RunResult } from '../../../vm/host.ts';
import { traps } from '../../../vm/isa.ts';
import { everybody, flowsTo } from '../../../vm/label.ts';
import { showLabel } from '../../../vm/label-text.ts';
import { instructionAt, type Listing, showPlace, showWord } from '../../../vm/listing.ts';
import { readSymbol } from '../../../vm/symbol.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { type OpenedProgram, openProgram, type ProgramArguments, refuseProgram } from './program-file.ts';
import { type RunArguments, readClearance, readRunArguments } from './run-arguments.ts';

export async function runRun(
  terminal: Terminal,
  given: ProgramArguments & RunArguments & { readonly clearance: string | undefined },
): Promise<ExitCode> {
  const cleared = readClearance(given.clearance);
  if (!cleared.ok) return terminal.refuse(cleared);
  const opened = await openProgram(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { program, listing } = opened.value;
  const options = readRunArguments(listing, program.fuelBound, given);
  if (!options.ok) return terminal.refuse(options);
  const clearance = cleared.value ?? everybody;
  const result = program.run({ ...options.value, clearance });
  return result.ok
    ? tellResult(terminal, opened.value, result, clearance)
    : tellTrap(terminal, listing, result, clearance);
}

function tellResult(
  terminal: Terminal,
  { listing, program, hash }: OpenedProgram<Program>,
  { ports, fuelUsed, audit }: Extract<RunResult, { readonly ok: true }>,
  clearance: number,
): ExitCode {
  const { module, names } = listing;
  const width = Math.max(0, ...names.ports.map((name) => name.length));
  const rows = module.ports.map(({ type, label }, port) => {
    const name = names.ports[port] ?? '';
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
  const uses = audit.map(({ instruction, grant }) => ({
    grant: names.grants[grant] ?? '',
    kind: module.grants[grant]?.kind ?? 'declassify',
    instruction,
    place: showPlace(listing, instruction),
  }));
  return terminal.result(
    {
      hash,
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
      ...uses.map(({ grant, kind, place }) => `  ${kind} under ${grant}, at ${place}`),
    ],
  );
}

/** Outside every trap is the same; the detail is for who is cleared for it. */
function tellTrap(
  terminal: Terminal,
  listing: Listing,
  { code, detail }: Extract<RunResult, { readonly ok: false }>,
  clearance: number,
): ExitCode {
  const known = detail(clearance);
  if (known !== undefined) {
    const { trap, instruction, label } = known;
    terminal.progress(
      `${showPlace(listing, instruction)} (#${instruction}): \`${instructionAt(listing, instruction).text}\`: ${traps[trap].meaning} [${trap}]; label ${showLabel(label)}`,
    );
  }
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
              place: showPlace(listing, known.instruction),
              text: instructionAt(listing, known.instruction).text,
              label: showLabel(known.label),
            },
    },
  );
}
