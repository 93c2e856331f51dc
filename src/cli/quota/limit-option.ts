/** `--limit NAME=MAXIMUM/WINDOW` of `ringmint quota propose`. */
import { quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { parseAmount } from '../../records/amount.ts';
import { amountLimit, type Currency } from '../../records/claims.ts';
import { type Limit, limitNamePattern, windowSecondsLimit } from '../../records/quota-terms.ts';

/**
 * Reads `hour=5000.00/3600s` (an amount in any 3600 seconds), `burst=100orders/60s` (orders), `day=20000.00/Europe/Berlin` (a calendar
 * day in that zone). Zero is accepted: nothing, then.
 */
export function readLimitOption(text: string, currency: Currency): Result<Limit> {
  const match = /^([^=]+)=([^/]+)\/(.+)$/.exec(text);
  const [, name = '', most = '', over = ''] = match ?? [];
  const refused = refuse(
    'usage',
    `--limit ${quote(text)}: NAME=MAXIMUM/WINDOW is accepted, such as \`hour=5000.00/3600s\`, \`burst=100orders/60s\` or \`day=20000.00/Europe/Berlin\``,
  );
  if (!limitNamePattern.test(name)) return refused;
  const window = readWindow(over);
  if (window === undefined) return refused;
  const orders = /^(\d{1,16})orders$/.exec(most)?.[1];
  if (orders !== undefined)
    return BigInt(orders) <= amountLimit
      ? succeed({ name, counts: 'orders', window, maximum: BigInt(orders) })
      : refused;
  if (/^0+(\.0+)?$/.test(most)) return succeed({ name, counts: 'amount', window, maximum: 0n });
  const maximum = parseAmount(most, currency);
  return maximum.ok ? succeed({ name, counts: 'amount', window, maximum: maximum.value }) : maximum;
}

function readWindow(over: string): Limit['window'] | undefined {
  const seconds = /^(\d{1,9})s$/.exec(over)?.[1];
  if (seconds === undefined)
    return /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(over) ? { kind: 'day', timeZone: over } : undefined;
  const count = Number(seconds);
  return count >= 1 && count <= windowSecondsLimit ? { kind: 'rolling', seconds: count } : undefined;
}
