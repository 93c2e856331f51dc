/**
 * Numbers of the language on words of the machine: each operation with the error that it may come to, and without any trap.
 *
 * An error is a number: 0 where there is none, else the verdict (2 HOLD, 3 DENY). The word beside an error means nothing, but it is between its
 * bounds. Of two errors the greater counts; what goes wrong here is HOLD, the least of them, so it cannot matter what a meaningless word comes to.
 */
import type { Rounding } from '../../../vm/isa.ts';
import { numberLimit } from '../checker/checked.ts';
import { type Graph, productBounds, sizeOf } from './graph.ts';
import type { Node } from './node.ts';

/** Verdicts by their number: the place in `verdicts`. */
export const holdNumber = 2n;
export const denyNumber = 3n;

export interface Computed {
  /** Of a key the high word. */
  readonly value: Node;
  /** Of a key. */
  readonly low?: Node;
  readonly error: Node;
  /** Whether the value of a truth is 0 where there is an error. */
  readonly isClean?: boolean;
}

const most = numberLimit - 1n;
export const numberRange = { least: -most, most } as const;

/** Of operands without a value of their own. */
export function joinErrors(graph: Graph, ...of: readonly Computed[]): Node {
  return of.map(({ error }) => error).reduce((all, one) => graph.max(all, one));
}

/** The truth, 0 where it is an error. */
export function cleanTruth(graph: Graph, { value, error, isClean = false }: Computed): Node {
  return isClean ? value : graph.select(error, graph.truth(false), value);
}

export function add(graph: Graph, a: Computed, b: Computed): Computed {
  return limited(graph, graph.add(a.value, b.value), joinErrors(graph, a, b));
}

export function subtract(graph: Graph, a: Computed, b: Computed): Computed {
  return limited(graph, graph.subtract(a.value, b.value), joinErrors(graph, a, b));
}

export function multiply(graph: Graph, a: Computed, b: Computed): Computed {
  const error = joinErrors(graph, a, b);
  if (sizeOf(productBounds(a.value, b.value)) < 2n ** 62n)
    return limited(graph, graph.multiply(a.value, b.value), error);
  const { value, overflow } = guardProduct(graph, a.value, b.value, 1n);
  return { value: graph.multiply(a.value, value, most), error: graph.max(error, overflow) };
}

/** a × b ÷ divisor, which is a constant above 0. */
export function multiplyDivide(
  graph: Graph,
  a: Computed,
  b: Computed,
  divisor: bigint,
  rounding: Rounding,
): Computed {
  const error = joinErrors(graph, a, b);
  const by = graph.number(divisor);
  if (sizeOf(productBounds(a.value, b.value)) / divisor < 2n ** 62n)
    return limited(graph, graph.multiplyDivide(a.value, b.value, by, rounding), error);
  const { value, overflow } = guardProduct(graph, a.value, b.value, divisor);
  // What is not above 10^18 before it is rounded is not above it afterwards.
  const result = graph.multiplyDivide(a.value, value, by, rounding, numberLimit);
  return limited(graph, result, graph.max(error, overflow));
}

/** a ÷ b; a division by 0 is an error. */
export function divide(graph: Graph, a: Computed, b: Computed, rounding: Rounding): Computed {
  const isZero = graph.equal(b.value, graph.number(0n));
  const value = graph.divide(a.value, graph.select(isZero, graph.number(1n), b.value), rounding);
  return { value, error: graph.max(joinErrors(graph, a, b), holdWhere(graph, isZero)) };
}

/** What a division towards zero leaves: of the sign of `a`. */
export function remainder(graph: Graph, a: Computed, b: Computed): Computed {
  const isZero = graph.equal(b.value, graph.number(0n));
  const divisor = graph.select(isZero, graph.number(1n), b.value);
  const quotient = graph.divide(a.value, divisor, 'down');
  // At most as far from 0 as `a`, which the bounds of its factors do not show.
  const size = sizeOf(a.value);
  const value = graph.subtract(a.value, graph.multiply(quotient, divisor, size), size);
  return { value, error: graph.max(joinErrors(graph, a, b), holdWhere(graph, isZero)) };
}

export function negate(graph: Graph, a: Computed): Computed {
  return limited(graph, graph.subtract(graph.number(0n), a.value), a.error);
}

/** HOLD where a truth holds. */
export function holdWhere(graph: Graph, condition: Node): Node {
  return graph.select(condition, graph.number(holdNumber), graph.number(0n));
}

/** `value` as a number of the language, or an overflow. */
function limited(graph: Graph, value: Node, error: Node): Computed {
  if (value.least >= -most && value.most <= most) return { value, error };
  const within = graph.max(graph.min(value, graph.number(most)), graph.number(-most));
  return { value: within, error: graph.max(error, holdWhere(graph, graph.unequal(within, value))) };
}

/** Whether |a × b| is 10^18 × `times` or more; then the second factor to go on with is 0. */
function guardProduct(graph: Graph, a: Node, b: Node, times: bigint): { value: Node; overflow: Node } {
  const limit = graph.number(numberLimit);
  const reached = graph.multiplyDivide(graph.size(a), graph.size(b), limit, 'down');
  const isOver = graph.lessOrEqual(graph.number(times), reached);
  return { value: graph.select(isOver, graph.number(0n), b), overflow: holdWhere(graph, isOver) };
}
