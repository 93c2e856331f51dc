/** Well-typed expressions of the rule language as text, of whatever its scope declares. */
import type { TransactionKind } from '../../../src/rules/language/syntax.ts';
import type { Choice } from './choice.ts';

/** `money<tx>` is the transaction's own. */
export type TypeName =
  | 'bool'
  | 'int'
  | 'symbol'
  | 'key'
  | 'ratio'
  | 'timestamp'
  | 'duration'
  | 'money<tx>'
  | 'money<USD>'
  | 'money<EUR>'
  | 'money<JPY>';

export interface Named {
  readonly name: string;
  readonly type: TypeName;
  readonly secret: boolean;
}

export interface Scope {
  readonly choice: Choice;
  readonly kinds: readonly TransactionKind[];
  readonly isIssuerLayer: boolean;
  readonly parameters: readonly Named[];
  readonly lets: readonly Named[];
  readonly lists: readonly {
    readonly name: string;
    readonly of: 'key' | 'symbol';
    readonly secret: boolean;
  }[];
  readonly feeds: readonly { readonly name: string; readonly of: 'rates' | 'ratio' | 'int' }[];
  readonly windows: readonly string[];
  /** Optional fields that are there where the expression is looked at. */
  readonly present: readonly string[];
  /** Of quantifiers. */
  readonly variables: readonly { readonly name: string; readonly type: TypeName }[];
  /** Set where something secret is looked at. */
  readonly looked: { secret: boolean };
}

export const currencies = ['USD', 'EUR', 'JPY'] as const;
const decimals = { USD: 2, EUR: 2, JPY: 0 } as const;
const roundings = ['FLOOR', 'CEILING', 'DOWN', 'UP', 'HALF_EVEN', 'HALF_UP'] as const;

/** Symbols that facts and lists have, too. */
export const symbols = ['US', 'FR', 'DE', 'SG', 'basic', 'full', 'hosted', 'self', 'USD', 'EUR'] as const;
/** What keys of facts and lists are the hashes of. */
export const persons = ['ann', 'bob', 'cyd'] as const;
/** Keys that begin with the same words as one another, and differ only in the last. */
export const nearKeys = ['0', '1', '2'].map((end) => `${'ab'.repeat(31)}0${end}`);

const optionalSymbols = ['tx.tier', 'tx.originator_wallet', 'tx.counterparty_wallet'];
const optionalKeys = ['tx.ivms_digest', 'tx.identity_digest', 'tx.wallet_digest', 'tx.report_digest'];
export const optionalFields = [...optionalSymbols, ...optionalKeys];

const numberTypes: readonly TypeName[] = [
  'int',
  'money<tx>',
  'money<tx>',
  'money<USD>',
  'money<EUR>',
  'ratio',
  'timestamp',
  'duration',
  'money<JPY>',
];

/** An expression of the type, at most so deep. */
export function expressionText(type: TypeName, depth: number, scope: Scope): string {
  if (depth <= 0 || scope.choice.once(6)) return leafText(type, scope);
  if (scope.choice.once(12)) return selectText(type, depth, scope);
  switch (type) {
    case 'bool':
      return truthText(depth, scope);
    case 'int':
      return intText(depth, scope);
    case 'ratio':
      return sumText('ratio', 'ratio', depth, scope);
    case 'duration':
      return sumText('duration', 'duration', depth, scope);
    case 'timestamp':
      return sumText('timestamp', 'duration', depth, scope);
    case 'symbol':
    case 'key':
      return scope.choice.once(3) ? selectText(type, depth, scope) : leafText(type, scope);
    default:
      return moneyText(type, depth, scope);
  }
}

function selectText(type: TypeName, depth: number, scope: Scope): string {
  const optional = optionalFor(scope);
  if (optional !== undefined && scope.choice.once(3)) {
    const then = expressionText(type, depth - 1, { ...scope, present: [...scope.present, optional] });
    return `(has(${optional}) ? ${then} : ${expressionText(type, depth - 1, scope)})`;
  }
  const [condition, then, otherwise] = [
    expressionText('bool', depth - 1, scope),
    expressionText(type, depth - 1, scope),
    expressionText(type, depth - 1, scope),
  ];
  return `(${condition} ? ${then} : ${otherwise})`;
}

function truthText(depth: number, scope: Scope): string {
  const { choice } = scope;
  const of = (type: TypeName): string => expressionText(type, depth - 1, scope);
  switch (choice.below(13)) {
    case 12:
      return roundedText(depth, scope);
    case 0:
    case 1:
      return `(${of('bool')} && ${of('bool')})`;
    case 2:
    case 3:
      return `(${of('bool')} || ${of('bool')})`;
    case 4:
      return `!${of('bool')}`;
    case 5: {
      const type = choice.pick<TypeName>(['symbol', 'key', 'bool', 'symbol', 'key']);
      return `(${of(type)} ${choice.pick(['==', '!='])} ${of(type)})`;
    }
    case 6:
      return listedText(depth, scope);
    case 7:
      return quantifierText(depth, scope);
    case 8:
      return guardedText(depth, scope);
    default: {
      const type = choice.pick(numberTypes);
      return `(${of(type)} ${choice.pick(['<', '<=', '>', '>=', '==', '!='])} ${of(type)})`;
    }
  }
}

