/** Texts of modules: the real ones, and ones that are made up, laid out in any way that the language allows. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';

const folder = new URL('../../../samples/rules/', import.meta.url);

/** The module that docs/RULES.md shows. */
export const shownModule =
  /^```\n(module us\.payments[\s\S]*?)^```/m.exec(
    readFileSync(new URL('../../../docs/RULES.md', import.meta.url), 'utf8'),
  )?.[1] ?? '';

/** By name. */
export const realModules: ReadonlyMap<string, string> = new Map([
  ['docs/RULES.md', shownModule],
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.rules'))
    .map((name): [string, string] => [name, readFileSync(new URL(name, folder), 'utf8')]),
]);

/** What has to be in a text without blanks. */
type Words = readonly string[];

const lower = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}x$/);
const dotted = fc.array(lower, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('.'));
const quoted = fc.oneof(
  fc.constantFrom('"a law"', "'single'", '"with // no comment"', '"\\"\\u00e9\\\\"', '\'a "b"\''),
  fc.stringMatching(/^"[ -!#-[\]-~é世]{0,20}"$/),
);
const verdict = fc.constantFrom('ALLOW', 'FLAG', 'HOLD', 'DENY');

const { expression } = fc.letrec<{ expression: Words; operand: Words }>((tie) => {
  const depth = { maxDepth: 4, depthSize: 'small' as const };
  const call = (name: fc.Arbitrary<string>): fc.Arbitrary<Words> =>
    fc
      .tuple(name, fc.array(tie('expression'), { maxLength: 3 }))
      .map(([called, args]) => [called, '(', ...separated(args), ')']);
  const list = fc
    .tuple(fc.array(quoted, { maxLength: 40 }), fc.boolean())
    .map(([items, trailing]) => [
      '[',
      ...separated(items.map((item) => [item])),
      ...(trailing && items.length > 0 ? [','] : []),
      ']',
    ]);
  return {
    operand: fc.oneof(
      depth,
      lower.map((name) => [name]),
      fc.tuple(lower, lower).map(([of, name]) => [of, '.', name]),
      fc.nat(1_000_000).map((number) => [String(number)]),
      fc.constantFrom(['true'], ['false'], ['0x1F']),
      quoted.map((one) => [one]),
      tie('expression').map((inner) => ['(', ...inner, ')']),
      tie('operand').map((inner) => ['!', ...inner]),
      tie('operand').map((inner) => ['-', ...inner]),
      call(fc.constantFrom('usd', 'min', 'has', 'clamp', 'convert')),
    ),
    expression: fc.oneof(
      depth,
      tie('operand'),
      fc
        .tuple(
          tie('operand'),
          fc.constantFrom('&&', '||', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'),
          tie('operand'),
        )
        .map(([left, sign, right]) => [...left, sign, ...right]),
      fc.tuple(tie('operand'), list).map(([item, items]) => [...item, 'in', ...items]),
      fc
        .tuple(list, fc.constantFrom('exists', 'all'), lower)
        .map(([items, name, body]) => [...items, '.', name, '(', 'each', ',', 'each', '==', body, ')']),
      fc
        .tuple(tie('operand'), tie('operand'), tie('expression'))
        .map(([condition, then, otherwise]) => [...condition, '?', ...then, ':', ...otherwise]),
      fc
        .array(tie('operand'), { minLength: 2, maxLength: 5 })
        .map((operands) => operands.flatMap((one, index) => (index === 0 ? one : ['&&', ...one]))),
    ),
  };
});

function separated(items: readonly Words[]): Words {
  return items.flatMap((item, index) => (index === 0 ? item : [',', ...item]));
}

function optional(words: fc.Arbitrary<Words>): fc.Arbitrary<Words> {
  return fc.oneof(fc.constant([]), words);
}

/** In any order. */
function clauses(...given: readonly fc.Arbitrary<Words>[]): fc.Arbitrary<Words> {
  return fc
    .tuple(...given)
    .chain((all) => fc.shuffledSubarray(all as Words[], { minLength: given.length }))
    .map((all) => all.flat());
}

function after(word: string, words: fc.Arbitrary<Words>): fc.Arbitrary<Words> {
  return words.map((rest) => [word, ...rest]);
}

function one(word: fc.Arbitrary<string>): fc.Arbitrary<Words> {
  return word.map((only) => [only]);
}

function declaration(
  head: fc.Arbitrary<Words>,
  ...given: readonly fc.Arbitrary<Words>[]
): fc.Arbitrary<Words> {
  return fc.tuple(head, clauses(...given)).map((parts) => parts.flat());
}

const duration = fc.tuple(fc.nat(1000), fc.constantFrom('s', 'm', 'h', 'd')).map((parts) => parts.join(''));
const date = fc.constantFrom('2027-12-31', '1999-01-01', '2028-02-29');
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const range = optional(
  fc.tuple(expression, expression).map(([least, most]) => ['range', ...least, '..', ...most]),
);
const secret = optional(fc.constant(['secret']));
const facts = fc
  .tuple(fc.array(fc.tuple(dotted, expression), { maxLength: 6 }), fc.boolean())
  .map(([all, trailing]) => [
    '{',
    ...separated(all.map(([path, value]) => [path, ':', ...value])),
    ...(trailing && all.length > 0 ? [','] : []),
    '}',
  ]);
const body = fc.oneof(
  clauses(one(verdict), after('when', expression)),
  clauses(
    after('cap', expression),
    after('on', expression),
    optional(after('when', expression)),
    optional(after('else', one(verdict))),
  ),
  clauses(
    after('require', expression),
    optional(after('when', expression)),
    optional(after('else', one(verdict))),
  ),
);
const exception = fc
  .tuple(optional(dotted.map((name) => [name, '/'])), lower)
  .map(([module, rule]) => ['exception', 'to', ...module, rule]);

const declarations = fc.oneof(
  declaration(
    after('list', one(lower)),
    after('of', fc.constantFrom(['key'], ['symbol'])),
    secret,
    fc.oneof(
      hash.map((hex) => [`sha256:${hex}`]),
      fc
        .array(quoted, { maxLength: 30 })
        .map((items) => ['=', '[', ...separated(items.map((item) => [item])), ']']),
    ),
  ),
  declaration(
    after('feed', one(lower)),
    after('of', fc.constantFrom(['rates'], ['ratio'], ['int'])),
    range,
    after('max_age', one(duration)),
    after('on_stale', fc.constantFrom(['HOLD'], ['DENY'])),
  ),
  declaration(
    fc
      .tuple(lower, fc.constantFrom(['int'], ['money', '<', 'USD', '>']), expression)
      .map(([name, type, value]) => ['param', name, ':', ...type, '=', ...value]),
    range,
    secret,
  ),
  fc.tuple(lower, duration).map((rest) => ['window', ...rest]),
  declaration(after('let', one(lower)), after('=', expression)),
  fc.tuple(dotted, fc.constantFrom('verdict', 'cap', 'evidence')).map((rest) => ['control', ...rest]),
  declaration(
    after('rule', one(lower)),
    optional(fc.constant(['strict'])),
    optional(fc.constant(['derogable'])),
    after('control', one(dotted)),
    optional(exception),
    optional(after('priority', one(fc.nat(99).map(String)))),
    optional(after('from', one(date))),
    optional(after('expires', one(date))),
    body,
    optional(after('reveals', fc.constantFrom(['verdict'], ['code']))),
    optional(after('law', one(quoted))),
    optional(after('says', one(quoted))),
  ),
  after('given', facts),
  declaration(
    after('test', one(quoted)),
    facts,
    fc
      .tuple(verdict, fc.array(lower, { maxLength: 3 }))
      .map(([expected, fired]) => ['=>', expected, ...separated(fired.map((rule) => [rule]))]),
  ),
  declaration(after('property', one(quoted)), after('monotone', expression)),
  declaration(
    after('property', one(quoted)),
    after('when', expression),
    fc.tuple(fc.constantFrom('at_least', 'at_most'), verdict).map((rest) => ['=>', ...rest]),
  ),
);

const header = declaration(
  fc.tuple(dotted, fc.nat(1000).map(String)).map((rest) => ['module', ...rest]),
  fc.constantFrom(['jurisdiction', 'US'], ['jurisdiction', 'EU', '+', 'FR']),
  fc.constantFrom(['layer', 'national'], ['layer', 'convention']),
  fc.constantFrom(['on', 'issuance'], ['on', 'issuance', 'transfer'], ['on', 'transfer', ',', 'issuance']),
  optional(after('law', one(quoted))),
  optional(after('note', one(quoted))),
);

/** Between two words: mostly one blank, at times a break or a comment. */
const between = fc.oneof(
  { weight: 20, arbitrary: fc.constant(' ') },
  { weight: 3, arbitrary: fc.constantFrom('  ', '\t', '\n  ', '\r\n\t', '\n\n    ') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ' // why\n  ',
      '\n  // on a line of its own\n ',
      ' //é\n  //two\n  ',
      '\n// margin\n  ',
    ),
  },
);
const beforeDeclaration = fc.constantFrom(
  '\n',
  '\n\n',
  '\n\n\n',
  ' // trailing\n',
  '\n// leading\n',
  '\n\n  // indented\n\n// and not\n',
);

