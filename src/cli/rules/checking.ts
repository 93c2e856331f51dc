/** `ringmint rules check`: everything that a rule set has to pass before it goes live. `ringmint rules cover`: the tests that are missing. */
import { type Result, refuse, succeed } from '../../kit/result.ts';
import { type Analysis, analyze } from '../../rules/analysis/analyze.ts';
import { corridorsOf, showCorridor } from '../../rules/analysis/corridors.ts';
import { type Coverage, type CoverageItem, coverModule } from '../../rules/analysis/coverage.ts';
import type { Decide, Finding } from '../../rules/analysis/finding.ts';
import { findMissingTests } from '../../rules/analysis/missing-test.ts';
import { type Limits, Questions, usualLimits } from '../../rules/analysis/question.ts';
import { ProcessSolver } from '../../rules/analysis/solver/solver.ts';
import { findingOf } from '../../rules/analysis/subject.ts';
import { judge } from '../../rules/analysis/suppression.ts';
import type { Rules } from '../../rules/rules.ts';
import type { RuleSet } from '../../rules/set/rule-set.ts';
import { firedIn, fulfils, setOfTests } from '../../rules/set/test-set.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import {
  type AnalysisSource,
  openMachine,
  readAnalysisSource,
  type SourceRefusal,
} from './analysis-source.ts';
import { findingAsJson, showFinding, showFired, showPlace } from './finding-report.ts';
import { refuseModules } from './module-file.ts';
import { refuseRuleSource } from './rule-source.ts';

export interface AnalysisArguments {
  readonly path: string;
  readonly stdin: StandardInput;
  /** `YYYY-MM-DD`: transactions from then on, and suppressions as they are then; today where nothing is said. */
  readonly at: string | undefined;
  readonly nowSeconds: number;
  /** Of one question, and of all; of z3's own count of one. */
  readonly questionSeconds: string | undefined;
  readonly totalSeconds: string | undefined;
  readonly steps: string | undefined;
}

/** Parses, checks the set, compiles every corridor, runs tests, looks at what they cover, and analyses; refuses with all that is wrong. */
export async function runCheck(terminal: Terminal, given: AnalysisArguments): Promise<ExitCode> {
  const options = readAnalysisOptions(given);
  if (!options.ok) return terminal.refuse(options);
  const read = await readAnalysisSource(given.path, given.stdin);
  if (!read.ok) return refuseSource(terminal, read);
  const { now, limits } = options.value;
  const source = read.value;
  const { set, modules, suppressions, files } = source;
  const machine = await openMachine();
  const faults = compileAll(set, await machine.rulesOf(set), terminal);
  if (faults.length > 0) {
    for (const fault of faults) terminal.say(fault);
    return terminal.refuse(
      refuse(
        'rules_refused',
        `${faults.length} corridors do not fit the machine: rules that do are accepted`,
      ),
      { faults },
    );
  }
  const failed = await failedTests(source, machine.decide);
  const coverages: Coverage[] = [];
  for (const module of modules) coverages.push(await coverModule(set, module, machine.decide));
  const solver = new ProcessSolver();
  let analysis: Analysis;
  let uncovered: readonly Finding[];
  try {
    const common = { decide: machine.decide, now, progress: showProgress(terminal) };
    analysis = await analyze({ ...common, set, solver, limits, elapsed: () => performance.now() });
    const questions = new Questions(solver, limits, () => performance.now());
    const findings: Finding[] = [];
    for (const coverage of coverages)
      findings.push(...(await uncoveredIn(coverage, { ...common, set, questions })));
    uncovered = findings;
  } finally {
    await solver.close();
  }
  const judged = judge([...analysis.findings, ...uncovered], suppressions, now);
  const refused = judged.filter(({ isRefused }) => isRefused);
  const { corridors, openPairs, counts } = analysis;
  const tests = modules.reduce((sum, module) => sum + module.tests.length, 0);
  const items = coverages.reduce((sum, { covered }) => sum + covered.length, 0);
  const value = {
    set: { name: set.name, version: set.version },
    modules: modules.map(({ name }) => name),
    tests: { run: tests, failed: failed.map(({ title, module }) => ({ module, title })) },
    covered: items,
    corridors,
    open_pairs: openPairs,
    questions: counts,
    findings: judged.map((one) => findingAsJson(one, files)),
  };
  const lines = [
    ...failed.flatMap(({ lines: shown }) => shown),
    ...judged.flatMap((one) => showFinding(one, files)),
    `${modules.length} modules, ${tests} tests, ${items} things covered, ${corridors} kinds of corridors, ${openPairs} pairs of countries open`,
    `${counts.asked} questions to the solver, ${counts.guessed} answered without it, ${counts.unknown} unanswered`,
  ];
  if (refused.length === 0 && failed.length === 0) return terminal.result(value, lines);
  for (const line of lines) terminal.say(line);
  const parts = [
    ...(failed.length > 0 ? [`${failed.length} tests fail`] : []),
    ...(refused.length > 0 ? [`${refused.length} findings`] : []),
  ];
  return terminal.refuse(
    refuse('rules_unfit', `${parts.join(', ')}: a rule set without any, or with suppressions, is accepted`),
    value,
  );
}

