import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkModule } from '../../../src/rules/checker/check-module.ts';
import { parseModule } from '../../../src/rules/language/parse.ts';
import { nightly } from '../../nightly.ts';
import { faultExamples, prelude } from './fault-example.ts';
import { assertWhole } from './whole-module.ts';

const root = new URL('../../../', import.meta.url);
const samples = readdirSync(new URL('samples/rules/', root))
  .filter((name) => name.endsWith('.rules'))
  .map((name) => readFileSync(new URL(`samples/rules/${name}`, root), 'utf8'));
const example =
  /```\n(module us\.payments[\s\S]*?)```/.exec(readFileSync(new URL('docs/RULES.md', root), 'utf8'))?.[1] ??
  '';
const shown = Object.values(faultExamples)
  .filter(({ hidden }) => !hidden)
  .flatMap(({ accepted, refused }) => [accepted, refused])
  .filter((text) => !/^⟦?module/.test(text))
  .map((text) => text.replaceAll(/[⟦⟧]/g, ''));

function wordsOf(text: string): string[] {
  return text.match(/"[^"\n]*"|\w+|\s+|[^\w\s"]+|"/g) ?? [];
}

const pool = [...new Set([...samples, example, ...shown].flatMap(wordsOf))];

/** A module with some of its words left out, said again, changed with others, or taken from elsewhere. */
const mutated = fc
  .record({
    text: fc.oneof(
      fc.constantFrom(example, ...samples),
      // Several of the examples after one another, as lines of the same module.
      fc
        .array(fc.constantFrom(...shown), { minLength: 1, maxLength: 6 })
        .map((parts) => prelude + parts.join('')),
    ),
    edits: fc.array(
      fc.record({
        at: fc.nat(),
        kind: fc.constantFrom('drop', 'repeat', 'swap', 'other', 'insert'),
        other: fc.constantFrom(...pool),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ text, edits }) => {
    const words = wordsOf(text);
    for (const { at, kind, other } of edits) {
      const place = at % Math.max(1, words.length);
      const [one = '', two = ''] = words.slice(place, place + 2);
      if (kind === 'drop') words.splice(place, 1);
      else if (kind === 'repeat') words.splice(place, 0, one);
      else if (kind === 'swap') words.splice(place, 2, two, one);
      else words.splice(place, kind === 'other' ? 1 : 0, other);
    }
    return words.join('');
  });

const seed = Number(process.env['SEED'] ?? 20_261_122);

describe('whatever the text', () => {
  it(`there are faults with places in it, or a module without a hole, and never an exception (seed ${seed})`, () => {
    const seen = { refused: 0, accepted: 0, parsed: 0, codes: new Set<string>() };
    fc.assert(
      fc.property(mutated, (text) => {
        const { module, faults } = checkModule(text);
        if ((module === undefined) !== faults.length > 0) throw new Error('faults and a module, or neither');
        for (const { span, message, code } of faults) {
          const isInText = 0 <= span.start && span.start <= span.end && span.end <= text.length;
          if (!isInText) throw new Error(`${code} at ${span.start} to ${span.end}`);
          if (/undefined|\[object|NaN|invariant/.test(message)) throw new Error(`${code}: ${message}`);
          seen.codes.add(code);
        }
        if (module === undefined) seen.refused++;
        else {
          seen.accepted++;
          assertWhole(module);
        }
        if (module === undefined && parseModule(text).module !== undefined) seen.parsed++;
      }),
      { numRuns: nightly ? 20_000 : 800, seed },
    );
    // The sweep is of use only where both happen, and where much is for the checker and not the parser to refuse.
    expect(seen.accepted).toBeGreaterThan(50);
    expect(seen.parsed).toBeGreaterThan(100);
    expect(seen.codes.size).toBeGreaterThan(40);
  });

  it('is without a hole where it is one of the modules that come with the language', () => {
    for (const text of [example, ...samples]) {
      const { module, faults } = checkModule(text);
      expect(faults).toEqual([]);
      if (module !== undefined) assertWhole(module);
    }
  });
});
