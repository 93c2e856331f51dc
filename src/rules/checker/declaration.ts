/** Lists, feeds, parameters, windows and controls of a module. */
import { toHex } from '../../kit/bytes.ts';
import { quote } from '../../kit/result.ts';
import {
  type ControlKind,
  type ControlSyntax,
  controlKinds,
  type Expression,
  type FeedSyntax,
  type ListSyntax,
  type Located,
  type ParameterSyntax,
  type RangeSyntax,
  type WindowSyntax,
} from '../language/syntax.ts';
import { limits } from '../limits.ts';
import {
  type Control,
  type Feed,
  type List,
  numberLimit,
  type Parameter,
  type Type,
  type Typed,
  type Window,
} from './checked.ts';
import type { Context } from './context.ts';
import { typeExpression } from './expression.ts';
import type { FaultList } from './fault-list.ts';
import * as types from './type.ts';
import { expectType } from './typing.ts';

/** The word itself where it is one of `known`. */
export function checkWord<T extends string>(
  word: Located<string>,
  known: readonly T[],
  what: string,
  faults: FaultList,
): T | undefined {
  const found = known.find((one) => one === word.value);
  if (found !== undefined) return found;
  return faults.report(
    'word_unknown',
    word.span,
    `${quote(word.value)} is no ${what}: ${known.join(', ')} are accepted`,
  );
}

type ConstantTyped = Typed & { readonly op: 'constant' };

/** What is written as one constant, such as `usd("10.00")` or `-5`. */
export function checkConstant(expression: Expression, context: Context): ConstantTyped | undefined {
  if (isConstantCall(expression)) {
    const typed = typeExpression(expression, context);
    if (typed === undefined || typed.op === 'constant') return typed;
  }
  const message = 'no constant: a number, a text, or a function of a text such as `usd("10.00")` is accepted';
  return context.faults.report('not_constant', expression.span, message);
}

/** Names and the rest of the language would be looked up: a constant needs none of it. */
function isConstantCall(expression: Expression): boolean {
  if (expression.kind === 'unary') return expression.operator === '-' && isConstantCall(expression.operand);
  if (expression.kind === 'call') return expression.args.every((argument) => argument.kind === 'literal');
  return expression.kind === 'literal';
}

function checkConstantOf(expression: Expression, type: Type, context: Context): ConstantTyped | undefined {
  const typed = checkConstant(expression, context);
  return typed && expectType(typed, type, expression.span, context) && typed;
}

interface Range {
  readonly least: bigint;
  readonly most: bigint;
}

function checkRange(range: RangeSyntax, type: Type, context: Context): Range | undefined {
  const least = checkConstantOf(range.least, type, context)?.value;
  const most = checkConstantOf(range.most, type, context)?.value;
  if (typeof least !== 'bigint' || typeof most !== 'bigint') return undefined;
  if (least > most) {
    const span = { start: range.least.span.start, end: range.most.span.end };
    return context.faults.report(
      'range_order',
      span,
      'the range ends below where it begins: the least comes first',
    );
  }
  return { least, most };
}

function checkParameter(syntax: ParameterSyntax, context: Context): Parameter | undefined {
  const { faults } = context;
  const type = types.readType(syntax.type.value);
  if (type === undefined) {
    const message = `${quote(syntax.type.value)} is no type of a parameter: ${types.declarableTypes} is accepted`;
    return faults.report('word_unknown', syntax.type.span, message);
  }
  const constant = checkConstantOf(syntax.value, type, context);
  const parameter = {
    kind: 'param',
    name: syntax.name.value,
    type,
    secret: syntax.secret,
    span: syntax.span,
  } as const;
  // Where only the value is at fault, the type is known, and who uses the parameter is no fault.
  const value = constant?.value ?? 0n;
  if (syntax.range === undefined) return { ...parameter, value, range: undefined };
  if (!types.isNumber(type)) {
    const span = { start: syntax.range.least.span.start, end: syntax.range.most.span.end };
    faults.report(
      'range_type',
      span,
      `a range of ${types.showType(type)}, which has no order: none is accepted`,
    );
    return { ...parameter, value, range: undefined };
  }
  const range = checkRange(syntax.range, type, context);
  if (range !== undefined && typeof constant?.value === 'bigint' && !isWithin(constant.value, range))
    faults.report('outside_range', constant.span, 'the value is outside the range: one inside is accepted');
  return { ...parameter, value, range };
}

function isWithin(value: bigint, range: Range): boolean {
  return value >= range.least && value <= range.most;
}

