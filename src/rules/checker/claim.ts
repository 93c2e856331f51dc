/** What a module claims of itself: its tests and the properties that are to be proved. */
import { quote } from '../../kit/result.ts';
import type { GivenSyntax, Located, PropertySyntax, TestSyntax } from '../language/syntax.ts';
import type { Property, RuleTest } from './checked.ts';
import type { Context } from './context.ts';
import { typeExpression } from './expression.ts';
import { checkFacts, type ReadFacts, readFacts } from './fact.ts';
import type { Guards } from './guard.ts';
import { findField } from './name.ts';
import { checkSize } from './part.ts';
import * as types from './type.ts';
import { expectType } from './typing.ts';

/** What holds in every test that does not say otherwise. */
export function checkGiven(given: readonly GivenSyntax[], context: Context): ReadFacts {
  return readFacts(
    given.flatMap(({ facts }) => facts),
    context,
  );
}

export function checkTest(syntax: TestSyntax, given: ReadFacts, context: Context): RuleTest | undefined {
  const fired = new Set<string>();
  for (const name of syntax.fired) {
    if (!context.scope.rules.has(name.value))
      context.unknownName(name.value, name.span, [...context.scope.rules.keys()], 'a rule that is declared');
    if (fired.has(name.value))
      context.faults.report('fired_twice', name.span, `${quote(name.value)} is said already`);
    fired.add(name.value);
  }
  const facts = checkFacts(readFacts(syntax.facts, context), given, syntax.title, context);
  return (
    facts && {
      title: syntax.title.value,
      facts,
      verdict: syntax.verdict.value,
      fired: [...context.scope.rules.keys()].filter((name) => fired.has(name)),
      span: syntax.span,
    }
  );
}

export function checkProperty(
  syntax: PropertySyntax,
  guards: Guards,
  context: Context,
): Property | undefined {
  const { claim, title, span } = syntax;
  if (claim.kind === 'monotone') {
    const field = findField(claim.field, context);
    if (field === undefined) return undefined;
    if (types.isNumber(field.type)) return { title: title.value, claim: { kind: 'monotone', field }, span };
    const message = `\`${field.name}\` is of ${types.showType(field.type)}, which has no order: a number is accepted`;
    return context.faults.report('operand_type', claim.field.span, message);
  }
  const typed = typeExpression(claim.when, context);
  const when = typed && expectType(typed, types.bool, claim.when.span, context);
  if (when === undefined) return undefined;
  guards.check(when);
  checkSize([when], title.span, context.faults);
  return {
    title: title.value,
    claim: { kind: 'bound', when, bound: claim.bound, verdict: claim.verdict.value },
    span,
  };
}

/** Refuses a title that another test, or another property, has. */
export function checkTitles(titled: readonly { readonly title: Located<string> }[], context: Context): void {
  const before = new Set<string>();
  for (const { title } of titled) {
    if (before.has(title.value))
      context.faults.report('title_twice', title.span, `${quote(title.value)} is the title of another`);
    before.add(title.value);
  }
}
