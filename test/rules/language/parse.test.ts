import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatModule } from '../../../src/rules/language/format.ts';
import { parseExpression, parseModule } from '../../../src/rules/language/parse.ts';
import { placeOf, showFault } from '../../../src/rules/language/place.ts';
import type { Fault, RuleSyntax } from '../../../src/rules/language/syntax.ts';
import { nightly } from '../../nightly.ts';
import { brokenModule, realModules, shownModule } from './module-text.ts';

const head = 'module a.b 1\n  jurisdiction US\n  layer national\n  on transfer\n';

/** Each fault as `code text-at-its-place`. */
function told(text: string, faults: readonly Fault[]): readonly string[] {
  return faults.map(({ code, span }) => `${code} ${text.slice(span.start, span.end)}`);
}

function faultsOf(declarations: string): readonly string[] {
  const text = `${head}${declarations}\n`;
  const { module, faults } = parseModule(text);
  expect(module === undefined).toBe(faults.length > 0);
  return told(text, faults);
}

function ruleOf(declaration: string): RuleSyntax {
  const { module, faults } = parseModule(`${head}${declaration}\n`);
  expect(faults).toEqual([]);
  const [rule] = module?.declarations ?? [];
  if (rule?.kind !== 'rule') throw new Error('not a rule');
  return rule;
}