/** Tells what the tests of each module do not show, with a test for it where there is one. */
export async function runRulesCover(terminal: Terminal, given: AnalysisArguments): Promise<ExitCode> {
  const options = readAnalysisOptions(given);
  if (!options.ok) return terminal.refuse(options);
  const read = await readAnalysisSource(given.path, given.stdin);
  if (!read.ok) return refuseSource(terminal, read);
  const { now, limits } = options.value;
  const { set, modules, files } = read.value;
  const { decide } = await openMachine();
  const solver = new ProcessSolver();
  const report: Readonly<Record<string, unknown>>[] = [];
  const lines: string[] = [];
  try {
    const questions = new Questions(solver, limits, () => performance.now());
    for (const module of modules) {
      const coverage = await coverModule(set, module, decide);
      const progress = showProgress(terminal);
      const tests = await findMissingTests({ set, questions, decide, now, progress }, coverage);
      const { covered, missing } = coverage;
      const possible = covered.length + missing.length - tests.impossible.length;
      lines.push(
        `${files.get(module.name) ?? module.name}: ${covered.length} of ${possible} covered`,
        ...tests.impossible.map(({ text }) => `  cannot be: ${text}`),
        ...tests.left.map(({ text }) => `  not covered, and no test was found: ${text}`),
        ...tests.found.flatMap(({ text, shows }) => [
          ...shows.map((item) => `  not covered: ${item.text}`),
          '',
          ...text.trimEnd().split('\n'),
          '',
        ]),
      );
      report.push({
        module: module.name,
        covered: covered.length,
        possible,
        missing: missing.map(({ text }) => text),
        impossible: tests.impossible.map(({ text }) => text),
        tests: tests.found.map(({ text, shows }) => ({ text, shows: shows.map((item) => item.text) })),
      });
    }
  } finally {
    await solver.close();
  }
  return terminal.result({ modules: report }, lines);
}

/** The limits and the day of an analysis, as they were given. */
export function readAnalysisOptions(
  given: Omit<AnalysisArguments, 'path' | 'stdin'>,
): Result<{ readonly now: bigint; readonly limits: Limits }> {
  const { at, nowSeconds, questionSeconds, totalSeconds, steps } = given;
  const now = at === undefined ? nowSeconds : Date.parse(`${at}T00:00:00Z`) / 1000;
  if (at !== undefined && (!/^\d{4}-\d{2}-\d{2}$/.test(at) || !Number.isSafeInteger(now)))
    return refuse('usage', `--at \`${at.slice(0, 40)}\`: a day such as \`2026-11-22\` is accepted`);
  const numbers = { 'question-seconds': questionSeconds, 'total-seconds': totalSeconds, steps };
  for (const [name, text] of Object.entries(numbers))
    if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text))
      return refuse(
        'usage',
        `--${name} \`${text.slice(0, 40)}\`: a whole number from 1 to 999999999 is accepted`,
      );
  return succeed({
    now: BigInt(now),
    limits: {
      questionMs: questionSeconds === undefined ? usualLimits.questionMs : Number(questionSeconds) * 1000,
      totalMs: totalSeconds === undefined ? usualLimits.totalMs : Number(totalSeconds) * 1000,
      questionSteps: steps === undefined ? usualLimits.questionSteps : Number(steps),
    },
  });
}

export function refuseSource(terminal: Terminal, refusal: SourceRefusal): ExitCode {
  return refusal.module === undefined
    ? refuseRuleSource(terminal, refusal)
    : refuseModules(terminal, [refusal.module]);
}

export function showProgress(terminal: Terminal): (stage: string, done: number, all: number) => void {
  let before = '';
  return (stage, done, all) => {
    if (stage !== before && !terminal.isWatched) terminal.progress(`  ${stage}: ${all} …`);
    before = stage;
    terminal.status(`  ${stage}: ${done} of ${all} …`);
  };
}

/** Corridors whose rules the machine cannot take. */
function compileAll(set: RuleSet, rules: Rules, terminal: Terminal): readonly string[] {
  const corridors = corridorsOf([set]);
  return corridors.flatMap(({ corridor }, done) => {
    terminal.status(`  compile: ${done} of ${corridors.length} …`);
    return rules.check(corridor).map(({ code, message }) => `${showCorridor(corridor)}: ${code}: ${message}`);
  });
}

async function failedTests(
  { set, modules, files }: AnalysisSource,
  decide: Decide,
): Promise<
  readonly { readonly module: string; readonly title: string; readonly lines: readonly string[] }[]
> {
  const failed = [];
  for (const module of modules) {
    const cut = setOfTests(set, module);
    for (const test of module.tests) {
      const decision = await decide(cut, test.facts);
      if (fulfils(decision, test, module)) continue;
      const line = `${showPlace({ module, span: test.span }, files)}: test_failed: "${test.title}": ${decision.verdict}${showFired(firedIn(decision, module))}, and ${test.verdict}${showFired(test.fired)} was expected`;
      failed.push({ module: module.name, title: test.title, lines: [line] });
    }
  }
  return failed;
}

/** One finding for each rule of which something is not covered: refused where there is a test that would, which `cover` shows. */
async function uncoveredIn(
  coverage: Coverage,
  options: Parameters<typeof findMissingTests>[0],
): Promise<readonly Finding[]> {
  if (coverage.missing.length === 0) return [];
  const { found, left } = await findMissingTests(options, coverage);
  const { module } = coverage;
  const tell = (code: 'not_covered' | 'not_coverable', items: readonly CoverageItem[]): readonly Finding[] =>
    [...new Set(items.map(({ rule }) => rule))].map((rule) => {
      const texts = items.filter((item) => item.rule === rule).map(({ text }) => text);
      const why =
        code === 'not_covered' ? 'no test shows' : 'no test shows, and none was found that could be written,';
      return findingOf(code, [{ rule, module }], `${why} ${texts.join('; ')}`);
    });
  return [
    ...tell(
      'not_covered',
      found.flatMap(({ shows }) => shows),
    ),
    ...tell('not_coverable', left),
  ];
}
