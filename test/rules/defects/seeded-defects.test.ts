/** The differential test can fail: with one thing bent, evaluator and machine differ within a bounded number of cases. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine } from '../../vm/machine.ts';
import { type Case, casesOf, decisionText } from '../generation/cases.ts';
import { type BentRules, loadBent } from './bent-rules.ts';
import { type RuleDefect, ruleDefects } from './rule-defects.ts';

const perSet = 30;
const most = nightly ? 3_000 : 1_000;

interface Known {
  readonly one: Case;
  readonly text: string;
}

/** The cases of a seed with the decisions that nobody bent: the machine's are the same, as differential.test.ts shows. */
const known: Known[][] = [];

function casesOfSeed(seed: number): readonly Known[] {
  known[seed] ??= [...casesOf(seed, perSet)].map((one) => ({
    one,
    text: decisionText(evaluate(one.set, one.facts, one.reader)),
  }));
  return known[seed];
}

/** After how many cases the decision is another, or there is an error of the program. */
async function casesUntilFound(defect: RuleDefect, bent: BentRules): Promise<number | undefined> {
  const isEvaluator = defect.file.startsWith('evaluator/');
  for (let seed = 0; seed < most; seed++) {
    const cases = casesOfSeed(seed);
    const set = (cases[0] as Known).one.set;
    const rules = isEvaluator ? undefined : await bent.openRules(set, freshMachine);
    for (const [index, { one, text }] of cases.entries()) {
      const count = seed * perSet + index + 1;
      try {
        const decision =
          rules === undefined
            ? bent.evaluate(one.set, one.facts, one.reader)
            : rules.decide(one.facts, one.reader);
        if (decisionText(decision) !== text) return count;
      } catch {
        // An invariant of the bent program is broken: that is found, too.
        return count;
      }
    }
  }
  return undefined;
}

const document = readFileSync(new URL('../../../docs/RULE-DEFECTS.md', import.meta.url), 'utf8');

/** Each costs a copy of the sources: by day every third. */
const shown = process.env['RINGMINT_SHOW_DEFECTS'] !== undefined;
const sought = ruleDefects.filter((_, index) => nightly || shown || index % 3 === 0);

describe('rules with one thing bent', () => {
  for (const defect of sought)
    it(`are found: ${defect.name}`, { timeout: 600_000 }, async () => {
      const bent = await loadBent(defect);
      try {
        const count = await casesUntilFound(defect, bent);
        if (shown) console.log(`| ${defect.name} | ${defect.file} | ${count} |`);
        expect(count).toBeDefined();
      } finally {
        bent.remove();
      }
    });

  it('are at least 25, each with its row in docs/RULE-DEFECTS.md', () => {
    expect(ruleDefects.length).toBeGreaterThanOrEqual(25);
    expect(new Set(ruleDefects.map(({ name }) => name)).size).toBe(ruleDefects.length);
    for (const { name } of ruleDefects) expect(document).toContain(`| ${name} |`);
  });
});
