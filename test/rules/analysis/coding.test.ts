/** The formulas beside the evaluator: what a rule set says to a transaction, both ways. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corridorsOf } from '../../../src/rules/analysis/corridors.ts';
import { DecisionCoder, type VerdictTerms } from '../../../src/rules/analysis/decision-coder.ts';
import { FactTerms, type Inputs, inputsOf } from '../../../src/rules/analysis/fact-terms.ts';
import { writeScript } from '../../../src/rules/analysis/script.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import { type Term, Terms, termsBelow } from '../../../src/rules/analysis/term.ts';
import { valuesOf } from '../../../src/rules/analysis/term-value.ts';
import { Universe } from '../../../src/rules/analysis/universe.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { verdicts } from '../../../src/rules/language/syntax.ts';
import type { Corridor, RuleSet } from '../../../src/rules/set/rule-set.ts';
import { nightly } from '../../nightly.ts';
import { caseText } from '../generation/cases.ts';
import { SeededChoice } from '../generation/choice.ts';
import { bordersOf, generateCorridor } from '../generation/facts.ts';
import { generateSet } from '../generation/rule-sets.ts';

const sets = nightly ? 4_000 : 120;
const transactionsOfOne = 30;

interface Coding {
  readonly set: RuleSet;
  readonly facts: FactTerms;
  readonly coder: DecisionCoder;
  readonly terms: Terms;
}

function codingOf(set: RuleSet, corridor: Corridor, inputs: Inputs): Coding {
  const terms = new Terms();
  const universe = new Universe([set], [corridor.origin, corridor.destination, corridor.currency]);
  const facts = new FactTerms({
    terms,
    universe,
    corridor,
    inputs,
    of: inputsOf([set]),
    now: 1_700_000_000n,
  });
  return { set, facts, coder: new DecisionCoder(set, facts), terms };
}

/** A value for each unknown, most of them near a number that the set names. */
function modelOf(
  choice: SeededChoice,
  roots: readonly Term[],
  borders: readonly bigint[],
): ReadonlyMap<Term, bigint | boolean> {
  const found = new Map<Term, bigint | boolean>();
  for (const unknown of termsBelow(roots)) {
    if (unknown.kind !== 'variable') continue;
    if (unknown.sort === 'Bool') {
      found.set(unknown, unknown.name.startsWith('out ') ? choice.once(12) : !choice.once(6));
      continue;
    }
    const { least, most } = unknown;
    const near = choice.pick(borders) + BigInt(choice.below(3)) - 1n;
    const anywhere = least + (BigInt(choice.below(1_000_000)) * (most - least)) / 1_000_000n;
    const value = choice.once(3) ? near : anywhere;
    found.set(unknown, value < least ? least : value > most ? most : value);
  }
  return found;
}

function textOf(value: bigint | boolean): string {
  return typeof value === 'bigint' && value < 0n ? `(- ${-value})` : String(value);
}

const everybody = { clearedFor: ['US', 'FR', 'EU', 'FR + US', 'FATF', 'ANY', 'DE', 'issuer'] };

function* codings(
  from: number,
  count: number,
): Generator<Coding & { readonly seed: number; readonly choice: SeededChoice }> {
  for (let seed = from; seed < from + count; seed++) {
    const choice = new SeededChoice(seed);
    const { set } = generateSet(choice);
    yield {
      seed,
      choice,
      ...codingOf(set, generateCorridor(choice, set), seed % 2 === 0 ? 'any' : 'proper'),
    };
  }
}

