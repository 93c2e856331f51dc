/** A change of a quota in lines for a person: all that it says, so that an approver sees what is signed. */
import { formatAmount } from './amount.ts';
import type { Currency } from './claims.ts';
import { currencyExponent } from './iso4217.ts';
import { isoTime } from './key-ring.ts';
import type { QuotaChange } from './quota-change.ts';
import type { Limit } from './quota-terms.ts';

/** Amounts in the currency's own decimals; in minor units where it is not known. */
export function describeChange({ action, reason }: QuotaChange): readonly string[] {
  if (action.kind === 'start')
    return [`start issuing again, after the stop of journal entry ${action.stop}`, `reason: ${reason}`];
  const { issuer, currency: code, version, terms, clock } = action;
  const currency = { code, exponent: currencyExponent(code) ?? 0 };
  return [
    `the quota of ${issuer} in ${code}, version ${version}, becomes version ${version + 1}:`,
    `allocated ${formatAmount(terms.allocated, currency)}${terms.frozen ? ', FROZEN: nothing is issued' : ''}`,
    ...(terms.limits.length === 0 ? ['no limit over a window of time'] : []),
    ...terms.limits.map((limit) => `limit ${describeLimit(limit, currency)}`),
    ...(terms.returns ? ['what is retired for good comes back, and may be issued again'] : []),
    ...(clock === null ? [] : [`its clock is put back to ${isoTime(clock)}, where it is later`]),
    `reason: ${reason}`,
  ];
}

function describeLimit({ name, counts, window, maximum }: Limit, currency: Currency): string {
  const most = counts === 'amount' ? formatAmount(maximum, currency) : `${maximum} orders`;
  const over = window.kind === 'day' ? `a day in ${window.timeZone}` : `${window.seconds} seconds`;
  return `${name}: ${most} in ${over}`;
}