function checkFeed(syntax: FeedSyntax, context: Context): Feed | undefined {
  const { faults } = context;
  const of = checkWord(syntax.of, ['rates', 'ratio', 'int'], 'kind of feed', faults);
  const onStale = checkWord(syntax.onStale, ['HOLD', 'DENY'], 'verdict of a feed that is too old', faults);
  const { value: maxAgeSeconds, span } = syntax.maxAgeSeconds;
  if (maxAgeSeconds < 1n || maxAgeSeconds > limits.ageSeconds)
    faults.report('duration_range', span, `1s to ${limits.ageSeconds / 86_400n}d are accepted`);
  if (of === undefined) return undefined;
  const range = syntax.range && checkRange(syntax.range, of === 'ratio' ? types.ratio : types.int, context);
  if (of === 'rates' && range !== undefined && range.least < 1n && syntax.range !== undefined)
    faults.report('outside_range', syntax.range.least.span, 'a rate is at least 1');
  return {
    kind: 'feed',
    name: syntax.name.value,
    of,
    least: range?.least ?? (of === 'rates' ? 1n : 1n - numberLimit),
    most: range?.most ?? numberLimit - 1n,
    maxAgeSeconds,
    onStale: onStale ?? 'HOLD',
    span: syntax.span,
  };
}

function checkList(syntax: ListSyntax, context: Context): List | undefined {
  const { faults } = context;
  const of = checkWord(syntax.of, ['key', 'symbol'], 'kind of list', faults);
  const source =
    'sha256' in syntax.source
      ? { sha256: syntax.source.sha256.value }
      : of && checkItems(syntax.source.items, of, context);
  if (syntax.secret && 'items' in syntax.source)
    faults.report(
      'secret_items',
      syntax.source.items.span,
      'items of a secret list in the module: a file by its `sha256:` is accepted',
    );
  if (of === undefined) return undefined;
  const known = source ?? { items: [] };
  return {
    kind: 'list',
    name: syntax.name.value,
    of,
    secret: syntax.secret,
    source: known,
    span: syntax.span,
  };
}

/** Symbols as they are, keys in hex, ascending. */
function checkItems(
  expression: Expression,
  of: 'key' | 'symbol',
  context: Context,
): List['source'] | undefined {
  const { faults } = context;
  if (expression.kind !== 'list')
    return faults.report(
      'not_a_list',
      expression.span,
      'no list: `["A", "B"]` or `sha256:` and 64 hex digits are accepted',
    );
  if (expression.items.length === 0)
    return faults.report('empty_list', expression.span, 'an empty list: at least one item is accepted');
  if (expression.items.length > limits.items)
    return faults.report(
      'too_many',
      expression.span,
      `${expression.items.length} items: at most ${limits.items} are accepted`,
    );
  const items = new Set<string>();
  for (const item of expression.items) {
    const value = checkConstantOf(item, of === 'key' ? types.key : types.symbol, context)?.value;
    const text = value instanceof Uint8Array ? toHex(value) : value;
    if (typeof text !== 'string') continue;
    if (items.has(text)) faults.report('item_twice', item.span, `${quote(text)} is in the list already`);
    items.add(text);
  }
  return { items: [...items].sort() };
}

function checkWindow(syntax: WindowSyntax, context: Context): Window {
  const { value: seconds, span } = syntax.seconds;
  if (seconds < 1n || seconds > limits.windowSeconds)
    context.faults.report('duration_range', span, `1s to ${limits.windowSeconds / 86_400n}d are accepted`);
  return { kind: 'window', name: syntax.name.value, seconds, span: syntax.span };
}

export function checkControl(syntax: ControlSyntax, faults: FaultList): Control | undefined {
  const of = checkWord<ControlKind>(syntax.of, controlKinds, 'kind of control', faults);
  return of && { kind: 'control', name: syntax.name.value, of, span: syntax.span };
}

/** Puts what is right of lists, feeds, parameters and windows into the context. */
export function checkDeclarations(context: Context): void {
  const { scope, lists, feeds, parameters, windows } = context;
  for (const [name, syntax] of scope.lists) keep(lists, name, checkList(syntax, context));
  for (const [name, syntax] of scope.feeds) keep(feeds, name, checkFeed(syntax, context));
  for (const [name, syntax] of scope.values) {
    if (syntax.kind === 'param') keep(parameters, name, checkParameter(syntax, context));
    if (syntax.kind === 'window') keep(windows, name, checkWindow(syntax, context));
  }
}

function keep<T>(into: Map<string, T>, name: string, checked: T | undefined): void {
  if (checked !== undefined) into.set(name, checked);
}
