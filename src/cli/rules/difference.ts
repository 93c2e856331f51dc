/** `ringmint rules diff`: for which transactions another rule set is laxer or stricter than the one in force. */
import { refuse } from '../../kit/result.ts';
import { Questions } from '../../rules/analysis/question.ts';
import { ProcessSolver } from '../../rules/analysis/solver/solver.ts';
import { type Change, findChanges } from '../../rules/analysis/widening.ts';
import type { Value } from '../../rules/checker/checked.ts';
import { formatFacts } from '../../rules/facts-json.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from './analysis-source.ts';
import { type AnalysisArguments, readAnalysisOptions, showProgress } from './checking.ts';
import { corridorAsText, factsAsJson, showFired } from './finding-report.ts';
import { readRuleSource, refuseRuleSource } from './rule-source.ts';

export interface DifferenceArguments extends AnalysisArguments {
  readonly other: string;
  /** Wherever parameters may be moved to. */
  readonly ranges: boolean;
  readonly refuseLaxer: boolean;
}

/** Tells every change of a verdict there can be, by corridor, with a transaction that both sets decided. */
export async function runDiff(terminal: Terminal, given: DifferenceArguments): Promise<ExitCode> {
  const options = readAnalysisOptions(given);
  if (!options.ok) return terminal.refuse(options);
  const before = await readRuleSource({ path: given.path });
  if (!before.ok) return refuseRuleSource(terminal, before);
  const after = await readRuleSource({ path: given.other });
  if (!after.ok) return refuseRuleSource(terminal, after);
  const { now, limits } = options.value;
  const { decide } = await openMachine();
  const solver = new ProcessSolver();
  const progress = showProgress(terminal);
  let changes: readonly Change[];
  try {
    changes = await findChanges({
      before: before.value.set,
      after: after.value.set,
      questions: new Questions(solver, limits, () => performance.now()),
      decide,
      now,
      parameters: given.ranges ? 'ranges' : 'values',
      progress: (done, all) => progress('corridors', done, all),
    });
  } finally {
    await solver.close();
  }
  const laxer = changes.filter(({ direction }) => direction === 'laxer');
  const open = changes.filter(({ state }) => state !== 'found');
  const value = {
    laxer: laxer.length,
    stricter: changes.length - laxer.length,
    undecided: open.length,
    changes: changes.map(changeAsJson),
  };
  const lines = [
    ...changes.flatMap(showChange),
    changes.length === 0
      ? 'both sets give the same verdict to every transaction'
      : `laxer in ${laxer.length} kinds of transactions, stricter in ${changes.length - laxer.length}`,
  ];
  if (open.length === 0 && !(given.refuseLaxer && laxer.length > 0)) return terminal.result(value, lines);
  for (const line of lines) terminal.say(line);
  const refusal =
    open.length > 0
      ? refuse(
          'rules_undecided',
          `${open.length} questions have no answer that the machine confirms: more time is accepted, with --question-seconds and --steps`,
        )
      : refuse(
          'rules_laxer',
          `the new set is laxer in ${laxer.length} kinds of transactions: one that is nowhere laxer is accepted`,
        );
  return terminal.refuse(refusal, value);
}

function showChange({
  direction,
  from,
  to,
  corridor,
  origins,
  destinations,
  state,
  reason,
  facts,
  before,
  after,
  parameters,
}: Change): readonly string[] {
  const where = corridorAsText(corridor, origins, destinations);
  const line = `${direction}: ${from} becomes ${to}: ${where}`;
  if (state === 'undecided') return [`${line}: nobody found out in time: ${reason ?? ''}`];
  return [
    state === 'found' ? line : `${line}: a defect of ringmint, please report it: the machine finds otherwise`,
    ...(facts === undefined ? [] : [`    ${formatFacts({ id: undefined, facts })}`]),
    ...(parameters === undefined
      ? []
      : [
          `    with ${[...parameters].map(([name, value]) => `${name} = ${showParameter(value)}`).join(', ')}`,
        ]),
    ...(before === undefined || after === undefined
      ? []
      : [
          `    before ${before.verdict}${showFired(before.fired)}; after ${after.verdict}${showFired(after.fired)}`,
        ]),
  ];
}

function changeAsJson({
  facts,
  before,
  after,
  parameters,
  reason,
  ...change
}: Change): Readonly<Record<string, unknown>> {
  return {
    ...change,
    reason: reason ?? null,
    facts: facts === undefined ? null : factsAsJson(facts),
    before: before === undefined ? null : { verdict: before.verdict, fired: before.fired },
    after: after === undefined ? null : { verdict: after.verdict, fired: after.fired },
    parameters: Object.fromEntries(
      [...(parameters ?? [])].map(([name, value]) => [name, showParameter(value)]),
    ),
  };
}

function showParameter(value: Value): string {
  return value instanceof Uint8Array ? 'a key' : String(value);
}