/** The same rounded in two ways: where they differ it shows, however seldom a decision hangs on a minor unit. */
function roundedText(depth: number, scope: Scope): string {
  const { choice } = scope;
  const sign = choice.once(2) ? '-' : '';
  const amount = `${sign}${expressionText('money<tx>', depth - 2, scope)}`;
  const [first, second] = [choice.pick(roundings), choice.pick(roundings)];
  const operator = choice.pick(['==', '<', '<=']);
  if (choice.once(2)) {
    const ratio = choice.once(3) ? expressionText('ratio', depth - 2, scope) : 'ratio("0.5")';
    return `(mul(${amount}, ${ratio}, ${first}) ${operator} mul(${amount}, ${ratio}, ${second}))`;
  }
  const by = choice.once(3) ? expressionText('int', depth - 2, scope) : choice.pick(['2', '3', '(-2)']);
  return `(div(${amount}, ${by}, ${first}) ${operator} div(${amount}, ${by}, ${second}))`;
}

function listedText(depth: number, scope: Scope): string {
  const { choice } = scope;
  const list = scope.lists.length === 0 ? undefined : choice.pick(scope.lists);
  if (list === undefined || choice.once(4)) {
    const type = choice.pick<TypeName>(['symbol', 'int', 'key']);
    const items = Array.from({ length: 1 + choice.below(3) }, () => leafText(type, scope));
    return `(${expressionText(type, depth - 1, scope)} in [${items.join(', ')}])`;
  }
  if (list.secret) scope.looked.secret = true;
  return `(${expressionText(list.of, depth - 1, scope)} in list.${list.name})`;
}

function quantifierText(depth: number, scope: Scope): string {
  const { choice } = scope;
  const type = choice.pick<TypeName>(['int', 'symbol', 'money<USD>']);
  // No secrets: where the body does not use its variable, nothing looks at an item.
  const open = { ...scope, parameters: scope.parameters.filter(isPublic), lets: scope.lets.filter(isPublic) };
  const items = Array.from({ length: 1 + choice.below(3) }, () => leafText(type, open));
  // A list inside of a list's expression would be nested: without further variables there is none.
  if (scope.variables.length > 0) return `(${leafText(type, scope)} in [${items.join(', ')}])`;
  const body = expressionText('bool', depth - 1, { ...scope, variables: [{ name: 'x', type }] });
  return `[${items.join(', ')}].${choice.pick(['exists', 'all'])}(x, ${body})`;
}

function isPublic({ secret }: Named): boolean {
  return !secret;
}

function guardedText(depth: number, scope: Scope): string {
  const field = optionalFor(scope);
  if (field === undefined) return leafText('bool', scope);
  const body = expressionText('bool', depth - 1, { ...scope, present: [...scope.present, field] });
  return scope.choice.once(2) ? `(has(${field}) && ${body})` : `(!has(${field}) || ${body})`;
}

/** An optional field that may be read; where issuance is decided on, too, there is none. */
function optionalFor({ kinds, choice }: Scope): string | undefined {
  return kinds.includes('issuance') ? undefined : choice.pick(optionalFields);
}

function intText(depth: number, scope: Scope): string {
  const { choice } = scope;
  const of = (): string => expressionText('int', depth - 1, scope);
  switch (choice.below(8)) {
    case 0:
      return `(${of()} / ${of()})`;
    case 1:
      return `(${of()} % ${of()})`;
    case 2:
      return `(${of()} * ${of()})`;
    default:
      return sumText('int', 'int', depth, scope);
  }
}

/** Sums and differences, the lesser and the greater. */
function sumText(type: TypeName, second: TypeName, depth: number, scope: Scope): string {
  const { choice } = scope;
  const of = (one: TypeName): string => expressionText(one, depth - 1, scope);
  const kind = choice.below(type === 'timestamp' ? 5 : 6);
  if (kind < 2) return `(${of(type)} + ${of(second)})`;
  if (kind === 2) return `(${of(type)} - ${of(second)})`;
  if (kind === 3) return `${choice.pick(['min', 'max'])}(${of(type)}, ${of(type)})`;
  if (kind === 4) return `clamp(${of(type)}, ${of(type)}, ${of(type)})`;
  return `-${of(type)}`;
}

function moneyText(type: TypeName, depth: number, scope: Scope): string {
  const { choice } = scope;
  const of = (one: TypeName): string => expressionText(one, depth - 1, scope);
  const rounding = choice.pick(roundings);
  const rates = scope.feeds.find((feed) => feed.of === 'rates');
  switch (choice.below(9)) {
    case 0:
      return `mul(${of(type)}, ${of('ratio')}, ${rounding})`;
    case 1:
      return `div(${of(type)}, ${of('int')}, ${rounding})`;
    case 2:
      return choice.once(2) ? `(${of(type)} * ${of('int')})` : `(${of('int')} * ${of(type)})`;
    case 3:
    case 4:
    case 5:
      if (rates === undefined || type === 'money<tx>') return sumText(type, type, depth, scope);
      return `convert(${of('money<tx>')}, ${type.slice(6, -1)}, feed.${rates.name}, ${rounding})`;
    default:
      return sumText(type, type, depth, scope);
  }
}

