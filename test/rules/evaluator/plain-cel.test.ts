/** What this language has from CEL means what it means there: generated expressions in @bufbuild/cel, which is somebody else's. */
import { celEnv, parse, plan } from '@bufbuild/cel';
import { describe, expect, it } from 'vitest';
import { evaluateExpression, isError } from '../../../src/rules/evaluator/expression.ts';
import { nightly } from '../../nightly.ts';
import { SeededChoice } from '../generation/choice.ts';
import { plainTruth, plainVariables } from '../generation/plain-expression.ts';
import { factsOf, moduleOf, setOf } from '../generation/written-set.ts';

const modules = nightly ? 10_000 : 40;
const perModule = 10;
const facts = factsOf();
const given = {
  ...plainVariables,
  tx: Object.fromEntries(
    ['origin', 'destination', 'currency'].map((name) => [name, facts.fields.get(`tx.${name}`)]),
  ),
};

/** `true`, `false` or `error`, by each. */
function compare(expressions: readonly string[]): readonly (readonly [string, string, string])[] {
  const set = setOf([
    moduleOf(
      [
        ...Object.entries(plainVariables).map(
          ([name, value]) => `param ${name} : int = ${value} range -20 .. 20`,
        ),
        ...expressions.map(
          (text, index) => `control c${index} verdict\nrule r${index} control c${index}\n  FLAG when ${text}`,
        ),
      ].join('\n'),
    ),
  ]);
  const [module] = set.modules;
  const reading = { set, module: 'us.test', facts, known: new Map() };
  return expressions.map((text, index) => {
    const when = module?.rules[index]?.when;
    const own = when === undefined ? undefined : evaluateExpression(when, reading);
    const other = plan(celEnv(), parse(text))(given as never);
    return [
      text,
      isError(own) ? 'error' : String(own),
      other === true || other === false ? String(other) : 'error',
    ] as const;
  });
}

describe('plain expressions', () => {
  it(`are worth in the evaluator what they are in CEL (seeds 0 to ${modules - 1})`, () => {
    const seen = new Map<string, number>();
    for (let seed = 0; seed < modules; seed++) {
      const choice = new SeededChoice(seed);
      const expressions = Array.from({ length: perModule }, () => plainTruth(choice, 1 + choice.below(4)));
      for (const [text, own, other] of compare(expressions)) {
        expect(own, `seed ${seed}: ${text}`).toBe(other);
        seen.set(own, (seen.get(own) ?? 0) + 1);
      }
    }
    for (const value of ['true', 'false', 'error'])
      expect(seen.get(value) ?? 0, value).toBeGreaterThan(modules / 2);
  });
});
