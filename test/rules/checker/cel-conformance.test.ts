/**
 * The conformance tests of CEL (google/cel-spec v0.25.1 in @bufbuild/cel-spec): what this language accepts of them means here what it
 * means there. docs/RULES.md, "Beside CEL", says what is left out.
 */
import { readFileSync } from 'node:fs';
import {
  getConformanceSuite,
  type IncrementalTest,
  type IncrementalTestSuite,
} from '@bufbuild/cel-spec/testdata/tests.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { showType } from '../../../src/rules/checker/type.ts';
import { publicReader, type RuleOutcome } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { openRules } from '../../../src/rules/rules.ts';
import { freshMachine } from '../../vm/machine.ts';
import { factsOf, setOf } from '../generation/written-set.ts';

/** In this language timestamps and durations may be as great as any number; in CEL they end with the year 9999, and after 10,000 years. */
const widerHere = new Set([
  "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
  "duration('-320000000000s')",
  "duration('320000000000s')",
  "duration('-200000000000s') + duration('-200000000000s')",
  "duration('200000000000s') + duration('200000000000s')",
  "duration('-200000000000s') - duration('200000000000s')",
  "duration('200000000000s') - duration('-200000000000s')",
]);

/** What this language calls CEL's types. */
const ownTypes: Readonly<Record<string, string>> = {
  bool: 'bool',
  int: 'int',
  string: 'symbol',
  timestamp: 'timestamp',
  duration: 'duration',
};

interface Case {
  readonly name: string;
  readonly test: IncrementalTest;
  readonly text: string;
  /** Its variables, as parameters. */
  readonly parameters: string;
}

/** A value of CEL as this language writes it, where it can. */
function literalOf(
  value: { readonly kind: { readonly case: string | undefined; readonly value?: unknown } } | undefined,
): string | undefined {
  switch (value?.kind.case) {
    case 'boolValue':
    case 'int64Value':
      return String(value.kind.value);
    case 'stringValue':
      return JSON.stringify(value.kind.value);
    default:
      return undefined;
  }
}

function casesOf(suite: IncrementalTestSuite, path: string): Case[] {
  const own = suite.tests.map((test) => {
    const { expr, bindings } = test.original;
    const parameters = Object.entries(bindings).flatMap(([name, { kind }]) => {
      const literal = kind.case === 'value' ? literalOf(kind.value) : undefined;
      const type =
        literal === undefined
          ? ''
          : literal.startsWith('"')
            ? 'symbol'
            : /[0-9]/.test(literal)
              ? 'int'
              : 'bool';
      return literal === undefined ? [] : [`param ${name} : ${type} = ${literal}\n`];
    });
    // What goes on over lines is indented.
    return {
      name: `${path}/${suite.name}/${test.name}`,
      test,
      text: expr.replaceAll('\n', '\n  '),
      parameters: parameters.join(''),
    };
  });
  return [...own, ...suite.suites.flatMap((inner) => casesOf(inner, `${path}/${suite.name}`))];
}

const header = '  jurisdiction ANY\n  layer national\n  on transfer\n';

/** `FLAG` where the value is what CEL says, an error where CEL says that. */
function ruleOf({
  test,
  text,
}: Case): { readonly condition: string; readonly outcome: 'applies' | 'error' } | undefined {
  const { resultMatcher } = test.original;
  switch (resultMatcher.case) {
    case 'evalError':
    case 'anyEvalErrors':
      return { condition: `(${text}) == (${text})`, outcome: 'error' };
    case 'value':
    case 'typedResult': {
      const value = resultMatcher.case === 'value' ? resultMatcher.value : resultMatcher.value.result;
      const literal = literalOf(value);
      return literal === undefined ? undefined : { condition: `(${text}) == ${literal}`, outcome: 'applies' };
    }
    case undefined:
      return { condition: `(${text}) == true`, outcome: 'applies' };
    default:
      return undefined;
  }
}

const cases = casesOf(getConformanceSuite(), '');
const checked = cases.map((one) => ({
  ...one,
  ...checkModule(`module a 1\n${header}${one.parameters}let observed =\n  ${one.text}\n`),
}));
const accepted = checked.filter(({ module }) => module !== undefined);
const compared = accepted.flatMap((one) => {
  const rule = widerHere.has(one.text) ? undefined : ruleOf(one);
  return rule === undefined ? [] : [{ ...one, ...rule }];
});

