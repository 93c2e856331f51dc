import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatModule } from '../../../src/rules/language/format.ts';
import { parseModule, readModule } from '../../../src/rules/language/parse.ts';
import { nightly } from '../../nightly.ts';
import { moduleText, realModules } from './module-text.ts';

/** The tree without places. */
function meaningOf(text: string): string {
  const { module, faults } = parseModule(text);
  expect(faults.map(({ message }) => message)).toEqual([]);
  return JSON.stringify(module, (key, value: unknown) =>
    key === 'span' || key === 'header' ? undefined : typeof value === 'bigint' ? `${value}n` : value,
  );
}

function commentsOf(text: string): readonly string[] {
  return readModule(text)
    .scan.all.filter(({ kind }) => kind === 'comment')
    .map((token) => token.text)
    .toSorted();
}

function format(text: string): string {
  const { text: formatted, faults } = formatModule(text);
  expect(faults.map(({ message }) => message)).toEqual([]);
  return formatted ?? '';
}

function expectCanonical(text: string): void {
  const formatted = format(text);
  expect(meaningOf(formatted)).toBe(meaningOf(text));
  expect(commentsOf(formatted)).toEqual(commentsOf(text));
  expect(format(formatted)).toBe(formatted);
  expect(formatted).toMatch(/^(?:[^\n]*\S\n|\n)*$/);
}

describe('the canonical form', () => {
  it.each([...realModules])(
    'of %s says the same, keeps all comments, and is its own canonical form',
    (_name, text) => {
      expectCanonical(text);
    },
  );

  it('of any module in any layout says the same, keeps all comments, and is its own canonical form', () => {
    fc.assert(fc.property(moduleText, expectCanonical), { numRuns: nightly ? 3_000 : 150 });
  });

  it('has clauses in their order, one blank, comments where they were', () => {
    const text = `module  a 1 on transfer,issuance
  layer national jurisdiction EU+FR // both
// about x
rule x   expires 2027-01-01 control c // why
    says 'no'
    // before the condition
    when  !( a&&b ) DENY


let y=[ "a",'b', ].exists(e,e==-1) // last
`;
    expect(format(text)).toBe(`module a 1
  jurisdiction EU + FR // both
  layer national
  on transfer and issuance
// about x
rule x control c // why
  expires 2027-01-01
  DENY
  // before the condition
  when !(a && b)
  says "no"

let y = ["a", "b"].exists(e, e == -1) // last
`);
  });

  it('breaks what is too long before the operators that bind least, then in brackets', () => {
    const long = 'a_name_that_is_long_enough_for_this';
    expect(
      format(`module a 1
  jurisdiction US
let x = ${long} == 1 && (${long} == 2 || ${long} == 3 || ${long} == 4 && ${long} == 5)
let y = clamp(${long}, ${long}, mul(${long}, ${long}, DOWN))
`),
    ).toBe(`module a 1
  jurisdiction US
let x = ${long} == 1
  && (
    ${long} == 2
    || ${long} == 3
    || ${long} == 4 && ${long} == 5
  )
let y = clamp(
  ${long},
  ${long},
  mul(${long}, ${long}, DOWN)
)
`);
  });

  it('takes any number of comments, in an expression too', () => {
    const text = `module a 1\nlet x = 1\n${'  // c\n'.repeat(140_000)}  + 1\n`;
    expect(format(text)).toBe(text);
  });

  it('is not made of a module with a fault', () => {
    const { text, faults } = formatModule('module a 1\nrul b\n');
    expect(text).toBeUndefined();
    expect(faults.map(({ code }) => code)).toEqual(['declaration_unknown']);
  });
});
