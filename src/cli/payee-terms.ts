/** What goes for every payee of a CSV, from the options of a command. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import type { Draft } from '../records/draft.ts';
import { currencyExponent } from '../records/iso4217.ts';
import { purposePattern } from '../records/request.ts';

export type PayeeTerms = Pick<Draft, 'currency' | 'purpose' | 'origin' | 'destination'>;

export interface PayeeTermOptions {
  readonly currency: string | undefined;
  readonly purpose: string;
  readonly origin: string | undefined;
  readonly destination: string | undefined;
}

export function readPayeeTerms(
  given: PayeeTermOptions,
): Result<PayeeTerms, 'currency_unknown' | 'draft_field_invalid'> {
  const { currency: code, purpose } = given;
  const exponent = code === undefined ? undefined : currencyExponent(code);
  if (code === undefined || exponent === undefined) {
    return refuse(
      'currency_unknown',
      `--currency ${quote(code)}: a CSV of payees needs an ISO 4217 code such as \`EUR\``,
      'currency',
    );
  }
  const countries = { origin: '', destination: '' };
  for (const name of ['origin', 'destination'] as const) {
    const country = given[name];
    if (country === undefined || !/^[A-Z]{2}$/.test(country)) {
      return refuse(
        'draft_field_invalid',
        `--${name} ${quote(country)}: a CSV of payees needs two capital letters of ISO 3166`,
        name,
      );
    }
    countries[name] = country;
  }
  if (!purposePattern.test(purpose)) {
    return refuse(
      'draft_field_invalid',
      '--purpose: at most 140 characters, and none of control, are accepted',
      'purpose',
    );
  }
  return succeed({ currency: { code, exponent }, purpose, ...countries });
}
