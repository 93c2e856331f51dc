/**
 * From a module's text to its tree. For any text whatever it gives a tree or faults, several at a time, and never throws. A declaration
 * begins with its word at the beginning of a line, so that what is wrong in one is no fault of the next.
 */
import { quote } from '../../kit/result.ts';
import {
  readClauses,
  readControl,
  readFeed,
  readGiven,
  readLet,
  readList,
  readParameter,
  readProperty,
  readTest,
  readWindow,
} from './declarations.ts';
import { readExpression } from './expression.ts';
import { FaultList } from './fault-list.ts';
import { nearestWord } from './nearest-word.ts';
import { Reader, type WrittenClause } from './reader.ts';
import { readRule } from './rule-declaration.ts';
import { type Scan, scan, type Token, textLimit } from './scanner.ts';
import type { Declaration, Expression, Fault, Located, ModuleSyntax } from './syntax.ts';
import { choices, clausesOf, type DeclarationKind, declarationKinds, isDeclarationKind } from './words.ts';

const declarationLimit = 10_000;
/** Brackets in brackets. */
const bracketLimit = 50;

/** A declaration as it was written, for what shows it. */
export interface WrittenDeclaration {
  readonly kind: DeclarationKind;
  readonly tokens: readonly Token[];
  readonly clauses: readonly WrittenClause[];
  /** `undefined` of the module's own, and of what has a fault. */
  readonly tree: Declaration | undefined;
}

/** A module as far as it was understood. */
export interface WrittenModule {
  readonly module: ModuleSyntax | undefined;
  readonly faults: readonly Fault[];
  readonly declarations: readonly WrittenDeclaration[];
  readonly scan: Scan;
}

/** The tree, where nothing is wrong; otherwise what is, in the order of the text. */
export function parseModule(text: string): {
  readonly module: ModuleSyntax | undefined;
  readonly faults: readonly Fault[];
} {
  const { module, faults } = readModule(text);
  return faults.length === 0 ? { module, faults } : { module: undefined, faults };
}

/** One expression, and nothing else in the text. */
export function parseExpression(text: string): {
  readonly expression: Expression | undefined;
  readonly faults: readonly Fault[];
} {
  const faults = new FaultList();
  if (isTooLarge(text, faults)) return { expression: undefined, faults: faults.list() };
  const { tokens } = scan(text, faults);
  if (tokens.length === 0)
    faults.add('expression_missing', { start: 0, end: text.length }, 'nothing: an expression is accepted');
  const closers = closersOf(tokens, faults);
  const expression = closers && faults.count === 0 ? readExpression(text, tokens, faults) : undefined;
  return { expression: faults.count === 0 ? expression : undefined, faults: faults.list() };
}

/** The tree of what is understood, also where there are faults: for editors. `parseModule` is for all that decides. */
export function readModule(text: string): WrittenModule {
  const faults = new FaultList();
  if (isTooLarge(text, faults))
    return { module: undefined, faults: faults.list(), declarations: [], scan: { tokens: [], all: [] } };
  const found = scan(text, faults);
  const groups = groupByDeclaration(found.tokens);
  if (groups.length > declarationLimit) {
    const start = groups[declarationLimit]?.[0]?.start ?? 0;
    faults.add(
      'too_large',
      { start, end: start },
      `${groups.length} declarations: at most ${declarationLimit} are accepted`,
    );
    return { module: undefined, faults: faults.list(), declarations: [], scan: found };
  }
  let header: Omit<ModuleSyntax, 'declarations'> | undefined;
  const declarations: WrittenDeclaration[] = [];
  let headers = 0;
  for (const [index, tokens] of groups.entries()) {
    if (faults.full) break;
    const kind = kindOf(tokens, index, faults);
    if (kind === 'module') headers++;
    if (kind === undefined) continue;
    const closers = closersOf(tokens, faults);
    if (closers === undefined) {
      declarations.push({ kind, tokens, clauses: [], tree: undefined });
      continue;
    }
    const stops = new Set(clausesOf(kind).map(({ word }) => word));
    const reader = new Reader(text, tokens, closers, stops, faults);
    reader.at = 1;
    let tree: Declaration | undefined;
    if (kind === 'module') {
      if (index > 0)
        faults.add(
          'module_misplaced',
          tokenSpan(tokens[0]),
          '`module`: it is accepted once, as the first declaration',
        );
      header ??= readHeader(reader);
    } else {
      tree = readings[kind](reader);
    }
    declarations.push({ kind, tokens, clauses: reader.clauses, tree });
  }
  if (headers === 0 && !faults.full)
    faults.add(
      'module_missing',
      { start: 0, end: found.tokens[0]?.end ?? 0 },
      'a module without its name: `module NAME VERSION` is accepted as the first declaration',
    );
  const trees = declarations.flatMap(({ tree }) => tree ?? []);
  return {
    module: header && { ...header, declarations: trees },
    faults: faults.list(),
    declarations,
    scan: found,
  };
}

const readings: Readonly<
  Record<Exclude<DeclarationKind, 'module'>, (reader: Reader) => Declaration | undefined>
> = {
  list: readList,
  feed: readFeed,
  param: readParameter,
  window: readWindow,
  let: readLet,
  control: readControl,
  rule: readRule,
  given: readGiven,
  test: readTest,
  property: readProperty,
};

