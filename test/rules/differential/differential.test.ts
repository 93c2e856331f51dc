/**
 * The machine against the evaluator, which were written apart from one another: on generated rule sets, facts and readers, whole decisions
 * are the same. Every set goes as text through parser, checker and compiler.
 */
import { describe, expect, it } from 'vitest';
import type { Typed } from '../../../src/rules/checker/checked.ts';
import type { ClauseError, ClauseOutcome } from '../../../src/rules/decision.ts';
import { metRules } from '../../../src/rules/evaluator/applying-rule.ts';
import { mayRead, ownersOfRule, partsOf } from '../../../src/rules/evaluator/clearance.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { evaluateExpression, type Outcome } from '../../../src/rules/evaluator/expression.ts';
import { openRules } from '../../../src/rules/rules.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine } from '../../vm/machine.ts';
import { casesOf, caseText, decisionText } from '../generation/cases.ts';
import { Reach } from '../generation/reach.ts';

const perSet = 30;
/** Of sets: `RINGMINT_FIRST_SEED` goes on where another run has ended. */
const firstSeed = Number(process.env['RINGMINT_FIRST_SEED'] ?? 0);
const sets = nightly ? Math.ceil(1_000_000 / perSet) : 100;
/** Of so many sets it is counted what they reach; more tell nothing new. */
const countedSets = Math.min(sets, 1_000);

describe('the machine and the evaluator', () => {
  it(`decide alike, seeds ${firstSeed} to ${firstSeed + sets - 1}`, { timeout: 14_400_000 }, async () => {
    const reach = new Reach();
    for (let seed = firstSeed; seed < firstSeed + sets; seed++) {
      let rules: Awaited<ReturnType<typeof openRules>> | undefined;
      for (const one of casesOf(seed, perSet)) {
        rules ??= await openRules(one.set, freshMachine);
        const got = decisionText(rules.decide(one.facts, one.reader));
        const wanted = decisionText(evaluate(one.set, one.facts, one.reader));
        if (got !== wanted) expect(got, caseText(one)).toBe(wanted);
        if (seed < firstSeed + countedSets) reach.add(one);
      }
    }
    console.log(`${sets * perSet} cases; of the first ${countedSets * perSet}: ${reach.toString()}`);
    expect(reach.missing(), 'the cases reach all of the language').toEqual([]);
  });

  it('explain alike: what every clause and number came to, as far as the reader is cleared', async () => {
    let clauses = 0;
    let kept = 0;
    for (let seed = 0; seed < (nightly ? 2_000 : 25); seed++) {
      let rules: Awaited<ReturnType<typeof openRules>> | undefined;
      for (const one of casesOf(seed, 6)) {
        const { set, facts, reader } = one;
        rules ??= await openRules(set, freshMachine);
        const { rules: explained, ...rest } = await rules.explain(facts, reader);
        const decision = evaluate(set, facts, reader);
        expect(decisionText({ ...rest, rules: explained }), caseText(one)).toBe(decisionText(decision));
        if (decision.rules.length === 0) continue;
        for (const [index, { rule, module }] of metRules(set, facts).entries()) {
          const explanation = explained[index];
          const { when, body } = rule;
          const isSeen = mayRead(reader, ownersOfRule({ rule, module }));
          const wanted = (text: string, within: Typed): readonly Outcome[] =>
            spelt(within, text, module.text).map((typed) =>
              evaluateExpression(typed, { set, module: module.name, facts, known: new Map() }),
            );
          const look = (told: ClauseOutcome | undefined, within: Typed): void => {
            if (!isSeen) {
              expect([told?.value, told?.left, told?.right], caseText(one)).toEqual([
                undefined,
                undefined,
                undefined,
              ]);
              kept += 1;
            } else {
              expect(wanted(told?.text ?? '', within).map(show), `${told?.text}\n${caseText(one)}`).toContain(
                show(told?.value),
              );
              clauses += 1;
            }
          };
          if (when !== undefined) for (const told of explanation?.clauses ?? []) look(told, when);
          if (body.kind === 'cap') {
            look(explanation?.cap, body.cap);
            look(explanation?.measure, body.measure);
          }
        }
      }
    }
    expect([clauses > 100, kept > 10]).toEqual([true, true]);
  });
});

/** All parts of an expression that the module writes so. */
function spelt(typed: Typed, text: string, module: string): readonly Typed[] {
  const own = module.slice(typed.span.start, typed.span.end) === text ? [typed] : [];
  return [...own, ...partsOf(typed).flatMap((part) => spelt(part, text, module))];
}

function show(value: Outcome | ClauseError | undefined): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'object' ? `error ${value.error}` : String(value);
}
