/** What each kind of declaration is read to, but the rule and the module's own. */
import { quote } from '../../kit/result.ts';
import { nearestWord } from './nearest-word.ts';
import type { Reader } from './reader.ts';
import type {
  ControlSyntax,
  FactSyntax,
  FeedSyntax,
  GivenSyntax,
  LetSyntax,
  ListSyntax,
  Located,
  ParameterSyntax,
  PropertySyntax,
  TestSyntax,
  Verdict,
  WindowSyntax,
} from './syntax.ts';
import { choices, clausesOf, type DeclarationKind, isDeclarationKind } from './words.ts';

/** By the word that a clause begins with; it has been taken when its reading begins. */
export type ClauseReadings = Readonly<Record<string, () => unknown>>;

/**
 * Reads clauses in any order, each once, until the declaration ends; what is not understood is told, and skipped up to the next clause.
 */
export function readClauses(reader: Reader, kind: DeclarationKind, readings: ClauseReadings): void {
  const words = new Set(Object.keys(readings));
  const seen = new Set<string>();
  while (reader.next !== undefined) {
    const first = reader.at;
    const token = reader.next;
    const reading = token.kind === 'string' || !words.has(token.text) ? undefined : readings[token.text];
    if (reading === undefined) {
      refuseWord(reader, kind, words);
      reader.at++;
      reader.skipTo(words);
      continue;
    }
    if (seen.has(token.text)) reader.refuse('clause_repeated', 'it is accepted once');
    seen.add(token.text);
    reader.at++;
    if (reading() === undefined) reader.skipTo(words);
    reader.clauses.push({ word: token.text, first, end: reader.at });
  }
}

function refuseWord(reader: Reader, kind: DeclarationKind, words: ReadonlySet<string>): void {
  const text = reader.next?.text ?? '';
  const near = reader.next?.kind === 'word' ? nearestWord(text, words) : undefined;
  if (near !== undefined) reader.refuse('word_unknown', `did you mean \`${near}\`?`);
  else if (isDeclarationKind(text) && !words.has(text))
    reader.refuse(
      'declaration_indented',
      'a declaration is accepted at the beginning of a line, with no blank before it',
    );
  else if (words.size === 0) reader.refuse('clause_unknown', `nothing further is accepted in a \`${kind}\``);
  else
    reader.refuse(
      'clause_unknown',
      `in a \`${kind}\` ${words.size > 1 ? 'one of ' : ''}${[...words].map((word) => `\`${word}\``).join(', ')} is accepted here`,
    );
}

/** Tells that a clause is not there, where nothing else is wrong that it may be missing by. */
export function refuseMissing(
  reader: Reader,
  before: number,
  kind: DeclarationKind,
  word: string,
): undefined {
  if (reader.faults.count > before) return undefined;
  const form = clausesOf(kind).find((clause) => clause.word === word)?.form ?? '';
  const shown = form.startsWith(':') ? `${word}${form}` : `${word} ${form}`;
  reader.faults.add(
    'clause_missing',
    reader.head,
    `a \`${kind}\` without \`${word}\`: \`${shown.trim()}\` is accepted`,
  );
  return undefined;
}

export function readList(reader: Reader): ListSyntax | undefined {
  const before = reader.faults.count;
  const name = reader.name('a list');
  let of: Located<string> | undefined;
  let secret = false;
  const sources: ListSyntax['source'][] = [];
  readClauses(reader, 'list', {
    of: () => (of = reader.choice(choices.list)),
    secret: () => (secret = true),
    sha256: () => {
      const sha256 = readHash(reader);
      return sha256 && sources.push({ sha256 });
    },
    '=': () => {
      const items = reader.expression('=');
      return items && sources.push({ items });
    },
  });
  if (of === undefined) return refuseMissing(reader, before, 'list', 'of');
  const [source] = sources;
  if (source === undefined) return refuseMissing(reader, before, 'list', 'sha256');
  if (sources.length > 1) {
    reader.faults.add(
      'clause_repeated',
      reader.head,
      'a `list` with a hash and items: one of the two is accepted',
    );
    return undefined;
  }
  return name && { kind: 'list', name, of, secret, source, span: reader.span };
}

function readHash(reader: Reader): Located<string> | undefined {
  const accepted = '`sha256:` and 64 hexadecimal digits in small letters are accepted';
  if (reader.take(':') === undefined) return reader.refuse('hash_invalid', accepted);
  const token = reader.next;
  if (token === undefined || !/^[0-9a-f]{64}$/.test(token.text))
    return reader.refuse('hash_invalid', accepted);
  reader.at++;
  return { value: token.text, span: { start: token.start, end: token.end } };
}

export function readFeed(reader: Reader): FeedSyntax | undefined {
  const before = reader.faults.count;
  const name = reader.name('a feed');
  let of: Located<string> | undefined;
  let range: FeedSyntax['range'];
  let maxAgeSeconds: Located<bigint> | undefined;
  let onStale: Located<string> | undefined;
  readClauses(reader, 'feed', {
    of: () => (of = reader.choice(choices.feed)),
    range: () => (range = reader.range()),
    max_age: () => (maxAgeSeconds = reader.duration()),
    on_stale: () => (onStale = reader.choice(choices.stale)),
  });
  if (of === undefined) return refuseMissing(reader, before, 'feed', 'of');
  if (maxAgeSeconds === undefined) return refuseMissing(reader, before, 'feed', 'max_age');
  if (onStale === undefined) return refuseMissing(reader, before, 'feed', 'on_stale');
  return name && { kind: 'feed', name, of, range, maxAgeSeconds, onStale, span: reader.span };
}

