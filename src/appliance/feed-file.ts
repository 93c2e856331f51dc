/**
 * `central/feeds.json`: what rules read from outside, as the operator puts it there, each with the moment that it is of.
 *
 * ```
 * { "ecb": { "asOf": "2026-11-22T10:00:00Z", "rates": { "EUR": { "USD": "1.0842", "JPY": "162.35" } } },
 *   "income_ratio": { "asOf": "2026-11-01T00:00:00Z", "ratio": "0.25" },
 *   "index": { "asOf": "2026-11-01T00:00:00Z", "int": "117" } }
 * ```
 * A rate is as it is published: how many of the second currency for one of the first, in their major units. Replace the file by a rename: what is
 * not whole is no reading, and rules that need one hold.
 */
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { currencyExponent } from '../records/iso4217.ts';
import { type FeedReading, numberLimit } from '../rules/checker/checked.ts';
import { readConstant, readRate } from '../rules/checker/constant.ts';

/** What a transaction in a currency is told of the feeds. */
export interface Feeds {
  of(currency: string): ReadonlyMap<string, FeedReading>;
}

export const noFeeds: Feeds = { of: () => new Map() };

/** A reading with its rates by the currency that they lead from. */
interface Feed {
  readonly asOf: bigint;
  readonly value?: bigint;
  readonly rates?: ReadonlyMap<string, ReadonlyMap<string, bigint>>;
}

/** Refused as `feeds_malformed`, with the field, where the text is no file of feeds. */
export function readFeeds(text: string): Result<Feeds, 'feeds_malformed'> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return fail('the file', `not JSON: ${(error as Error).message}`);
  }
  const named = readEach(json, 'the file', /^[a-z][a-z0-9_]{0,63}$/, 'a name of small letters', readFeed);
  if (!named.ok) return named;
  return succeed({
    of(currency) {
      const readings = new Map<string, FeedReading>();
      for (const [name, { asOf, value, rates }] of named.value) {
        const own = rates && { rates: rates.get(currency) ?? new Map<string, bigint>() };
        readings.set(name, { asOf, ...(value === undefined ? {} : { value }), ...own });
      }
      return readings;
    },
  });
}

function readFeed(json: unknown, path: string): Result<Feed, 'feeds_malformed'> {
  if (!isObject(json)) return fail(path, 'an object is accepted');
  const { asOf: time, rates, ratio, int, ...others } = json;
  const [other] = Object.keys(others);
  if (other !== undefined) return fail(`${path}.${other}`, '`asOf`, `rates`, `ratio` and `int` are accepted');
  const given = [rates, ratio, int].filter((one) => one !== undefined);
  if (given.length !== 1)
    return fail(path, 'one of `rates`, `ratio` and `int` is accepted, and one is needed');
  const asOf = readText(time, `${path}.asOf`, 'timestamp');
  if (!asOf.ok) return asOf;
  if (rates !== undefined) {
    const read = readEach(rates, `${path}.rates`, /^[A-Z]{3}$/, 'a code of ISO 4217', readRatesFrom);
    return read.ok ? succeed({ asOf: asOf.value, rates: read.value }) : read;
  }
  const value =
    ratio !== undefined ? readText(ratio, `${path}.ratio`, 'ratio') : readWhole(int, `${path}.int`);
  return value.ok ? succeed({ asOf: asOf.value, value: value.value }) : value;
}

function readRatesFrom(
  json: unknown,
  path: string,
  from: string,
): Result<ReadonlyMap<string, bigint>, 'feeds_malformed'> {
  if (currencyExponent(from) === undefined) return fail(path, 'a code of ISO 4217 is accepted');
  return readEach(json, path, /^[A-Z]{3}$/, 'a code of ISO 4217', (rate, place, to) => {
    if (currencyExponent(to) === undefined) return fail(place, 'a code of ISO 4217 is accepted');
    if (typeof rate !== 'string') return fail(place, `${quote(rate)} is no text: "1.0842" is accepted`);
    const read = readRate(rate, from, to);
    if (!read.ok) return fail(place, read.message);
    // Below a billionth of a minor unit: nothing would be worth anything.
    return read.value === 0n
      ? fail(place, `${quote(rate)} comes to nothing: a greater rate is accepted`)
      : read;
  });
}

/** A constant of the language, from its text. */
function readText(
  json: unknown,
  path: string,
  type: 'timestamp' | 'ratio',
): Result<bigint, 'feeds_malformed'> {
  if (typeof json !== 'string') return fail(path, `${quote(json)} is no text`);
  const read = readConstant(type, json);
  if (!read.ok) return fail(path, read.message);
  return succeed(read.value.value as bigint);
}

function readWhole(json: unknown, path: string): Result<bigint, 'feeds_malformed'> {
  const value = typeof json === 'string' && /^-?[0-9]{1,18}$/.test(json) ? BigInt(json) : undefined;
  return value === undefined || value >= numberLimit || value <= -numberLimit
    ? fail(path, `${quote(json)} is no whole number below 10^18 as text: "117" is accepted`)
    : succeed(value);
}

function readEach<T>(
  json: unknown,
  path: string,
  pattern: RegExp,
  accepted: string,
  read: (item: unknown, path: string, key: string) => Result<T, 'feeds_malformed'>,
): Result<ReadonlyMap<string, T>, 'feeds_malformed'> {
  if (!isObject(json)) return fail(path, 'an object is accepted');
  const items = new Map<string, T>();
  for (const [key, item] of Object.entries(json)) {
    const place = path === 'the file' ? key : `${path}.${key}`;
    if (!pattern.test(key)) return fail(place, `${accepted} is accepted`);
    const one = read(item, place, key);
    if (!one.ok) return one;
    items.set(key, one.value);
  }
  return succeed(items);
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function fail(path: string, message: string): Refusal<'feeds_malformed'> {
  return refuse('feeds_malformed', `${path}: ${message}`, path);
}
