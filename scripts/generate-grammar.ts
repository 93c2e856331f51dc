/**
 * Writes the grammar by which editors colour rule modules, from the words that the parser knows; `--check` only tells whether it is what
 * it would be.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constantForms, functions, roundings } from '../src/rules/checker/call.ts';
import { choices, clauseWords, declarationKinds } from '../src/rules/language/words.ts';
import { schema } from '../src/rules/schema.ts';

const any = (words: Iterable<string>): string => [...words].toSorted().join('|');
const clauses = [...clauseWords].filter((word) => !choices.verdict.some((verdict) => verdict === word));
const fields = [...schema.keys()].map((name) => name.replace('.', '\\.'));
const named = 'entity.name.type.ringmint-rules';
const keyword = 'keyword.control.ringmint-rules';
const choice = 'support.constant.ringmint-rules';

const pattern = (match: string, ...names: readonly string[]): object => {
  const [name] = names;
  if (names.length === 1) return { match, name };
  return {
    match,
    captures: Object.fromEntries(names.map((one, index) => [String(index + 1), { name: one }])),
  };
};

const grammar = {
  name: 'Ringmint rules',
  scopeName: 'source.ringmint-rules',
  fileTypes: ['rules'],
  patterns: [
    pattern('//.*$', 'comment.line.double-slash.ringmint-rules'),
    {
      match: '"(?:[^"\\\\]|\\\\.)*"|\'(?:[^\'\\\\]|\\\\.)*\'',
      name: 'string.quoted.ringmint-rules',
    },
    pattern(
      '^(module)\\s+([a-z][a-z0-9_.]*)\\s+(\\d+)',
      'storage.type.ringmint-rules',
      named,
      'constant.numeric.ringmint-rules',
    ),
    pattern(
      `^(control)\\s+([a-z][a-z0-9_.]*)\\s+(${any(choices.control)})\\b`,
      'storage.type.ringmint-rules',
      named,
      choice,
    ),
    pattern(`^(${any(declarationKinds)})\\b(?:\\s+([a-z][a-z0-9_]*))?`, 'storage.type.ringmint-rules', named),
    pattern(`(?<![.\\w])(of)\\s+(${any(new Set([...choices.list, ...choices.feed]))})\\b`, keyword, choice),
    pattern(`(?<![.\\w])(layer)\\s+(${any(choices.layer)})\\b`, keyword, choice),
    pattern(`(?<![.\\w])(reveals)\\s+(${any(choices.reveals)})\\b`, keyword, choice),
    pattern(`(=>)\\s*(${any(choices.bound)})\\b`, 'keyword.operator.ringmint-rules', choice),
    pattern(
      '(?<![.\\w])(exception)\\s+(to)\\s+((?:[a-z][a-z0-9_.]*/)?[a-z][a-z0-9_]*)',
      keyword,
      keyword,
      'entity.name.function.ringmint-rules',
    ),
    pattern('(?<![.\\w])(control)\\s+([a-z][a-z0-9_.]*)', keyword, 'entity.name.type.ringmint-rules'),
    pattern(
      '\\b(sha256)(:)([0-9a-f]{64})\\b',
      keyword,
      'punctuation.separator.ringmint-rules',
      'constant.other.hash.ringmint-rules',
    ),
    pattern(`\\b(?:${any(choices.verdict)})\\b`, 'constant.language.verdict.ringmint-rules'),
    pattern(`\\b(?:${any(roundings.keys())})\\b`, 'constant.language.rounding.ringmint-rules'),
    pattern('\\b(?:true|false)\\b', 'constant.language.boolean.ringmint-rules'),
    pattern(`\\b(?:${any(fields)})\\b`, 'variable.other.field.ringmint-rules'),
    pattern(
      '\\b(list|feed|spent|count)(\\.)([a-z][a-z0-9_]*)',
      'support.variable.ringmint-rules',
      'punctuation.accessor.ringmint-rules',
      'variable.other.ringmint-rules',
    ),
    pattern(
      `\\b(?:${any([...functions.keys(), ...constantForms.keys(), 'exists', 'all'])})(?=\\s*\\()`,
      'support.function.ringmint-rules',
    ),
    pattern('\\b[a-z]{3}(?=\\s*\\(\\s*["\'])', 'support.function.money.ringmint-rules'),
    pattern(`(?<![.\\w])(?:${any(clauses)})\\b`, keyword),
    pattern(
      '\\bmoney(?=\\s*<)|(?<=:\\s)(?:bool|int|symbol|key|ratio|timestamp|duration)\\b',
      'support.type.ringmint-rules',
    ),
    pattern('\\b[A-Z]{2,}\\b', 'constant.other.code.ringmint-rules'),
    pattern('\\b\\d{4}-\\d{2}-\\d{2}\\b', 'constant.other.date.ringmint-rules'),
    pattern('\\b\\d+[smhd]\\b', 'constant.numeric.duration.ringmint-rules'),
    pattern('\\b(?:0x[0-9a-fA-F]+|\\d+)\\b', 'constant.numeric.ringmint-rules'),
    pattern('\\bin\\b|&&|\\|\\||==|!=|<=|>=|=>|\\.\\.|[-+*/%<>!?:=]', 'keyword.operator.ringmint-rules'),
  ],
};

const file = new URL('../editors/vscode/ringmint-rules.tmLanguage.json', import.meta.url);
const text = `${JSON.stringify(grammar, null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error(
    'editors/vscode/ringmint-rules.tmLanguage.json is not what src/rules/language/words.ts says: run `npm run generate`',
  );
  process.exitCode = 1;
}
