/** Functions of expressions. */
import { quote } from '../../kit/result.ts';
import { currencyExponent } from '../../records/iso4217.ts';
import { nearestWord } from '../language/nearest-word.ts';
import type { Expression } from '../language/syntax.ts';
import type { Rounding, Type, Typed } from './checked.ts';
import { isConstantFunction, readConstant } from './constant.ts';
import { findOptionalField } from './name.ts';
import * as types from './type.ts';
import { expectType, make, type Typing, typeAs } from './typing.ts';

type Call = Expression & { readonly kind: 'call' };

interface Described {
  /** As it is called, for a reader. */
  readonly form: string;
  readonly arguments: number;
  readonly meaning: string;
  readonly type: (call: Call, typing: Typing) => Typed | undefined;
}

/** By name; constants such as `usd("10.00")` are besides. */
export const functions: ReadonlyMap<string, Described> = new Map([
  ['has', { form: 'has(FIELD)', arguments: 1, meaning: 'whether an optional field is there', type: typeHas }],
  [
    'min',
    { form: 'min(a, b)', arguments: 2, meaning: 'the lesser of two numbers of one type', type: typeChoice },
  ],
  [
    'max',
    { form: 'max(a, b)', arguments: 2, meaning: 'the greater of two numbers of one type', type: typeChoice },
  ],
  [
    'clamp',
    { form: 'clamp(x, least, most)', arguments: 3, meaning: 'max(least, min(x, most))', type: typeClamp },
  ],
  [
    'mul',
    {
      form: 'mul(MONEY, RATIO, ROUNDING)',
      arguments: 3,
      meaning: 'an amount times a ratio',
      type: typeScale,
    },
  ],
  [
    'div',
    { form: 'div(MONEY, INT, ROUNDING)', arguments: 3, meaning: 'an amount in equal parts', type: typeShare },
  ],
  [
    'convert',
    {
      form: 'convert(MONEY, CCY, feed.NAME, ROUNDING)',
      arguments: 4,
      meaning: "money<tx> in another currency, at the feed's rate",
      type: typeConversion,
    },
  ],
  [
    'spent',
    {
      form: 'spent(WINDOW)',
      arguments: 1,
      meaning: 'what the payer paid in the window before',
      type: typeWindow,
    },
  ],
  [
    'count',
    {
      form: 'count(WINDOW)',
      arguments: 1,
      meaning: 'how often the payer paid in the window before',
      type: typeWindow,
    },
  ],
]);

export const constantForms: ReadonlyMap<string, string> = new Map([
  ['ratio', 'ratio("0.25")'],
  ['duration', 'duration("24h")'],
  ['timestamp', 'timestamp("2026-01-01T00:00:00Z")'],
  ['key', 'key("64 hex digits")'],
  ['sha256', 'sha256("text")'],
]);

export function typeCall(call: Call, typing: Typing): Typed | undefined {
  const { faults } = typing.context;
  const { name, args, span } = call;
  if (isConstantFunction(name)) return typeConstant(call, typing);
  const described = functions.get(name);
  if (described === undefined) {
    const nearest = nearestWord(name, [...functions.keys(), ...constantForms.keys()]);
    const hint =
      name === 'rate'
        ? '`rate("1.0842")` is accepted as a fact of a test'
        : nearest === undefined
          ? `${[...functions.keys()].join(', ')}, and constants such as \`usd("10.00")\`, are accepted`
          : `perhaps \`${functions.get(nearest)?.form ?? constantForms.get(nearest)}\``;
    return faults.report('unknown_function', span, `there is no function ${quote(name)} here: ${hint}`);
  }
  if (args.length !== described.arguments)
    return faults.report(
      'argument_count',
      span,
      `${args.length} arguments: \`${described.form}\` is accepted`,
    );
  return described.type(call, typing);
}

function typeConstant({ name, args, span }: Call, typing: Typing): Typed | undefined {
  const { faults } = typing.context;
  const form = constantForms.get(name) ?? `${name}("10")`;
  const [argument] = args;
  if (argument === undefined || args.length !== 1)
    return faults.report('argument_count', span, `${args.length} arguments: \`${form}\` is accepted`);
  if (argument.kind !== 'literal' || typeof argument.value !== 'string')
    return faults.report('not_constant', argument.span, `no text: \`${form}\` is accepted`);
  const constant = readConstant(name, argument.value);
  if (!constant.ok) return faults.report(constant.code, argument.span, constant.message);
  return make(typing, span, { op: 'constant', ...constant.value });
}

function typeHas({ args: [argument], span }: Call, typing: Typing): Typed | undefined {
  const field = argument && findOptionalField(argument, typing.context);
  return field && make(typing, span, { op: 'has', type: types.bool, field });
}

/** Numbers of one type. */
function typeAlike(
  expressions: readonly Expression[],
  name: string,
  typing: Typing,
): readonly Typed[] | undefined {
  const typed = expressions.map((expression) => ({ expression, typed: typing.typePart(expression, typing) }));
  const first = typed.find((one) => one.typed !== undefined);
  if (first?.typed === undefined) return undefined;
  const { type } = first.typed;
  if (!types.isNumber(type)) {
    const message = `\`${name}\` of ${types.showType(type)}, which has no order: numbers are accepted`;
    return typing.context.faults.report('operand_type', first.expression.span, message);
  }
  const alike = typed.flatMap((one) => {
    const found = one.typed && expectType(one.typed, type, one.expression.span, typing.context);
    return found === undefined ? [] : [found];
  });
  return alike.length === expressions.length ? alike : undefined;
}

