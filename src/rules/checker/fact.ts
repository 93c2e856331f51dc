/** Facts of a module's tests: from `tx.amount: usd("3000.00")` to what a decision is made of. */
import { quote } from '../../kit/result.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import {
  type FactSyntax,
  type Located,
  type Span,
  type TransactionKind,
  transactionKinds,
} from '../language/syntax.ts';
import { schema } from '../schema.ts';
import type { Facts, Feed, FeedReading, Type, Value, Window } from './checked.ts';
import { isWithinLimit, readRate } from './constant.ts';
import type { Context } from './context.ts';
import { checkConstant } from './declaration.ts';
import * as types from './type.ts';
import { expectType } from './typing.ts';

/** What one fact says. */
type Said =
  | { readonly kind: 'kind'; readonly transaction: TransactionKind }
  | { readonly kind: 'field'; readonly name: string; readonly value: Value }
  | { readonly kind: 'spent' | 'count'; readonly window: Window; readonly value: bigint }
  | { readonly kind: 'value' | 'age'; readonly feed: Feed; readonly value: bigint }
  /** A rate as it is written, or as the whole number that a feed gives. */
  | { readonly kind: 'rate'; readonly feed: Feed; readonly to: string; readonly value: bigint | string };

interface Read {
  readonly fact: FactSyntax;
  readonly said: Said;
  /** Of an amount, or of `tx.currency`: the currency of the transaction. */
  readonly currency: string | undefined;
}

/** Facts that were read, by their paths. */
export interface ReadFacts {
  readonly byPath: ReadonlyMap<string, Read>;
  /** Whether none of them is at fault. */
  readonly whole: boolean;
}

/** Reads facts, each by itself, and refuses a path that is said twice. */
export function readFacts(facts: readonly FactSyntax[], context: Context): ReadFacts {
  const byPath = new Map<string, Read>();
  let whole = true;
  for (const fact of facts) {
    const read = readFact(fact, context);
    const { value: path, span } = fact.path;
    if (byPath.has(path)) context.faults.report('fact_twice', span, `${quote(path)} is said already`);
    else if (read !== undefined) byPath.set(path, read);
    if (read === undefined) whole = false;
  }
  return { byPath, whole };
}

/** The facts of one test: what it says itself, and what is given besides. */
export function checkFacts(
  own: ReadFacts,
  given: ReadFacts,
  title: Located<string>,
  context: Context,
): Facts | undefined {
  // What the test says itself comes first: its place is where a fault is told.
  const read = [...own.byPath.values()];
  for (const [path, one] of given.byPath) if (!own.byPath.has(path)) read.push(one);
  const kind = kindOf(read, context);
  const currency = currencyOf(read, context);
  if (!own.whole || !given.whole || kind === undefined) return undefined;
  for (const { fact, said } of read) {
    const field = said.kind === 'field' ? schema.get(said.name) : undefined;
    if (field !== undefined && !field.on.includes(kind))
      context.faults.report(
        'field_kind',
        fact.path.span,
        `\`${field.name}\` is of ${field.on.join(' and ')} only, and the test is of ${kind}`,
      );
  }
  const fields = fieldsOf(read, currency);
  const feeds = feedsOf(read, fields, currency, title.span, context);
  return feeds && { kind, fields, feeds, windows: windowsOf(read, context) };
}

function readFact(fact: FactSyntax, context: Context): Read | undefined {
  const { value: path, span } = fact.path;
  const [root = '', name = '', part, ...more] = path.split('.');
  if (path === 'kind') return readKind(fact, context);
  if (root === 'feed' && name !== '' && more.length === 0) return readFeedFact(fact, name, part, context);
  if ((root === 'spent' || root === 'count') && part === undefined)
    return readWindowFact(fact, root, name, context);
  const field = schema.get(path);
  if (field === undefined) {
    const known = [...schema.keys(), 'kind', 'spent', 'count', 'feed'];
    return context.unknownName(
      path,
      span,
      known,
      'a field, `spent.WINDOW`, `count.WINDOW`, `feed.NAME` or `kind`',
    );
  }
  const found = readValue(fact, field.type, context);
  if (found === undefined) return undefined;
  const currency =
    field.name === 'tx.currency' && typeof found.value === 'string' ? found.value : found.currency;
  return { fact, said: { kind: 'field', name: field.name, value: found.value }, currency };
}

