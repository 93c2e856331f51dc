/** `ringmint vm trace`: what each instruction of a run did, as JSON lines; docs/VM-TOOLS.md has the form. */
import { setImmediate } from 'node:timers/promises';
import type { LineEnd } from '../../../vm/timeline.ts';
import { traceEnd, traceStart, traceStep } from '../../../vm/trace.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Streams, Terminal } from '../terminal.ts';
import { refuseProgram } from './program-file.ts';
import { openRecordedRun, type RecordedArguments, type RecordedRun } from './recorded-run.ts';
import { writeResult } from './result-file.ts';

const batchLength = 64 * 1024;

export async function runTrace(
  terminal: Terminal,
  streams: Streams,
  given: RecordedArguments & { readonly out: string | undefined },
): Promise<ExitCode> {
  const opened = await openRecordedRun(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { timeline } = opened.value;
  if (given.out === undefined && !terminal.json) return print(terminal, streams, opened.value);
  const summary = (): { steps: number; end: LineEnd['kind'] } => ({
    steps: timeline.steps,
    end: timeline.ending?.kind ?? 'cut',
  });
  if (given.out === undefined) {
    const trace = [...linesOf(opened.value)].map((line): unknown => JSON.parse(line));
    return terminal.result({ ...summary(), trace }, []);
  }
  const written = await writeResult(given.out, given.file, textsOf(opened.value));
  if (!written.ok) return terminal.refuse(written);
  const { steps, end } = summary();
  return terminal.result({ steps, end, file: given.out }, [`${given.out}: ${steps} steps, ${end}`]);
}

async function print(terminal: Terminal, streams: Streams, run: RecordedRun): Promise<ExitCode> {
  for (const text of textsOf(run)) {
    streams.out(text);
    // A reader that has seen enough closes the pipe, which is told between two turns only.
    await setImmediate();
  }
  return terminal.result({}, []);
}

/** Many lines at once: each write is a call of the system. */
function* textsOf(run: RecordedRun): Generator<string> {
  let text = '';
  for (const line of linesOf(run)) {
    text += `${line}\n`;
    if (text.length < batchLength) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function* linesOf({ timeline, listing, hash }: RecordedRun): Generator<string> {
  yield traceStart(listing, hash, timeline.start);
  for (;;) {
    const before = timeline.control;
    const facts = timeline.forward();
    if (facts === undefined) break;
    yield traceStep(listing, timeline.steps, before, facts);
    timeline.forget();
  }
  const end: LineEnd = timeline.ending ?? { kind: 'cut' };
  yield traceEnd(listing, timeline.steps, end, timeline.control.fuelUsed);
}
