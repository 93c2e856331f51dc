/** What docs/RULES.md says of fields and limits is what the code says. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isNumber, showType } from '../../../src/rules/checker/type.ts';
import { limits } from '../../../src/rules/limits.ts';
import { schema } from '../../../src/rules/schema.ts';

const document = readFileSync(new URL('../../../docs/RULES.md', import.meta.url), 'utf8');

/** Rows of the table behind `heading`, without its two first lines. */
function rowsBehind(heading: string): readonly string[] {
  const lines = document.slice(document.indexOf(heading)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
  return lines.slice(first + 2, end);
}

describe('docs/RULES.md', () => {
  it('has every field, with its type and its meaning', () => {
    const rows = [...schema.values()].map(({ name, optional, authority, type, on, meaning }) => {
      const marks = `${optional ? ' ?' : ''}${authority === 'known' ? ' *' : ''}`;
      const shown = type.kind === 'money' ? `\`${showType(type)}\`` : showType(type);
      return `| \`${name}\`${marks} | ${shown} | ${on.length > 1 ? 'both' : on[0]} | ${meaning} |`;
    });
    expect(rowsBehind('### Fields')).toEqual(rows);
  });

  it('has every limit', () => {
    const count = (value: number): string => value.toLocaleString('en-US');
    const years = Number(limits.ageSeconds) / 86_400 / 366;
    expect([limits.lists, limits.feeds, limits.windows, years]).toEqual([16, 16, 16, 10]);
    expect(rowsBehind('| of a module | at most |')).toEqual([
      `| lists, feeds, windows | ${limits.lists} of each |`,
      `| parameters | ${limits.parameters} |`,
      `| lets | ${limits.lets} |`,
      `| controls | ${limits.controls} |`,
      `| rules | ${limits.rules} |`,
      `| tests | ${count(limits.tests)} |`,
      `| properties | ${limits.properties} |`,
      `| jurisdictions | ${limits.jurisdictions} |`,
      `| a name | ${limits.name} characters |`,
      `| \`law\`, \`note\`, \`says\`, a title | ${limits.words} characters |`,
      `| items of a list that is written out | ${limits.items} |`,
      `| a window; an age | ${limits.windowSeconds / 86_400n} days; ten years of 366 days |`,
      `| parts of a rule, or of a let, lists unrolled and every let counted once | ${count(limits.nodes)} |`,
      `| the same, a let counted wherever it is used | ${count(limits.expandedNodes)} |`,
      `| levels of an expression, lets among them | ${limits.depth} |`,
    ]);
  });
});

describe('the fields', () => {
  it('that may be missing are no numbers, so that no cap is without its measure', () => {
    expect([...schema.values()].filter(({ optional, type }) => optional && isNumber(type))).toEqual([]);
  });
});
