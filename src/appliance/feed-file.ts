/**
 * `central/feeds.json`: what rules read from outside, as the operator puts it there, each with the moment that it is of.
 *
 * ```
 * { "ecb": { "asOf": "2026-11-22T10:00:00Z", "rates": { "EUR": { "USD": "1.0842" } } },
 *   "income_ratio": { "asOf": "2026-11-01T00:00:00Z", "value": "250000" } }
 * ```
 * A rate is minor units of the currency that it leads to for one minor unit of the transaction's, with at most nine decimals; a value is a whole
 * number, a ratio in millionths. Replace the file by a rename: what is not whole is no reading, and rules that need one hold.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { FeedReading } from '../rules/checker/checked.ts';

const whole = Type.String({ pattern: '^-?[0-9]{1,18}$' });
const rate = Type.String({ pattern: '^[0-9]{1,9}(\\.[0-9]{1,9})?$' });
const code = Type.String({ pattern: '^[A-Z]{3}$' });
const asOf = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$' });

/** Also keys of another form are refused, and not passed over. */
const closed = { additionalProperties: false };

const feedsSchema = Type.Record(
  Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }),
  Type.Union([
    Type.Object({ asOf, value: whole }, closed),
    Type.Object({ asOf, rates: Type.Record(code, Type.Record(code, rate, closed), closed) }, closed),
  ]),
  closed,
);

/** What a transaction in a currency is told of the feeds. */
export interface Feeds {
  of(currency: string): ReadonlyMap<string, FeedReading>;
}

export const noFeeds: Feeds = { of: () => new Map() };

/** `undefined` where the text is no file of feeds. */
export function readFeeds(text: string): Feeds | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // JSON.parse tells of bad input by throwing a SyntaxError and nothing else.
    return undefined;
  }
  if (!Value.Check(feedsSchema, value)) return undefined;
  const feeds = Object.entries(value).map(([name, feed]) => ({ name, feed, at: momentOf(feed.asOf) }));
  if (feeds.some(({ at }) => at === undefined)) return undefined;
  return {
    of(currency) {
      const readings = new Map<string, FeedReading>();
      for (const { name, feed, at } of feeds) {
        const moment = { asOf: at ?? 0n };
        if ('value' in feed) readings.set(name, { ...moment, value: BigInt(feed.value) });
        else {
          const rates = Object.entries(feed.rates[currency] ?? {});
          readings.set(name, { ...moment, rates: new Map(rates.map(([to, text]) => [to, scaled(text)])) });
        }
      }
      return readings;
    },
  };
}

function momentOf(text: string): bigint | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : BigInt(Math.floor(ms / 1000));
}

/** A decimal in billionths. */
function scaled(text: string): bigint {
  const [units = '0', decimals = ''] = text.split('.');
  return BigInt(units) * 10n ** 9n + BigInt(decimals.padEnd(9, '0'));
}
