/**
 * The terms of a quota: how much is allocated in total, whether it is frozen, and the limits over windows of time.
 *
 * ```
 * terms  [ allocated, frozen, [ limit, … ] ] │ [ allocated, frozen, [ limit, … ], true ]     the second: what is retired comes back
 * limit  [ name, "amount" │ "orders", window, maximum ]
 * window [ "day", time zone ] │ [ "rolling", seconds ]
 * ```
 * Amounts are minor units.
 */
import type { CborValue } from '../kit/encoding.ts';
import { amountLimit, type ClaimReader } from './claims.ts';

export type LimitWindow =
  /** A calendar day in a time zone of the IANA database. */
  | { readonly kind: 'day'; readonly timeZone: string }
  /** Any stretch of time of this length. */
  | { readonly kind: 'rolling'; readonly seconds: number };

export interface Limit {
  readonly name: string;
  /** Minor units, or orders: what callers asked for, each with an id of its own. */
  readonly counts: 'amount' | 'orders';
  readonly window: LimitWindow;
  readonly maximum: bigint;
}

/** INVARIANT: 0 ≤ allocated ≤ 10^15; at most 8 limits, no name twice, each maximum from 0 to 10^15. */
export interface QuotaTerms {
  /** The most that may ever be issued, minor units: the limit without a window. */
  readonly allocated: bigint;
  /** Nothing is taken while it is. */
  readonly frozen: boolean;
  readonly limits: readonly Limit[];
  /** Whether what is retired for good comes back to the total, and may be issued again. Limits over windows never get anything back. */
  readonly returns: boolean;
}

/** The most limits of a quota. */
export const limitCount = 8;
/** Of a rolling window: 366 days. */
export const windowSecondsLimit = 366 * 86_400;
export const limitNamePattern = /^[a-z0-9-]{1,32}$/;
const limitNameAccepted = '1 to 32 of `a`-`z`, `0`-`9` and `-`';
const timeZonePattern = /^[A-Za-z0-9_+\-/]{1,64}$/;

export function encodeTerms({ allocated, frozen, limits, returns }: QuotaTerms): CborValue {
  const terms = [allocated, frozen, encodeLimits(limits)];
  // Left out where it is not so: terms of before there was such a choice stay what they are, byte for byte.
  return returns ? [...terms, true] : terms;
}

export function encodeLimits(limits: readonly Limit[]): CborValue {
  return limits.map(({ name, counts, window, maximum }) => [
    name,
    counts,
    window.kind === 'day' ? ['day', window.timeZone] : ['rolling', window.seconds],
    maximum,
  ]);
}

/** The terms, with their invariant; a placeholder where the reader has refused them. */
export function readTerms(reader: ClaimReader, value: CborValue | undefined, name: string): QuotaTerms {
  const four = Array.isArray(value) && value.length === 4;
  const [allocated, frozen, limits, returns] = reader.listOf(value, name, four ? 4 : 3);
  if (typeof frozen !== 'boolean') reader.fail(`${name}.frozen`, 'true or false');
  if (four && returns !== true) reader.fail(`${name}.returns`, 'true, or left out');
  return {
    allocated: readMaximum(reader, allocated, `${name}.allocated`),
    frozen: frozen === true,
    limits: readLimits(reader, limits, `${name}.limits`),
    returns: returns === true,
  };
}

export function readLimits(
  reader: ClaimReader,
  value: CborValue | undefined,
  name: string,
): readonly Limit[] {
  const limits = reader
    .listOf(value, name)
    .map((item, index) => readLimit(reader, item, `${name}[${index}]`));
  if (limits.length > limitCount) reader.fail(name, `a list of at most ${limitCount} limits`);
  if (new Set(limits.map((limit) => limit.name)).size !== limits.length)
    reader.fail(name, 'a list that has each name once');
  return limits;
}

function readLimit(reader: ClaimReader, item: CborValue, field: string): Limit {
  const [name, counts, window, maximum] = reader.listOf(item, field, 4);
  if (counts !== 'amount' && counts !== 'orders') reader.fail(`${field}.counts`, '`amount` or `orders`');
  return {
    name: reader.textOf(name, `${field}.name`, limitNamePattern, limitNameAccepted),
    counts: counts === 'orders' ? 'orders' : 'amount',
    window: readWindow(reader, window, `${field}.window`),
    maximum: readMaximum(reader, maximum, `${field}.maximum`),
  };
}

function readWindow(reader: ClaimReader, value: CborValue | undefined, field: string): LimitWindow {
  const [kind, extent] = reader.listOf(value, field, 2);
  if (kind === 'day')
    return {
      kind,
      timeZone: reader.textOf(
        extent,
        `${field}.timeZone`,
        timeZonePattern,
        'a time zone such as `Europe/Berlin`',
      ),
    };
  if (kind !== 'rolling') reader.fail(field, '`day` or `rolling`');
  const seconds = reader.integerOf(extent, `${field}.seconds`, 1);
  if (seconds > windowSecondsLimit)
    reader.fail(`${field}.seconds`, `a number of seconds from 1 to ${windowSecondsLimit}`);
  return { kind: 'rolling', seconds };
}

function readMaximum(reader: ClaimReader, value: CborValue | undefined, field: string): bigint {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const maximum = BigInt(value);
    if (maximum >= 0n && maximum <= amountLimit) return maximum;
  }
  reader.fail(field, `an integer from 0 to ${amountLimit}`);
  return 0n;
}

const daySeconds = 86_400;

/**
 * The most that the terms let be issued in some 24 hours, minor units: what the least of the limits on amounts leaves, and the total. Any 24
 * hours touch two calendar days, and as many shorter windows as fit into them.
 */
export function mostInAnyDay({ allocated, limits }: Pick<QuotaTerms, 'allocated' | 'limits'>): bigint {
  const perDay = limits.flatMap(({ counts, window, maximum }) => {
    if (counts !== 'amount') return [];
    const windows = window.kind === 'day' ? 2 : Math.ceil(daySeconds / window.seconds);
    return maximum * BigInt(windows);
  });
  return perDay.reduce((least, most) => (most < least ? most : least), allocated);
}
