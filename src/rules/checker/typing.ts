/** What typing an expression goes by, and how its parts are made. */
import type { Expression, Span } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import type { Type, Typed } from './checked.ts';
import type { Context } from './context.ts';
import * as types from './type.ts';

/** An expression that is being typed: its variables, and how much of the limits is left. */
export interface Typing {
  readonly context: Context;
  /** Of the quantifier that this is in. */
  readonly variable: { readonly name: string; readonly item: Typed } | undefined;
  readonly depth: number;
  /** Of a part; `typeExpression` in expression.ts says what it does. */
  readonly typePart: (expression: Expression, typing: Typing) => Typed | undefined;
  readonly whole: Span;
  /** Parts that may still be made of the whole. */
  readonly budget: { left: number };
}

type Without<T> = T extends unknown ? Omit<T, 'span'> : never;

/** Makes a part, where the expression may still have one. */
export function make(typing: Typing, span: Span, part: Without<Typed>): Typed | undefined {
  if (typing.budget.left === 0) {
    const message = `an expression of more than ${limits.nodes} parts, lists unrolled: \`let\`, or a list of its own, makes it smaller`;
    return typing.context.faults.report('expression_size', typing.whole, message);
  }
  typing.budget.left--;
  return { ...part, span } as Typed;
}

/** A part that has to be of a type. */
export function typeAs(expression: Expression, type: Type, typing: Typing): Typed | undefined {
  const typed = typing.typePart(expression, typing);
  return typed === undefined ? undefined : expectType(typed, type, expression.span, typing.context);
}

/** `span` is where it stands: what a name stands for has a place of its own. */
export function expectType(typed: Typed, type: Type, span: Span, context: Context): Typed | undefined {
  if (types.isSameType(typed.type, type)) return typed;
  const message = `${types.showType(typed.type)}, where ${types.showType(type)} is accepted${conversionHint(typed.type, type, context)}`;
  return context.faults.report('type_mismatch', span, message);
}

/** What makes two amounts comparable, where something does. */
function conversionHint(a: Type, b: Type, { feeds }: Context): string {
  if (a.kind !== 'money' || b.kind !== 'money') return '';
  const [from, to] = a.currency === 'tx' ? [a, b] : [b, a];
  const rates = [...feeds.values()].find(({ of }) => of === 'rates')?.name ?? 'NAME';
  return from.currency === 'tx'
    ? `: \`convert(…, ${to.currency}, feed.${rates}, UP)\` makes ${types.showType(to)} of money<tx>`
    : ': only money<tx> can be converted';
}

/** Refuses two sides that are not of one type. */
export function mismatch(span: Span, what: string, left: Type, right: Type, context: Context): undefined {
  const message = `${what} of ${types.showType(left)} and ${types.showType(right)}: both sides have to be of one type${conversionHint(left, right, context)}`;
  return context.faults.report('type_mismatch', span, message);
}
