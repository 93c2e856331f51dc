import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseExpression, parseModule } from '../../../src/rules/language/parse.ts';

/** The module that docs/RULES.md shows. */
const shown =
  /^```\n(module us\.payments[\s\S]*?)^```/m.exec(
    readFileSync(new URL('../../../docs/RULES.md', import.meta.url), 'utf8'),
  )?.[1] ?? '';

describe('a module', () => {
  it('of docs/RULES.md is read whole', () => {
    const { module, faults } = parseModule(shown);
    expect(faults).toEqual([]);
    expect(module?.declarations.map(({ kind }) => kind)).toEqual([
      'list',
      'feed',
      'feed',
      'window',
      'param',
      'param',
      'let',
      'let',
      'control',
      'control',
      'control',
      'rule',
      'rule',
      'rule',
      'rule',
      'given',
      'test',
      'test',
      'property',
    ]);
    expect(parseModule(shown.replace('DENY when', 'DENY wen')).module).toBeUndefined();
  });
});

describe('an expression', () => {
  it('has the place of its brackets in its own', () => {
    const text = '(a + b) * f((c))';
    const { expression } = parseExpression(text);
    expect(expression?.span).toEqual({ start: 0, end: text.length });
  });
});
