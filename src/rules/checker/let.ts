/** Expressions with a name: each is typed once, after those that it needs, in whatever order they are written. */
import { quote } from '../../kit/result.ts';
import type { Expression, LetSyntax } from '../language/syntax.ts';
import type { Context } from './context.ts';
import { typeExpression } from './expression.ts';
import type { FaultList } from './fault-list.ts';
import type { Guards } from './guard.ts';
import { checkSize } from './part.ts';
import type { Scope } from './scope.ts';

/** Puts every let that is right into the context. A let guards the optional fields that it reads itself. */
export function checkLets(context: Context, guards: Guards): void {
  for (const { name, value } of orderLets(context.scope, context.faults)) {
    const typed = typeExpression(value, context);
    if (typed === undefined || !checkSize([typed], name.span, context.faults)) continue;
    guards.checkLet(typed);
    context.lets.set(name.value, typed);
  }
}

/** What a let uses comes before it. Lets that need themselves are refused and left out, and so is what needs those. */
function orderLets(scope: Scope, faults: FaultList): readonly LetSyntax[] {
  const order: LetSyntax[] = [];
  const state = new Map<LetSyntax, 'open' | 'done' | 'refused'>();
  const way: LetSyntax[] = [];
  const visit = (one: LetSyntax): boolean => {
    const before = state.get(one);
    if (before === 'open') {
      const names = [...way.slice(way.indexOf(one)), one].map(({ name }) => quote(name.value));
      faults.report('let_cycle', one.name.span, `needs itself: ${names.join(' needs ')}`);
      return false;
    }
    if (before !== undefined) return before === 'done';
    state.set(one, 'open');
    way.push(one);
    let ok = true;
    for (const name of namesIn(one.value)) {
      const needed = scope.values.get(name);
      if (needed?.kind === 'let' && !visit(needed)) ok = false;
    }
    way.pop();
    state.set(one, ok ? 'done' : 'refused');
    if (ok) order.push(one);
    return ok;
  };
  for (const one of scope.values.values()) if (one.kind === 'let') visit(one);
  return order;
}

/** Names of a single part. */
function namesIn(expression: Expression): ReadonlySet<string> {
  const names = new Set<string>();
  const open: Expression[] = [expression];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === 'name' && next.path.length === 1) names.add(next.path[0] ?? '');
    open.push(...partsOf(next));
  }
  return names;
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'call':
      return expression.args;
    case 'list':
      return expression.items;
    case 'quantifier':
      return [expression.items, expression.body];
    case 'unary':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'conditional':
      return [expression.condition, expression.then, expression.otherwise];
    default:
      return expression satisfies never;
  }
}
