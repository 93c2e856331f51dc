/** Rules of a module, each by itself; how they are among one another is in exception.ts. */
import { quote } from '../../kit/result.ts';
import type { BodySyntax, Expression, Layer, Located, RuleSyntax } from '../language/syntax.ts';
import type { Body, Control, Rule, Typed } from './checked.ts';
import { readDate } from './constant.ts';
import type { Context } from './context.ts';
import { checkWord } from './declaration.ts';
import { typeExpression } from './expression.ts';
import type { Guards } from './guard.ts';
import { findOptionalField } from './name.ts';
import { checkSize } from './part.ts';
import * as types from './type.ts';
import { expectType } from './typing.ts';

/** What a rule is checked in. */
export interface Surroundings {
  readonly context: Context;
  readonly guards: Guards;
  readonly module: string;
  readonly layer: Exclude<Layer, 'strict'>;
  readonly controls: ReadonlyMap<string, Control>;
}

/** The rule; `undefined` where faults of it were reported. */
export function checkRule(syntax: RuleSyntax, surroundings: Surroundings): Rule | undefined {
  const { context, layer } = surroundings;
  const { faults } = context;
  const control = checkControlOf(syntax, surroundings);
  const when = checkCondition(syntax.body.when, surroundings);
  const body = checkBody(syntax.body, when.typed, surroundings);
  const expressions = [when.typed, ...(body?.kind === 'cap' ? [body.cap, body.measure] : [])];
  checkSize(
    expressions.filter((one) => one !== undefined),
    syntax.name.span,
    faults,
  );
  const from = checkDate(syntax.from, context);
  const expires = checkDate(syntax.expires, context);
  if (from !== undefined && expires !== undefined && from >= expires && syntax.expires !== undefined)
    faults.report(
      'date_order',
      syntax.expires.span,
      'the rule ends before it begins: a later day than that of `from` is accepted',
    );
  if (syntax.strict && syntax.derogable)
    faults.report(
      'derogable_strict',
      syntax.name.span,
      'strict and derogable: a strict rule has no exceptions, so one of both is accepted',
    );
  const reveals =
    syntax.reveals && checkWord(syntax.reveals, ['verdict', 'code'], 'kind of revelation', faults);
  if (control === undefined || body === undefined || !when.ok) return undefined;
  return {
    kind: 'rule',
    name: syntax.name.value,
    id: `${surroundings.module}/${syntax.name.value}`,
    layer: syntax.strict ? 'strict' : layer,
    derogable: syntax.derogable,
    control,
    exceptionTo: syntax.exceptionTo && qualify(syntax.exceptionTo.value, surroundings.module),
    priority: syntax.priority?.value,
    from,
    expires,
    when: when.typed,
    body,
    reveals,
    law: syntax.law?.value,
    says: syntax.says?.value,
    span: syntax.span,
  };
}

/** `MODULE/RULE` of `RULE` or `MODULE/RULE`. */
export function qualify(name: string, module: string): string {
  return name.includes('/') ? name : `${module}/${name}`;
}

function checkControlOf(
  { control, body }: RuleSyntax,
  { context, controls }: Surroundings,
): Control | undefined {
  const { scope, faults } = context;
  if (!scope.controls.has(control.value))
    return context.unknownName(
      control.value,
      control.span,
      [...scope.controls.keys()],
      'a control that is declared',
    );
  const found = controls.get(control.value);
  const needed = body.kind === 'require' ? 'evidence' : body.kind;
  if (found === undefined || found.of === needed) return found;
  const accepted = { verdict: '`VERDICT when E`', cap: '`cap E on E`', evidence: '`require FIELD`' }[
    found.of
  ];
  return faults.report(
    'control_kind',
    control.span,
    `${quote(control.value)} is a control of ${found.of}: ${accepted} is accepted in it`,
  );
}

/** `ok` is false where faults were reported. */
function checkCondition(
  expression: Expression | undefined,
  { context, guards }: Surroundings,
): { readonly ok: boolean; readonly typed: Typed | undefined } {
  if (expression === undefined) return { ok: true, typed: undefined };
  const typed = typeExpression(expression, context);
  const condition = typed && expectType(typed, types.bool, expression.span, context);
  if (condition !== undefined) guards.check(condition);
  return { ok: condition !== undefined, typed: condition };
}

function checkBody(
  syntax: BodySyntax,
  when: Typed | undefined,
  { context, guards }: Surroundings,
): Body | undefined {
  switch (syntax.kind) {
    case 'verdict':
      return { kind: 'verdict', verdict: syntax.verdict.value };
    case 'require': {
      const field = findOptionalField(syntax.field, context);
      return field && { kind: 'require', field, verdict: syntax.otherwise?.value ?? 'DENY' };
    }
    case 'cap': {
      const cap = typeExpression(syntax.cap, context);
      const measure = typeExpression(syntax.measure, context);
      if (cap === undefined || measure === undefined) return undefined;
      if (!types.isNumber(cap.type)) {
        const message = `a cap of ${types.showType(cap.type)}, which has no order: a number is accepted`;
        return context.faults.report('operand_type', syntax.cap.span, message);
      }
      if (expectType(measure, cap.type, syntax.measure.span, context) === undefined) return undefined;
      const present = when && guards.fieldsWhere(when, true);
      guards.check(cap, present);
      guards.check(measure, present);
      return { kind: 'cap', cap, measure, verdict: syntax.otherwise?.value ?? 'DENY' };
    }
    default:
      return syntax satisfies never;
  }
}

function checkDate(date: Located<string> | undefined, context: Context): bigint | undefined {
  if (date === undefined) return undefined;
  const message = `${quote(date.value)} is no day from 1970 to 9999: \`YYYY-MM-DD\` is accepted`;
  return readDate(date.value) ?? context.faults.report('bad_date', date.span, message);
}