describe('a module', () => {
  it('of docs/RULES.md is read whole', () => {
    const { module, faults } = parseModule(shownModule);
    expect(faults).toEqual([]);
    expect(module).toMatchObject({
      name: { value: 'us.payments' },
      version: { value: 7n },
      jurisdictions: [{ value: 'US' }],
      layer: { value: 'national' },
      on: [{ value: 'transfer' }],
      law: { value: '31 CFR 1010.410(f)' },
    });
    const counts = new Map<string, number>();
    for (const { kind } of module?.declarations ?? []) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      list: 1,
      feed: 2,
      window: 1,
      param: 2,
      let: 2,
      control: 3,
      rule: 4,
      given: 1,
      test: 2,
      property: 1,
    });
  });

  it.each([...realModules])('%s has no fault', (_name, text) => {
    expect(parseModule(text).faults).toEqual([]);
  });

  it('takes the clauses of a rule in any order, on any lines', () => {
    const rule = ruleOf(
      'rule x says "s" when tx.a else HOLD // c\n  expires 2028-02-29 cap daily\n\n  exception to us.a/day\n  on (today) strict priority 3 control limit.day',
    );
    expect(rule).toMatchObject({
      strict: true,
      derogable: false,
      control: { value: 'limit.day' },
      exceptionTo: { value: 'us.a/day' },
      priority: { value: 3n },
      expires: { value: '2028-02-29' },
      says: { value: 's' },
      body: {
        kind: 'cap',
        cap: { kind: 'name', path: ['daily'] },
        measure: { kind: 'name', path: ['today'] },
        otherwise: { value: 'HOLD' },
      },
    });
  });

  it('tells several faults at a time, each at its place', () => {
    expect(
      faultsOf(`list sdn of keys secret sha256:9f86
feed ecb of rates max_age 24x on_stale HODL
contrl party verdict
rule sanctions strict contrl party
  DENY wen tx.counterparty_key in list.sdn
rule day control limit.day
  cap daily onn today
rule open control limit.day
  cap daily on (today
rule half control a
  cap daily
test "t" { tx.amount: usd("1"), tx.b; c: , d: 1 } => DENY a,
let if = 3`),
    ).toEqual([
      'word_unknown keys',
      'hash_invalid 9f86',
      'duration_invalid 24x',
      'word_unknown HODL',
      'declaration_unknown contrl',
      'word_unknown contrl',
      'word_unknown wen',
      'word_unknown onn',
      'bracket_unmatched (',
      'clause_missing rule half',
      'character_unknown ;',
      'name_missing ,',
      'word_reserved if',
    ]);
  });

  it.each([
    ['list a of key', 'clause_missing list a'],
    [`list a of key sha256:${'0'.repeat(63)}`, `hash_invalid ${'0'.repeat(63)}`],
    [`list a of key sha256:${'0'.repeat(64)} = ["x"]`, 'clause_repeated list a'],
    ['list a of symbol = ["x"] secret secret', 'clause_repeated secret'],
    ['feed a of int on_stale HOLD', 'clause_missing feed a'],
    ['feed a of int max_age 1.5h on_stale HOLD', 'duration_invalid 1'],
    ['feed a of int range 1 max_age 1h on_stale HOLD', 'word_missing max_age'],
    ['param a : money<USD = 1', 'type_missing ='],
    ['param a = 1', 'clause_missing param a'],
    ['param A : int = 1', 'name_invalid A'],
    ['param when : int = 1', 'word_reserved when'],
    ['window day', 'duration_invalid y'],
    ['window day 24h 3', 'clause_unknown 3'],
    ['let x 3', 'clause_unknown 3'],
    ['let x =', 'expression_missing ='],
    ['control a', 'word_missing a'],
    ['control a caps', 'word_unknown caps'],
    ['rule x control c', 'clause_missing rule x'],
    ['rule x DENY when true', 'clause_missing rule x'],
    ['rule x control c DENY', 'clause_missing rule x'],
    ['rule x control c DENY when true HOLD when true', 'clause_repeated when'],
    ['rule x control c DENY when true else HOLD', 'clause_unknown rule x'],
    ['rule x control c on today', 'clause_missing rule x'],
    ['rule x control c require tx.a exception day', 'word_missing day'],
    ['rule x control c require tx.a expires 2027-02-29', 'date_invalid 2027'],
    ['rule x control c require tx.a priority -1', 'number_invalid -'],
    ['rule x control c require tx.a reveals all', 'word_unknown all'],
    ['rule x control c require tx.a law Title', 'text_missing Title'],
    ['rule x control c require tx.a says "no', 'text_unclosed "no'],
    ['rule x control c require tx.a says "\\u001b[31m"', 'character_forbidden "\\u001b[31m"'],
    ['rule x control c require tx.a law "two\\nlines"', 'character_forbidden "two\\nlines"'],
    ['test "\\u202eDENY" { } => ALLOW', 'character_forbidden "\\u202eDENY"'],
    ['given tx.a: 1', 'clause_unknown tx'],
    ['given { tx.a 1 }', 'word_missing 1'],
    ['test "x" { }', 'clause_missing test "x"'],
    ['test "x" { } => MAYBE', 'word_unknown MAYBE'],
    ['property "x" when true => at_most', 'word_missing t'],
    ['property "x" monotone tx.amount => at_least DENY', 'clause_unknown property "x"'],
    ['property "x"', 'clause_missing property "x"'],
    ['module again 2', 'module_misplaced module'],
    [' let x = 1\nlet y = 2', 'declaration_indented let'],
    ['} let x = 1', 'bracket_unmatched }'],
    ['let é = 1', 'character_unknown é'],
    ['// \u202e', 'character_forbidden \u202e'],
    ['// \ud800', 'character_forbidden \ud800'],
    ['let x = 1\r// y', 'character_forbidden \r'],
  ])('refuses `%s`', (declaration, fault) => {
    expect(faultsOf(declaration)[0]).toBe(fault);
  });

  it('has to begin with its name', () => {
    expect(told('let x = 1', parseModule('let x = 1').faults)).toEqual(['module_missing let']);
    expect(parseModule('').faults.map(({ code }) => code)).toEqual(['module_missing']);
    expect(parseModule('modul a 1').faults[0]?.message).toBe('`modul`: did you mean `module`?');
  });
});

