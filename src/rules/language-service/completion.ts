/** What an editor offers where somebody writes: words of the language, names, fields and functions that have their place there. */
import { constantForms, functions, roundings } from '../checker/call.ts';
import { showType } from '../checker/type.ts';
import type { WrittenDeclaration } from '../language/parse.ts';
import type { Token } from '../language/scanner.ts';
import {
  choices,
  clausesOf,
  type DeclarationKind,
  declarationKinds,
  declarationWords,
} from '../language/words.ts';
import { schema } from '../schema.ts';
import { declarationAt, isInText, type Reading, readText } from './target.ts';

export interface Offer {
  readonly label: string;
  readonly kind: 'word' | 'function' | 'field' | 'name' | 'choice';
  readonly detail: string;
}

export interface Completion {
  /** What is replaced: the word that was begun. */
  readonly start: number;
  readonly end: number;
  readonly offers: readonly Offer[];
}

export function completeAt(text: string, offset: number): Completion {
  const begun = /\w*$/.exec(text.slice(0, offset))?.[0] ?? '';
  const start = offset - begun.length;
  return { start, end: offset, offers: offersAt(readText(text), start) };
}

function offersAt(reading: Reading, start: number): readonly Offer[] {
  if (isInText(reading, start)) return [];
  if (start === 0 || reading.text[start - 1] === '\n')
    return declarationKinds.map((word) => ({
      label: word,
      kind: 'word',
      detail: declarationWords[word].meaning,
    }));
  const declaration = declarationAt(reading, start - 1);
  if (declaration === undefined) return [];
  const before = declaration.tokens.filter(({ end }) => end <= start);
  const last = before.at(-1);
  const clause = clauseBefore(declaration, before);
  const { kind } = declaration;
  if (last?.text === '.') return membersOf(reading, before);
  const chosen = choicesAfter(reading, kind, clause, before);
  if (chosen !== undefined) return chosen;
  if (clause?.word === '{') return inFacts(reading, before, clause.at);
  if (clause !== undefined && isOfExpression(kind, clause.word)) {
    const isValueNext = !isOperand(last);
    return isValueNext ? inExpression(reading, before) : [...operators, ...clauseOffers(kind, before)];
  }
  return clauseOffers(kind, before);
}

interface ClauseBefore {
  readonly word: string;
  /** Its place among the tokens. */
  readonly at: number;
}