function isTooLarge(text: string, faults: FaultList): boolean {
  if (text.length <= textLimit) return false;
  faults.add(
    'too_large',
    { start: textLimit, end: textLimit },
    `a text of ${text.length} characters: at most ${textLimit} are accepted`,
  );
  return true;
}

/** A token at the beginning of a line begins a declaration, but where it closes a bracket. */
function groupByDeclaration(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const groups: Token[][] = [];
  for (const token of tokens) {
    const begins = token.atMargin && !(token.kind === 'sign' && /^[)\]}]$/.test(token.text));
    const group = groups.at(-1);
    if (begins || group === undefined) groups.push([token]);
    else group.push(token);
  }
  return groups;
}

function tokenSpan(token: Token | undefined): { readonly start: number; readonly end: number } {
  return { start: token?.start ?? 0, end: token?.end ?? 0 };
}

function kindOf(tokens: readonly Token[], index: number, faults: FaultList): DeclarationKind | undefined {
  const [first] = tokens;
  if (first === undefined) return undefined;
  const span = tokenSpan(first);
  if (!first.atMargin && index === 0) {
    faults.add(
      'declaration_indented',
      span,
      `${quote(first.text)}: a declaration is accepted at the beginning of a line, with no blank before it`,
    );
    return isDeclarationKind(first.text) ? first.text : undefined;
  }
  if (first.kind === 'word' && isDeclarationKind(first.text)) return first.text;
  // The scanner has told of a character that is no part of the language.
  if (first.kind === 'unknown') return undefined;
  const near = first.kind === 'word' ? nearestWord(first.text, declarationKinds) : undefined;
  const all = declarationKinds.map((word) => `\`${word}\``).join(', ');
  faults.add(
    'declaration_unknown',
    span,
    near === undefined
      ? `${quote(first.text)}: at the beginning of a line ${all} is accepted; what belongs to the declaration above is indented`
      : `${quote(first.text)}: did you mean \`${near}\`?`,
  );
  return undefined;
}

/** Where each bracket is closed; `undefined` where the brackets do not match, which is told. */
function closersOf(tokens: readonly Token[], faults: FaultList): ReadonlyMap<number, number> | undefined {
  const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
  const closers = new Map<number, number>();
  const open: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'sign') continue;
    if (closing[token.text] !== undefined) {
      open.push(index);
      if (open.length > bracketLimit) {
        faults.add(
          'too_deep',
          tokenSpan(token),
          `${quote(token.text)}: at most ${bracketLimit} brackets in each other are accepted`,
        );
        return undefined;
      }
    } else if (/^[)\]}]$/.test(token.text)) {
      const opener = open.pop();
      const expected = closing[tokens[opener ?? -1]?.text ?? ''];
      if (opener === undefined || expected !== token.text) {
        faults.add(
          'bracket_unmatched',
          tokenSpan(token),
          expected === undefined
            ? `${quote(token.text)}: it closes nothing; the bracket that it closes is accepted before it`
            : `${quote(token.text)}: \`${expected}\` is accepted, for what is open`,
        );
        return undefined;
      }
      closers.set(opener, index);
    }
  }
  const unclosed = open.at(-1);
  if (unclosed === undefined) return closers;
  const token = tokens[unclosed];
  faults.add(
    'bracket_unmatched',
    tokenSpan(token),
    `${quote(token?.text)}: it is never closed; \`${closing[token?.text ?? ''] ?? ')'}\` is accepted before the next declaration`,
  );
  return undefined;
}

function readHeader(reader: Reader): Omit<ModuleSyntax, 'declarations'> | undefined {
  const name = reader.dotted(/^[a-z][a-z0-9_]*$/, 'a name is accepted, such as `us.payments`');
  const version = name && reader.count('a version');
  const jurisdictions: Located<string>[] = [];
  const on: Located<string>[] = [];
  let layer: Located<string> | undefined;
  let law: Located<string> | undefined;
  let note: Located<string> | undefined;
  if (version === undefined) reader.skipTo(new Set(clausesOf('module').map(({ word }) => word)));
  readClauses(reader, 'module', {
    jurisdiction: () => readJurisdictions(reader, jurisdictions),
    layer: () => (layer = reader.choice(choices.layer)),
    on: () => readKinds(reader, on),
    law: () => (law = reader.quoted('a law')),
    note: () => (note = reader.quoted('a note')),
  });
  return name && version && { name, version, jurisdictions, layer, on, law, note, header: reader.span };
}

function readJurisdictions(reader: Reader, jurisdictions: Located<string>[]): true | undefined {
  do {
    const token = reader.next;
    if (token?.kind !== 'word' || !/^[A-Z][A-Z0-9_]*$/.test(token.text))
      return reader.refuse(
        'jurisdiction_invalid',
        'capital letters are accepted, such as `US`, `EU` or `ANY`',
      );
    jurisdictions.push({ value: token.text, span: { start: token.start, end: token.end } });
    reader.at++;
  } while (reader.take('+') !== undefined);
  return true;
}

/** `issuance`, `transfer`, or both, with `and` or a comma between them, or nothing. */
function readKinds(reader: Reader, on: Located<string>[]): true | undefined {
  do {
    const kind = reader.choice(choices.on);
    if (kind === undefined) return undefined;
    on.push(kind);
  } while (
    reader.take('and') !== undefined ||
    reader.take(',') !== undefined ||
    choices.on.some((word) => word === reader.next?.text)
  );
  return true;
}