describe('an expression', () => {
  it('has the brackets around its parts in its place', () => {
    const text = '  (a + b) * f((c)) - -(d)  ';
    const { expression } = parseExpression(text);
    expect(expression).toMatchObject({
      kind: 'binary',
      operator: '-',
      span: { start: 2, end: 25 },
      left: {
        kind: 'binary',
        operator: '*',
        span: { start: 2, end: 18 },
        left: { span: { start: 3, end: 8 } },
      },
      right: { kind: 'unary', span: { start: 21, end: 25 } },
    });
  });

  it('is read as CEL reads it', () => {
    const { expression } = parseExpression('a || b && !c == d < e + f * -g in ["x"] ? "\\u0041\\n" : 0x10');
    expect(expression).toMatchObject({
      kind: 'conditional',
      condition: {
        operator: '||',
        right: {
          operator: '&&',
          right: { operator: '==', left: { operator: '!' }, right: { operator: 'in' } },
        },
      },
      otherwise: { value: 16n },
    });
    expect(parseExpression('"\\u0041\\n"').expression).toMatchObject({ kind: 'literal', value: 'A\n' });
  });

  it.each([
    ['1.5', 'not_in_subset 1.5'],
    ['a < 1e9', 'not_in_subset 1e9'],
    ['1u', 'not_in_subset 1u'],
    ['b"x"', 'not_in_subset b"x"'],
    ['r"x"', 'not_in_subset r"x"'],
    ['"""x"""', 'text_unclosed """x"""'],
    ['null', 'not_in_subset null'],
    ['{"a": 1}', 'not_in_subset {'],
    ['a[0]', 'not_in_subset a[0]'],
    ['a.?b', 'expression_malformed ?'],
    ['[1, [2]]', 'not_in_subset [2]'],
    ['a.matches("x")', 'not_in_subset a.matches("x")'],
    ['matches(a, "x")', 'not_in_subset matches(a, "x")'],
    ['[1].map(x, x)', 'not_in_subset [1].map(x, x)'],
    ['[1].exists_one(x, x)', 'not_in_subset [1].exists_one(x, x)'],
    ['list.a.exists(x, x)', 'not_in_subset list.a'],
    ['[1].exists(1, x)', 'expression_malformed 1'],
    ['[1].exists(x, [2].all(y, y))', 'not_in_subset [2].all(y, y)'],
    ['f(x).y', 'not_in_subset f(x).y'],
    ['tx.time.getHours()', 'not_in_subset tx.time.getHours()'],
    ['.a', 'expression_malformed .'],
    ['T{a: 1}', 'not_in_subset {'],
    ['a = b', 'expression_malformed ='],
    ['a and b', 'expression_malformed and'],
    ['a & b', 'expression_malformed &'],
    ['a b', 'expression_malformed b'],
    ['a +', 'expression_malformed '],
    ['f(a,)', 'expression_malformed ,'],
    ['if', 'word_reserved if'],
    ['9223372036854775808', 'number_out_of_range 9223372036854775808'],
    ['"\\q"', 'expression_malformed "\\q"'],
    ['"\\ud800"', 'expression_malformed "\\ud800"'],
    ['(a', 'bracket_unmatched ('],
    ['(a]', 'bracket_unmatched ]'],
    ['', 'expression_missing '],
  ])('`%s` is refused at its place', (text, fault) => {
    const { expression, faults } = parseExpression(text);
    expect(expression).toBeUndefined();
    expect(told(text, faults)[0]).toBe(fault);
  });

  it('of the greatest number of 64 bits is read, and of the most levels', () => {
    expect(parseExpression(String(2n ** 63n - 1n)).faults).toEqual([]);
    expect(parseExpression(Array.from({ length: 100 }, () => 'a').join(' && ')).faults).toEqual([]);
    expect(parseExpression(Array.from({ length: 101 }, () => 'a').join(' && ')).faults[0]?.code).toBe(
      'too_deep',
    );
    expect(parseExpression(`${'('.repeat(50)}a${')'.repeat(50)}`).faults).toEqual([]);
    expect(parseExpression(`${'('.repeat(51)}a${')'.repeat(51)}`).faults[0]?.code).toBe('too_deep');
  });
});

