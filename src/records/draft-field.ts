/** Fields of what a caller asks for in JSON: each is read, or refused with what would be accepted. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { parseAmount } from './amount.ts';
import type { Currency } from './claims.ts';
import type { DraftErrorCode } from './draft.ts';
import { currencyExponent } from './iso4217.ts';
import { parseUuid } from './request-id.ts';

export function readObject(
  json: unknown,
  path: string,
  fields: readonly string[],
): Result<Record<string, unknown>, DraftErrorCode> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return refuse(
      'draft_field_invalid',
      `${path}: an object with ${fields.map((field) => `\`${field}\``).join(', ')} is accepted`,
      path,
    );
  }
  for (const key of Object.keys(json)) {
    if (!fields.includes(key))
      return refuse(
        'draft_field_unknown',
        `${path}: ${quote(key)} is not known; accepted: ${fields.join(', ')}`,
        key,
      );
  }
  return succeed(json as Record<string, unknown>);
}

export function readAmount(
  value: unknown,
  currency: Currency,
  field: string,
): Result<bigint, DraftErrorCode> {
  if (typeof value === 'string') return parseAmount(value, currency, field);
  if (value === undefined) return refuse('draft_field_missing', `${field} is missing`, field);
  return refuse(
    'amount_malformed',
    `${field}: an amount is text in quotes, so that nothing is rounded: not ${quote(value)} but, for example, \`"10.00"\``,
    field,
  );
}

export function readCurrency(value: unknown): Result<Currency, DraftErrorCode> {
  const exponent = typeof value === 'string' ? currencyExponent(value) : undefined;
  if (typeof value === 'string' && exponent !== undefined) return succeed({ code: value, exponent });
  return refuse(
    'currency_unknown',
    `currency: ${quote(value)} is not known; an ISO 4217 code such as \`EUR\` is accepted`,
    'currency',
  );
}

export function readId(value: unknown, field: string): Result<Uint8Array | undefined, DraftErrorCode> {
  if (value === undefined) return succeed(undefined);
  const id = typeof value === 'string' ? parseUuid(value) : undefined;
  return id === undefined
    ? refuse('draft_field_invalid', `${field}: a UUID is accepted, not ${quote(value)}`, field)
    : succeed(id);
}

export function readDate(value: unknown): Result<number | undefined, DraftErrorCode> {
  if (value === undefined) return succeed(undefined);
  const ms =
    typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value)
      ? Date.parse(`${value}T00:00:00Z`)
      : Number.NaN;
  // Date.parse takes the 31st of February for the 2nd of March.
  if (Number.isNaN(ms) || ms <= 0 || new Date(ms).toISOString().slice(0, 10) !== value)
    return refuse(
      'draft_field_invalid',
      `redeemUntil: a day such as \`2036-01-01\` is accepted, not ${quote(value)}`,
      'redeemUntil',
    );
  return succeed(ms / 1000);
}
