import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { analyze } from '../../../src/rules/analysis/analyze.ts';
import { coverModule } from '../../../src/rules/analysis/coverage.ts';
import { isRefused } from '../../../src/rules/analysis/finding.ts';
import { usualLimits } from '../../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import { wholeReader } from '../../../src/rules/clearance.ts';
import { publicReader } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { parseFacts } from '../../../src/rules/facts-json.ts';
import { formatModule } from '../../../src/rules/language/format.ts';
import { issuancePolicy } from '../../../src/rules/policy/issuance-policy.ts';
import { openRules, type Rules } from '../../../src/rules/rules.ts';
import { readRuleSet } from '../../../src/rules/set/read-rule-set.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { firedIn, setOfTests } from '../../../src/rules/set/test-set.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine } from '../../vm/machine.ts';
import { casesOfSet, caseText, decisionText } from '../generation/cases.ts';
import { SeededChoice } from '../generation/choice.ts';

const folder = join(import.meta.dirname, '../../../samples/rules');
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const files = new Map(readdirSync(folder).map((name) => [name, bytesOf(name)]));
const { source, faults } = readRuleSet(files);
const set = source?.set as RuleSet;

describe('the modules in samples/rules', () => {
  it('are a set without faults', () => {
    expect(faults).toEqual([]);
    expect(set.modules.map(({ name }) => name)).toEqual(
      [...files.keys()]
        .filter((name) => name.endsWith('.rules'))
        .map((name) => /^module (\S+)/m.exec(new TextDecoder().decode(files.get(name)))?.[1] ?? '')
        .sort(),
    );
  });

  it('are in canonical form', () => {
    for (const [name, bytes] of files) {
      if (!name.endsWith('.rules')) continue;
      const text = new TextDecoder().decode(bytes);
      expect(formatModule(text), name).toMatchObject({ text });
    }
  });

  it('say that they are an example, and cite a law', () => {
    for (const { name, note, law, rules } of set.modules) {
      if (name === 'policy.issuance') continue;
      expect(note, name).toMatch(/^an example, not legal advice/);
      if (name === 'policy.wallets') continue;
      expect(law, name).toBeDefined();
      for (const rule of rules) expect(rule.law, rule.id).toBeDefined();
    }
  });

  it('hold the issuance policy that the product decides by', () => {
    expect(new TextDecoder().decode(files.get('policy-issuance.rules'))).toBe(issuancePolicy);
  });

  it('have hashes of names in their secret lists, none of them twice', () => {
    for (const name of [...files.keys()].filter((file) => file.endsWith('.list'))) {
      const lines = new TextDecoder().decode(files.get(name)).trimEnd().split('\n');
      expect(new Set(lines).size).toBe(lines.length);
      for (const line of lines) expect(line).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

for (const module of set?.modules ?? []) {
  describe(module.name, () => {
    const cut = setOfTests(set, module);
    const reader = wholeReader(cut);
    let rules: Rules;
    beforeAll(async () => {
      rules = await openRules(cut, freshMachine);
    });

    it('has tests that cover every clause, rule and exception', async () => {
      const { covered, missing } = await coverModule(set, module, (_, facts) =>
        Promise.resolve(rules.decide(facts, reader)),
      );
      expect(missing.map(({ text }) => text)).toEqual([]);
      expect(covered.length).toBeGreaterThan(0);
    });

    for (const test of module.tests) {
      it(`${test.title}, by the evaluator and by the machine`, () => {
        for (const decision of [evaluate(cut, test.facts, reader), rules.decide(test.facts, reader)])
          expect({ verdict: decision.verdict, fired: firedIn(decision, module) }).toEqual({
            verdict: test.verdict,
            fired: module.rules.map(({ name }) => name).filter((name) => test.fired.includes(name)),
          });
        const decided = rules.decide(test.facts);
        expect(decided.code).toBeUndefined();
        expect(decided.verdict).toBe(test.verdict);
      });
    }
  });
}

/** What the whole set says of the payments in facts.jsonl, in public. */
const outcomes: Readonly<Record<string, string>> = {
  coffee: 'ALLOW',
  rent: 'ALLOW',
  'no-information': 'DENY eu.transfers/information_sent',
  'us-below': 'FLAG fatf.recommendations/information',
  'us-at-travel-rule': 'DENY fatf.recommendations/information us.payments/travel',
  'us-to-fr': 'ALLOW',
  'us-day-above-report': 'FLAG us.payments/currency_report',
  // Which rule it was is the list's secret.
  'on-the-list': 'DENY',
  embargo: 'HOLD us.payments/embargo',
  'self-hosted': 'DENY eu.transfers/wallet_sent_to',
  'self-hosted-shown': 'ALLOW',
  'fr-debt': 'HOLD fr.electronic_money/debt',
  'basic-tier': 'DENY policy.wallets/basic',
  'sg-to-jp': 'ALLOW',
  'sg-to-jp-large': 'DENY sg.payments/identity',
  'jp-report': 'DENY jp.payments/report policy.wallets/full us.payments/currency_report',
  'ch-to-ch': 'ALLOW',
  'us-to-ch': 'ALLOW',
  'eu-cash-2027': 'DENY eu.identity/cash fr.electronic_money/debt policy.wallets/full',
  'issue-within': 'ALLOW',
  'issue-above-ceiling': 'DENY policy.issuance/issuer_ceiling',
  'issue-too-often': 'DENY policy.issuance/frequency_cap',
  'stale-rates': 'HOLD',
};

describe('the payments in samples/rules/facts.jsonl', () => {
  const lines = readFileSync(join(folder, 'facts.jsonl'), 'utf8').trimEnd().split('\n');

  it('are decided on as written here, by the evaluator and by the machine', async () => {
    const rules = await openRules(set, freshMachine);
    const found = lines.map((line) => {
      const parsed = parseFacts(line);
      if (!parsed.ok) throw new Error(parsed.message);
      const { id, facts } = parsed.value;
      const evaluated = evaluate(set, facts, publicReader);
      const decided = rules.decide(facts);
      expect({ id, verdict: decided.verdict, fired: decided.fired, code: decided.code }).toEqual({
        id,
        verdict: evaluated.verdict,
        fired: evaluated.fired,
        code: undefined,
      });
      return [id, [evaluated.verdict, ...evaluated.fired].join(' ')];
    });
    expect(Object.fromEntries(found)).toEqual(outcomes);
  });
});

describe('the whole set', () => {
  const count = nightly ? 20_000 : 300;
  const seed = 7;

  it(`is decided on alike by the evaluator and the machine, whatever comes: ${count} cases of the seed ${seed}`, async () => {
    const rules = await openRules(set, freshMachine);
    for (let round = 0; round < 10; round++) {
      const choice = new SeededChoice(seed + round);
      for (const one of casesOfSet(choice, seed + round, set, count / 10))
        expect(decisionText(rules.decide(one.facts, one.reader)), caseText(one)).toBe(
          decisionText(evaluate(set, one.facts, one.reader)),
        );
    }
  });

  if (nightly)
    it('has no finding that refuses it', async () => {
      const rules = await openRules(set, freshMachine);
      const reader = wholeReader(set);
      const solver = new ProcessSolver();
      try {
        const { findings } = await analyze({
          set,
          solver,
          limits: usualLimits,
          decide: async (other, facts) =>
            (other === set ? rules : await openRules(other, freshMachine)).decide(facts, reader),
          now: 1_795_348_800n,
          elapsed: () => performance.now(),
          progress: () => undefined,
        });
        expect(findings.filter(({ code }) => isRefused(code)).map(({ message }) => message)).toEqual([]);
      } finally {
        await solver.close();
      }
    });
});