/** A constant of a type; for `money<tx>` an amount of any currency, which is the transaction's then. */
function readValue(
  fact: FactSyntax,
  type: Type,
  context: Context,
): { readonly value: Value; readonly currency: string | undefined } | undefined {
  const typed = checkConstant(fact.value, context);
  if (typed === undefined) return undefined;
  if (type.kind === 'money' && typed.type.kind === 'money')
    return { value: typed.value, currency: typed.type.currency };
  if (type.kind === 'money') {
    const message = `${types.showType(typed.type)}, where an amount such as \`usd("10.00")\` is accepted`;
    return context.faults.report('type_mismatch', fact.value.span, message);
  }
  return expectType(typed, type, fact.value.span, context) && { value: typed.value, currency: undefined };
}

function readNumber(fact: FactSyntax, type: Type, context: Context) {
  const found = readValue(fact, type, context);
  return typeof found?.value === 'bigint' ? { value: found.value, currency: found.currency } : undefined;
}

function readKind(fact: FactSyntax, context: Context): Read | undefined {
  const { value } = fact;
  const kind = value.kind === 'literal' ? transactionKinds.find((one) => one === value.value) : undefined;
  // Where that is at fault, it is unknown what would be accepted.
  if (context.on.length === 0) return undefined;
  if (kind !== undefined && context.on.includes(kind))
    return { fact, said: { kind: 'kind', transaction: kind }, currency: undefined };
  const accepted = context.on.map((one) => `\`"${one}"\``).join(' or ');
  const message =
    kind === undefined
      ? `no kind of transaction: ${accepted} is accepted`
      : `the module is not on ${kind}: ${accepted} is accepted`;
  return context.faults.report('kind_elsewhere', value.span, message);
}

function readWindowFact(
  fact: FactSyntax,
  kind: 'spent' | 'count',
  name: string,
  context: Context,
): Read | undefined {
  const { scope } = context;
  const windows = [...scope.values.values()]
    .filter((one) => one.kind === 'window')
    .map((one) => `${kind}.${one.name.value}`);
  if (!windows.includes(`${kind}.${name}`))
    return context.unknownName(fact.path.value, fact.path.span, windows, 'a window that is declared');
  const window = context.windows.get(name);
  const found = readNumber(fact, kind === 'spent' ? types.moneyOfTransaction : types.int, context);
  return window && found && { fact, said: { kind, window, value: found.value }, currency: found.currency };
}

function readFeedFact(
  fact: FactSyntax,
  name: string,
  part: string | undefined,
  context: Context,
): Read | undefined {
  const feed = context.findFeed(name, fact.path.span);
  if (feed === undefined) return undefined;
  const read = (said: Said | undefined): Read | undefined => said && { fact, said, currency: undefined };
  if (part === 'age') {
    const found = readNumber(fact, types.duration, context);
    return read(found && { kind: 'age', feed, value: found.value });
  }
  if (feed.of === 'rates' && part !== undefined && currencyExponent(part) !== undefined) {
    const { value } = fact;
    if (value.kind === 'call' && value.name === 'rate') {
      const [argument] = value.args;
      if (value.args.length === 1 && argument?.kind === 'literal' && typeof argument.value === 'string')
        return read({ kind: 'rate', feed, to: part, value: argument.value });
      return context.faults.report('not_constant', value.span, 'no text: `rate("1.0842")` is accepted');
    }
    const found = readNumber(fact, types.int, context);
    return read(found && { kind: 'rate', feed, to: part, value: found.value });
  }
  if (feed.of !== 'rates' && part === undefined) {
    const found = readNumber(fact, feed.of === 'ratio' ? types.ratio : types.int, context);
    return read(found && { kind: 'value', feed, value: found.value });
  }
  const accepted = feed.of === 'rates' ? `\`feed.${name}.USD: rate("1.0842")\`` : `\`feed.${name}: …\``;
  const message = `\`feed.${name}\` is of ${feed.of}: ${accepted} and \`feed.${name}.age: duration("2h")\` are accepted`;
  return context.faults.report('feed_kind', fact.path.span, message);
}

