/** The facts of a request's orders, one after another: what is the same for all is there once, of the rest a column each. */
import type { Facts, FeedReading, Value } from '../checker/checked.ts';
import type { TransactionKind } from '../language/syntax.ts';
import type { Column } from './column.ts';

export interface OrderColumns {
  readonly kind: TransactionKind;
  /** By name, in the order of names. */
  readonly fields: ReadonlyMap<string, Column>;
  readonly feeds: ReadonlyMap<string, FeedReading>;
  readonly windows: ReadonlyMap<bigint, { readonly spent: Column; readonly count: Column }>;
}

export interface CommonFacts {
  readonly kind: TransactionKind;
  readonly fields: ReadonlyMap<string, Value>;
  readonly feeds: ReadonlyMap<string, FeedReading>;
}

export interface WindowUse {
  readonly spent: bigint;
  readonly count: bigint;
}

/** Gives facts order by order, and remembers them. One object is given each time: it is to be used before the next is asked for. */
export class OrderFacts {
  private readonly kind: TransactionKind;
  private readonly common: ReadonlyMap<string, Value>;
  private readonly feeds: ReadonlyMap<string, FeedReading>;
  private readonly varying: readonly string[];
  private readonly given: Value[][];
  private readonly seconds: readonly bigint[];
  private readonly spent: bigint[][];
  private readonly counts: bigint[][];
  private readonly fields: Map<string, Value>;
  private readonly windows = new Map<bigint, WindowUse>();
  private readonly facts: Facts;

  /** `varying`: names of the fields that each order has a value of its own for; `windows` by their seconds. */
  constructor(common: CommonFacts, varying: readonly string[], windows: readonly bigint[]) {
    const { kind, fields, feeds } = common;
    this.kind = kind;
    this.common = fields;
    this.feeds = feeds;
    this.varying = varying;
    this.given = varying.map(() => []);
    this.seconds = windows;
    this.spent = windows.map(() => []);
    this.counts = windows.map(() => []);
    this.fields = new Map(fields);
    this.facts = { kind, fields: this.fields, feeds, windows: this.windows };
  }

  /** Of the next order: a value for each field that varies, and for each window. */
  next(values: readonly Value[], windows: readonly WindowUse[]): Facts {
    for (let place = 0; place < this.varying.length; place++) {
      const value = values[place] as Value;
      this.fields.set(this.varying[place] as string, value);
      (this.given[place] as Value[]).push(value);
    }
    for (let place = 0; place < this.seconds.length; place++) {
      const use = windows[place] as WindowUse;
      this.windows.set(this.seconds[place] as bigint, use);
      (this.spent[place] as bigint[]).push(use.spent);
      (this.counts[place] as bigint[]).push(use.count);
    }
    return this.facts;
  }

  /** Of all orders so far. */
  columns(): OrderColumns {
    const count = this.given[0]?.length ?? 0;
    const fields = new Map<string, Column>(
      [...this.common].map(([name, value]) => [name, new Array<Value>(count).fill(value)]),
    );
    for (const [place, name] of this.varying.entries()) fields.set(name, this.given[place] as Value[]);
    const windows = this.seconds.map(
      (seconds, place) =>
        [seconds, { spent: this.spent[place] as bigint[], count: this.counts[place] as bigint[] }] as const,
    );
    return { kind: this.kind, fields, feeds: this.feeds, windows: new Map(windows) };
  }
}

/** The facts of one order. */
export function factsAt({ kind, fields, feeds, windows }: OrderColumns, order: number): Facts {
  const values = new Map<string, Value>();
  for (const [name, column] of fields) {
    const value = column[order];
    if (value !== undefined) values.set(name, value);
  }
  const uses = new Map<bigint, WindowUse>();
  for (const [seconds, { spent, count }] of windows) {
    const [amount, number] = [spent[order], count[order]];
    if (typeof amount === 'bigint' && typeof number === 'bigint')
      uses.set(seconds, { spent: amount, count: number });
  }
  return { kind, fields: values, feeds, windows: uses };
}
