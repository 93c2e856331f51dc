/** `ringmint vm why`: where the label of a word comes from: the sources of each of its parts, and the way from there. */
import { askWhy } from '../../../vm/label-question.ts';
import { showLabel } from '../../../vm/label-text.ts';
import { instructionAt, type Listing } from '../../../vm/listing.ts';
import { type Explanation, showExplanation } from '../../../vm/provenance.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { refuseProgram } from './program-file.ts';
import { mostSteps, openRecordedRun, type RecordedArguments } from './recorded-run.ts';
import { readCount } from './run-arguments.ts';

export interface WhyArguments extends RecordedArguments {
  readonly what: string;
  /** The step after which it is asked, instead of the end. */
  readonly at: string | undefined;
  /** Every source, and not the nearest only. */
  readonly all: boolean;
}

export async function runWhy(terminal: Terminal, given: WhyArguments): Promise<ExitCode> {
  const at = given.at === undefined ? undefined : readCount('--at', given.at, mostSteps);
  if (at?.ok === false) return terminal.refuse(at);
  const opened = await openRecordedRun(given);
  if (!opened.ok) return refuseProgram(terminal, opened);
  const { timeline, listing, hash } = opened.value;
  while (at !== undefined && timeline.steps < at.value && timeline.forward() !== undefined);
  const answer = askWhy(timeline, given.what, at === undefined);
  if (!answer.ok) return terminal.refuse(answer);
  const { title, label, explanation } = answer;
  return terminal.result(
    {
      hash,
      what: given.what,
      step: timeline.steps,
      label: showLabel(label),
      parts: showParts(listing, explanation, given.all),
    },
    [
      `${title} is ${showLabel(label)}, after step ${timeline.steps}${timeline.ending?.kind === 'trapped' && given.what !== 'trap' ? ', where the run trapped' : ''}`,
      ...showExplanation(listing, explanation, given.all),
    ],
  );
}

function showParts(listing: Listing, { parts }: Explanation, all: boolean): unknown[] {
  return parts.map(({ part, reasons }) => ({
    part,
    sources: reasons.length,
    reasons: (all ? reasons : reasons.slice(0, 1)).map(({ source, sourceLabel, chain }) => ({
      source: { ...source, label: showLabel(sourceLabel) },
      chain: chain
        .toReversed()
        .slice(1)
        .map(({ place, label, at, step }) => ({
          place,
          label: showLabel(label),
          instruction: at,
          step,
          line: at === undefined ? undefined : listing.instructions[at]?.line,
          text: at === undefined ? undefined : instructionAt(listing, at).text,
        })),
    })),
  }));
}
