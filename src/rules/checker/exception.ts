/** Rules of a module among one another: exceptions, priorities, and what of secrets they reveal. */
import { quote } from '../../kit/result.ts';
import type { Layer, RuleSyntax } from '../language/syntax.ts';
import type { CheckedModule, Rule } from './checked.ts';
import type { Context } from './context.ts';
import { ownersOfRule } from './owners.ts';
import { qualify } from './rule.ts';

/** What there is to know of a rule before its expressions are checked, so that a fault in one says nothing of its exceptions. */
interface Node {
  readonly syntax: RuleSyntax;
  readonly id: string;
  readonly layer: Layer;
  /** Id. */
  readonly parent: string | undefined;
}

interface Named {
  readonly name: string;
  readonly layer: Layer;
}

/** Refuses exceptions to what is not there, is strict, or is of another control; cycles; equal priorities. */
export function checkExceptions(context: Context, module: Named): void {
  const nodes = new Map<string, Node>();
  for (const syntax of context.scope.rules.values()) {
    const id = qualify(syntax.name.value, module.name);
    const parent = syntax.exceptionTo && qualify(syntax.exceptionTo.value, module.name);
    nodes.set(id, { syntax, id, layer: syntax.strict ? 'strict' : module.layer, parent });
  }
  for (const node of nodes.values()) checkParent(node, nodes, context, module.name);
  checkCycles(nodes, context);
  checkPriorities(nodes, context);
}

function checkParent(node: Node, nodes: ReadonlyMap<string, Node>, context: Context, module: string): void {
  const { exceptionTo, control } = node.syntax;
  if (exceptionTo === undefined || node.parent === undefined) return;
  const parent = nodes.get(node.parent);
  if (parent === undefined) {
    const isOwn = node.parent.startsWith(`${module}/`);
    const rules = [...context.scope.rules.keys()];
    if (isOwn) context.unknownName(exceptionTo.value, exceptionTo.span, rules, 'a rule that is declared');
    return;
  }
  if (parent.layer === 'strict')
    context.faults.report(
      'exception_strict',
      exceptionTo.span,
      `${quote(exceptionTo.value)} is strict: exceptions to rules that are not are accepted`,
    );
  if (parent.syntax.control.value !== control.value)
    context.faults.report(
      'exception_control',
      control.span,
      `${quote(exceptionTo.value)} is of control ${quote(parent.syntax.control.value)}: its exceptions are of the same`,
    );
}

function checkCycles(nodes: ReadonlyMap<string, Node>, context: Context): void {
  const done = new Set<string>();
  for (const start of nodes.values()) {
    const way: Node[] = [];
    let node: Node | undefined = start;
    while (node !== undefined && !done.has(node.id) && !way.includes(node)) {
      way.push(node);
      node = node.parent === undefined ? undefined : nodes.get(node.parent);
    }
    if (node?.syntax.exceptionTo !== undefined && way.includes(node)) {
      const names = [...way.slice(way.indexOf(node)), node].map((one) => one.syntax.name.value);
      context.faults.report(
        'exception_cycle',
        node.syntax.exceptionTo.span,
        `an exception to itself: ${names.map(quote).join(' to ')}`,
      );
    }
    for (const one of way) done.add(one.id);
  }
}

/** Rules with one parent, or of one layer and control without any. */
function siblingsOf({ parent, layer, syntax }: Node): string {
  return parent === undefined ? `${layer} ${syntax.control.value}` : `exception ${parent}`;
}

function checkPriorities(nodes: ReadonlyMap<string, Node>, context: Context): void {
  const taken = new Map<string, string>();
  for (const node of nodes.values()) {
    const { priority, name } = node.syntax;
    if (priority === undefined) continue;
    const key = `${siblingsOf(node)} ${priority.value}`;
    const other = taken.get(key);
    if (other === undefined) taken.set(key, name.value);
    else
      context.faults.report(
        'priority_twice',
        priority.span,
        `${quote(other)} beside it has the same priority: another number is accepted`,
      );
  }
}

/** Whether `rule` beats `other` in one step, where both are of one group (docs/RULES.md, Meaning 5). */
export function isDirectlyAbove(rule: Rule, other: Rule): boolean {
  if (rule.exceptionTo === other.id) return true;
  return (
    rule.exceptionTo === other.exceptionTo &&
    rule.priority !== undefined &&
    other.priority !== undefined &&
    rule.priority > other.priority
  );
}

/** The same of any two rules of a module: two that are no exceptions are of one group by their layer and control. */
function isAbove(rule: Rule, other: Rule): boolean {
  const isOfGroup =
    rule.exceptionTo !== undefined ||
    (rule.layer === other.layer && rule.control.name === other.control.name);
  return isOfGroup && isDirectlyAbove(rule, other);
}

/** The rules of `rules` that beat `rule`, in any number of steps. */
function beatersOf(rule: Rule, rules: readonly Rule[]): ReadonlySet<Rule> {
  const beaters = new Set<Rule>();
  const open = [rule];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const other of rules) {
      if (other === rule || beaters.has(other) || !isAbove(other, next)) continue;
      beaters.add(other);
      open.push(other);
    }
  }
  return beaters;
}

/**
 * Refuses a rule that looks at a secret, or that one of this module beats which does, without `reveals`; and `reveals` where there is no
 * secret to be told of. A rule that one of another module may beat may say it: whether it has to is for the whole set to see.
 */
export function checkReveals(
  rules: readonly Rule[],
  module: Pick<CheckedModule, 'jurisdictions'>,
  context: Context,
): void {
  const owned = new Map(rules.map((rule) => [rule, ownersOfRule(rule, module).size > 0]));
  for (const rule of rules) {
    const syntax = context.scope.rules.get(rule.name);
    if (syntax === undefined) continue;
    const beaters = [...beatersOf(rule, rules)];
    const secret = [rule, ...beaters].find((one) => owned.get(one));
    if (secret !== undefined && rule.reveals === undefined) {
      const why =
        secret === rule
          ? 'the rule looks at a secret'
          : `${quote(secret.name)}, which may beat it, looks at a secret`;
      context.faults.report(
        'missing_reveals',
        syntax.name.span,
        `${why}: \`reveals verdict\` or \`reveals code\` says what may be known of it`,
      );
    }
    // A rule that has faults of its own may be the one that looks at a secret.
    if (rules.length < context.scope.rules.size) continue;
    const isOpen = [rule, ...beaters].some((one) => one.derogable || one.priority !== undefined);
    if (secret === undefined && !isOpen && syntax.reveals !== undefined)
      context.faults.report(
        'needless_reveals',
        syntax.reveals.span,
        'the rule looks at no secret, and all of it is known: no `reveals` is accepted',
      );
  }
}
