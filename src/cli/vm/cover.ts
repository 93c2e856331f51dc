/** `ringmint vm cover`: what of a program is run by one run or several, by instruction and by arm. */

import { Coverage, showCoverage } from '../../../vm/coverage.ts';
import type { InputWord } from '../../../vm/host.ts';
import { readInputs } from '../../../vm/input-text.ts';
import { instructionAt, type Listing } from '../../../vm/listing.ts';
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import type { ExitCode } from '../exit-code.ts';
import { readInput } from '../file.ts';
import type { Terminal } from '../terminal.ts';
import { openStepping, type ProgramArguments, refuseProgram } from './program-file.ts';
import { type RunArguments, readCount, readRunArguments } from './run-arguments.ts';

export interface CoverArguments extends ProgramArguments, RunArguments {
  /** A JSON file with a list of inputs for each run. */
  readonly runs: string | undefined;
  /** Percent that must be covered. */
  readonly least: string | undefined;
  /** Steps after which a run is cut. */
  readonly steps: string;
}

const mostCoveredSteps = 1_000_000_000;

export async function runCover(terminal: Terminal, given: CoverArguments): Promise<ExitCode> {
  const least = given.least === undefined ? 0 : Number(given.least);
  if (!(least >= 0 && least <= 100) || given.least?.trim() === '')
    return terminal.refuse(
      refuse('usage', `--least ${quote(given.least)}: a number of percent from 0 to 100 is accepted`),
    );
  const limit = readCount('--steps', given.steps, mostCoveredSteps);
  if (!limit.ok) return terminal.refuse(limit);
  const opened = await openStepping(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { program, listing, hash } = opened.value;
  const options = readRunArguments(listing, program.fuelBound, given);
  if (!options.ok) return terminal.refuse(options);
  const runs = await readRuns(listing, given, options.value.inputs);
  if (!runs.ok) return terminal.refuse(runs);
  const coverage = new Coverage(listing);
  const ends = runs.value.map((inputs, index) => {
    const end = coverage.add(program, { inputs, fuel: options.value.fuel, limit: limit.value }, (steps) =>
      terminal.progress(`  run ${index + 1}: ${steps} steps …`),
    );
    return end.kind === 'trapped'
      ? { end: end.kind, trap: end.trap, instruction: end.at }
      : { end: end.kind };
  });
  const report = coverage.report();
  const value = {
    hash,
    ...report,
    instructions: report.instructions.map(({ at, count, arms }) => ({
      at,
      line: listing.instructions[at]?.line,
      text: instructionAt(listing, at).text,
      count,
      arms:
        arms === undefined
          ? null
          : Object.fromEntries(arms.names.map((name, arm) => [name, arms.counts[arm]])),
    })),
    runs: ends,
  };
  if (report.percent >= least) return terminal.result(value, showCoverage(listing, report));
  for (const line of showCoverage(listing, report)) terminal.say(line);
  return terminal.refuse(
    refuse('coverage_low', `${report.percent} % is covered, and at least ${least} % is accepted`),
    value,
  );
}

/** One run with `given.input`, or those of a file, each with `given.input` besides. */
async function readRuns(
  listing: Listing,
  given: CoverArguments,
  inputs: readonly InputWord[],
): Promise<Result<readonly (readonly InputWord[])[]>> {
  if (given.runs === undefined) return succeed([inputs]);
  const bytes = await readInput(given.runs, 16 * 1024 * 1024);
  if (!bytes.ok) return bytes;
  const malformed = (why: string): Result<never> => refuse('runs_malformed', `${quote(given.runs)}: ${why}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes.value));
  } catch (error) {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return malformed(`not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(json) || json.length === 0)
    return malformed('an array with a list of inputs for each run is accepted, such as [["amount[0]=100"]]');
  const runs: (readonly InputWord[])[] = [];
  for (const [index, item] of (json as unknown[]).entries()) {
    if (!Array.isArray(item) || !item.every((text) => typeof text === 'string'))
      return malformed(`[${index}]: a list of inputs as text is accepted`);
    const read = readInputs(listing, [...given.input, ...item]);
    if (!read.ok) return refuse(read.code, `${quote(given.runs)}: [${index}]: ${read.message}`);
    runs.push(read.inputs);
  }
  return succeed(runs);
}
