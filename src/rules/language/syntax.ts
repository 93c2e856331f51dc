/**
 * What the text of a module says, before anything of it is checked: the tree that the parser gives, with the place of everything.
 * docs/RULES.md has the language.
 */

/** Offsets in the module's text, in UTF-16 units, the end left out. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A word or number of the text with its place. */
export interface Located<T> {
  readonly value: T;
  readonly span: Span;
}

export const verdicts = ['ALLOW', 'FLAG', 'HOLD', 'DENY'] as const;
export type Verdict = (typeof verdicts)[number];

/** From the laxest, 0. */
export function rankOf(verdict: Verdict): number {
  return verdicts.indexOf(verdict);
}

/** From the one that yields to the one that prevails. */
export const layers = ['issuer', 'national', 'regional', 'bilateral', 'convention', 'strict'] as const;
export type Layer = (typeof layers)[number];

export const transactionKinds = ['issuance', 'transfer'] as const;
export type TransactionKind = (typeof transactionKinds)[number];

export const controlKinds = ['verdict', 'cap', 'evidence'] as const;
export type ControlKind = (typeof controlKinds)[number];

export const binaryOperators = [
  '&&',
  '||',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
  'in',
] as const;
export type BinaryOperator = (typeof binaryOperators)[number];

/** An expression of CEL, what the language leaves out left out. */
export type Expression = { readonly span: Span } & (
  | { readonly kind: 'literal'; readonly value: bigint | boolean | string }
  /** `daily`, `tx.amount`, `list.sdn` */
  | { readonly kind: 'name'; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  /** `["a", "b"].exists(x, E)` */
  | {
      readonly kind: 'quantifier';
      readonly quantifier: 'exists' | 'all';
      readonly items: Expression;
      readonly variable: string;
      readonly body: Expression;
    }
  | { readonly kind: 'unary'; readonly operator: '!' | '-'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'conditional';
      readonly condition: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
);

export interface RangeSyntax {
  readonly least: Expression;
  readonly most: Expression;
}

interface Declared {
  readonly name: Located<string>;
  /** Of the whole declaration. */
  readonly span: Span;
}

export interface ListSyntax extends Declared {
  readonly kind: 'list';
  readonly of: Located<string>;
  readonly secret: boolean;
  /** SHA-256 of the list's file in hex, or the items themselves. */
  readonly source: { readonly sha256: Located<string> } | { readonly items: Expression };
}

export interface FeedSyntax extends Declared {
  readonly kind: 'feed';
  readonly of: Located<string>;
  readonly range: RangeSyntax | undefined;
  readonly maxAgeSeconds: Located<bigint>;
  readonly onStale: Located<string>;
}

export interface ParameterSyntax extends Declared {
  readonly kind: 'param';
  /** As written: `money<USD>`, `int`. */
  readonly type: Located<string>;
  readonly value: Expression;
  readonly range: RangeSyntax | undefined;
  readonly secret: boolean;
}

export interface WindowSyntax extends Declared {
  readonly kind: 'window';
  readonly seconds: Located<bigint>;
}

export interface LetSyntax extends Declared {
  readonly kind: 'let';
  readonly value: Expression;
}

export interface ControlSyntax extends Declared {
  readonly kind: 'control';
  readonly of: Located<string>;
}

export type BodySyntax =
  | { readonly kind: 'verdict'; readonly verdict: Located<Verdict>; readonly when: Expression }
  | {
      readonly kind: 'cap';
      readonly cap: Expression;
      readonly measure: Expression;
      readonly when: Expression | undefined;
      readonly otherwise: Located<Verdict> | undefined;
    }
  | {
      readonly kind: 'require';
      readonly field: Expression;
      readonly when: Expression | undefined;
      readonly otherwise: Located<Verdict> | undefined;
    };

export interface RuleSyntax extends Declared {
  readonly kind: 'rule';
  readonly strict: boolean;
  readonly derogable: boolean;
  readonly control: Located<string>;
  /** `RULE` or `MODULE/RULE` */
  readonly exceptionTo: Located<string> | undefined;
  readonly priority: Located<bigint> | undefined;
  /** `YYYY-MM-DD` */
  readonly from: Located<string> | undefined;
  readonly expires: Located<string> | undefined;
  readonly body: BodySyntax;
  readonly reveals: Located<string> | undefined;
  readonly law: Located<string> | undefined;
  readonly says: Located<string> | undefined;
}

/** `tx.amount: usd("1.00")`, `spent.day: usd("0.00")`, `feed.ecb.USD: rate("1.0842")`, `feed.ecb.age: duration("2h")` */
export interface FactSyntax {
  readonly path: Located<string>;
  readonly value: Expression;
}

export interface GivenSyntax {
  readonly kind: 'given';
  readonly facts: readonly FactSyntax[];
  readonly span: Span;
}

export interface TestSyntax {
  readonly kind: 'test';
  readonly title: Located<string>;
  readonly facts: readonly FactSyntax[];
  readonly verdict: Located<Verdict>;
  readonly fired: readonly Located<string>[];
  readonly span: Span;
}

export interface PropertySyntax {
  readonly kind: 'property';
  readonly title: Located<string>;
  readonly claim:
    | { readonly kind: 'monotone'; readonly field: Expression }
    | {
        readonly kind: 'bound';
        readonly when: Expression;
        readonly bound: 'at_least' | 'at_most';
        readonly verdict: Located<Verdict>;
      };
  readonly span: Span;
}

export type Declaration =
  | ListSyntax
  | FeedSyntax
  | ParameterSyntax
  | WindowSyntax
  | LetSyntax
  | ControlSyntax
  | RuleSyntax
  | GivenSyntax
  | TestSyntax
  | PropertySyntax;

export interface ModuleSyntax {
  readonly name: Located<string>;
  readonly version: Located<bigint>;
  readonly jurisdictions: readonly Located<string>[];
  readonly layer: Located<string> | undefined;
  readonly on: readonly Located<string>[];
  readonly law: Located<string> | undefined;
  readonly note: Located<string> | undefined;
  /** In the order of the text. */
  readonly declarations: readonly Declaration[];
  readonly header: Span;
}

/** What is wrong at a place of a text. */
export interface Fault {
  /** Stable, such as `type_mismatch`. */
  readonly code: string;
  readonly span: Span;
  /** What was found, and what would be accepted. */
  readonly message: string;
}
