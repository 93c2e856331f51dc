/** Types of expressions: from what the parser gives to `Typed`, or faults that say what would be accepted. */
import { quote } from '../../kit/result.ts';
import type { Expression, Span } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import { typeCall } from './call.ts';
import type { Comparison, Type, Typed } from './checked.ts';
import { isWithinLimit } from './constant.ts';
import type { Context } from './context.ts';
import { typeName } from './name.ts';
import { isReservedName } from './name-check.ts';
import * as types from './type.ts';
import { expectType, make, mismatch, type Typing, typeAs } from './typing.ts';

/** The expression with its types; `undefined` where faults were reported. */
export function typeExpression(expression: Expression, context: Context): Typed | undefined {
  return typeIn(expression, {
    context,
    variable: undefined,
    depth: 0,
    whole: expression.span,
    budget: { left: limits.nodes },
    typePart: typeIn,
  });
}

/** A part of an expression. */
function typeIn(expression: Expression, outer: Typing): Typed | undefined {
  const { faults } = outer.context;
  if (outer.depth >= limits.depth) {
    const message = `nested more than ${limits.depth} deep: \`let\` gives a part a name`;
    return faults.report('expression_depth', expression.span, message);
  }
  const typing = { ...outer, depth: outer.depth + 1 };
  switch (expression.kind) {
    case 'literal':
      return typeLiteral(expression.value, expression.span, typing);
    case 'name':
      return typeName(expression.path, expression.span, typing);
    case 'call':
      return typeCall(expression, typing);
    case 'unary':
      return typeUnary(expression, typing);
    case 'binary':
      return expression.operator === 'in'
        ? typeMembership(expression, typing)
        : typeBinary(expression, typing);
    case 'conditional':
      return typeConditional(expression, typing);
    case 'quantifier':
      return typeQuantifier(expression, typing);
    case 'list':
      return faults.report(
        'not_a_value',
        expression.span,
        'a list is no value: to the right of `in`, and before `.exists(x, …)` and `.all(x, …)`, it is accepted',
      );
    default:
      return expression satisfies never;
  }
}

function typeLiteral(value: bigint | boolean | string, span: Span, typing: Typing): Typed | undefined {
  const { faults } = typing.context;
  if (typeof value === 'boolean') return make(typing, span, { op: 'constant', type: types.bool, value });
  if (typeof value === 'bigint') {
    if (!isWithinLimit(value))
      return faults.report(
        'number_size',
        span,
        `${quote(value)} is too large: numbers between -10^18 and 10^18 are accepted`,
      );
    return make(typing, span, { op: 'constant', type: types.int, value });
  }
  if (!/^[!-~]{1,8}$/.test(value)) {
    const message = `${quote(value)} is no symbol: 1 to 8 characters of ASCII from \`!\` to \`~\` are accepted`;
    return faults.report('bad_symbol', span, message);
  }
  return make(typing, span, { op: 'constant', type: types.symbol, value });
}

function typeUnary(expression: Expression & { kind: 'unary' }, typing: Typing): Typed | undefined {
  const { operator, operand, span } = expression;
  if (operator === '!') {
    const typed = typeAs(operand, types.bool, typing);
    return typed && make(typing, span, { op: 'not', type: types.bool, operand: typed });
  }
  const typed = typeIn(operand, typing);
  if (typed === undefined) return undefined;
  if (!isAddable(typed.type)) {
    const message = `\`-\` of ${types.showType(typed.type)}: int, money, ratio and duration are accepted`;
    return typing.context.faults.report('operand_type', span, message);
  }
  if (typed.op === 'constant' && typeof typed.value === 'bigint')
    return { ...typed, value: -typed.value, span };
  return make(typing, span, { op: 'negate', type: typed.type, operand: typed });
}

function isAddable(type: Type): boolean {
  return types.isNumber(type) && type.kind !== 'timestamp';
}

