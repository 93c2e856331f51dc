/**
 * The facts of a decision as bytes: what is recorded, so that the decision can be made again bit for bit.
 *
 * ```
 * deterministic CBOR  [ 1, kind, { field: value }, { feed: [as of, value or null, { currency: rate } or null] },
 *                       { seconds of a window: [spent, count] } ]
 * value: integer │ text of a symbol │ 32 bytes of a key
 * ```
 */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert, quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type Facts, type FeedReading, type Field, numberLimit, type Value } from './checker/checked.ts';
import { type TransactionKind, transactionKinds } from './language/syntax.ts';
import { schema } from './schema.ts';
import type { Corridor } from './set/rule-set.ts';

export type FactsCode = 'not_cbor' | 'facts_malformed' | 'facts_field_unknown' | 'facts_field_invalid';

const version = 1;

/** Deterministic: equal facts have equal bytes. Asserts that `decodeFacts` would take them. */
export function encodeFacts(facts: Facts): Uint8Array {
  const checked = checkFacts(facts);
  assert(checked.ok, `facts can be read back${checked.ok ? '' : `: ${checked.message}`}`);
  return encodeCbor([
    version,
    facts.kind,
    facts.fields,
    new Map(
      [...facts.feeds].map(([name, { asOf, value, rates }]) => [name, [asOf, value ?? null, rates ?? null]]),
    ),
    new Map([...facts.windows].map(([seconds, { spent, count }]) => [Number(seconds), [spent, count]])),
  ]);
}

/**
 * Decodes what anybody may have written; the refusal names the field. That a field or a feed is missing, or a number is outside its field's
 * range, is no fault of the facts: the language has an error for that.
 */
export function decodeFacts(bytes: Uint8Array): Result<Facts, FactsCode> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const { value } = decoded;
  if (!Array.isArray(value) || value.length !== 5 || value[0] !== version)
    return refuse('facts_malformed', `facts are an array of five that begins with ${version}`);
  const [, kind, fields, feeds, windows] = value as CborValue[];
  const readFields = readMap(fields, 'fields', (item) => succeed(wide(item) as Value));
  if (!readFields.ok) return readFields;
  const readFeeds = readMap(feeds, 'feeds', readFeed);
  if (!readFeeds.ok) return readFeeds;
  const readWindows = readEntries(windows);
  if (!readWindows.ok) return readWindows;
  return checkFacts({
    kind: kind as TransactionKind,
    fields: readFields.value,
    feeds: readFeeds.value,
    windows: readWindows.value,
  });
}

/** Between whom facts are; `undefined` where they do not say it, and so no rules are known. */
export function corridorOf(facts: Pick<Facts, 'kind' | 'fields'>): Corridor | undefined {
  const [origin, destination, currency] = corridorFields.map(([name]) => facts.fields.get(name));
  return typeof origin === 'string' && typeof destination === 'string' && typeof currency === 'string'
    ? { kind: facts.kind, origin, destination, currency }
    : undefined;
}

const corridorFields = [
  ['tx.origin', 2],
  ['tx.destination', 2],
  ['tx.currency', 3],
] as const;

/** Facts of whatever came, as they are: refuses what no rule could read. The trust boundary of every form of facts. */
export function checkFacts(facts: Facts): Result<Facts, FactsCode> {
  if (!transactionKinds.includes(facts.kind))
    return refuse(
      'facts_field_invalid',
      `kind is ${quote(facts.kind)}: ${transactionKinds.join(' or ')} is accepted`,
      'kind',
    );
  for (const [name, value] of facts.fields) {
    const field = schema.get(name);
    if (field === undefined || !field.on.includes(facts.kind))
      return refuse('facts_field_unknown', `${quote(name)} is no field of the ${facts.kind}`, name);
    const accepted = acceptedOf(field, value);
    if (accepted !== undefined) return invalid(name, value, accepted);
  }
  for (const [name, reading] of facts.feeds) {
    const refused = checkFeed(name, reading);
    if (refused !== undefined) return refused;
  }
  for (const [seconds, { spent, count }] of facts.windows) {
    if (typeof seconds !== 'bigint' || seconds < 1n || seconds > Number.MAX_SAFE_INTEGER)
      return invalid('windows', seconds, 'a length in whole seconds, 1 or more,');
    const name = `windows.${seconds}`;
    if (!isNumber(spent)) return invalid(`${name}.spent`, spent, numberAccepted);
    if (!isNumber(count)) return invalid(`${name}.count`, count, numberAccepted);
  }
  for (const [name, letters] of corridorFields) {
    const value = facts.fields.get(name);
    if (
      value !== undefined &&
      !(typeof value === 'string' && value.length === letters && /^[A-Z]*$/.test(value))
    )
      return invalid(name, value, `a code of ${letters} capitals`);
  }
  return succeed(facts);
}

