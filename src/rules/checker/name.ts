/** Names in expressions: parameters, lets, fields and feeds as values. */
import { quote } from '../../kit/result.ts';
import type { Expression, Span, TransactionKind } from '../language/syntax.ts';
import { schema } from '../schema.ts';
import type { Field, Typed } from './checked.ts';
import type { Context } from './context.ts';
import { findMeaning, namesOf } from './scope.ts';
import * as types from './type.ts';
import { make, type Typing } from './typing.ts';

/** The value that a name stands for. */
export function typeName(path: readonly string[], span: Span, typing: Typing): Typed | undefined {
  const { context } = typing;
  const name = path.join('.');
  if (typing.variable !== undefined && name === typing.variable.name) return typing.variable.item;
  const meaning = findMeaning(context.scope, path);
  switch (meaning?.kind) {
    case undefined:
      return reportUnknown(path, span, typing);
    case 'field': {
      const field = checkField(meaning.field, span, context);
      return field && make(typing, span, { op: 'field', type: field.type, field });
    }
    case 'param': {
      const parameter = context.parameters.get(name);
      return parameter && make(typing, span, { op: 'parameter', type: parameter.type, parameter });
    }
    case 'let':
      return context.lets.get(name);
    case 'window':
      return context.faults.report(
        'not_a_value',
        span,
        `${quote(name)} is a window: \`spent(${name})\` and \`count(${name})\` are accepted`,
      );
    case 'list':
      return context.faults.report(
        'not_a_value',
        span,
        `${quote(name)} is a list: to the right of \`in\` it is accepted`,
      );
    case 'feed': {
      const feed = context.feeds.get(meaning.name.value);
      if (feed === undefined) return undefined;
      if (feed.of === 'rates') {
        const message = `${quote(name)} is of rates: \`convert(MONEY, CCY, ${name}, ROUNDING)\` is accepted`;
        return context.faults.report('not_a_value', span, message);
      }
      return make(typing, span, { op: 'feed', type: feed.of === 'ratio' ? types.ratio : types.int, feed });
    }
    default:
      return meaning satisfies never;
  }
}

function reportUnknown(path: readonly string[], span: Span, typing: Typing): undefined {
  const { scope, on } = typing.context;
  const known = typing.variable === undefined ? namesOf(scope) : [typing.variable.name, ...namesOf(scope)];
  const [root = ''] = path;
  const fields = fieldsOn(on).filter((one) => one.startsWith(`${root}.`));
  const accepted =
    fields.length > 0
      ? `one of ${fields.join(', ')}`
      : ['list', 'feed'].includes(root)
        ? `a ${root} that is declared`
        : 'a field, or a parameter or let that is declared,';
  return typing.context.unknownName(path.join('.'), span, known, accepted);
}

/** Names of fields of every kind of transaction that a module is on. */
function fieldsOn(on: readonly TransactionKind[]): readonly string[] {
  return [...schema.values()]
    .filter((one) => on.every((kind) => one.on.includes(kind)))
    .map((one) => one.name);
}

/** A field that this module may read. */
function checkField(field: Field, span: Span, context: Context): Field | undefined {
  const elsewhere = context.on.find((kind) => !field.on.includes(kind));
  if (elsewhere !== undefined) {
    const message = `\`${field.name}\` is of ${field.on.join(' and ')} only, and the module is on ${context.on.join(' and ')}`;
    return context.faults.report('field_kind', span, message);
  }
  if (field.secret === 'issuer' && context.layer !== undefined && context.layer !== 'issuer') {
    const message = `\`${field.name}\` is a secret of the issuer: only modules of layer \`issuer\` read it`;
    return context.faults.report('field_layer', span, message);
  }
  return field;
}

/** The field that `has`, `require` or `monotone` is about. */
export function findField(expression: Expression, context: Context): Field | undefined {
  if (expression.kind === 'name') {
    const meaning = findMeaning(context.scope, expression.path);
    if (meaning?.kind === 'field') return checkField(meaning.field, expression.span, context);
    const [root = ''] = expression.path;
    if (meaning === undefined && ['tx', 'account'].includes(root))
      return context.unknownName(expression.path.join('.'), expression.span, [...schema.keys()], 'a field');
  }
  return context.faults.report('not_a_field', expression.span, 'no field: one such as `tx.tier` is accepted');
}

/** The field that `has` or `require` is about: one that may be missing. */
export function findOptionalField(expression: Expression, context: Context): Field | undefined {
  const field = findField(expression, context);
  if (field === undefined || field.optional) return field;
  const optional = [...schema.values()].filter(
    (one) => one.optional && context.on.every((kind) => one.on.includes(kind)),
  );
  const accepted =
    optional.length === 0
      ? 'and so are all fields here'
      : `${optional.map((one) => one.name).join(', ')} are accepted`;
  return context.faults.report(
    'not_optional',
    expression.span,
    `\`${field.name}\` is always there: ${accepted}`,
  );
}
