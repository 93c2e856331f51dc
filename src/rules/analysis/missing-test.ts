/** Tests that would show what the tests of a module do not: found by the solver, decided by the machine, ready to be put into the module. */
import { checkModule } from '../checker/check-module.ts';
import type { CheckedModule, RuleTest } from '../checker/checked.ts';
import { firedIn, fulfils, setOfTests } from '../set/test-set.ts';
import type { Coverage, CoverageItem } from './coverage.ts';
import { Subject, type SubjectOptions } from './subject.ts';
import { testText } from './test-text.ts';

export interface MissingTests {
  /** What the tests below show. */
  readonly found: readonly { readonly text: string; readonly shows: readonly CoverageItem[] }[];
  /** No transaction shows it: nothing that could be tested. */
  readonly impossible: readonly CoverageItem[];
  /** Not found in time, or not to be said in a test. */
  readonly left: readonly CoverageItem[];
}

/** A test for everything that is missing, each one for as much as it shows. */
export async function findMissingTests(
  options: SubjectOptions,
  { module, missing }: Coverage,
): Promise<MissingTests> {
  const set = setOfTests(options.set, module);
  const subject = new Subject({ ...options, set });
  const found: { readonly text: string; readonly shows: readonly CoverageItem[] }[] = [];
  const impossible: CoverageItem[] = [];
  const left: CoverageItem[] = [];
  let open = [...missing];
  for (let item = open.shift(); item !== undefined; item = open.shift()) {
    options.progress('tests', missing.length - open.length - 1, missing.length);
    const result = await findTest(subject, module, item);
    if (result === 'impossible') impossible.push(item);
    else if (result === 'left') left.push(item);
    else {
      const { facts } = result.test;
      const shown = { set, facts, decision: await options.decide(set, facts) };
      const shows = [item, ...open.filter((other) => other.isShownBy(shown))];
      open = open.filter((other) => !shows.includes(other));
      found.push({ text: result.text, shows });
    }
  }
  return { found, impossible, left };
}

async function findTest(
  subject: Subject,
  module: CheckedModule,
  item: CoverageItem,
): Promise<{ readonly text: string; readonly test: RuleTest } | 'impossible' | 'left'> {
  const { options } = subject;
  let isOpen = false;
  for (const where of subject.corridorsOfModule(module)) {
    const coder = subject.coder(where, 'proper');
    const goal = item.goal(coder);
    const answer = await subject.ask(goal, coder.facts.ordinary(goal));
    if (answer.result === 'unknown') isOpen = true;
    if (answer.result !== 'sat') continue;
    isOpen = true;
    const facts = coder.facts.read(answer.model);
    const decision = await options.decide(options.set, facts);
    const expected = { verdict: decision.verdict, fired: firedIn(decision, module) };
    const text = testText(module, item.text.replaceAll('`', ''), facts, expected);
    const test = testIn(module, text);
    if (test === undefined) continue;
    // What the module gives to every test is in this one, too: it is taken only where it still shows what it is for.
    const again = await options.decide(options.set, test.facts);
    const shown = { set: options.set, facts: test.facts, decision: again };
    if (item.isShownBy(shown) && fulfils(again, test, module)) return { text, test };
  }
  return isOpen ? 'left' : 'impossible';
}

/** The test as the checker reads it at the end of the module. */
function testIn(module: CheckedModule, text: string): RuleTest | undefined {
  return checkModule(`${module.text}\n${text}`).module?.tests.at(-1);
}
