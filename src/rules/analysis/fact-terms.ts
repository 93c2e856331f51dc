/**
 * The facts of a transaction as unknowns, and back: a model of the solver is a transaction.
 *
 * `proper`: all that is not optional is there, in its range and fresh. `any`: inputs may also be missing, out of range or stale; but for time, currency, origin and
 * destination, without which nothing is decided.
 */

import { amountLimit } from '../../records/claims.ts';
import type { Facts, Feed, FeedReading, Field, Value } from '../checker/checked.ts';
import { numberLimit } from '../checker/checked.ts';
import { schema } from '../schema.ts';
import type { Corridor, RuleSet } from '../set/rule-set.ts';
import { type Coded, sure } from './coded.ts';
import { readNumber } from './script.ts';
import { type Term, type Terms, variablesBelow } from './term.ts';
import type { Universe } from './universe.ts';
import { expressionsOfModule } from './walking.ts';

export type Inputs = 'proper' | 'any';

interface Range {
  readonly least: bigint;
  readonly most: bigint;
}

/** What sets read: with the tightest range that any of them says. */
export interface InputsOfSets {
  /** By feed, and ` CCY` after it where it is of rates. */
  readonly feeds: ReadonlyMap<string, Range & { readonly feed: string; readonly to: string | undefined }>;
  readonly windows: ReadonlySet<bigint>;
}

export function inputsOf(sets: readonly RuleSet[]): InputsOfSets {
  const feeds = new Map<string, Range & { feed: string; to: string | undefined }>();
  const windows = new Set<bigint>();
  const add = ({ name, least, most }: Feed, to: string | undefined): void => {
    const key = to === undefined ? name : `${name} ${to}`;
    const known = feeds.get(key) ?? { least, most };
    const range = {
      least: known.least > least ? known.least : least,
      most: known.most < most ? known.most : most,
    };
    // Where no value is in all ranges, each module is looked at with one that is not in another's.
    feeds.set(key, { feed: name, to, ...(range.least <= range.most ? range : known) });
  };
  for (const set of sets)
    for (const module of set.modules) {
      for (const { seconds } of module.windows) windows.add(seconds);
      for (const typed of expressionsOfModule(module))
        if (typed.op === 'convert') add(typed.feed, typed.to);
        else if (typed.op === 'feed') add(typed.feed, undefined);
    }
  return { feeds, windows };
}

export interface FactTermOptions {
  readonly terms: Terms;
  readonly universe: Universe;
  readonly corridor: Corridor;
  readonly inputs: Inputs;
  readonly of: InputsOfSets;
  /** Transactions from then on, in seconds. */
  readonly now: bigint;
  /** A field that is another unknown in this transaction, with what its name has after it. */
  readonly changed?: { readonly field: string; readonly mark: string };
}

/** So many minor units for 10^9 of another currency are still ordinary. */
const ordinaryRate = 10n ** 11n;
const numbers: Range = { least: 1n - numberLimit, most: numberLimit - 1n };
const times: Range = { least: 0n, most: schema.get('tx.time')?.most ?? 0n };

export class FactTerms {
  readonly options: FactTermOptions;

  constructor(options: FactTermOptions) {
    this.options = options;
  }

  get time(): Term {
    return this.options.terms.variable(this.timeName, this.options.now, times.most);
  }

  private get timeName(): string {
    const { changed } = this.options;
    return changed?.field === 'tx.time' ? `tx.time${changed.mark}` : 'tx.time';
  }

  /** What reading a field gives. */
  field(field: Field): Coded {
    const { terms, inputs } = this.options;
    const known = this.ofCorridor(field.name);
    if (known !== undefined) return { ...sure(terms, terms.int(known)), least: known, most: known };
    if (field.name === 'tx.time')
      return { ...sure(terms, this.time), least: this.options.now, most: times.most };
    const { least, most } = this.rangeOf(field);
    const value = terms.variable(this.nameOf(field), least, most);
    const isOut = inputs === 'any' && outsideOf(field) !== undefined;
    const out = isOut ? terms.condition(`out ${this.nameOf(field)}`) : terms.false;
    // The checker lets an optional field be read only where it is there: that it is missing is never an error.
    const missing = field.optional ? terms.false : terms.not(this.has(field));
    return { value, least, most, error: terms.or(missing, out), denied: terms.false };
  }

  has(field: Field): Term {
    const { terms, inputs } = this.options;
    if (this.ofCorridor(field.name) !== undefined || field.name === 'tx.time') return terms.true;
    if (inputs === 'proper' && !field.optional) return terms.true;
    return terms.condition(`has ${this.nameOf(field)}`);
  }

  /** `spent` or `count` of a window. */
  window(op: 'spent' | 'count', seconds: bigint): Coded {
    const { terms, inputs } = this.options;
    return {
      value: terms.variable(`${op} ${seconds}`, 0n, numbers.most),
      least: 0n,
      most: numbers.most,
      error: inputs === 'proper' ? terms.false : terms.not(terms.condition(`window ${seconds}`)),
      denied: terms.false,
    };
  }