export function readParameter(reader: Reader): ParameterSyntax | undefined {
  const before = reader.faults.count;
  const name = reader.name('a param');
  let type: Located<string> | undefined;
  let value: ParameterSyntax['value'] | undefined;
  let range: ParameterSyntax['range'];
  let secret = false;
  readClauses(reader, 'param', {
    ':': () => (type = readType(reader)),
    '=': () => (value = reader.expression('=')),
    range: () => (range = reader.range()),
    secret: () => (secret = true),
  });
  if (type === undefined) return refuseMissing(reader, before, 'param', ':');
  if (value === undefined) return refuseMissing(reader, before, 'param', '=');
  return name && { kind: 'param', name, type, value, range, secret, span: reader.span };
}

/** `int`, `money<USD>`: which types there are is the checker's to say. */
function readType(reader: Reader): Located<string> | undefined {
  const first = reader.next;
  if (first?.kind !== 'word')
    return reader.refuse('type_missing', 'a type is accepted, such as `money<USD>` or `int`');
  reader.at++;
  if (reader.take('<') === undefined)
    return { value: first.text, span: { start: first.start, end: first.end } };
  const inner = reader.next;
  if (inner?.kind !== 'word')
    return reader.refuse('type_missing', 'a currency is accepted, such as `money<USD>`');
  reader.at++;
  const close = reader.take('>');
  if (close === undefined) return reader.refuse('type_missing', '`>` is accepted, and a blank after it');
  return { value: `${first.text}<${inner.text}>`, span: { start: first.start, end: close.end } };
}

export function readWindow(reader: Reader): WindowSyntax | undefined {
  const name = reader.name('a window');
  const seconds = name && reader.duration();
  if (name === undefined || seconds === undefined) return undefined;
  readClauses(reader, 'window', {});
  return { kind: 'window', name, seconds, span: reader.span };
}

export function readLet(reader: Reader): LetSyntax | undefined {
  const before = reader.faults.count;
  const name = reader.name('a let');
  let value: LetSyntax['value'] | undefined;
  readClauses(reader, 'let', { '=': () => (value = reader.expression('=')) });
  if (value === undefined) return refuseMissing(reader, before, 'let', '=');
  return name && { kind: 'let', name, value, span: reader.span };
}

export function readControl(reader: Reader): ControlSyntax | undefined {
  const name = reader.dotted(/^[a-z][a-z0-9_]*$/, 'a name of a control is accepted, such as `limit.day`');
  const of = name && reader.choice(choices.control);
  if (name === undefined || of === undefined) return undefined;
  readClauses(reader, 'control', {});
  return { kind: 'control', name, of, span: reader.span };
}

export function readGiven(reader: Reader): GivenSyntax | undefined {
  const before = reader.faults.count;
  let facts: readonly FactSyntax[] | undefined;
  readClauses(reader, 'given', { '{': () => (facts = reader.facts()) });
  if (facts === undefined) return refuseMissing(reader, before, 'given', '{');
  return { kind: 'given', facts, span: reader.span };
}

export function readTest(reader: Reader): TestSyntax | undefined {
  const before = reader.faults.count;
  const title = reader.quoted('a title');
  let facts: readonly FactSyntax[] | undefined;
  let expected: Pick<TestSyntax, 'verdict' | 'fired'> | undefined;
  readClauses(reader, 'test', {
    '{': () => (facts = reader.facts()),
    '=>': () => (expected = readExpected(reader)),
  });
  if (facts === undefined) return refuseMissing(reader, before, 'test', '{');
  if (expected === undefined) return refuseMissing(reader, before, 'test', '=>');
  return title && { kind: 'test', title, facts, ...expected, span: reader.span };
}

function readExpected(reader: Reader): Pick<TestSyntax, 'verdict' | 'fired'> | undefined {
  const verdict = reader.choice(choices.verdict);
  if (verdict === undefined) return undefined;
  const fired: Located<string>[] = [];
  while (reader.next?.kind === 'word') {
    const rule = reader.plainName('a rule');
    if (rule === undefined) return undefined;
    fired.push(rule);
    if (reader.take(',') === undefined) break;
    if (reader.next?.kind !== 'word')
      return reader.refuse('name_missing', 'a further rule is accepted after `,`');
  }
  return { verdict, fired };
}

export function readProperty(reader: Reader): PropertySyntax | undefined {
  const before = reader.faults.count;
  const title = reader.quoted('a title');
  let field: PropertySyntax['claim'] | undefined;
  let when: LetSyntax['value'] | undefined;
  let bound: { readonly bound: 'at_least' | 'at_most'; readonly verdict: Located<Verdict> } | undefined;
  readClauses(reader, 'property', {
    monotone: () => {
      const read = reader.expression('monotone', '=>');
      field = read && { kind: 'monotone', field: read };
      return read;
    },
    when: () => (when = reader.expression('when', '=>')),
    '=>': () => {
      const word = reader.choice(choices.bound);
      const verdict = word && reader.choice(choices.verdict);
      bound = word && verdict && { bound: word.value, verdict };
      return bound;
    },
  });
  const { span } = reader;
  if (field !== undefined && (when !== undefined || bound !== undefined)) {
    reader.faults.add(
      'clause_unknown',
      reader.head,
      `${quote('monotone')}: no \`when\` and no \`=>\` is accepted with it`,
    );
    return undefined;
  }
  if (field !== undefined) return title && { kind: 'property', title, claim: field, span };
  if (when === undefined)
    return refuseMissing(reader, before, 'property', bound === undefined ? 'monotone' : 'when');
  if (bound === undefined) return refuseMissing(reader, before, 'property', '=>');
  return title && { kind: 'property', title, claim: { kind: 'bound', when, ...bound }, span };
}