describe('the formulas of a decision', () => {
  it(`are worth what the evaluator says, of ${sets} sets with ${transactionsOfOne} transactions each`, () => {
    const seen = new Set<string>();
    for (const { seed, choice, set, facts, coder } of codings(1, sets)) {
      const { FLAG, HOLD, DENY } = coder.verdict();
      const members = coder.groups.flatMap((group) => coder.group(group).members);
      const parts = members.flatMap(({ applies, error, denied, fired, defeated }) => [
        applies,
        error,
        denied,
        fired,
        defeated,
      ]);
      const order = termsBelow([FLAG, HOLD, DENY, ...parts, ...members.map(({ met }) => met)]);
      for (let index = 0; index < transactionsOfOne; index++) {
        const model = modelOf(choice, order, bordersOf(set));
        const values = valuesOf(order, (unknown) => model.get(unknown) ?? 0n);
        const read = facts.read(
          new Map(
            [...model].flatMap(([term, value]) =>
              term.kind === 'variable' ? [[term.name, textOf(value)]] : [],
            ),
          ),
        );
        const decision = evaluate(set, read, everybody);
        const is = (term: Term): boolean => values.get(term) === true;
        const verdict = is(DENY) ? 'DENY' : is(HOLD) ? 'HOLD' : is(FLAG) ? 'FLAG' : 'ALLOW';
        const shown = members.map((one) => {
          const applies = is(one.applies);
          return {
            rule: one.member.rule.id,
            applies,
            error: is(one.error)
              ? is(one.denied) || one.member.rule.layer === 'strict'
                ? 'DENY'
                : 'HOLD'
              : 'none',
            met: applies && is(one.met),
            fired: is(one.fired),
            defeated: is(one.defeated),
          };
        });
        const expected = members.map(({ member }) => {
          const one = decision.rules.find(({ rule }) => rule === member.rule.id);
          return {
            rule: one?.rule,
            applies: one?.applies,
            error: one?.error,
            met: one?.met,
            fired: one?.fired,
            defeated: (one?.defeatedBy?.length ?? 0) > 0,
          };
        });
        const text = (): string => caseText({ seed, set, facts: read, reader: everybody });
        expect(shown, text()).toEqual(expected);
        expect(verdict, text()).toBe(decision.verdict);
        seen.add(verdict);
      }
    }
    expect([...seen].sort()).toEqual([...verdicts].sort());
  });
});

describe('z3', () => {
  let solver: ProcessSolver;
  beforeAll(() => {
    solver = new ProcessSolver();
  });
  afterAll(() => solver.close());

  const limits = { timeoutMs: 60_000, steps: 40_000_000 };
  const count = nightly ? 400 : 12;
  /** A machine that does ten things at once takes its time. */
  const timeout = nightly ? 3_600_000 : 600_000;

  it(`gives the evaluator's verdict, and no other, of ${count} sets with all unknowns put in`, {
    timeout,
  }, async () => {
    for (const { seed, choice, set, facts, coder, terms } of codings(1_000_000, count)) {
      const verdict = coder.verdict();
      const order = termsBelow(Object.values<Term>({ ...verdict }));
      const model = modelOf(choice, order, bordersOf(set));
      const pins = [...model].map(([term, value]) =>
        typeof value === 'bigint' ? terms.equal(term, terms.int(value)) : value ? term : terms.not(term),
      );
      const read = facts.read(
        new Map(
          [...model].flatMap(([term, value]) =>
            term.kind === 'variable' ? [[term.name, textOf(value)]] : [],
          ),
        ),
      );
      const decision = evaluate(set, read, everybody);
      const text = caseText({ seed, set, facts: read, reader: everybody });
      const is = just(terms, verdict, decision.verdict);
      const yes = await solver.solve(writeScript([...pins, is], 'exact').text, limits);
      expect(yes.result, text).toBe('sat');
      const no = await solver.solve(writeScript([...pins, terms.not(is)], 'exact').text, limits);
      expect(no.result, text).toBe('unsat');
      const loose = await solver.solve(writeScript([...pins, is], 'loose').text, limits);
      expect(loose.result, text).toBe('sat');
    }
  });

  it('answers what is asked of every corridor of a generated set as the formulas do, with its own model', {
    timeout,
  }, async () => {
    for (const { seed, set } of codings(2_000_000, nightly ? 40 : 3)) {
      for (const { corridor } of corridorsOf([set]).slice(0, 4)) {
        const { coder, terms, facts } = codingOf(set, corridor, 'any');
        for (const verdict of verdicts) {
          const is = just(terms, coder.verdict(), verdict);
          if (is === terms.false) continue;
          const answer = await solver.solve(writeScript([is], 'exact').text, limits);
          if (answer.result !== 'sat') continue;
          const read = facts.read(answer.model);
          expect(
            evaluate(set, read, everybody).verdict,
            caseText({ seed, set, facts: read, reader: everybody }),
          ).toBe(verdict);
        }
      }
    }
  });
});

function just(terms: Terms, { FLAG, HOLD, DENY }: VerdictTerms, verdict: (typeof verdicts)[number]): Term {
  const reached = { ALLOW: terms.true, FLAG, HOLD, DENY }[verdict];
  const above = { ALLOW: FLAG, FLAG: HOLD, HOLD: DENY, DENY: terms.false }[verdict];
  return terms.and(reached, terms.not(above));
}
