/**
 * Facts as people write them: JSON, one a line, for `ringmint rules replay` and `explain`.
 *
 * ```json
 * { "id": "an order's", "kind": "transfer",
 *   "fields": { "tx.amount": "3000.00 USD", "tx.time": "2026-11-22T12:00:00Z", "tx.origin": "US", "tx.counterparty_key": "64 hex digits" },
 *   "feeds": { "ecb": { "as_of": "2026-11-22T10:00:00Z", "rates": { "USD": "1084200000" } } },
 *   "windows": { "24h": { "spent": "0.00 USD", "count": "3" } } }
 * ```
 * What is `money<tx>` is decimal text and the transaction's currency; other numbers are whole, in the units of the language (a rate: minor
 * units for 10^9 of the transaction's), as text or as numbers of JSON. `id`, `feeds` and `windows` may be left out.
 */
import { fromHex, toHex } from '../kit/bytes.ts';
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { formatAmount } from '../records/amount.ts';
import type { Currency } from '../records/claims.ts';
import { currencyShown } from '../records/iso4217.ts';
import { repeatedKey } from '../records/json-text.ts';
import type { Facts, FeedReading, Type, Value } from './checker/checked.ts';
import { checkFacts, type FactsCode } from './facts.ts';
import type { TransactionKind } from './language/syntax.ts';
import { secondsOfUnit } from './language/words.ts';
import { schema } from './schema.ts';

export interface NamedFacts {
  /** What they are of, as whoever wrote the line calls it. */
  readonly id: string | undefined;
  readonly facts: Facts;
}

type Parsed<T> = Result<T, FactsCode>;