/** How many cases were refused, by the first code. */
const counts = new Map<string, number>();
for (const { faults } of checked) {
  const code = faults[0]?.code;
  if (code !== undefined) counts.set(code, (counts.get(code) ?? 0) + 1);
}

/** The rows of the table of docs/RULES.md, by the codes that are counted in each. */
const rows = [
  ['not_in_subset'],
  ['bad_symbol'],
  ['unknown_function'],
  ['unknown_name'],
  ['not_a_value', 'empty_list'],
  ['operand_type'],
  ['type_mismatch'],
  ['number_out_of_range', 'number_size'],
  [
    'character_unknown',
    'expression_malformed',
    'clause_unknown',
    'text_unclosed',
    'word_reserved',
    'character_forbidden',
  ],
  ['bad_constant', 'not_constant'],
];

/** What becomes of every rule, by the evaluator and by the machine. */
async function decideAll(): Promise<
  readonly {
    readonly name: string;
    readonly expected: string;
    readonly evaluator: string;
    readonly machine: string;
  }[]
> {
  const found = [];
  const most = 30;
  for (let from = 0; from < compared.length; from += most) {
    const part = compared.slice(from, from + most);
    const set = setOf(
      part.map(
        ({ parameters, condition }, index) =>
          `module m${index} 1\n${header}${parameters}control c${index} verdict\nrule observed control c${index}\n  FLAG when ${condition}\n`,
      ),
    );
    const facts = factsOf();
    const evaluated = evaluate(set, facts, publicReader);
    const rules = await openRules(set, freshMachine);
    const decided = rules.decide(facts);
    for (const [index, { name, text, outcome }] of part.entries()) {
      const of = (outcomes: readonly RuleOutcome[]): string => {
        const one = outcomes.find(({ rule }) => rule === `m${index}/observed`);
        return one?.error !== 'none' ? 'error' : one.applies === true ? 'applies' : 'another value';
      };
      found.push({
        name: `${name}: ${text}`,
        expected: outcome,
        evaluator: of(evaluated.rules),
        machine: of(decided.rules),
      });
    }
  }
  return found;
}

describe("CEL's conformance tests", () => {
  let decided: Awaited<ReturnType<typeof decideAll>> = [];
  beforeAll(async () => {
    decided = await decideAll();
    const left = [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ');
    console.log(
      `CEL: ${cases.length} cases, ${accepted.length} accepted, ${compared.length} compared; left out by: ${left}`,
    );
  });

  it('apply in part, and not in a smaller part than before', () => {
    expect(cases.length).toBe(2344);
    expect(accepted.length).toBeGreaterThanOrEqual(147);
    expect(compared.length).toBe(accepted.length - widerHere.size);
  });

  it('that CEL refuses are refused', () => {
    // How many brackets there may be in one another is not CEL's to say, but its implementation's.
    const refused = accepted.filter(
      ({ test }) => test.error !== undefined && !/recursion limit/.test(test.error),
    );
    expect(refused.map(({ text }) => text)).toEqual([]);
  });

  it('have the types that CEL gives them', () => {
    for (const { test, module, name } of accepted)
      if (test.type !== undefined)
        expect([name, showType(module?.lets[0]?.value.type ?? { kind: 'bool' })]).toEqual([
          name,
          ownTypes[test.type],
        ]);
  });

  it('are worth in the evaluator and in the machine what they are in CEL', () => {
    const outcomes = decided.map(({ name, evaluator, machine }) => ({ name, evaluator, machine }));
    expect(outcomes).toEqual(
      decided.map(({ name, expected }) => ({ name, evaluator: expected, machine: expected })),
    );
  });

  it('that are left out are counted in docs/RULES.md', () => {
    const document = readFileSync(new URL('../../../docs/RULES.md', import.meta.url), 'utf8');
    const table = document.slice(document.indexOf('### Beside CEL')).split('\n\n')[1] ?? '';
    const told = table
      .split('\n')
      .slice(2)
      .map((row) => row.split(' | ')[1]);
    const counted = rows.map((codes) => codes.reduce((sum, code) => sum + (counts.get(code) ?? 0), 0));
    expect(told).toEqual(counted.map((count) => count.toLocaleString('en-US')));
    expect(counted.reduce((sum, count) => sum + count, accepted.length)).toBe(cases.length);
  });
});