function layOut(words: Words): fc.Arbitrary<string> {
  return fc
    .array(between, { minLength: words.length, maxLength: words.length })
    .map((blanks) =>
      words.map((word, index) => (index === 0 ? word : `${blanks[index] ?? ' '}${word}`)).join(''),
    );
}

/** A module without faults, in any layout. */
export const moduleText: fc.Arbitrary<string> = fc
  .tuple(header, fc.array(declarations, { maxLength: 8 }))
  .chain(([first, rest]) =>
    fc.tuple(...[first, ...rest].flatMap((words) => [layOut(words), beforeDeclaration])),
  )
  .map((parts) => parts.join(''));

/** A real module in which pieces were taken out, put in, or swapped with those of another. */
export const brokenModule: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...realModules.values()),
    fc.constantFrom(...realModules.values()),
    fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        length: fc.nat(40),
        from: fc.double({ min: 0, max: 1, noNaN: true }),
        put: fc.oneof(
          fc.constant(undefined),
          fc.constantFrom(
            ...[
              '(',
              ')',
              '[',
              ']',
              '{',
              '}',
              '"',
              "'",
              '\n',
              '\r',
              '//',
              '..',
              '=>',
              ',',
              ':',
              '=',
              '!',
              '-',
              '.',
              '?',
              ' rule ',
              '\nrule ',
              ' when ',
              'r"',
              '"""',
              '\u202e',
              '\ud800',
              '0x',
              '1e9',
              '99999999999999999999',
              'null',
              ' in ',
              '.exists(x, ',
              '\n  control ',
            ],
          ),
          fc.string({ unit: 'binary', maxLength: 5 }),
        ),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map(([base, other, edits]) =>
    edits.reduce((done, { at, length, from, put }) => {
      const place = Math.floor(at * done.length);
      const start = Math.floor(from * other.length);
      return (
        done.slice(0, place) + (put ?? other.slice(start, start + length)) + done.slice(place + (length % 7))
      );
    }, base),
  );