/** Reads one line; refuses by the name of the field, and none that the language could not have. */
export function parseFacts(line: string): Parsed<NamedFacts> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return refuse('facts_malformed', `no JSON: ${(error as Error).message.replaceAll(/[\p{Cc}`]/gu, '?')}`);
  }
  const repeated = isWhole(line, value) ? undefined : repeatedKey(line);
  if (repeated !== undefined) return refuse('facts_malformed', `${quote(repeated)} is there twice`, repeated);
  const parts = entriesOf(value, 'facts', ['id', 'kind', 'fields', 'feeds', 'windows']);
  if (!parts.ok) return parts;
  const { id, kind, fields, feeds = {}, windows = {} } = parts.value;
  if (id !== undefined && typeof id !== 'string') return invalid('id', id, 'text');
  const given = entriesOf(fields, 'fields');
  if (!given.ok) return given;
  const code = given.value['tx.currency'];
  const currency = typeof code === 'string' ? currencyShown(code) : undefined;
  const readFields = readAll(given.value, '', (field, item) => {
    const described = schema.get(field);
    return described === undefined
      ? refuse('facts_field_unknown', `${quote(field)} is no field`, field)
      : readValue(described.type, item, field, currency);
  });
  if (!readFields.ok) return readFields;
  const readFeeds = readEach(feeds, 'feeds', (field, item) => readFeed(item, field));
  if (!readFeeds.ok) return readFeeds;
  const readWindows = readEach(windows, 'windows', (field, item) => readWindow(item, field, currency));
  if (!readWindows.ok) return readWindows;
  const bySeconds = new Map<bigint, { spent: bigint; count: bigint }>();
  for (const [name, window] of readWindows.value) {
    const seconds = secondsOf(name);
    if (seconds === undefined) return invalid('windows', name, 'a duration such as `24h`');
    if (bySeconds.has(seconds))
      return refuse('facts_malformed', `a window of ${seconds} s is there twice`, 'windows');
    bySeconds.set(seconds, window);
  }
  const checked = checkFacts({
    kind: kind as TransactionKind,
    fields: readFields.value,
    feeds: readFeeds.value,
    windows: bySeconds,
  });
  return checked.ok ? succeed({ id, facts: checked.value }) : checked;
}

/**
 * Whether it is certain that no key was there twice, of which JSON.parse takes the last: every colon of the text is then one of what was
 * parsed. A million lines are looked at so in a tenth of the time.
 */
function isWhole(line: string, value: unknown): boolean {
  return !line.includes('\\') && countColons(line) === colonsOf(value);
}

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) count++;
  return count;
}

/** Those of the text that an object was parsed from: one a key, and those in keys and texts. */
function colonsOf(value: unknown): number {
  if (typeof value === 'string') return countColons(value);
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + colonsOf(item), 0);
  let count = 0;
  for (const key of Object.keys(value))
    count += 1 + countColons(key) + colonsOf((value as Readonly<Record<string, unknown>>)[key]);
  return count;
}

/** One line without its end; what `parseFacts` reads back to the same facts. */
export function formatFacts({ id, facts }: NamedFacts): string {
  const code = facts.fields.get('tx.currency');
  const currency = typeof code === 'string' ? currencyShown(code) : undefined;
  const fields = Object.fromEntries(
    [...facts.fields].map(([name, value]) => [name, showValue(schema.get(name)?.type, value, currency)]),
  );
  const feeds = Object.fromEntries(
    [...facts.feeds].map(([name, { asOf, value, rates }]) => [
      name,
      {
        as_of: showTime(asOf),
        ...(value === undefined ? {} : { value: String(value) }),
        ...(rates === undefined
          ? {}
          : { rates: Object.fromEntries([...rates].map(([to, rate]) => [to, String(rate)])) }),
      },
    ]),
  );
  const windows = Object.fromEntries(
    [...facts.windows].map(([seconds, { spent, count }]) => [
      `${seconds}s`,
      { spent: showMoney(spent, currency), count: String(count) },
    ]),
  );
  return JSON.stringify({ ...(id === undefined ? {} : { id }), kind: facts.kind, fields, feeds, windows });
}

/** A value as text, in the form of the lines above. */
export function showValue(
  type: Type | undefined,
  value: Value,
  currency: Currency | undefined,
): string | boolean {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value !== 'bigint') return value;
  if (type?.kind === 'timestamp') return showTime(value);
  if (type?.kind !== 'money') return String(value);
  return showMoney(value, type.currency === 'tx' ? currency : currencyShown(type.currency));
}

function showMoney(minor: bigint, currency: Currency | undefined): string {
  return currency === undefined ? String(minor) : `${formatAmount(minor, currency)} ${currency.code}`;
}

const lastSecond = 253_402_300_799n;

/** ISO 8601 in UTC; of years that it has no four digits for, the seconds since the epoch. */
function showTime(seconds: bigint): string {
  return seconds < 0n || seconds > lastSecond
    ? String(seconds)
    : new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

function readValue(type: Type, item: unknown, field: string, currency: Currency | undefined): Parsed<Value> {
  switch (type.kind) {
    case 'symbol':
      return typeof item === 'string' ? succeed(item) : invalid(field, item, 'text');
    case 'bool':
      return typeof item === 'boolean' ? succeed(item) : invalid(field, item, 'true or false');
    case 'key': {
      const bytes = typeof item === 'string' ? fromHex(item) : undefined;
      return bytes?.length === 32 ? succeed(bytes) : invalid(field, item, 'a key of 64 hex digits');
    }
    case 'timestamp':
      return readTime(item, field);
    case 'money':
      return readMoney(item, field, currency);
    default:
      return readNumber(item, field);
  }
}

function readNumber(item: unknown, field: string, accepted = 'a whole number'): Parsed<bigint> {
  if (typeof item === 'number' && Number.isSafeInteger(item)) return succeed(BigInt(item));
  return typeof item === 'string' && /^-?\d{1,19}$/.test(item)
    ? succeed(BigInt(item))
    : invalid(field, item, accepted);
}

function readTime(item: unknown, field: string): Parsed<bigint> {
  if (typeof item !== 'string' || !item.includes('T')) return readNumber(item, field);
  const [, year, month, day, hour, minute, second] = (timePattern.exec(item) ?? []).map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second));
  // A 30th of February would be the 2nd of March.
  const isTime =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() + 1 === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isTime
    ? succeed(BigInt(date.getTime() / 1000))
    : invalid(field, item, 'a time from 1970 on, such as `2026-11-22T12:00:00Z`');
}

const timePattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;

function readMoney(item: unknown, field: string, currency: Currency | undefined): Parsed<bigint> {
  if (currency === undefined)
    return readNumber(item, field, 'an amount with a `tx.currency` that is one, or minor units without,');
  const { code, exponent } = currency;
  const match = typeof item === 'string' ? /^(-?\d{1,19})(?:\.(\d{1,4}))? ([A-Z]{3})$/.exec(item) : null;
  const [, whole = '', fraction = '', of] = match ?? [];
  if (match === null || of !== code || (fraction.length !== exponent && fraction !== ''))
    return invalid(field, item, `an amount such as \`${formatAmount(300_000n, currency)} ${code}\``);
  return succeed(BigInt(whole + fraction.padEnd(exponent, '0')));
}