function typeChoice({ name, args, span }: Call, typing: Typing): Typed | undefined {
  const [left, right] = typeAlike(args, name, typing) ?? [];
  if (left === undefined || right === undefined) return undefined;
  return make(typing, span, { op: name === 'min' ? 'min' : 'max', type: left.type, left, right });
}

function typeClamp({ name, args, span }: Call, typing: Typing): Typed | undefined {
  const [x, least, most] = typeAlike(args, name, typing) ?? [];
  if (x === undefined || least === undefined || most === undefined) return undefined;
  const lesser = make(typing, span, { op: 'min', type: x.type, left: x, right: most });
  return lesser && make(typing, span, { op: 'max', type: x.type, left: least, right: lesser });
}

function typeScale({ args, span }: Call, typing: Typing): Typed | undefined {
  const amount = typeMoney(args[0], typing);
  const by = args[1] && typeAs(args[1], types.ratio, typing);
  const rounding = readRounding(args[2], typing);
  if (amount === undefined || by === undefined || rounding === undefined) return undefined;
  return make(typing, span, { op: 'scale', type: amount.type, amount, by, rounding });
}

function typeShare({ args, span }: Call, typing: Typing): Typed | undefined {
  const amount = typeMoney(args[0], typing);
  const by = args[1] && typeAs(args[1], types.int, typing);
  const rounding = readRounding(args[2], typing);
  if (amount === undefined || by === undefined || rounding === undefined) return undefined;
  return make(typing, span, { op: 'share', type: amount.type, amount, by, rounding });
}

function typeMoney(expression: Expression | undefined, typing: Typing): Typed | undefined {
  if (expression === undefined) return undefined;
  const typed = typing.typePart(expression, typing);
  if (typed === undefined || typed.type.kind === 'money') return typed;
  return typing.context.faults.report(
    'type_mismatch',
    expression.span,
    `${types.showType(typed.type)}, where money is accepted`,
  );
}

function typeConversion({ args, span }: Call, typing: Typing): Typed | undefined {
  const amount = args[0] && typeAs(args[0], types.moneyOfTransaction, typing);
  const to = readCurrency(args[1], typing);
  const feed = readRates(args[2], typing);
  const rounding = readRounding(args[3], typing);
  if (amount === undefined || to === undefined || feed === undefined || rounding === undefined)
    return undefined;
  const type: Type = { kind: 'money', currency: to };
  return make(typing, span, { op: 'convert', type, amount, to, feed, rounding });
}

function readCurrency(expression: Expression | undefined, typing: Typing): string | undefined {
  if (expression === undefined) return undefined;
  const code = expression.kind === 'name' ? expression.path.join('.') : '';
  if (currencyExponent(code) !== undefined) return code;
  const found = expression.kind === 'name' ? `${quote(code)} is no currency` : 'no currency';
  const message = `${found}: a code of ISO 4217 in capitals, such as \`USD\`, is accepted`;
  return typing.context.faults.report('unknown_currency', expression.span, message);
}

function readRates(expression: Expression | undefined, typing: Typing) {
  if (expression === undefined) return undefined;
  const { context } = typing;
  if (expression.kind !== 'name' || expression.path.length !== 2 || expression.path[0] !== 'feed')
    return context.faults.report(
      'feed_kind',
      expression.span,
      'no feed: `feed.NAME` of one of rates is accepted',
    );
  const feed = context.findFeed(expression.path[1] ?? '', expression.span);
  if (feed === undefined || feed.of === 'rates') return feed;
  const message = `\`feed.${feed.name}\` is of ${feed.of}: a feed of rates is accepted`;
  return context.faults.report('feed_kind', expression.span, message);
}

export const roundings: ReadonlyMap<string, Rounding> = new Map([
  ['FLOOR', 'floor'],
  ['CEILING', 'ceiling'],
  ['DOWN', 'down'],
  ['UP', 'up'],
  ['HALF_EVEN', 'half_even'],
  ['HALF_UP', 'half_up'],
]);

function readRounding(expression: Expression | undefined, typing: Typing): Rounding | undefined {
  if (expression === undefined) return undefined;
  const name = expression.kind === 'name' ? expression.path.join('.') : '';
  const rounding = roundings.get(name);
  if (rounding !== undefined) return rounding;
  const message = `no rounding: ${[...roundings.keys()].join(', ')} are accepted`;
  return typing.context.faults.report('word_unknown', expression.span, message);
}

function typeWindow({ name, args: [argument], span }: Call, typing: Typing): Typed | undefined {
  if (argument === undefined) return undefined;
  const { context } = typing;
  const { scope, faults } = context;
  const path = argument.kind === 'name' ? argument.path : [];
  const found = path.length === 1 ? scope.values.get(path[0] ?? '') : undefined;
  if (found === undefined && argument.kind === 'name') {
    const windows = [...scope.values.values()]
      .filter(({ kind }) => kind === 'window')
      .map((one) => one.name.value);
    return context.unknownName(path.join('.'), argument.span, windows, 'a window that is declared');
  }
  if (found?.kind !== 'window')
    return faults.report(
      'not_a_value',
      argument.span,
      `no window: \`${name}(WINDOW)\` with one that is declared is accepted`,
    );
  const window = context.windows.get(found.name.value);
  return (
    window &&
    make(
      typing,
      span,
      name === 'spent'
        ? { op: 'spent', type: types.moneyOfTransaction, window }
        : { op: 'count', type: types.int, window },
    )
  );
}
