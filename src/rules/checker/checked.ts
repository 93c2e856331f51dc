/**
 * A module that was checked: every expression has its type, every name its meaning. What the evaluator, the compiler and the analysis
 * read; none of them looks at the text again but to show it.
 */
import type { ControlKind, Layer, Span, TransactionKind, Verdict } from '../language/syntax.ts';

/** Every number of the language is greater than -`numberLimit` and less than `numberLimit`. */
export const numberLimit = 10n ** 18n;

/** `convert`: a rate is minor units for so many minor units of the transaction's currency. */
export const rateScale = 10n ** 9n;
/** `mul`: a ratio is in millionths. */
export const ratioScale = 10n ** 6n;

export type Type =
  | { readonly kind: 'bool' | 'int' | 'symbol' | 'key' | 'ratio' | 'timestamp' | 'duration' }
  /** `currency` is an ISO 4217 code, or `tx`: the transaction's own. */
  | { readonly kind: 'money'; readonly currency: string };

export type Rounding = 'floor' | 'ceiling' | 'down' | 'up' | 'half_even' | 'half_up';

/** A number (also money in minor units, ratio in millionths, seconds), a truth, a symbol, or a key of 32 bytes. */
export type Value = bigint | boolean | string | Uint8Array;

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** Where a subexpression is used twice (a `let`) it is the same object. */
export type Typed = { readonly type: Type; readonly span: Span } & (
  | { readonly op: 'constant'; readonly value: Value }
  | { readonly op: 'field'; readonly field: Field }
  | { readonly op: 'has'; readonly field: Field }
  | { readonly op: 'parameter'; readonly parameter: Parameter }
  /** A feed of a ratio or an int. */
  | { readonly op: 'feed'; readonly feed: Feed }
  | { readonly op: 'spent' | 'count'; readonly window: Window }
  | { readonly op: 'listed'; readonly list: List; readonly item: Typed }
  | { readonly op: 'compare'; readonly operator: Comparison; readonly left: Typed; readonly right: Typed }
  | { readonly op: 'and' | 'or'; readonly left: Typed; readonly right: Typed }
  | { readonly op: 'not' | 'negate'; readonly operand: Typed }
  | {
      readonly op: 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder' | 'min' | 'max';
      readonly left: Typed;
      readonly right: Typed;
    }
  | { readonly op: 'select'; readonly condition: Typed; readonly then: Typed; readonly otherwise: Typed }
  /** `mul(money, ratio)`: amount × by ÷ `ratioScale` */
  | { readonly op: 'scale'; readonly amount: Typed; readonly by: Typed; readonly rounding: Rounding }
  /** `div(money, int)`: amount ÷ by */
  | { readonly op: 'share'; readonly amount: Typed; readonly by: Typed; readonly rounding: Rounding }
  /** amount × rate ÷ `rateScale`; the amount itself where the transaction is in `to`. */
  | {
      readonly op: 'convert';
      /** `money<tx>` */
      readonly amount: Typed;
      readonly to: string;
      readonly feed: Feed;
      readonly rounding: Rounding;
    }
);

/** What a rule may read of a transaction or an account; src/rules/schema.ts has them all. */
export interface Field {
  /** `tx.amount` */
  readonly name: string;
  readonly type: Type;
  readonly optional: boolean;
  /** Of a number: outside it is an error. */
  readonly least: bigint;
  readonly most: bigint;
  /** `said`: the sender's word; `known`: the system's own. */
  readonly authority: 'said' | 'known';
  /** Whose secret it is. */
  readonly secret: 'issuer' | undefined;
  readonly on: readonly TransactionKind[];
  /** One sentence for a reader. */
  readonly meaning: string;
}

export interface List {
  readonly kind: 'list';
  readonly name: string;
  readonly of: 'key' | 'symbol';
  readonly secret: boolean;
  /** SHA-256 of its file, or its items. */
  readonly source: { readonly sha256: string } | { readonly items: readonly string[] };
  readonly span: Span;
}

export interface Feed {
  readonly kind: 'feed';
  readonly name: string;
  readonly of: 'rates' | 'ratio' | 'int';
  /** Outside it is an error. Of rates: 1 to numberLimit - 1 where nothing was said. */
  readonly least: bigint;
  readonly most: bigint;
  readonly maxAgeSeconds: bigint;
  readonly onStale: 'HOLD' | 'DENY';
  readonly span: Span;
}