function readFeed(item: unknown, field: string): Parsed<FeedReading> {
  const parts = entriesOf(item, field, ['as_of', 'value', 'rates']);
  if (!parts.ok) return parts;
  const asOf = readTime(parts.value['as_of'], `${field}.as_of`);
  if (!asOf.ok) return asOf;
  const { value, rates } = parts.value;
  const reading: { asOf: bigint; value?: bigint; rates?: ReadonlyMap<string, bigint> } = { asOf: asOf.value };
  if (value !== undefined) {
    const read = readNumber(value, `${field}.value`);
    if (!read.ok) return read;
    reading.value = read.value;
  }
  if (rates !== undefined) {
    const read = readEach(rates, `${field}.rates`, (name, rate) => readNumber(rate, name));
    if (!read.ok) return read;
    reading.rates = read.value;
  }
  return succeed(reading);
}

function readWindow(
  item: unknown,
  field: string,
  currency: Currency | undefined,
): Parsed<{ spent: bigint; count: bigint }> {
  const parts = entriesOf(item, field, ['spent', 'count']);
  if (!parts.ok) return parts;
  const spent = readMoney(parts.value['spent'], `${field}.spent`, currency);
  if (!spent.ok) return spent;
  const count = readNumber(parts.value['count'], `${field}.count`);
  return count.ok ? succeed({ spent: spent.value, count: count.value }) : count;
}

function secondsOf(text: string): bigint | undefined {
  const [, count, unit = ''] = /^(\d{1,12})([smhd])$/.exec(text) ?? [];
  const seconds = secondsOfUnit.get(unit);
  return count === undefined || seconds === undefined ? undefined : BigInt(count) * seconds;
}

/** An object's members; refuses what is no object, and a name that `known` does not have. */
function entriesOf(
  value: unknown,
  field: string,
  known?: readonly string[],
): Parsed<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid(field, value, 'an object');
  for (const name of Object.keys(value))
    if (known?.includes(name) === false)
      return refuse(
        'facts_field_unknown',
        `${quote(name)} in ${field}: ${known.join(', ')} are accepted`,
        name,
      );
  return succeed(value as Readonly<Record<string, unknown>>);
}

function readEach<T>(
  value: unknown,
  field: string,
  read: (field: string, item: unknown) => Parsed<T>,
): Parsed<ReadonlyMap<string, T>> {
  const entries = entriesOf(value, field);
  return entries.ok ? readAll(entries.value, `${field}.`, read) : entries;
}

function readAll<T>(
  entries: Readonly<Record<string, unknown>>,
  prefix: string,
  read: (field: string, item: unknown) => Parsed<T>,
): Parsed<ReadonlyMap<string, T>> {
  const found = new Map<string, T>();
  for (const [name, item] of Object.entries(entries)) {
    const one = read(`${prefix}${name}`, item);
    if (!one.ok) return one;
    found.set(name, one.value);
  }
  return succeed(found);
}

function invalid(field: string, value: unknown, accepted: string): Refusal<FactsCode> {
  return refuse('facts_field_invalid', `${field} is ${quote(value)}: ${accepted} is accepted`, field);
}
