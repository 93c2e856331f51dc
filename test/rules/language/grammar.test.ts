/** The grammar of editors, run as VS Code runs it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import oniguruma from 'vscode-oniguruma';
import textmate, { type IGrammar } from 'vscode-textmate';
import { parseModule, readModule } from '../../../src/rules/language/parse.ts';
import { clauseWords, declarationKinds } from '../../../src/rules/language/words.ts';
import { realModules, shownModule } from './module-text.ts';

let grammar: IGrammar;

beforeAll(async () => {
  const wasm = createRequire(import.meta.url).resolve('vscode-oniguruma/release/onig.wasm');
  await oniguruma.loadWASM(readFileSync(wasm));
  const file = new URL('../../../editors/vscode/ringmint-rules.tmLanguage.json', import.meta.url);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: () => Promise.resolve(textmate.parseRawGrammar(readFileSync(file, 'utf8'), file.pathname)),
  });
  const loaded = await registry.loadGrammar('source.ringmint-rules');
  if (loaded === null) throw new Error('no grammar');
  grammar = loaded;
});

/** Every piece of the text with the last of its scopes, the language's name left out; blanks and what has no scope left out. */
function scopesOf(text: string): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  let stack = textmate.INITIAL;
  for (const line of text.split('\n')) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    for (const { startIndex, endIndex, scopes } of tokens) {
      const scope = scopes.at(-1)?.replace('.ringmint-rules', '') ?? '';
      const piece = line.slice(startIndex, endIndex);
      if (scopes.length > 1 && piece.trim() !== '') found.push([piece, scope]);
    }
  }
  return found;
}

describe('the grammar of editors', () => {
  it('colours the module of docs/RULES.md', () => {
    const scopes = scopesOf(shownModule);
    for (const pair of [
      ['module', 'storage.type'],
      ['us.payments', 'entity.name.type'],
      ['7', 'constant.numeric'],
      ['jurisdiction', 'keyword.control'],
      ['US', 'constant.other.code'],
      ['national', 'support.constant'],
      ['"31 CFR 1010.410(f)"', 'string.quoted'],
      ['key', 'support.constant'],
      ['secret', 'keyword.control'],
      ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'constant.other.hash'],
      ['24h', 'constant.numeric.duration'],
      ['HOLD', 'constant.language.verdict'],
      ['ratio', 'support.function'],
      ['money', 'support.type'],
      ['usd', 'support.function.money'],
      ['convert', 'support.function'],
      ['UP', 'constant.language.rounding'],
      ['tx.counterparty_key', 'variable.other.field'],
      ['sdn', 'variable.other'],
      ['strict', 'keyword.control'],
      ['limit.day', 'entity.name.type'],
      ['cap', 'support.constant'],
      ['cap', 'keyword.control'],
      ['when', 'keyword.control'],
      ['&&', 'keyword.operator'],
      ['2027-12-31', 'constant.other.date'],
      ['monotone', 'keyword.control'],
      ['test', 'storage.type'],
    ])
      expect(scopes).toContainEqual(pair);
  });

  it.each([...realModules])(
    'takes texts, comments and declarations of %s for what the parser takes them for',
    (_name, text) => {
      expect(parseModule(text).faults).toEqual([]);
      const scopes = scopesOf(text);
      const pieces = (scope: string): readonly string[] =>
        scopes.flatMap(([piece, found]) => (found === scope ? [piece] : []));
      const { scan, declarations } = readModule(text);
      const ofKind = (kind: string): readonly string[] =>
        scan.all.flatMap((token) => (token.kind === kind ? [token.text] : []));
      expect(pieces('string.quoted')).toEqual(ofKind('string'));
      expect(pieces('comment.line.double-slash')).toEqual(ofKind('comment'));
      expect(pieces('storage.type')).toEqual(declarations.map(({ kind }) => kind));
      for (const { tokens, clauses } of declarations) {
        for (const { first } of clauses) {
          const word = tokens[first]?.text ?? '';
          if (clauseWords.has(word))
            expect(
              scopes.some(([piece]) => piece === word),
              word,
            ).toBe(true);
        }
      }
    },
  );

  it('knows every word that begins a declaration or a clause', () => {
    for (const word of declarationKinds) expect(scopesOf(`${word} x`)[0]).toEqual([word, 'storage.type']);
    for (const word of clauseWords)
      expect(scopesOf(`  ${word} `)[0]?.[1], word).toMatch(
        /^(keyword\.control|constant\.language\.verdict)$/,
      );
  });

  it('takes no word of another name or text for its own', () => {
    expect(scopesOf('  when_ever daily.when')).toEqual([]);
    expect(scopesOf('  "when // x" // "y"')).toEqual([
      ['"when // x"', 'string.quoted'],
      ['// "y"', 'comment.line.double-slash'],
    ]);
    expect(scopesOf(' rule x')).toEqual([]);
  });
});