export interface Parameter {
  readonly kind: 'param';
  readonly name: string;
  readonly type: Type;
  /** Where the rule set does not move it. */
  readonly value: Value;
  /** `undefined` where it may not be moved. */
  readonly range: { readonly least: bigint; readonly most: bigint } | undefined;
  readonly secret: boolean;
  readonly span: Span;
}

export interface Window {
  readonly kind: 'window';
  readonly name: string;
  readonly seconds: bigint;
  readonly span: Span;
}

export interface Control {
  readonly kind: 'control';
  readonly name: string;
  readonly of: ControlKind;
  readonly span: Span;
}

export type Body =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** The verdict is what it is where `measure` is above `cap`. */
  | { readonly kind: 'cap'; readonly cap: Typed; readonly measure: Typed; readonly verdict: Verdict }
  /** The verdict is what it is where `field` is missing. */
  | { readonly kind: 'require'; readonly field: Field; readonly verdict: Verdict };

export interface Rule {
  readonly kind: 'rule';
  readonly name: string;
  /** `MODULE/RULE` */
  readonly id: string;
  readonly layer: Layer;
  readonly derogable: boolean;
  readonly control: Control;
  /** `MODULE/RULE` of the rule that this is an exception to. */
  readonly exceptionTo: string | undefined;
  readonly priority: bigint | undefined;
  /** Seconds since the epoch: from then on. */
  readonly from: bigint | undefined;
  /** Seconds since the epoch: no more at that time. */
  readonly expires: bigint | undefined;
  /** Always where there is none. */
  readonly when: Typed | undefined;
  readonly body: Body;
  readonly reveals: 'verdict' | 'code' | undefined;
  readonly law: string | undefined;
  readonly says: string | undefined;
  readonly span: Span;
}

export interface RuleTest {
  readonly title: string;
  readonly facts: Facts;
  readonly verdict: Verdict;
  /** Names of rules of this module, in the order of the module. */
  readonly fired: readonly string[];
  readonly span: Span;
}

export interface Property {
  readonly title: string;
  readonly claim:
    | { readonly kind: 'monotone'; readonly field: Field }
    | {
        readonly kind: 'bound';
        readonly when: Typed;
        readonly bound: 'at_least' | 'at_most';
        readonly verdict: Verdict;
      };
  readonly span: Span;
}

export interface CheckedModule {
  readonly name: string;
  readonly version: bigint;
  /** In the order of the alphabet; `ANY` alone. */
  readonly jurisdictions: readonly string[];
  readonly layer: Exclude<Layer, 'strict'>;
  readonly on: readonly TransactionKind[];
  readonly law: string | undefined;
  readonly note: string | undefined;
  readonly lists: readonly List[];
  readonly feeds: readonly Feed[];
  readonly parameters: readonly Parameter[];
  readonly windows: readonly Window[];
  readonly lets: readonly { readonly name: string; readonly value: Typed; readonly span: Span }[];
  readonly controls: readonly Control[];
  readonly rules: readonly Rule[];
  readonly tests: readonly RuleTest[];
  readonly properties: readonly Property[];
  /** What it was checked from. */
  readonly text: string;
  /** SHA-256 of the text as UTF-8. */
  readonly hash: Uint8Array;
}

/** All that a decision is made of: what is recorded of it, to make it again. */
export interface Facts {
  readonly kind: TransactionKind;
  /** By the name of the field; what is not there is missing. Numbers in the units of the type. */
  readonly fields: ReadonlyMap<string, Value>;
  /** By the name of the feed, which is the same one for all modules of a set. */
  readonly feeds: ReadonlyMap<string, FeedReading>;
  /** By the seconds of the window. */
  readonly windows: ReadonlyMap<bigint, { readonly spent: bigint; readonly count: bigint }>;
}

export interface FeedReading {
  /** Seconds since the epoch. */
  readonly asOf: bigint;
  /** Of a ratio or an int. */
  readonly value?: bigint;
  /** Of rates: by the currency that a rate leads to, from the transaction's. */
  readonly rates?: ReadonlyMap<string, bigint>;
}