function kindOf(read: readonly Read[], context: Context): TransactionKind | undefined {
  for (const one of read) if (one.said.kind === 'kind') return one.said.transaction;
  return context.on[0];
}

/** The currency of the first amount; another one in the same test is refused. */
function currencyOf(read: readonly Read[], context: Context): string | undefined {
  const said = read.filter((one) => one.currency !== undefined);
  const [first] = said;
  const other = said.find((one) => one.currency !== first?.currency);
  if (first === undefined || other === undefined) return first?.currency;
  const message = `${first.currency}, where \`${other.fact.path.value}\` is of ${other.currency}: a transaction has one currency`;
  return context.faults.report('fact_currency', first.fact.path.span, message);
}

function fieldsOf(read: readonly Read[], currency: string | undefined): ReadonlyMap<string, Value> {
  const fields = new Map<string, Value>();
  for (const { said } of read) if (said.kind === 'field') fields.set(said.name, said.value);
  if (currency !== undefined) fields.set('tx.currency', currency);
  return fields;
}

/** Of each window of which anything is said; what is not said of it is 0. */
function windowsOf(read: readonly Read[], context: Context): Facts['windows'] {
  const windows = new Map<bigint, { spent: bigint; count: bigint }>();
  const names = new Map<string, string>();
  for (const { said, fact } of read) {
    if (said.kind !== 'spent' && said.kind !== 'count') continue;
    const { seconds } = said.window;
    const found = windows.get(seconds) ?? { spent: 0n, count: 0n };
    const other = names.get(`${said.kind} ${seconds}`);
    if (other !== undefined && found[said.kind] !== said.value)
      context.faults.report(
        'fact_twice',
        fact.path.span,
        `${quote(other)} is as long, and something else is said of it`,
      );
    names.set(`${said.kind} ${seconds}`, fact.path.value);
    windows.set(seconds, { ...found, [said.kind]: said.value });
  }
  return windows;
}

/** Of each feed of which anything is said. */
function feedsOf(
  read: readonly Read[],
  fields: ReadonlyMap<string, Value>,
  currency: string | undefined,
  test: Span,
  context: Context,
): ReadonlyMap<string, FeedReading> | undefined {
  const feeds = new Map<string, FeedReading>();
  const rates = new Map<string, Map<string, bigint>>();
  const time = fields.get('tx.time');
  const ages = new Map(
    read.flatMap(({ said }) => (said.kind === 'age' ? [[said.feed.name, said.value]] : [])),
  );
  for (const { said, fact } of read) {
    if (said.kind !== 'value' && said.kind !== 'rate' && said.kind !== 'age') continue;
    if (typeof time !== 'bigint')
      return context.faults.report(
        'missing_time',
        test,
        `a feed without a time: \`tx.time\` in the test, or given, says when ${quote(fact.path.value)} is looked at`,
      );
    const { name, of } = said.feed;
    const asOf = time - (ages.get(name) ?? 0n);
    if (!isWithinLimit(asOf))
      return context.faults.report('number_size', fact.path.span, 'older, or later, than any time there is');
    const known = rates.get(name) ?? new Map<string, bigint>();
    rates.set(name, known);
    if (said.kind === 'rate') {
      const rate = rateOf(said.value, said.to, fact, currency, context);
      if (rate === undefined) return undefined;
      known.set(said.to, rate);
    }
    if (of === 'rates') feeds.set(name, { asOf, rates: known });
    else
      feeds.set(name, { ...feeds.get(name), asOf, ...(said.kind === 'value' ? { value: said.value } : {}) });
  }
  return feeds;
}

function rateOf(
  said: bigint | string,
  to: string,
  fact: FactSyntax,
  currency: string | undefined,
  context: Context,
): bigint | undefined {
  if (typeof said === 'bigint') return said;
  if (currency === undefined || currencyExponent(currency) === undefined) {
    const message =
      'a rate from no known currency: an amount of the transaction, such as `tx.amount: usd("10.00")`, says from which';
    return context.faults.report('missing_currency', fact.path.span, message);
  }
  const rate = readRate(said, currency, to);
  return rate.ok ? rate.value : context.faults.report(rate.code, fact.value.span, rate.message);
}
