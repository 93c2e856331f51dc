/** The facts of a decision, of whatever form they come in: which of them rules can read, and between whom they are. */
import { quote, type Refusal, type Result, refuse, succeed } from '../kit/result.ts';
import { type Facts, type FeedReading, type Field, numberLimit, type Value } from './checker/checked.ts';
import { transactionKinds } from './language/syntax.ts';
import { schema } from './schema.ts';
import type { Corridor } from './set/rule-set.ts';

export type FactsCode = 'facts_malformed' | 'facts_field_unknown' | 'facts_field_invalid';

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