function typeBinary(expression: Expression & { kind: 'binary' }, typing: Typing): Typed | undefined {
  const { operator, span } = expression;
  switch (operator) {
    case '&&':
    case '||': {
      const left = typeAs(expression.left, types.bool, typing);
      const right = typeAs(expression.right, types.bool, typing);
      if (left === undefined || right === undefined) return undefined;
      return make(typing, span, { op: operator === '&&' ? 'and' : 'or', type: types.bool, left, right });
    }
    case 'in':
      return typeMembership(expression, typing);
    default: {
      const left = typeIn(expression.left, typing);
      const right = typeIn(expression.right, typing);
      if (left === undefined || right === undefined) return undefined;
      switch (operator) {
        case '+':
        case '-':
          return typeSum(operator, left, right, span, typing);
        case '*':
          return typeProduct(left, right, span, typing);
        case '/':
        case '%':
          return typeQuotient(operator, left, right, span, typing);
        default:
          return typeComparison(operator, left, right, span, typing);
      }
    }
  }
}

function typeComparison(
  operator: Comparison,
  left: Typed,
  right: Typed,
  span: Span,
  typing: Typing,
): Typed | undefined {
  if (!types.isSameType(left.type, right.type))
    return mismatch(span, `\`${operator}\``, left.type, right.type, typing.context);
  if (operator !== '==' && operator !== '!=' && !types.isNumber(left.type)) {
    const message = `\`${operator}\` of ${types.showType(left.type)}, which has no order: \`==\`, \`!=\` and \`in\` are accepted`;
    return typing.context.faults.report('operand_type', span, message);
  }
  return make(typing, span, { op: 'compare', type: types.bool, operator, left, right });
}

function typeSum(
  operator: '+' | '-',
  left: Typed,
  right: Typed,
  span: Span,
  typing: Typing,
): Typed | undefined {
  const op = operator === '+' ? 'add' : 'subtract';
  const [a, b] = [left.type, right.type];
  const movesTime =
    (a.kind === 'timestamp' && b.kind === 'duration') ||
    (operator === '+' && a.kind === 'duration' && b.kind === 'timestamp');
  if (movesTime) return make(typing, span, { op, type: types.timestamp, left, right });
  if (!types.isSameType(a, b) && isAddable(a) && isAddable(b))
    return mismatch(span, `\`${operator}\``, a, b, typing.context);
  if (!types.isSameType(a, b) || !isAddable(a)) {
    const message = `\`${operator}\` of ${types.showType(a)} and ${types.showType(b)}: int, money, ratio and duration, each with its own type, and a timestamp with a duration are accepted`;
    return typing.context.faults.report('operand_type', span, message);
  }
  return make(typing, span, { op, type: a, left, right });
}

function typeProduct(left: Typed, right: Typed, span: Span, typing: Typing): Typed | undefined {
  const [a, b] = [left.type, right.type];
  const isInt = a.kind === 'int' && b.kind === 'int';
  if (isInt || (a.kind === 'money' && b.kind === 'int'))
    return make(typing, span, { op: 'multiply', type: a, left, right });
  if (a.kind === 'int' && b.kind === 'money')
    return make(typing, span, { op: 'multiply', type: b, left, right });
  const isScaled = [a.kind, b.kind].toSorted().join(' ') === 'money ratio';
  const hint = isScaled
    ? ': `mul(MONEY, RATIO, ROUNDING)` says how it is rounded'
    : ': int and int, or money and int, are accepted';
  const message = `\`*\` of ${types.showType(a)} and ${types.showType(b)}${hint}`;
  return typing.context.faults.report('operand_type', span, message);
}

function typeQuotient(
  operator: '/' | '%',
  left: Typed,
  right: Typed,
  span: Span,
  typing: Typing,
): Typed | undefined {
  const [a, b] = [left.type, right.type];
  if (a.kind === 'int' && b.kind === 'int')
    return make(typing, span, { op: operator === '/' ? 'divide' : 'remainder', type: a, left, right });
  const hint =
    operator === '/' && a.kind === 'money' && b.kind === 'int'
      ? ': `div(MONEY, INT, ROUNDING)` says how it is rounded'
      : ': int and int are accepted';
  const message = `\`${operator}\` of ${types.showType(a)} and ${types.showType(b)}${hint}`;
  return typing.context.faults.report('operand_type', span, message);
}

