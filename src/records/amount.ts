/** Amounts as people write them, and as records hold them: decimal text to minor units and back, never through a float. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { amountLimit, type Currency } from './claims.ts';

export type AmountCode =
  | 'amount_malformed'
  | 'amount_not_positive'
  | 'amount_fraction'
  | 'amount_out_of_range';

/**
 * Reads a decimal amount such as `1250.50` into minor units.
 *
 * Codes: `amount_malformed`, `amount_not_positive` (negative or zero), `amount_fraction` (more digits than
 * the currency has), `amount_out_of_range` (over 10^15 minor units).
 */
export function parseAmount(text: string, currency: Currency, field?: string): Result<bigint, AmountCode> {
  const match = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?$/.exec(text);
  if (match === null) {
    const hint = /[, _']/.test(text) ? ' without separators of thousands' : '';
    return refuse(
      'amount_malformed',
      `${quote(text)} is not an amount: a decimal number such as \`${example(currency)}\`${hint} is accepted`,
      field,
    );
  }
  const [, sign, whole = '', fraction = ''] = match;
  if (fraction.length > currency.exponent) {
    return refuse(
      'amount_fraction',
      `${quote(text)} has ${fraction.length} decimals: ${currency.code} has ${currency.exponent}, as in \`${example(currency)}\``,
      field,
    );
  }
  const minor = BigInt(whole + fraction.padEnd(currency.exponent, '0'));
  if (sign === '-' || minor === 0n) {
    return refuse(
      'amount_not_positive',
      `${quote(text)} is not above zero: the least amount is \`${formatAmount(1n, currency)}\``,
      field,
    );
  }
  if (minor > amountLimit) {
    return refuse(
      'amount_out_of_range',
      `${quote(text)} is too large: at most \`${formatAmount(amountLimit, currency)}\` is accepted`,
      field,
    );
  }
  return succeed(minor);
}

/** Writes minor units with all the currency's decimals: `125050n` EUR is `1250.50`. */
export function formatAmount(minor: bigint, currency: Currency): string {
  const sign = minor < 0n ? '-' : '';
  const digits = String(minor < 0n ? -minor : minor).padStart(currency.exponent + 1, '0');
  if (currency.exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -currency.exponent)}.${digits.slice(-currency.exponent)}`;
}

function example(currency: Currency): string {
  return currency.exponent === 0 ? '1250' : `1250.${'5'.padEnd(currency.exponent, '0')}`;
}

/** With the currency's code, as a person reads it: `12.50 EUR`. */
export function formatMoney(amount: bigint, currency: Currency): string {
  return `${formatAmount(amount, currency)} ${currency.code}`;
}
