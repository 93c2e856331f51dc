/** Values that a rule set gives parameters: as written, and within what the module allows. */
import { quote } from '../../kit/result.ts';
import type { Parameter, Type, Value } from '../checker/checked.ts';
import { numberLimit } from '../checker/checked.ts';
import { isConstantFunction, readConstant } from '../checker/constant.ts';
import { isSameType, showType } from '../checker/type.ts';
import { isSymbol } from '../facts.ts';
import type { Expression, Fault } from '../language/syntax.ts';

/** The value that an expression is, where it is a constant of the parameter's type; else what is wrong with it. */
export function readValue(parameter: Parameter, expression: Expression): { readonly value: Value } | Fault {
  const { span } = expression;
  const accepted = `a constant of type \`${showType(parameter.type)}\` is accepted`;
  const constant = constantOf(expression);
  if (constant === undefined) return { code: 'bad_constant', span, message: accepted };
  if ('message' in constant) return { code: 'bad_constant', span, message: constant.message };
  if (!isSameType(constant.type, parameter.type))
    return {
      code: 'type_mismatch',
      span,
      message: `this is of type \`${showType(constant.type)}\`: ${accepted}`,
    };
  return { value: constant.value };
}

function constantOf(
  expression: Expression,
): { readonly type: Type; readonly value: Value } | { readonly message: string } | undefined {
  if (expression.kind === 'literal') {
    const { value } = expression;
    if (typeof value === 'bigint') return { type: { kind: 'int' }, value };
    return typeof value === 'boolean'
      ? { type: { kind: 'bool' }, value }
      : { type: { kind: 'symbol' }, value };
  }
  if (expression.kind === 'unary' && expression.operator === '-') {
    const inner = constantOf(expression.operand);
    return inner !== undefined && 'value' in inner && typeof inner.value === 'bigint'
      ? { ...inner, value: -inner.value }
      : undefined;
  }
  if (expression.kind !== 'call' || !isConstantFunction(expression.name)) return undefined;
  const [text, ...others] = expression.args;
  if (text?.kind !== 'literal' || typeof text.value !== 'string' || others.length > 0) return undefined;
  const read = readConstant(expression.name, text.value);
  return read.ok ? read.value : { message: read.message };
}

/** What is wrong with a value that a set gives a parameter: of another type, out of its range, or it has none. */
export function checkValue(
  { type, range }: Parameter,
  value: Value,
): { readonly code: string; readonly message: string } | undefined {
  if (!isOfType(type, value))
    return { code: 'type_mismatch', message: `a value of type \`${showType(type)}\` is accepted` };
  if (range === undefined)
    return { code: 'parameter_fixed', message: 'the module gives it no `range`, so no set may move it' };
  if (typeof value === 'bigint' && (value < range.least || value > range.most))
    return {
      code: 'parameter_out_of_range',
      message: `${quote(value)} is not from ${range.least} to ${range.most}, which the module accepts (in its least units)`,
    };
  return undefined;
}

function isOfType({ kind }: Type, value: Value): boolean {
  if (kind === 'bool') return typeof value === 'boolean';
  if (kind === 'symbol') return isSymbol(value);
  if (kind === 'key') return value instanceof Uint8Array && value.length === 32;
  return typeof value === 'bigint' && value > -numberLimit && value < numberLimit;
}