function typeConditional(
  expression: Expression & { kind: 'conditional' },
  typing: Typing,
): Typed | undefined {
  const condition = typeAs(expression.condition, types.bool, typing);
  const then = typeIn(expression.then, typing);
  const otherwise = typeIn(expression.otherwise, typing);
  if (condition === undefined || then === undefined || otherwise === undefined) return undefined;
  if (!types.isSameType(then.type, otherwise.type))
    return mismatch(expression.span, '`? :`', then.type, otherwise.type, typing.context);
  return make(typing, expression.span, { op: 'select', type: then.type, condition, then, otherwise });
}

/** `E in list.NAME`, and `E in [A, B]`, which is `E == A || E == B`. */
function typeMembership(expression: Expression & { kind: 'binary' }, typing: Typing): Typed | undefined {
  const { left, right, span } = expression;
  const { context } = typing;
  const item = typeIn(left, typing);
  if (right.kind === 'list') {
    const items = typeItems(right, typing);
    if (item === undefined || items === undefined) return undefined;
    const [first] = items;
    if (first !== undefined && !types.isSameType(item.type, first.type))
      return mismatch(span, '`in`', item.type, first.type, context);
    return join(
      'or',
      items.map((one) =>
        make(typing, span, { op: 'compare', type: types.bool, operator: '==', left: item, right: one }),
      ),
      span,
      typing,
    );
  }
  if (right.kind === 'name' && right.path.length === 2 && right.path[0] === 'list') {
    const list = context.findList(right.path[1] ?? '', right.span);
    if (item === undefined || list === undefined) return undefined;
    const expected = list.of === 'key' ? types.key : types.symbol;
    return (
      expectType(item, expected, left.span, context) &&
      make(typing, span, { op: 'listed', type: types.bool, list, item })
    );
  }
  const message = 'no list: `list.NAME` or `["A", "B"]` is accepted to the right of `in`';
  return context.faults.report('not_a_list', right.span, message);
}

/** `[A, B].exists(x, E)`: E of A or E of B. */
function typeQuantifier(expression: Expression & { kind: 'quantifier' }, typing: Typing): Typed | undefined {
  const { items, variable, body, span } = expression;
  const { context } = typing;
  if (context.scope.values.has(variable))
    return context.faults.report(
      'name_twice',
      span,
      `${quote(variable)} is declared in the module: a variable needs a name of its own`,
    );
  if (isReservedName(variable))
    return context.faults.report(
      'reserved_name',
      span,
      `${quote(variable)} has a meaning in expressions: another name of the variable is accepted`,
    );
  if (items.kind !== 'list')
    return context.faults.report(
      'not_a_list',
      items.span,
      'no list that is written out: `[A, B]` is accepted',
    );
  const typed = typeItems(items, typing);
  if (typed === undefined) return undefined;
  const bodies = typed.map((item) =>
    typeAs(body, types.bool, { ...typing, variable: { name: variable, item } }),
  );
  return join(expression.quantifier === 'exists' ? 'or' : 'and', bodies, span, typing);
}

/** Items of a list that is written out, all of one type. */
function typeItems(list: Expression & { kind: 'list' }, typing: Typing): readonly Typed[] | undefined {
  const { faults } = typing.context;
  if (list.items.length === 0)
    return faults.report('empty_list', list.span, 'an empty list: at least one item is accepted');
  if (list.items.length > limits.items)
    return faults.report(
      'too_many',
      list.span,
      `${list.items.length} items: at most ${limits.items} are accepted`,
    );
  const items = list.items.map((item) => typeIn(item, typing));
  const first = items.find((item) => item !== undefined);
  let complete = true;
  for (const [place, item] of items.entries()) {
    const span = list.items[place]?.span ?? list.span;
    if (item === undefined || first === undefined) complete = false;
    else if (!types.isSameType(item.type, first.type)) {
      complete = false;
      mismatch(span, 'a list', first.type, item.type, typing.context);
    }
  }
  return complete ? items.filter((item) => item !== undefined) : undefined;
}

/** All parts with `&&` or `||` between them, as a tree that is as flat as can be, in their order. */
function join(
  op: 'and' | 'or',
  parts: readonly (Typed | undefined)[],
  span: Span,
  typing: Typing,
): Typed | undefined {
  if (parts.length <= 1) return parts[0];
  const half = Math.ceil(parts.length / 2);
  const left = join(op, parts.slice(0, half), span, typing);
  const right = join(op, parts.slice(half), span, typing);
  return left && right && make(typing, span, { op, type: types.bool, left, right });
}
