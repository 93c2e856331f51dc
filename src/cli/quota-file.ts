/** The file of `ringmint init --quotas`: JSON, one object a currency. It holds confidential ceilings, so it is a file and never an argument. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { parseAmount } from '../records/amount.ts';
import type { Currency } from '../records/claims.ts';
import { currencyExponent } from '../records/iso4217.ts';
import { decodeText } from '../records/json-text.ts';
import { type Limit, limitCount, limitNamePattern, windowSecondsLimit } from '../records/quota-terms.ts';
import type { IssuerQuota } from './appliance.ts';

const amountFields = ['total', 'dayLimit', 'requestMaximum', 'ceiling'];
const quotaFields = ['currency', ...amountFields, 'requestsPerMinute', 'limits', 'returns'];
const limitAccepted =
  'an object such as `{"name": "hour", "amount": "5000.00", "seconds": 3600}` or `{"name": "burst", "orders": 100, "seconds": 60}`, with `timeZone` instead of `seconds` for calendar days,';
/** The name of the limit that `dayLimit` is. */
export const dayLimitName = 'day';

/** Refuses as `quota_file_invalid`, with the field at fault; never with a value that may be confidential. */
export function decodeQuotas(bytes: Uint8Array): Result<IssuerQuota[], 'quota_file_invalid'> {
  const text = decodeText(bytes);
  if (!text.ok) return invalid(text.message);
  let json: unknown;
  try {
    json = JSON.parse(text.value);
  } catch (error) {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return invalid(`not JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(json) || json.length === 0)
    return invalid('an array with one object a currency is accepted');
  const quotas: IssuerQuota[] = [];
  for (const [index, item] of (json as unknown[]).entries()) {
    const quota = readQuota(item, `[${index}]`);
    if (!quota.ok) return quota;
    const { currency } = quota.value;
    if (quotas.some((other) => other.currency === currency))
      return invalid(`[${index}].currency: ${currency} is there twice`);
    quotas.push(quota.value);
  }
  return succeed(quotas);
}

function invalid(message: string): Result<never, 'quota_file_invalid'> {
  return refuse('quota_file_invalid', `quota file: ${message}`);
}

function readQuota(item: unknown, field: string): Result<IssuerQuota, 'quota_file_invalid'> {
  if (typeof item !== 'object' || item === null)
    return invalid(`${field}: an object with ${quotaFields.join(', ')} is accepted`);
  const entry = item as Record<string, unknown>;
  const unknown = Object.keys(entry).find((key) => !quotaFields.includes(key));
  if (unknown !== undefined)
    return invalid(`${field}: ${quote(unknown)} is not known; accepted: ${quotaFields.join(', ')}`);
  const { currency: code, requestsPerMinute } = entry;
  const exponent = typeof code === 'string' ? currencyExponent(code) : undefined;
  if (typeof code !== 'string' || exponent === undefined)
    return invalid(`${field}.currency: an ISO 4217 code is accepted, not ${quote(code)}`);
  const currency = { code, exponent };
  if (!isCount(requestsPerMinute))
    return invalid(
      `${field}.requestsPerMinute: a whole number above zero is accepted, not ${quote(requestsPerMinute)}`,
    );
  const amounts: bigint[] = [];
  for (const name of amountFields) {
    const amount = readAmount(entry[name], currency, `${field}.${name}`);
    if (!amount.ok) return amount;
    amounts.push(amount.value);
  }
  const limits = readLimits(entry['limits'] ?? [], currency, `${field}.limits`);
  if (!limits.ok) return limits;
  const { returns = false } = entry;
  if (typeof returns !== 'boolean')
    return invalid(`${field}.returns: true or false is accepted, not ${quote(returns)}`);
  const [total = 0n, dayLimit = 0n, requestMaximum = 0n, ceiling = 0n] = amounts;
  return succeed({
    currency: code,
    total,
    dayLimit,
    requestMaximum,
    ceiling,
    requestsPerMinute,
    limits: limits.value,
    returns,
  });
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function readAmount(value: unknown, currency: Currency, field: string): Result<bigint, 'quota_file_invalid'> {
  if (typeof value !== 'string') return invalid(`${field}: an amount in quotes is accepted`);
  const amount = parseAmount(value, currency);
  // The amount itself may be the confidential one: only the field is named.
  if (amount.ok) return amount;
  return invalid(
    `${field}: a positive amount with at most ${currency.exponent} decimals is accepted [${amount.code}]`,
  );
}

function readLimits(
  value: unknown,
  currency: Currency,
  field: string,
): Result<readonly Limit[], 'quota_file_invalid'> {
  // One of them is `dayLimit`.
  if (!Array.isArray(value) || value.length >= limitCount)
    return invalid(`${field}: a list of at most ${limitCount - 1} limits is accepted`);
  const limits: Limit[] = [];
  for (const [index, item] of (value as unknown[]).entries()) {
    const limit = readLimit(item, currency, `${field}[${index}]`);
    if (!limit.ok) return limit;
    const { name } = limit.value;
    if (name === dayLimitName || limits.some((other) => other.name === name))
      return invalid(
        `${field}[${index}].name: \`${name}\` is taken: a name that each limit has for itself, and not \`${dayLimitName}\`, is accepted`,
      );
    limits.push(limit.value);
  }
  return succeed(limits);
}

function readLimit(item: unknown, currency: Currency, field: string): Result<Limit, 'quota_file_invalid'> {
  const malformed = invalid(`${field}: ${limitAccepted} is accepted`);
  if (typeof item !== 'object' || item === null || Object.keys(item).length !== 3) return malformed;
  const { name, amount, orders, seconds, timeZone } = item as Record<string, unknown>;
  if (typeof name !== 'string' || !limitNamePattern.test(name)) return malformed;
  let window: Limit['window'];
  if (isCount(seconds) && seconds <= windowSecondsLimit) window = { kind: 'rolling', seconds };
  else if (typeof timeZone === 'string') window = { kind: 'day', timeZone };
  else return malformed;
  if (isCount(orders)) return succeed({ name, counts: 'orders', window, maximum: BigInt(orders) });
  if (amount === undefined) return malformed;
  const maximum = readAmount(amount, currency, `${field}.amount`);
  return maximum.ok ? succeed({ name, counts: 'amount', window, maximum: maximum.value }) : maximum;
}
