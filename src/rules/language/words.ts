/**
 * Every word of the module format: what begins a declaration and what begins a clause of it, in the order in which the formatter writes
 * them. The parser, the formatter, the editors' grammar and the language server read this one table.
 */
import { controlKinds, layers, transactionKinds, verdicts } from './syntax.ts';

/** Of what stands behind a number in a length of time. */
export const secondsOfUnit: ReadonlyMap<string, bigint> = new Map([
  ['s', 1n],
  ['m', 60n],
  ['h', 3_600n],
  ['d', 86_400n],
]);

interface Clause {
  /** What it begins with. */
  readonly word: string;
  /** What may stand behind the word. */
  readonly form: string;
  readonly meaning: string;
}

interface DeclarationWord {
  readonly form: string;
  readonly meaning: string;
  readonly clauses: readonly Clause[];
}

function clause(word: string, form: string, meaning: string): Clause {
  return { word, form, meaning };
}

const law = clause('law', '"TEXT"', 'the law that it comes from');
const secret = clause('secret', '', 'known to readers with the category of the module only');
const when = clause('when', 'E', 'where it applies');
const otherwise = clause('else', 'VERDICT', 'the verdict where it is not met; DENY where nothing is said');

export const declarationWords = {
  module: {
    form: 'NAME VERSION',
    meaning: 'what this file is: its name and its version',
    clauses: [
      clause(
        'jurisdiction',
        'CODE [+ CODE…]',
        'whose module it is: ISO 3166, a union or convention in capitals, or ANY',
      ),
      clause('layer', layers.filter((layer) => layer !== 'strict').join('|'), 'which layer its rules are in'),
      clause('on', transactionKinds.join(' and '), 'which transactions it is about'),
      law,
      clause('note', '"TEXT"', 'what a reader should know of it'),
    ],
  },
  list: {
    form: 'NAME',
    meaning: 'keys or symbols that expressions look up with `in list.NAME`',
    clauses: [
      clause('of', 'key|symbol', 'what it lists'),
      secret,
      clause('sha256', ':HEX', 'a file of that hash'),
      clause('=', '["A", "B"]', 'the items themselves'),
    ],
  },
  feed: {
    form: 'NAME',
    meaning: 'a number, or rates of exchange, that comes from outside',
    clauses: [
      clause('of', 'rates|ratio|int', 'what comes'),
      clause('range', 'A .. B', 'outside it is an error'),
      clause('max_age', 'D', 'how old it may be'),
      clause('on_stale', 'HOLD|DENY', 'the verdict where it is older'),
    ],
  },
  param: {
    form: 'NAME',
    meaning: 'a number that a rule set may move within its range',
    clauses: [
      clause(':', 'TYPE', 'its type'),
      clause('=', 'E', 'its value where the rule set does not move it'),
      clause('range', 'A .. B', 'how far it may be moved'),
      secret,
    ],
  },
  window: {
    form: 'NAME D',
    meaning: 'a length of time over which `spent` and `count` look back',
    clauses: [],
  },
  let: { form: 'NAME', meaning: 'an expression with a name', clauses: [clause('=', 'E', 'the expression')] },
  control: {
    form: `NAME ${controlKinds.join('|')}`,
    meaning: 'what rules about the same thing meet in',
    clauses: [],
  },
  rule: {
    form: 'NAME',
    meaning: 'what is decided, and where',
    clauses: [
      clause('strict', '', 'nothing prevails over it, and its errors are DENY'),
      clause('derogable', '', 'other modules may make exceptions to it'),
      clause('control', 'CONTROL', 'what it meets other rules in'),
      clause('exception', 'to [MODULE/]RULE', 'the rule that it beats where it applies'),
      clause('priority', 'N', 'of two exceptions to one rule the higher beats the other'),
      clause('from', 'DATE', 'it applies from 00:00 UTC of that day'),
      clause('expires', 'DATE', 'it applies until 00:00 UTC of that day'),
      clause('ALLOW', 'when E', 'nothing against it'),
      clause('FLAG', 'when E', 'it goes on, and is looked at later'),
      clause('HOLD', 'when E', 'it waits for a person'),
      clause('DENY', 'when E', 'it does not happen'),
      clause('cap', 'E', 'the most that the measure behind `on` may be'),
      clause('on', 'E', 'what is measured'),
      clause('require', 'FIELD', 'the optional field that has to be there'),
      when,
      otherwise,
      clause('reveals', 'verdict|code', 'what may be known of it outside its category'),
      law,
      clause('says', '"TEXT"', 'what a person is told'),
    ],
  },
  given: {
    form: '{ FACT, … }',
    meaning: 'what holds in every test that does not say otherwise',
    clauses: [clause('{', 'FACT, … }', 'the facts')],
  },
  test: {
    form: '"TITLE" { FACT, … } => VERDICT [RULE, …]',
    meaning: 'facts, the verdict on them, and just the rules that fire',
    clauses: [clause('{', 'FACT, … }', 'the facts'), clause('=>', 'VERDICT [RULE, …]', 'the verdict')],
  },
  property: {
    form: '"TITLE"',
    meaning: 'what is to be proved',
    clauses: [
      clause('monotone', 'FIELD', 'a greater FIELD never gives a laxer verdict'),
      clause('when', 'E', 'wherever E holds'),
      clause('=>', 'at_least|at_most VERDICT', 'the verdict is at least, or at most'),
    ],
  },
} as const satisfies Record<string, DeclarationWord>;

export type DeclarationKind = keyof typeof declarationWords;

export const declarationKinds = Object.keys(declarationWords) as readonly DeclarationKind[];

export function isDeclarationKind(word: string): word is DeclarationKind {
  return Object.hasOwn(declarationWords, word);
}

export function clausesOf(kind: DeclarationKind): readonly Clause[] {
  return declarationWords[kind].clauses;
}

/** Words that end an expression: no param, let or window has such a name. */
export const clauseWords: ReadonlySet<string> = new Set(
  declarationKinds
    .flatMap((kind) => clausesOf(kind).map(({ word }) => word))
    .filter((word) => /^\w+$/.test(word)),
);

/** What `of`, `on_stale`, `reveals`, `=>` and their like choose from. */
export const choices = {
  layer: layers.filter((layer) => layer !== 'strict'),
  on: transactionKinds,
  list: ['key', 'symbol'],
  feed: ['rates', 'ratio', 'int'],
  stale: ['HOLD', 'DENY'],
  control: controlKinds,
  verdict: verdicts,
  reveals: ['verdict', 'code'],
  bound: ['at_least', 'at_most'],
} as const satisfies Record<string, readonly string[]>;

/** Words of CEL, and those that it keeps for later: nothing in a module has such a name. */
export const reservedWords: ReadonlySet<string> = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'false',
  'for',
  'function',
  'if',
  'import',
  'in',
  'let',
  'loop',
  'namespace',
  'null',
  'package',
  'prototype',
  'return',
  'true',
  'var',
  'void',
  'while',
]);