/** Something of the type that has no parts. */
function leafText(type: TypeName, scope: Scope): string {
  const { choice } = scope;
  const named = [...scope.parameters, ...scope.lets].filter((one) => one.type === type);
  const variables = scope.variables.filter((one) => one.type === type);
  if (variables.length > 0 && choice.once(2)) return choice.pick(variables).name;
  if (named.length > 0 && choice.once(3)) {
    const one = choice.pick(named);
    if (one.secret) scope.looked.secret = true;
    return one.name;
  }
  if (type === 'bool' && choice.once(2)) return leafComparison(scope);
  const read = readingsOf(type, scope);
  if (read.length > 0 && (!choice.once(3) || type === 'money<tx>')) {
    const one = choice.pick(read);
    if (one === 'account.ceiling') scope.looked.secret = true;
    return one;
  }
  return constantText(type, choice);
}

/** What has parts that have none. */
function leafComparison(scope: Scope): string {
  const { choice } = scope;
  if (choice.once(3)) return `(${leafText('symbol', scope)} == ${leafText('symbol', scope)})`;
  const type = choice.pick(numberTypes);
  return `(${leafText(type, scope)} ${choice.pick(['<', '<=', '>', '>='])} ${leafText(type, scope)})`;
}

/** Fields, windows and feeds of the type. */
function readingsOf(type: TypeName, scope: Scope): readonly string[] {
  const { kinds, feeds, windows } = scope;
  const isTransfer = !kinds.includes('issuance');
  const isIssuance = !kinds.includes('transfer');
  const present = (of: readonly string[]): string[] => scope.present.filter((field) => of.includes(field));
  const feedsOf = (of: string): string[] =>
    feeds.filter((feed) => feed.of === of).map(({ name }) => `feed.${name}`);
  switch (type) {
    case 'int':
      return [
        ...feedsOf('int'),
        ...windows.map((name) => `count(${name})`),
        ...(isIssuance ? ['tx.units', 'account.requests', 'account.frequency_cap'] : []),
      ];
    case 'ratio':
      return feedsOf('ratio');
    case 'timestamp':
      return ['tx.time'];
    case 'symbol':
      return ['tx.currency', 'tx.origin', 'tx.destination', ...present(optionalSymbols)];
    case 'key':
      return isTransfer ? ['tx.originator_key', 'tx.counterparty_key', ...present(optionalKeys)] : [];
    case 'bool':
      return isTransfer ? optionalFields.map((field) => `has(${field})`) : [];
    case 'money<tx>':
      return [
        'tx.amount',
        'tx.amount',
        ...windows.map((name) => `spent(${name})`),
        ...(isIssuance ? ['account.available', 'account.day_remaining', 'account.request_maximum'] : []),
        ...(isIssuance && scope.isIssuerLayer ? ['account.ceiling'] : []),
      ];
    default:
      return [];
  }
}

const smallNumbers = [0n, 1n, 2n, 3n, 7n, 10n, 100n, 1_000n];
const greatNumbers = [10n ** 9n, 10n ** 17n, 5n * 10n ** 17n, 10n ** 18n - 1n];

function numberOf(choice: Choice): bigint {
  return choice.once(6) ? choice.pick(greatNumbers) : choice.pick(smallNumbers);
}

/** A constant; of `money<tx>` there is none, so none is asked for. */
export function constantText(type: TypeName, choice: Choice): string {
  switch (type) {
    case 'bool':
      return choice.pick(['true', 'false']);
    case 'int':
      return choice.once(5) ? `(-${numberOf(choice)})` : String(numberOf(choice));
    case 'symbol':
      return JSON.stringify(choice.pick(symbols));
    case 'key':
      return choice.once(2) ? `key("${choice.pick(nearKeys)}")` : `sha256("${choice.pick(persons)}")`;
    case 'ratio':
      return `ratio("${choice.pick(['0', '0.000001', '0.25', '0.5', '1', '1.5', '2.000001', '1000000'])}")`;
    case 'timestamp':
      return `timestamp("${choice.pick(['2026-11-22T00:00:00Z', '2026-11-22T12:00:00Z', '1970-01-01T00:00:00Z', '2027-01-01T00:00:00Z'])}")`;
    case 'duration':
      return `duration("${choice.pick(['0s', '1s', '90s', '15m', '24h', '30d'])}")`;
    case 'money<tx>':
      return 'tx.amount';
    default: {
      const currency = type.slice(6, -1) as (typeof currencies)[number];
      return moneyConstant(
        currency,
        choice.once(12) ? choice.pick(greatNumbers) : BigInt(choice.below(20)) * 50n,
      );
    }
  }
}

/** `minor` units of the currency, with all its decimals. */
function moneyConstant(currency: (typeof currencies)[number], minor: bigint): string {
  const places = decimals[currency];
  const digits = String(minor).padStart(places + 1, '0');
  const text = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  return `${currency.toLowerCase()}("${text}")`;
}