  /** A feed's number, or its rate into `to`. */
  feed(feed: Feed, to: string | undefined): Coded {
    const { terms, inputs, of } = this.options;
    const key = to === undefined ? feed.name : `${feed.name} ${to}`;
    const { least, most } = feed;
    if (inputs === 'proper') {
      const range = of.feeds.get(key) ?? { least, most };
      return {
        ...sure(terms, terms.variable(`feed ${key}`, range.least, range.most)),
        least: range.least,
        most: range.most,
        error: terms.truth(range.least < least || range.most > most),
      };
    }
    const value = terms.variable(`any feed ${key}`, numbers.least, numbers.most);
    const missing = terms.not(terms.condition(`has feed ${feed.name}`));
    const age = terms.subtract(this.time, terms.variable(`as of ${feed.name}`, times.least, times.most));
    const stale = terms.and(
      terms.not(missing),
      terms.or(terms.less(age, terms.int(0n)), terms.less(terms.int(feed.maxAgeSeconds), age)),
    );
    const wrong = terms.or(
      missing,
      ...(to === undefined ? [] : [terms.not(terms.condition(`has rate ${key}`))]),
      terms.less(value, terms.int(least)),
      terms.less(terms.int(most), value),
    );
    return {
      value,
      least,
      most,
      error: terms.or(stale, wrong),
      denied: feed.onStale === 'DENY' ? stale : terms.false,
    };
  }

  /**
   * That what `term` reads is ordinary: what has no range of its own is within the greatest amount, and rates are up to 100 minor units for one. Without
   * it, everything that adds or converts overflows somewhere.
   */
  ordinary(term: Term): Term {
    const { terms } = this.options;
    return terms.and(
      ...variablesBelow(term).map((unknown) => {
        if (unknown.kind !== 'variable' || unknown.sort === 'Bool') return terms.true;
        const { name, least, most } = unknown;
        const limit = terms.int(/^feed \S+ \S+$/.test(name) ? ordinaryRate : amountLimit);
        return terms.and(
          most === numbers.most ? terms.atMost(unknown, limit) : terms.true,
          least === numbers.least ? terms.atMost(terms.int(-amountLimit), unknown) : terms.true,
        );
      }),
    );
  }

  /** The transaction that a model says, with something ordinary for whatever it says nothing of. */
  read(model: ReadonlyMap<string, string>): Facts {
    const { corridor, of, now } = this.options;
    const holds = (name: string, otherwise: boolean): boolean => {
      const text = model.get(name);
      return text === undefined ? otherwise : text === 'true';
    };
    const number = (name: string, otherwise: bigint): bigint =>
      readNumber(model.get(name) ?? '') ?? otherwise;
    const time = number(this.timeName, now);
    const fields = new Map<string, Value>();
    for (const field of schema.values()) {
      if (!field.on.includes(corridor.kind)) continue;
      const name = this.nameOf(field);
      if (field.name === 'tx.time') fields.set(field.name, time);
      else if (this.ofCorridor(field.name) !== undefined)
        fields.set(field.name, this.corridorText(field.name));
      else if (holds(`has ${name}`, !field.optional)) {
        const outside = holds(`out ${name}`, false) ? outsideOf(field) : undefined;
        fields.set(field.name, outside ?? this.valueOf(field, model.get(name)));
      }
    }
    const windows = new Map<bigint, { spent: bigint; count: bigint }>();
    for (const seconds of of.windows)
      if (holds(`window ${seconds}`, true))
        windows.set(seconds, {
          spent: number(`spent ${seconds}`, 0n),
          count: number(`count ${seconds}`, 0n),
        });
    return { kind: corridor.kind, fields, feeds: this.readFeeds(time, holds, number), windows };
  }

  private readFeeds(
    time: bigint,
    holds: (name: string, otherwise: boolean) => boolean,
    number: (name: string, otherwise: bigint) => bigint,
  ): ReadonlyMap<string, FeedReading> {
    const feeds = new Map<string, { asOf: bigint; value?: bigint; rates?: Map<string, bigint> }>();
    for (const [key, { feed, to, least, most }] of this.options.of.feeds) {
      if (!holds(`has feed ${feed}`, true)) continue;
      const reading = feeds.get(feed) ?? { asOf: number(`as of ${feed}`, time) };
      const usual = to === undefined ? 10n ** 6n : 10n ** 9n;
      const ordinary = usual < least ? least : usual > most ? most : usual;
      const value = number(`feed ${key}`, number(`any feed ${key}`, ordinary));
      if (to === undefined) reading.value = value;
      else {
        reading.rates ??= new Map();
        if (holds(`has rate ${key}`, true)) reading.rates.set(to, value);
      }
      feeds.set(feed, reading);
    }
    return feeds;
  }

  private valueOf(field: Field, text: string | undefined): Value {
    const { universe } = this.options;
    const { kind } = field.type;
    if (kind === 'symbol' || kind === 'key')
      return universe.valueOf(kind, readNumber(text ?? '') ?? universe.unnamed(kind));
    const ordinary = field.least > 0n ? field.least : 0n;
    return readNumber(text ?? '') ?? ordinary;
  }

  private rangeOf({ type: { kind }, least, most }: Field): Range {
    return kind === 'symbol' || kind === 'key'
      ? { least: 0n, most: BigInt(this.options.universe.size(kind) - 1) }
      : { least, most };
  }

  private nameOf({ name }: Field): string {
    const { changed } = this.options;
    return changed?.field === name ? `${name}${changed.mark}` : name;
  }

  private ofCorridor(name: string): bigint | undefined {
    const text = this.corridorText(name);
    return text === '' ? undefined : this.options.universe.numberOf(text);
  }

  private corridorText(name: string): string {
    const { origin, destination, currency } = this.options.corridor;
    return name === 'tx.origin'
      ? origin
      : name === 'tx.destination'
        ? destination
        : name === 'tx.currency'
          ? currency
          : '';
  }
}

/** A number that a field may not have, where there is one. */
function outsideOf({ type: { kind }, least, most }: Field): bigint | undefined {
  if (kind === 'symbol' || kind === 'key' || kind === 'bool') return undefined;
  if (most < numbers.most) return most + 1n;
  return least > numbers.least ? least - 1n : undefined;
}
