/** A run to look at: recorded as it is walked, or read from a trace. */
import type { Listing } from '../../../vm/listing.ts';
import { recordRun } from '../../../vm/recording.ts';
import type { Timeline } from '../../../vm/timeline.ts';
import { openTrace } from '../../../vm/trace.ts';
import { quote, refuse, succeed } from '../../kit/result.ts';
import { openStepping, type ProgramArguments, type ProgramResult, readBytes } from './program-file.ts';
import { type RunArguments, readCount, readRunArguments } from './run-arguments.ts';

export interface RecordedArguments extends ProgramArguments, RunArguments {
  /** Steps after which a recording ends. */
  readonly steps: string;
  /** A trace, instead of a run. */
  readonly trace: string | undefined;
}

export interface RecordedRun {
  readonly timeline: Timeline;
  readonly listing: Listing;
  /** Of the module, in hex. */
  readonly hash: string;
}

/** A step that can be gone back over takes about 700 bytes of memory. */
export const mostSteps = 1_000_000;
const mostTraceBytes = 256 * 1024 * 1024;

export async function openRecordedRun(given: RecordedArguments): Promise<ProgramResult<RecordedRun>> {
  const limit = readCount('--steps', given.steps, mostSteps);
  if (!limit.ok) return limit;
  if (given.trace !== undefined && (given.input.length > 0 || given.fuel !== undefined))
    return refuse(
      'usage',
      '--trace: it has its inputs and fuel, and `--input` and `--fuel` are not accepted',
    );
  if (given.trace === '-' && given.file === '-')
    return refuse('usage', '--trace `-`: standard input is the program already, and a file is accepted');
  const opened = await openStepping(given);
  if (!opened.ok) return opened;
  const { listing, hash, program } = opened.value;
  if (given.trace === undefined) {
    const options = readRunArguments(listing, program.fuelBound, given);
    if (!options.ok) return options;
    const timeline = recordRun(program, listing, { ...options.value, limit: limit.value });
    return succeed({ timeline, listing, hash });
  }
  const bytes = await readBytes(given.trace, given.stdin, mostTraceBytes);
  if (!bytes.ok) return bytes;
  const trace = openTrace(new TextDecoder().decode(bytes.value), listing, hash);
  if (!trace.ok) return { ...trace, message: `${quote(given.trace)}: ${trace.message}` };
  return succeed({ timeline: trace.timeline, listing, hash });
}