const numberAccepted = 'a whole number between -10^18 and 10^18';

/** What would be accepted, where `value` is not. */
function acceptedOf({ type }: Field, value: Value): string | undefined {
  switch (type.kind) {
    case 'symbol':
      return isSymbol(value) ? undefined : 'text of 1 to 8 printable ASCII characters';
    case 'key':
      return value instanceof Uint8Array && value.length === 32 ? undefined : 'a key of 32 bytes';
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'true or false';
    default:
      return isNumber(value) ? undefined : numberAccepted;
  }
}

export function isSymbol(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,8}$/.test(value);
}

function isNumber(value: unknown): value is bigint {
  return typeof value === 'bigint' && value > -numberLimit && value < numberLimit;
}

function checkFeed(name: string, { asOf, value, rates }: FeedReading): Refusal<FactsCode> | undefined {
  const at = `feeds.${name}`;
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name))
    return invalid('feeds', name, 'a name of small letters, digits and `_`');
  if (!isNumber(asOf)) return invalid(`${at}.asOf`, asOf, numberAccepted);
  if ((value === undefined) === (rates === undefined))
    return invalid(at, undefined, 'either a value or rates');
  if (value !== undefined && !isNumber(value)) return invalid(`${at}.value`, value, numberAccepted);
  for (const [currency, rate] of rates ?? []) {
    if (!/^[A-Z]{3}$/.test(currency)) return invalid(`${at}.rates`, currency, 'a currency of three capitals');
    if (!isNumber(rate)) return invalid(`${at}.rates.${currency}`, rate, numberAccepted);
  }
  return undefined;
}

function invalid(field: string, value: unknown, accepted: string): Refusal<FactsCode> {
  return refuse('facts_field_invalid', `${field} is ${quote(value)}: ${accepted} is accepted`, field);
}

/** Numbers of CBOR are numbers where they are small: here they are all bigint. */
function wide(value: CborValue | undefined): CborValue | undefined {
  return typeof value === 'number' ? BigInt(value) : value;
}

function readMap<T>(
  value: CborValue | undefined,
  field: string,
  read: (item: CborValue | undefined, name: string) => Result<T, FactsCode>,
): Result<ReadonlyMap<string, T>, FactsCode> {
  if (!(value instanceof Map)) return invalid(field, value, 'a map by names');
  const found = new Map<string, T>();
  for (const [name, item] of value) {
    if (typeof name !== 'string') return invalid(field, name, 'a name');
    const one = read(item, `${field}.${name}`);
    if (!one.ok) return one;
    found.set(name, one.value);
  }
  return succeed(found);
}

function readFeed(item: CborValue | undefined, field: string): Result<FeedReading, FactsCode> {
  if (!Array.isArray(item) || item.length !== 3) return invalid(field, item, 'an array of three');
  const [asOf, value, rates] = (item as CborValue[]).map(wide);
  const reading = { asOf: asOf as bigint, ...(value === null ? {} : { value: value as bigint }) };
  if (rates === null) return succeed(reading);
  const read = readMap(rates, `${field}.rates`, (rate) => succeed(wide(rate) as bigint));
  return read.ok ? succeed({ ...reading, rates: read.value }) : read;
}

function readEntries(value: CborValue | undefined): Result<Facts['windows'], FactsCode> {
  if (!(value instanceof Map)) return invalid('windows', value, 'a map by seconds');
  const found = new Map<bigint, { spent: bigint; count: bigint }>();
  for (const [seconds, item] of value) {
    if (typeof seconds !== 'number') return invalid('windows', seconds, 'a length in whole seconds');
    if (!Array.isArray(item) || item.length !== 2)
      return invalid(`windows.${seconds}`, item, 'an array of two');
    const [spent, count] = (item as CborValue[]).map(wide);
    found.set(BigInt(seconds), { spent: spent as bigint, count: count as bigint });
  }
  return succeed(found);
}
