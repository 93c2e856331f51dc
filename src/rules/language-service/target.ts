/** What stands at a place of a module's text: a word of the language, a function, or a name and what it means. */
import { constantForms, functions } from '../checker/call.ts';
import { isConstantFunction } from '../checker/constant.ts';
import { findMeaning, type Meaning, type Scope, scopeOf } from '../checker/scope.ts';
import { readModule, type WrittenDeclaration, type WrittenModule } from '../language/parse.ts';
import type { Token } from '../language/scanner.ts';
import type { ControlSyntax, RuleSyntax, Span } from '../language/syntax.ts';
import { clausesOf, declarationWords } from '../language/words.ts';

export type Target = { readonly span: Span } & (
  | { readonly kind: 'word'; readonly word: string; readonly form: string; readonly meaning: string }
  | { readonly kind: 'function'; readonly form: string; readonly meaning: string }
  | { readonly kind: 'name'; readonly means: Meaning | ControlSyntax | RuleSyntax }
);

/** A module as far as it is understood, with what its names mean. */
export interface Reading {
  readonly text: string;
  readonly written: WrittenModule;
  readonly scope: Scope;
}

export function readText(text: string): Reading {
  const written = readModule(text);
  const declarations = written.declarations.flatMap(({ tree }) => tree ?? []);
  return { text, written, scope: scopeOf({ declarations }) };
}

/** The declaration that `offset` is in or behind. */
export function declarationAt(reading: Reading, offset: number): WrittenDeclaration | undefined {
  return reading.written.declarations.findLast(({ tokens }) => (tokens[0]?.start ?? 0) <= offset);
}

/** Whether `offset` is in a comment, which goes on to the end of its line, or in a text. */
export function isInText({ text, written }: Reading, offset: number): boolean {
  return written.scan.all.some(({ kind, start, end }) => {
    if (start >= offset) return false;
    if (kind === 'comment') return !text.slice(start, offset).includes('\n');
    return kind === 'string' && offset < end;
  });
}

export function targetAt(reading: Reading, offset: number): Target | undefined {
  const declaration = declarationAt(reading, offset);
  const { tokens, kind, clauses, tree } = declaration ?? {
    tokens: [],
    kind: 'module' as const,
    clauses: [],
    tree: undefined,
  };
  const at = tokens.findIndex(
    (token) => token.kind === 'word' && token.start <= offset && offset <= token.end,
  );
  const token = tokens[at];
  if (token === undefined || isInText(reading, offset)) return undefined;
  const span = { start: token.start, end: token.end };
  if (at === 0) return { kind: 'word', word: kind, ...declarationWords[kind], span };
  const clause = clauses.find(({ first, end }) => first <= at && at < end);
  if (clause?.first === at) {
    const described = clausesOf(kind).find(({ word }) => word === clause.word);
    return described && { kind: 'word', ...described, span };
  }
  const path = pathAt(tokens, at);
  if (clause === undefined) {
    const means = tree !== undefined && 'name' in tree ? tree : undefined;
    return means && { kind: 'name', means, span: means.name.span };
  }
  if (clause.word === 'control') return nameOf(reading.scope.controls.get(path.words.join('.')), path.span);
  if (clause.word === 'exception' || (kind === 'test' && clause.word === '=>'))
    return nameOf(reading.scope.rules.get(token.text), span);
  if (tokens[at + 1]?.text === '(' && path.words.length === 1) return functionOf(token);
  if (clause.word === '{' && isFactPath(tokens, path.first))
    return nameOf(factMeaning(reading.scope, path.words), path.span);
  return nameOf(findMeaning(reading.scope, path.words), path.span);
}

function nameOf(means: Meaning | ControlSyntax | RuleSyntax | undefined, span: Span): Target | undefined {
  return means && { kind: 'name', means, span };
}

function functionOf(token: Token): Target | undefined {
  const span = { start: token.start, end: token.end };
  const described = functions.get(token.text);
  if (described !== undefined)
    return { kind: 'function', form: described.form, meaning: described.meaning, span };
  const form = constantForms.get(token.text);
  if (form !== undefined) return { kind: 'function', form, meaning: 'a constant', span };
  if (!isConstantFunction(token.text)) return undefined;
  return {
    kind: 'function',
    form: `${token.text}("10")`,
    meaning: `money<${token.text.toUpperCase()}>, with all the decimals of the currency or none`,
    span,
  };
}

/** `spent.day`, `count.day`, `feed.ecb.USD`, `feed.ecb.age`, `tx.amount` */
function factMeaning(scope: Scope, words: readonly string[]): Meaning | undefined {
  const [root, name = ''] = words;
  if (root === 'spent' || root === 'count') return scope.values.get(name);
  return root === 'feed' ? scope.feeds.get(name) : findMeaning(scope, words);
}

function isFactPath(tokens: readonly Token[], first: number): boolean {
  const before = tokens[first - 1]?.text;
  if (before === '{') return true;
  if (before !== ',') return false;
  // A comma in a call's brackets is none between facts.
  let depth = 0;
  for (const { kind, text } of tokens.slice(0, first)) {
    if (kind !== 'sign') continue;
    if (text === '(' || text === '[' || text === '{') depth++;
    if (text === ')' || text === ']' || text === '}') depth--;
  }
  return depth === 1;
}

/** The words with `.` between them that the one at `at` is of. */
function pathAt(
  tokens: readonly Token[],
  at: number,
): { readonly words: readonly string[]; readonly span: Span; readonly first: number } {
  let first = at;
  while (tokens[first - 1]?.text === '.' && tokens[first - 2]?.kind === 'word') first -= 2;
  let last = at;
  while (tokens[last + 1]?.text === '.' && tokens[last + 2]?.kind === 'word') last += 2;
  const words = tokens.slice(first, last + 1).flatMap(({ kind, text }) => (kind === 'word' ? [text] : []));
  return { words, span: { start: tokens[first]?.start ?? 0, end: tokens[last]?.end ?? 0 }, first };
}
