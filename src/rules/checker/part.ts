/** The parts of expressions, and how many there are. */
import type { Span } from '../language/syntax.ts';
import { limits } from '../limits.ts';
import type { Typed } from './checked.ts';
import type { FaultList } from './fault-list.ts';

/** What an expression is made of, in the order of the text. */
export function partsOf(typed: Typed): readonly Typed[] {
  switch (typed.op) {
    case 'constant':
    case 'field':
    case 'has':
    case 'parameter':
    case 'feed':
    case 'spent':
    case 'count':
      return [];
    case 'listed':
      return [typed.item];
    case 'not':
    case 'negate':
      return [typed.operand];
    case 'compare':
    case 'and':
    case 'or':
    case 'add':
    case 'subtract':
    case 'multiply':
    case 'divide':
    case 'remainder':
    case 'min':
    case 'max':
      return [typed.left, typed.right];
    case 'select':
      return [typed.condition, typed.then, typed.otherwise];
    case 'scale':
    case 'share':
      return [typed.amount, typed.by];
    case 'convert':
      return [typed.amount];
    default:
      return typed satisfies never;
  }
}

/** All expressions below `roots`, themselves too, each once. */
export function expressionsBelow(roots: readonly Typed[]): ReadonlySet<Typed> {
  const found = new Set<Typed>();
  const visit = (typed: Typed): void => {
    if (found.has(typed)) return;
    found.add(typed);
    for (const part of partsOf(typed)) visit(part);
  };
  for (const root of roots) visit(root);
  return found;
}

/** The fields that expressions look at; a rate is of the transaction's currency. */
export function fieldsBelow(roots: readonly Typed[]): ReadonlySet<string> {
  const fields = new Set<string>();
  for (const typed of expressionsBelow(roots)) {
    if (typed.op === 'field' || typed.op === 'has') fields.add(typed.field.name);
    if (typed.op === 'convert') fields.add('tx.currency');
  }
  return fields;
}

export interface Size {
  /** Parts, each counted once however often it is used. */
  readonly parts: number;
  /** Parts, each counted as often as it is used. */
  readonly expanded: number;
  readonly depth: number;
}

/** How large expressions are together; each part is looked at once. */
export function sizeOf(expressions: readonly Typed[]): Size {
  const sizes = new Map<Typed, { readonly expanded: number; readonly depth: number }>();
  const measure = (typed: Typed): { readonly expanded: number; readonly depth: number } => {
    const before = sizes.get(typed);
    if (before !== undefined) return before;
    let expanded = 1;
    let depth = 1;
    for (const part of partsOf(typed)) {
      const size = measure(part);
      expanded += size.expanded;
      depth = Math.max(depth, size.depth + 1);
    }
    const size = { expanded, depth };
    sizes.set(typed, size);
    return size;
  };
  const measured = expressions.map(measure);
  return {
    parts: sizes.size,
    expanded: measured.reduce((sum, { expanded }) => sum + expanded, 0),
    depth: Math.max(0, ...measured.map(({ depth }) => depth)),
  };
}

/** Refuses expressions that are too large for the machine, or for a reader. */
export function checkSize(expressions: readonly Typed[], span: Span, faults: FaultList): boolean {
  const { parts, expanded, depth } = sizeOf(expressions);
  if (depth > limits.depth) {
    faults.report(
      'expression_depth',
      span,
      `${depth} deep, lets among them: at most ${limits.depth} is accepted`,
    );
    return false;
  }
  if (parts <= limits.nodes && expanded <= limits.expandedNodes) return true;
  const [found, most] =
    parts > limits.nodes
      ? [`${parts} parts`, limits.nodes]
      : [`${expanded} parts where lets are counted as often as they are used`, limits.expandedNodes];
  faults.report('expression_size', span, `${found}: at most ${most} are accepted`);
  return false;
}