/** The clause that the place is in, by its words, since there may be faults in it. */
function clauseBefore({ kind }: WrittenDeclaration, before: readonly Token[]): ClauseBefore | undefined {
  const words = new Set(clausesOf(kind).map(({ word }) => word));
  let depth = 0;
  for (let at = before.length - 1; at > 0; at--) {
    const { text, kind: of } = before[at] ?? { text: '', kind: 'word' };
    if (of === 'sign' && /^[)\]}]$/.test(text)) depth++;
    if (of === 'sign' && /^[([{]$/.test(text)) depth--;
    const isFree = depth <= 0 && before[at - 1]?.text !== '.';
    if (of !== 'string' && words.has(text) && isFree && (text !== ':' || at === 2)) return { word: text, at };
  }
  return undefined;
}

const expressionClauses: ReadonlySet<string> = new Set(['=', 'range', 'cap', 'require', 'when', 'monotone']);

function isOfExpression(kind: DeclarationKind, word: string): boolean {
  return expressionClauses.has(word) || (kind === 'rule' && word === 'on');
}

const operators: readonly Offer[] = ['in'].map((label) => ({
  label,
  kind: 'word',
  detail: 'whether a list has it',
}));

/** Clauses that are not there yet. */
function clauseOffers(kind: DeclarationKind, before: readonly Token[]): readonly Offer[] {
  const used = new Set(before.map(({ text }) => text));
  return clausesOf(kind)
    .filter(({ word }) => /^\w+$/.test(word) && !used.has(word))
    .map(({ word, form, meaning }) => ({ label: word, kind: 'word', detail: `${form} ${meaning}`.trim() }));
}

function words(labels: Iterable<string>, detail: string): readonly Offer[] {
  return [...labels].map((label) => ({ label, kind: 'choice', detail }));
}

const typeNames = [
  'bool',
  'int',
  'symbol',
  'key',
  'ratio',
  'timestamp',
  'duration',
  'money<USD>',
  'money<EUR>',
];

/** Where one of a few words is to come; `undefined` where it is not. */
function choicesAfter(
  { scope }: Reading,
  kind: DeclarationKind,
  clause: ClauseBefore | undefined,
  before: readonly Token[],
): readonly Offer[] | undefined {
  const last = before.length - 1;
  const word = clause?.at === last ? clause.word : undefined;
  if (kind === 'control' && last === 1) return words(choices.control, 'how its rules meet');
  switch (word) {
    case 'layer':
      return words(choices.layer, 'a layer');
    case 'on':
      return kind === 'module' ? words(choices.on, 'a kind of transaction') : undefined;
    case 'of':
      return words(kind === 'list' ? choices.list : choices.feed, 'what is in it');
    case 'on_stale':
      return words(choices.stale, 'a verdict');
    case 'reveals':
      return words(choices.reveals, 'what may be known');
    case 'else':
      return words(choices.verdict, 'a verdict');
    case ':':
      return kind === 'param' ? words(typeNames, 'a type') : undefined;
    case 'control':
      return [...scope.controls.values()].map(({ name, of }) => ({
        label: name.value,
        kind: 'name',
        detail: of.value,
      }));
    case 'exception':
      return words(['to'], 'the rule that it is an exception to');
    case '=>':
      return kind === 'property' ? words(choices.bound, 'a bound') : words(choices.verdict, 'a verdict');
    default:
  }
  if (clause?.word === 'exception' && before[last]?.text === 'to') return rulesOf(scope);
  if (clause?.word === '=>' && kind === 'test') return rulesOf(scope);
  if (clause?.word === '=>' && kind === 'property') return words(choices.verdict, 'a verdict');
  if (['ALLOW', 'FLAG', 'HOLD', 'DENY'].includes(word ?? '')) return words(['when'], 'where it applies');
  return undefined;
}

function rulesOf(scope: Reading['scope']): readonly Offer[] {
  return [...scope.rules.values()].map(({ name, control }) => ({
    label: name.value,
    kind: 'name',
    detail: `rule of ${control.value}`,
  }));
}

function fieldsOf({ written }: Reading): readonly Offer[] {
  const on = written.module?.on.map(({ value }) => value) ?? [];
  const layer = written.module?.layer?.value;
  return [...schema.values()]
    .filter((field) => on.every((kind) => field.on.some((one) => one === kind)))
    .filter((field) => field.secret === undefined || layer === 'issuer')
    .map(({ name, type, optional, meaning }) => ({
      label: name,
      kind: 'field',
      detail: `${showType(type)}${optional ? ', optional' : ''}: ${meaning}`,
    }));
}

/** All that a value can begin with; in brackets of a function what has its place there. */
function inExpression(reading: Reading, before: readonly Token[]): readonly Offer[] {
  const { scope } = reading;
  const names: Offer[] = [...scope.values.values()].map(({ name, kind }) => ({
    label: name.value,
    kind: 'name',
    detail: kind,
  }));
  const lists = [...scope.lists.keys()].map(
    (name): Offer => ({ label: `list.${name}`, kind: 'name', detail: 'list' }),
  );
  const feeds = [...scope.feeds.values()].map(
    ({ name, of }): Offer => ({ label: `feed.${name.value}`, kind: 'name', detail: `feed of ${of.value}` }),
  );
  if (before.at(-1)?.text === 'in') return lists;
  const call = callBefore(before);
  if (call !== undefined) {
    const { name, argument } = call;
    if (name === 'spent' || name === 'count') return names.filter(({ detail }) => detail === 'window');
    if (name === 'has') return fieldsOf(reading).filter(({ detail }) => /^\w+, optional:/.test(detail));
    const takesRounding =
      ['mul', 'div', 'convert'].includes(name) && argument === (name === 'convert' ? 3 : 2);
    if (takesRounding) return words(roundings.keys(), 'a rounding');
    if (name === 'convert' && argument === 2) return feeds.filter(({ detail }) => detail === 'feed of rates');
    if (name === 'convert' && argument === 1) return words(['USD', 'EUR', 'GBP', 'JPY', 'CHF'], 'a currency');
  }
  return [
    ...names.filter(({ detail }) => detail !== 'window'),
    ...fieldsOf(reading),
    ...feeds.filter(({ detail }) => detail !== 'feed of rates'),
    ...functionOffers,
  ];
}

const functionOffers: readonly Offer[] = [
  ...[...functions].map(
    ([label, { form, meaning }]): Offer => ({ label, kind: 'function', detail: `${form}: ${meaning}` }),
  ),
  ...[...constantForms].map(([label, form]): Offer => ({ label, kind: 'function', detail: form })),
  ...['usd', 'eur'].map((label): Offer => ({ label, kind: 'function', detail: `${label}("10.00")` })),
];

/** The call whose brackets the place is in, and which argument it is, from 0. */
function callBefore(
  before: readonly Token[],
): { readonly name: string; readonly argument: number } | undefined {
  let depth = 0;
  let argument = 0;
  for (let at = before.length - 1; at > 0; at--) {
    const { text, kind } = before[at] ?? { text: '', kind: 'word' };
    if (kind !== 'sign') continue;
    if (/^[)\]}]$/.test(text)) depth++;
    else if (/^[([{]$/.test(text)) depth--;
    else if (text === ',' && depth === 0) argument++;
    if (depth < 0) {
      const name = before[at - 1];
      return text === '(' && name?.kind === 'word' ? { name: name.text, argument } : undefined;
    }
  }
  return undefined;
}

function inFacts(reading: Reading, before: readonly Token[], open: number): readonly Offer[] {
  const last = before.at(-1);
  const inside = before.slice(open + 1);
  let depth = 0;
  for (const { text, kind } of inside) {
    if (kind !== 'sign') continue;
    if (/^[([{]$/.test(text)) depth++;
    if (/^[)\]}]$/.test(text)) depth--;
  }
  if (depth > 0) return [];
  if (depth === 0 && (inside.length === 0 || last?.text === ',')) {
    const { scope } = reading;
    const windows = [...scope.values.values()]
      .filter(({ kind }) => kind === 'window')
      .map(({ name }) => name.value);
    const feeds = [...scope.feeds.values()].flatMap(({ name, of }) =>
      (of.value === 'rates' ? ['age'] : ['', 'age']).map(
        (part) => `feed.${name.value}${part === '' ? '' : `.${part}`}`,
      ),
    );
    return [
      ...words(['kind'], 'issuance or transfer'),
      ...fieldsOf(reading),
      ...words(
        windows.flatMap((name) => [`spent.${name}`, `count.${name}`]),
        'of a window',
      ),
      ...words(feeds, 'of a feed'),
    ];
  }
  const rate: Offer = { label: 'rate', kind: 'function', detail: 'rate("1.0842")' };
  return last?.text === ':' ? [...functionOffers, rate] : [];
}

/** Behind a point: what has that beginning. */
function membersOf(reading: Reading, before: readonly Token[]): readonly Offer[] {
  const { scope } = reading;
  const root = before.at(-2)?.text ?? '';
  const named = (names: Iterable<string>, detail: string): readonly Offer[] =>
    [...names].map((label) => ({ label, kind: 'name', detail }));
  if (root === 'list') return named(scope.lists.keys(), 'list');
  if (root === 'feed') return named(scope.feeds.keys(), 'feed');
  if (root === 'spent' || root === 'count')
    return named(
      [...scope.values.values()].filter(({ kind }) => kind === 'window').map(({ name }) => name.value),
      'window',
    );
  if (root === ']' || root === ')')
    return [
      { label: 'exists', kind: 'function', detail: '[…].exists(x, E): whether E holds of one' },
      { label: 'all', kind: 'function', detail: '[…].all(x, E): whether E holds of all' },
    ];
  return fieldsOf(reading)
    .filter(({ label }) => label.startsWith(`${root}.`))
    .map((offer) => ({ ...offer, label: offer.label.slice(root.length + 1) }));
}

/** Whether a value ends with it, so that no other can follow. */
function isOperand(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === 'sign') return [')', ']', '}'].includes(token.text);
  return token.text !== 'in' && !isWordBeforeValue.has(token.text);
}

const isWordBeforeValue: ReadonlySet<string> = new Set([...expressionClauses, 'on']);