/** What no text may do: throw, give a tree beside a fault, or tell of a place that is not there. */
function expectOrderly(text: string): void {
  const { module, faults } = parseModule(text);
  expect(module === undefined).toBe(faults.length > 0);
  expect(faults.length).toBeLessThanOrEqual(100);
  let before = 0;
  for (const fault of faults) {
    expect(fault.code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(fault.message).toMatch(/^[^\n]+$/);
    expect(fault.span.start).toBeGreaterThanOrEqual(before);
    expect(fault.span.end).toBeGreaterThanOrEqual(fault.span.start);
    expect(fault.span.end).toBeLessThanOrEqual(text.length);
    before = fault.span.start;
    expect(showFault(text, fault, 'x').length).toBe(3);
  }
  expect(formatModule(text).text === undefined).toBe(faults.length > 0);
}

describe('a hostile text', () => {
  it('never makes the parser throw, whatever it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), expectOrderly), {
      numRuns: nightly ? 20_000 : 1000,
    });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const { expression, faults } = parseExpression(text);
        expect(expression === undefined).toBe(faults.length > 0);
      }),
      { numRuns: nightly ? 20_000 : 1000 },
    );
  });

  it('made of a real module never makes the parser throw', () => {
    fc.assert(fc.property(brokenModule, expectOrderly), { numRuns: nightly ? 2_000 : 200 });
  });

  it.each<[string, string, string]>([
    ['brackets', `${head}let x = ${'('.repeat(300_000)}`, 'too_deep'],
    ['signs', `${head}let x = ${'!'.repeat(300_000)}a`, 'too_large'],
    ['some signs', `${head}let x = ${'-'.repeat(15_000)}a`, 'too_deep'],
    ['a chain', `${head}let x = ${'a+'.repeat(9000)}a`, 'too_deep'],
    ['a long chain', `${head}let x = ${'a+'.repeat(300_000)}a`, 'too_large'],
    ['members', `${head}let x = a${'.a'.repeat(9000)}`, 'too_large'],
    ['choices', `${head}let x = ${'a?b:'.repeat(2000)}a`, 'too_large'],
    ['arguments', `${head}let x = f(${'a,'.repeat(5000)}a)`, 'too_large'],
    ['digits', `${head}let x = ${'9'.repeat(500_000)}`, 'word_too_long'],
    ['faults', `${head}${'x\n'.repeat(200_000)}`, 'too_large'],
    ['declarations', `${head}${'window a 1h\n'.repeat(10_000)}`, 'too_large'],
    ['characters', `${head}${'\u0000'.repeat(500_000)}`, 'character_forbidden'],
    ['a text that never ends', `${head}let x = "${'\\"'.repeat(300_000)}`, 'text_unclosed'],
    ['a comment', `${head}//${'/'.repeat(1024 * 1024)}`, 'too_large'],
  ])('of endless %s is refused', (_what, text, code) => {
    const { module, faults } = parseModule(text);
    expect(module).toBeUndefined();
    expect(faults.map((fault) => fault.code)).toContain(code);
    expect(faults.length).toBeLessThanOrEqual(100);
    for (const fault of faults) expect(fault.message.length).toBeLessThan(300);
  });

  it('of just as many characters as are accepted is read', () => {
    const text = `${head}//`.padEnd(1024 * 1024, 'x');
    expect(parseModule(text).faults).toEqual([]);
    expect(parseModule(`${text}x`).faults.map(({ code }) => code)).toEqual(['too_large']);
  });
});

describe('a place', () => {
  it('has line and column from 1, in UTF-16 units, and stays in the text', () => {
    const text = 'a\r\n😀b\n';
    expect([0, 1, 3, 5, 6, 7, 99, -1].map((offset) => placeOf(text, offset))).toEqual([
      { line: 1, column: 1 },
      { line: 1, column: 2 },
      { line: 2, column: 1 },
      { line: 2, column: 3 },
      { line: 2, column: 4 },
      { line: 3, column: 1 },
      { line: 3, column: 1 },
      { line: 1, column: 1 },
    ]);
  });

  it('is shown with its line and a mark under it', () => {
    const text = `${head}\tlet x = 1\r\n`;
    const [fault] = parseModule(text).faults;
    expect(fault && showFault(text, fault, 'a.rules')).toEqual([
      'a.rules:5:2: declaration_indented: `let`: a declaration is accepted at the beginning of a line, with no blank before it',
      '     5 |  let x = 1',
      '       |  ^^^',
    ]);
  });
});

describe('the codes of faults', () => {
  it('are those of docs/RULE-TOOLS.md', () => {
    const project = new URL('../../../', import.meta.url);
    const document = readFileSync(new URL('docs/RULE-TOOLS.md', project), 'utf8');
    const table = document.slice(document.indexOf('## Faults of the text'));
    const folder = new URL('src/rules/language/', project);
    const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
    const told = sources.flatMap((source) =>
      [...source.matchAll(/\b(?:add|refuse)\(\s*'(\w+)'/g)].map(([, code]) => code),
    );
    const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    expect(new Set(listed)).toEqual(new Set(told));
  });
});
