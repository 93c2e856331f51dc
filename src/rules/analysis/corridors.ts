/**
 * The corridors that have to be looked at: of countries and currencies that no rule tells apart, one stands for all.
 */
import type { CheckedModule, Typed } from '../checker/checked.ts';
import { transactionKinds } from '../language/syntax.ts';
import { issuerOf } from '../set/issuer.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';
import { itemsOf } from './universe.ts';
import { expressionsOfModule } from './walking.ts';

/** Corridors that rules do not tell apart. */
export interface CorridorClass {
  /** The one that stands for all. */
  readonly corridor: Corridor;
  /** Countries that are like the origin, and like the destination: each with itself. */
  readonly origins: readonly string[];
  readonly destinations: readonly string[];
}

const country = /^[A-Z]{2}$/;
const currency = /^[A-Z]{3}$/;
/** Codes that ISO 3166 leaves to its users: a country that nothing names. */
const nobodys = ['ZZ', 'XX', 'QQ', 'AA'];
/** Currencies to stand for all that nothing names: of a union, of a country. */
const others = [
  'AUD',
  'USD',
  'EUR',
  'GBP',
  'JPY',
  'CHF',
  'SGD',
  'XOF',
  'BRL',
  'INR',
  'KES',
  'MXN',
  'NOK',
  'NZD',
  'PLN',
  'ZAR',
];

/** All classes of corridors of these sets together, in the order of the alphabet. */
export function corridorsOf(sets: readonly RuleSet[]): readonly CorridorClass[] {
  const named = namesOf(sets);
  const countries = classesOf(
    [...named.countries, nobodys.find((code) => !named.countries.has(code)) ?? 'ZZ'],
    (code) => [signatureOf(sets, [code]), ...memberships(named, code)].join('|'),
    named.comparesFields ? 2 : 1,
  );
  const currencies = classesOf(
    [...named.currencies, ...others],
    (code) =>
      [
        ...sets.map((set) => signatureOf([set], [issuerOf(set, code)])),
        named.currencies.has(code) ? code : '',
        ...memberships(named, code),
      ].join('|'),
    1,
  );
  const kinds = transactionKinds.filter((kind) =>
    sets.some(({ modules }) => modules.some(({ on }) => on.includes(kind))),
  );
  return kinds.flatMap((kind) =>
    countries.flatMap((from) =>
      countries.flatMap((to) =>
        currencies.map((of) => ({
          corridor: { kind, origin: from.first, destination: to.first, currency: of.first },
          origins: from.all,
          destinations: to.all,
        })),
      ),
    ),
  );
}

/** `US>FR in USD, transfer` */
export function showCorridor({ kind, origin, destination, currency: of }: Corridor): string {
  return `${origin}>${destination} in ${of}, ${kind}`;
}

interface Names {
  readonly countries: ReadonlySet<string>;
  readonly currencies: ReadonlySet<string>;
  /** Of each list of symbols, and of all symbols that are written out. */
  readonly groups: readonly ReadonlySet<string>[];
  /** Whether any rule compares two fields, such as origin and destination. */
  readonly comparesFields: boolean;
}

function namesOf(sets: readonly RuleSet[]): Names {
  const constants = new Set<string>();
  const groups: ReadonlySet<string>[] = [];
  const currencies = new Set<string>();
  const countries = new Set<string>();
  let comparesFields = false;
  for (const set of sets) {
    for (const members of set.unions.values()) for (const code of members) countries.add(code);
    for (const code of set.issuers.keys()) currencies.add(code);
    for (const module of set.modules) {
      for (const code of module.jurisdictions) countries.add(code);
      for (const typed of expressionsOfModule(module)) {
        if (typed.op === 'constant' && typed.type.kind === 'symbol') constants.add(typed.value as string);
        if (typed.op === 'convert') currencies.add(typed.to);
        if (typed.op === 'listed' && typed.list.of === 'symbol') groups.push(symbolsOf(set, module, typed));
        comparesFields ||=
          typed.op === 'compare' &&
          typed.left.op === 'field' &&
          typed.right.op === 'field' &&
          typed.left.type.kind === 'symbol';
      }
    }
  }
  for (const symbol of [...constants, ...groups.flatMap((group) => [...group])]) {
    if (country.test(symbol)) countries.add(symbol);
    if (currency.test(symbol)) currencies.add(symbol);
  }
  return {
    countries: new Set([...countries].filter((code) => country.test(code))),
    currencies,
    // Each constant is told apart from all others.
    groups: [...groups, ...[...constants].map((constant) => new Set([constant]))],
    comparesFields,
  };
}

function symbolsOf(
  set: RuleSet,
  module: CheckedModule,
  typed: Extract<Typed, { op: 'listed' }>,
): ReadonlySet<string> {
  return new Set(itemsOf(set, module, typed.list).filter((item) => typeof item === 'string'));
}

/** Which jurisdictions of modules a code brings with it. */
function signatureOf(sets: readonly RuleSet[], codes: readonly string[]): string {
  return sets
    .flatMap(({ modules, unions }) => {
      const used = new Set(modules.flatMap(({ jurisdictions }) => jurisdictions));
      const brought = (one: string): boolean =>
        codes.includes(one) || codes.some((code) => unions.get(one)?.includes(code) === true);
      return [[...used].filter(brought).sort().join(','), ';'];
    })
    .join('');
}

function memberships({ groups }: Names, symbol: string): string[] {
  return groups.map((group) => (group.has(symbol) ? '1' : '0'));
}

interface Class {
  readonly first: string;
  readonly all: readonly string[];
}

/** Of each signature the first `most`, in the order of the alphabet. */
function classesOf(
  codes: readonly string[],
  signature: (code: string) => string,
  most: number,
): readonly Class[] {
  const classes = new Map<string, string[]>();
  for (const code of [...new Set(codes)].sort()) {
    const key = signature(code);
    const members = classes.get(key);
    if (members === undefined) classes.set(key, [code]);
    else members.push(code);
  }
  return [...classes.values()]
    .flatMap((all) => all.slice(0, most).map((first) => ({ first, all: first === all[0] ? all : [first] })))
    .sort((a, b) => (a.first < b.first ? -1 : 1));
}
