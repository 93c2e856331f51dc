/** `ringmint rules test`: the tests that modules carry, decided by the machine and by the evaluator, which have to say the same. */

import { refuse } from '../../kit/result.ts';
import { currencyShown } from '../../records/iso4217.ts';
import type { CheckedModule, RuleTest } from '../../rules/checker/checked.ts';
import { wholeReader } from '../../rules/clearance.ts';
import type { RuleDecision } from '../../rules/decision.ts';
import { evaluate } from '../../rules/evaluator/evaluate.ts';
import { placeOf } from '../../rules/language/place.ts';
import { openRules, type Rules } from '../../rules/rules.ts';
import { firedIn, fulfils, setOfTests } from '../../rules/set/test-set.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';
import { openMachine } from '../vm/program-file.ts';
import type { StandardInput } from '../vm/standard-input.ts';
import { findRule, showRule } from './explanation-text.ts';
import { refuseRuleSource } from './rule-source.ts';
import { readTestSource } from './test-source.ts';

interface Failure {
  readonly module: string;
  readonly title: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly machine: string;
  readonly evaluator: string;
  /** Of the rules that fired and were not expected, or the other way round, and of all with an error. */
  readonly why: readonly string[];
}

/** Exit code 3 where a test fails; 1 where machine and evaluator differ, which is a defect of Ringmint. */
export async function runRuleTests(
  terminal: Terminal,
  given: { readonly paths: readonly string[]; readonly stdin: StandardInput },
): Promise<ExitCode> {
  const failures: Failure[] = [];
  const modules: { module: string; tests: number; failed: number }[] = [];
  for (const path of given.paths) {
    const source = await readTestSource(path, given.stdin);
    if (!source.ok) return refuseRuleSource(terminal, source);
    const { set, files } = source.value;
    for (const module of source.value.modules) {
      terminal.status(`  ${module.name}: ${module.tests.length} tests`);
      const rules = await openRules(setOfTests(set, module), openMachine);
      const before = failures.length;
      for (const test of module.tests) {
        const failure = await runTest(rules, module, test, files.get(module.name) ?? module.name);
        if (failure !== undefined) failures.push(failure);
      }
      modules.push({ module: module.name, tests: module.tests.length, failed: failures.length - before });
    }
  }
  const count = modules.reduce((sum, { tests }) => sum + tests, 0);
  for (const { module, tests, failed } of modules)
    terminal.say(`${module}: ${tests - failed} of ${tests} tests`);
  for (const { file, line, column, title, expected, machine, evaluator, why } of failures) {
    terminal.say(`${file}:${line}:${column}: ${JSON.stringify(title)}`);
    terminal.say(`  expected ${expected}, got ${machine}`);
    if (machine !== evaluator) terminal.say(`  but the evaluator says ${evaluator}`);
    for (const text of why) terminal.say(`  ${text}`);
  }
  const told = { modules, failures };
  if (failures.some(({ machine, evaluator }) => machine !== evaluator))
    return terminal.refuse(
      refuse(
        'decision_differs',
        'the machine and the evaluator differ: a defect of Ringmint, please report it',
      ),
      told,
      exitCode.internal,
    );
  if (failures.length === 0) return terminal.result(told, [`${count} tests hold`]);
  return terminal.refuse(
    refuse(
      'rule_test_failed',
      `${failures.length} of ${count} tests fail: modules whose tests hold are accepted`,
    ),
    told,
  );
}

async function runTest(
  rules: Rules,
  module: CheckedModule,
  test: RuleTest,
  file: string,
): Promise<Failure | undefined> {
  const { set } = rules;
  const reader = wholeReader(set);
  const machine = rules.decide(test.facts, reader);
  const evaluator = evaluate(set, test.facts, reader);
  const [decided, evaluated] = [machine, evaluator].map((one) => showVerdict(one, module));
  if (fulfils(machine, test, module) && decided === evaluated) return undefined;
  const { rules: explained } = await rules.explain(test.facts, reader);
  const fired = firedIn(machine, module);
  const currency = currencyShown(String(test.facts.fields.get('tx.currency')));
  const why = explained.filter(({ rule, error = 'none' }) => {
    const own = findRule(set, rule);
    const name = own?.module === module ? own.rule.name : undefined;
    const isOdd = name !== undefined && test.fired.includes(name) !== fired.includes(name);
    return isOdd || error !== 'none' || machine.fired.includes(rule);
  });
  return {
    module: module.name,
    title: test.title,
    file,
    ...placeOf(module.text, test.span.start),
    expected: [test.verdict, ...test.fired].join(' '),
    machine: decided ?? '',
    evaluator: evaluated ?? '',
    why: why.flatMap((one) => showRule(one, set, currency)),
  };
}

function showVerdict(decision: RuleDecision, module: CheckedModule): string {
  return [decision.verdict, ...firedIn(decision, module)].join(' ');
}
