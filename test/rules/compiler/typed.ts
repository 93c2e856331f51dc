/** Checked expressions, rules, modules and sets written by hand: what the compiler takes, without the parts before it. */
import type {
  CheckedModule,
  Comparison,
  Control,
  Facts,
  Feed,
  Field,
  List,
  Parameter,
  Rounding,
  Rule,
  Type,
  Typed,
  Value,
  Window,
} from '../../../src/rules/checker/checked.ts';
import { schema } from '../../../src/rules/schema.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';

export const span = { start: 0, end: 0 };
const at = { span };

export const types = {
  bool: { kind: 'bool' },
  int: { kind: 'int' },
  symbol: { kind: 'symbol' },
  key: { kind: 'key' },
  ratio: { kind: 'ratio' },
  timestamp: { kind: 'timestamp' },
  duration: { kind: 'duration' },
  tx: { kind: 'money', currency: 'tx' },
  usd: { kind: 'money', currency: 'USD' },
} as const satisfies Record<string, Type>;

export function fieldNamed(name: string): Field {
  const field = schema.get(name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field;
}

export const constant = (value: Value, type: Type): Typed => ({ ...at, op: 'constant', value, type });
export const int = (value: bigint): Typed => constant(value, types.int);
export const bool = (value: boolean): Typed => constant(value, types.bool);
export const text = (value: string): Typed => constant(value, types.symbol);
export const read = (name: string): Typed => ({
  ...at,
  op: 'field',
  field: fieldNamed(name),
  type: fieldNamed(name).type,
});
export const has = (name: string): Typed => ({ ...at, op: 'has', field: fieldNamed(name), type: types.bool });
export const ofParameter = (parameter: Parameter): Typed => ({
  ...at,
  op: 'parameter',
  parameter,
  type: parameter.type,
});
export const ofFeed = (feed: Feed): Typed => ({
  ...at,
  op: 'feed',
  feed,
  type: feed.of === 'ratio' ? types.ratio : types.int,
});
export const spent = (window: Window): Typed => ({ ...at, op: 'spent', window, type: types.tx });
export const count = (window: Window): Typed => ({ ...at, op: 'count', window, type: types.int });
export const listed = (item: Typed, list: List): Typed => ({
  ...at,
  op: 'listed',
  item,
  list,
  type: types.bool,
});
export const compare = (left: Typed, operator: Comparison, right: Typed): Typed => ({
  ...at,
  op: 'compare',
  operator,
  left,
  right,
  type: types.bool,
});
export const and = (left: Typed, right: Typed): Typed => ({
  ...at,
  op: 'and',
  left,
  right,
  type: types.bool,
});
export const or = (left: Typed, right: Typed): Typed => ({ ...at, op: 'or', left, right, type: types.bool });
export const not = (operand: Typed): Typed => ({ ...at, op: 'not', operand, type: types.bool });
export const negate = (operand: Typed): Typed => ({ ...at, op: 'negate', operand, type: operand.type });
export type Calculation = 'add' | 'subtract' | 'multiply' | 'divide' | 'remainder' | 'min' | 'max';
export const calculate = (op: Calculation, left: Typed, right: Typed, type: Type = left.type): Typed => ({
  ...at,
  op,
  left,
  right,
  type,
});
export const choose = (condition: Typed, then: Typed, otherwise: Typed): Typed => ({
  ...at,
  op: 'select',
  condition,
  then,
  otherwise,
  type: then.type,
});
export const scale = (amount: Typed, by: Typed, rounding: Rounding): Typed => ({
  ...at,
  op: 'scale',
  amount,
  by,
  rounding,
  type: amount.type,
});
export const share = (amount: Typed, by: Typed, rounding: Rounding): Typed => ({
  ...at,
  op: 'share',
  amount,
  by,
  rounding,
  type: amount.type,
});
export const convert = (amount: Typed, to: string, feed: Feed, rounding: Rounding): Typed => ({
  ...at,
  op: 'convert',
  amount,
  to,
  feed,
  rounding,
  type: { kind: 'money', currency: to },
});

export function parameter(name: string, type: Type, value: Value, parts: Partial<Parameter> = {}): Parameter {
  return { kind: 'param', name, type, value, range: undefined, secret: false, span, ...parts };
}

export function feed(name: string, of: Feed['of'], parts: Partial<Feed> = {}): Feed {
  return {
    kind: 'feed',
    name,
    of,
    least: 1n,
    most: 10n ** 18n - 1n,
    maxAgeSeconds: 3_600n,
    onStale: 'HOLD',
    span,
    ...parts,
  };
}

export function window(name: string, seconds: bigint): Window {
  return { kind: 'window', name, seconds, span };
}

export function list(name: string, of: List['of'], items: readonly string[] = [], secret = false): List {
  return { kind: 'list', name, of, secret, source: { items }, span };
}

export function control(name: string, of: Control['of']): Control {
  return { kind: 'control', name, of, span };
}

type RuleParts = Partial<Rule> & Pick<Rule, 'name' | 'control' | 'body'>;

/** A module and its rules, each with what is not said left out. */
export function moduleOf(
  name: string,
  parts: Partial<Omit<CheckedModule, 'rules'>> & { readonly rules: readonly RuleParts[] },
): CheckedModule {
  const layer = parts.layer ?? 'national';
  return {
    name,
    version: 1n,
    jurisdictions: ['ANY'],
    on: ['issuance', 'transfer'],
    law: undefined,
    note: undefined,
    lists: [],
    feeds: [],
    parameters: [],
    windows: [],
    lets: [],
    controls: [],
    tests: [],
    properties: [],
    text: '',
    hash: new Uint8Array(32),
    ...parts,
    layer,
    rules: parts.rules.map(
      (rule): Rule => ({
        kind: 'rule',
        id: `${name}/${rule.name}`,
        layer,
        derogable: false,
        exceptionTo: undefined,
        priority: undefined,
        from: undefined,
        expires: undefined,
        when: undefined,
        reveals: undefined,
        law: undefined,
        says: undefined,
        span,
        ...rule,
      }),
    ),
  };
}

export function setOf(modules: readonly CheckedModule[], parts: Partial<RuleSet> = {}): RuleSet {
  return {
    name: 'test',
    version: 1n,
    hash: new Uint8Array(32),
    modules,
    unions: new Map(),
    issuers: new Map(),
    parameters: new Map(),
    lists: new Map(),
    ...parts,
  };
}

export const noon = 1_763_812_800n;

/** A transfer from the United States to France in euros, of 100.00, at `noon`; what is told as `undefined` is missing. */
export function transfer(
  fields: Readonly<Record<string, Value | undefined>> = {},
  parts: Partial<Facts> = {},
): Facts {
  const all: Record<string, Value | undefined> = {
    'tx.amount': 10_000n,
    'tx.currency': 'EUR',
    'tx.origin': 'US',
    'tx.destination': 'FR',
    'tx.time': noon,
    'tx.originator_key': new Uint8Array(32).fill(1),
    'tx.counterparty_key': new Uint8Array(32).fill(2),
    ...fields,
  };
  const given = Object.entries(all).filter((entry): entry is [string, Value] => entry[1] !== undefined);
  return { kind: 'transfer', fields: new Map(given), feeds: new Map(), windows: new Map(), ...parts };
}
