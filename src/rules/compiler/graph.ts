/**
 * Operations on words that make no more nodes than are needed: what is known before a program runs is worked out here, except of secrets,
 * by which no program is shaped.
 *
 * Intervals hold: no operation that is made here can trap where its operands are between their bounds.
 */

import { type Rounding, roundings } from '../../../vm/isa.ts';
import { assert } from '../../kit/result.ts';
import { type BinaryOperation, mostWord, type Node, NodeTable, publicNumber } from './node.ts';
import { areExclusive, implies } from './truth.ts';

type Interval = Pick<Node, 'least' | 'most'>;
const truth: Interval = { least: 0n, most: 1n };

export class Graph {
  readonly table = new NodeTable();

  number(value: bigint): Node {
    return this.table.make({ operation: 'const', value, least: value, most: value });
  }

  symbol(word: bigint): Node {
    return this.table.make({ operation: 'const', value: word, type: 'symbol', least: word, most: word });
  }

  truth(value: boolean): Node {
    return this.number(value ? 1n : 0n);
  }

  and(a: Node, b: Node): Node {
    if (a === b) return a;
    const x = publicNumber(a);
    const y = publicNumber(b);
    if (x !== undefined && isTruth(b)) return x === 0n ? a : b;
    if (y !== undefined && isTruth(a)) return y === 0n ? b : a;
    if (implies(a, b)) return a;
    if (implies(b, a)) return b;
    if (areExclusive(a, b)) return this.truth(false);
    return this.ordered('and', a, b, isTruth(a) && isTruth(b) ? truth : {});
  }

  /** Of words that are not negative. */
  or(a: Node, b: Node): Node {
    if (a === b) return a;
    const x = publicNumber(a);
    const y = publicNumber(b);
    if (x === 0n || (y === 1n && isTruth(a))) return b;
    if (y === 0n || (x === 1n && isTruth(b))) return a;
    if (implies(a, b)) return b;
    if (implies(b, a)) return a;
    assert(a.least >= 0n && b.least >= 0n, 'what is joined bit by bit is not negative');
    return this.ordered('or', a, b, { least: 0n, most: ones(a.most > b.most ? a.most : b.most) });
  }

  orAll(nodes: readonly Node[]): Node {
    return nodes.reduce((all, one) => this.or(all, one), this.truth(false));
  }

  not(a: Node): Node {
    assert(isTruth(a), 'what is negated is a truth');
    const x = publicNumber(a);
    if (x !== undefined) return this.truth(x === 0n);
    if (isNegation(a)) return a.operands[0] as Node;
    return this.binary('xor', a, this.number(1n), truth);
  }

  equal(a: Node, b: Node): Node {
    if (a === b || (isOne(a) && isOne(b) && meet(a, b))) return this.truth(true);
    if (!meet(a, b)) return this.truth(false);
    return this.ordered('eq', a, b, truth);
  }

  unequal(a: Node, b: Node): Node {
    if (a === b || (isOne(a) && isOne(b) && meet(a, b))) return this.truth(false);
    if (!meet(a, b)) return this.truth(true);
    return this.ordered('ne', a, b, truth);
  }

  less(a: Node, b: Node): Node {
    if (a === b) return this.truth(false);
    if (a.most < b.least) return this.truth(true);
    if (a.least >= b.most) return this.truth(false);
    return this.binary('lt', a, b, truth);
  }

  lessOrEqual(a: Node, b: Node): Node {
    if (a === b) return this.truth(true);
    if (a.most <= b.least) return this.truth(true);
    if (a.least > b.most) return this.truth(false);
    return this.binary('le', a, b, truth);
  }

  min(a: Node, b: Node): Node {
    if (a === b || a.most <= b.least) return a;
    if (b.most <= a.least) return b;
    return this.ordered('min', a, b, { least: lesser(a.least, b.least), most: lesser(a.most, b.most) });
  }

  max(a: Node, b: Node): Node {
    if (a === b || a.least >= b.most) return a;
    if (b.least >= a.most) return b;
    return this.ordered('max', a, b, { least: greater(a.least, b.least), most: greater(a.most, b.most) });
  }

  add(a: Node, b: Node): Node {
    if (publicNumber(a) === 0n) return b;
    if (publicNumber(b) === 0n) return a;
    const bounds = { least: a.least + b.least, most: a.most + b.most };
    return this.fold(a, b, bounds.least, bounds.most) ?? this.ordered('add', a, b, fitting(bounds));
  }

  /** Where it is known by other means than the operands' bounds, the result without its sign is at most `size`; so of the next two. */
  subtract(a: Node, b: Node, size: bigint = mostWord): Node {
    if (publicNumber(b) === 0n) return a;
    const bounds = { least: a.least - b.most, most: a.most - b.least };
    return this.fold(a, b, bounds.least, bounds.most) ?? this.binary('sub', a, b, fitting(bounds, size));
  }

  multiply(a: Node, b: Node, size: bigint = mostWord): Node {
    const bounds = productBounds(a, b);
    return this.fold(a, b, bounds.least, bounds.most) ?? this.ordered('mul', a, b, fitting(bounds, size));
  }

  /** a × b ÷ c; c is a constant above 0. */
  multiplyDivide(a: Node, b: Node, c: Node, rounding: Rounding, size: bigint = mostWord): Node {
    const divisor = publicNumber(c);
    assert(divisor !== undefined && divisor > 0n, 'a product is divided by a constant above 0');
    const product = productBounds(a, b);
    // One more away from 0: whichever way it is rounded.
    const bounds = {
      least: product.least >= 0n ? 0n : product.least / divisor - 1n,
      most: product.most <= 0n ? 0n : product.most / divisor + 1n,
    };
    return this.table.make({
      operation: 'muldiv',
      operands: [a, b, c],
      index: roundings.indexOf(rounding),
      ...fitting(bounds, size),
    });
  }

  /** a ÷ b, where b is never 0. */
  divide(a: Node, b: Node, rounding: Rounding): Node {
    const size = sizeOf(a);
    return this.table.make({
      operation: 'div',
      operands: [a, b],
      index: roundings.indexOf(rounding),
      least: a.least >= 0n && b.least > 0n ? 0n : -size,
      most: size,
    });
  }

  /** Of a word that is not negative, and has room for so many more bits. */
  shiftLeft(a: Node, bits: number): Node {
    const bounds = { least: a.least << BigInt(bits), most: a.most << BigInt(bits) };
    assert(a.least >= 0n && bounds.most <= mostWord, 'no bit of what is shifted is lost');
    if (bits === 1) return this.binary('add', a, a, bounds);
    return this.binary('shl', a, this.number(BigInt(bits)), bounds);
  }

  /** A number without its sign. */
  size(a: Node): Node {
    return a.least >= 0n ? a : this.max(a, this.subtract(this.number(0n), a));
  }

  select(condition: Node, then: Node, otherwise: Node): Node {
    const known = publicNumber(condition);
    if (known !== undefined) return known === 0n ? otherwise : then;
    if (then === otherwise) return then;
    if (isNegation(condition)) return this.select(condition.operands[0] as Node, otherwise, then);
    // `select (c ? K : 0)` is `select c`.
    const inner = asSelect(condition);
    if (inner !== undefined) {
      const [c, x, y] = inner;
      const [ofX, ofY] = [publicNumber(x), publicNumber(y)];
      if (ofX !== undefined && ofY !== undefined && (ofX === 0n) !== (ofY === 0n))
        return ofY === 0n ? this.select(c, then, otherwise) : this.select(c, otherwise, then);
    }
    // Where the condition holds, the truth does not.
    if (publicNumber(then) === 0n && areExclusive(condition, otherwise)) return otherwise;
    const taken = asSelect(then);
    if (taken !== undefined && taken[0] === condition) return this.select(condition, taken[1], otherwise);
    const other = asSelect(otherwise);
    if (other !== undefined && other[0] === condition) return this.select(condition, then, other[2]);
    if (isTruth(condition) && publicNumber(then) === 1n && publicNumber(otherwise) === 0n) return condition;
    if (isTruth(condition) && isTruth(then) && publicNumber(otherwise) === 0n)
      return this.and(condition, then);
    return this.table.make({
      operation: 'select',
      operands: [condition, then, otherwise],
      type: then.type,
      least: lesser(then.least, otherwise.least),
      most: greater(then.most, otherwise.most),
    });
  }

  private ordered(operation: BinaryOperation, a: Node, b: Node, bounds: Partial<Interval>): Node {
    return a.id <= b.id ? this.binary(operation, a, b, bounds) : this.binary(operation, b, a, bounds);
  }

  private binary(operation: BinaryOperation, a: Node, b: Node, bounds: Partial<Interval>): Node {
    return this.table.make({ operation, operands: [a, b], ...bounds });
  }

  /** The constant that an operation on two constants gives. */
  private fold(a: Node, b: Node, least: bigint, most: bigint): Node | undefined {
    return publicNumber(a) !== undefined && publicNumber(b) !== undefined && least === most
      ? this.number(least)
      : undefined;
  }
}

/** The least and the most of a × b. */
export function productBounds(a: Interval, b: Interval): Interval {
  const products = [a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most];
  return { least: products.reduce(lesser), most: products.reduce(greater) };
}

/** The most that a number is without its sign. */
export function sizeOf({ least, most }: Interval): bigint {
  return greater(most, -least);
}

function isTruth({ least, most }: Node): boolean {
  return least >= 0n && most <= 1n;
}

function isNegation({ operation, operands: [, b] }: Node): boolean {
  return operation === 'xor' && b !== undefined && publicNumber(b) === 1n;
}

function asSelect({ operation, operands }: Node): readonly [Node, Node, Node] | undefined {
  const [condition, then, otherwise] = operands;
  return operation === 'select' && condition && then && otherwise ? [condition, then, otherwise] : undefined;
}

/** Whether it is known which number it is. */
function isOne({ least, most }: Interval): boolean {
  return least === most;
}

function meet(a: Interval, b: Interval): boolean {
  return a.least <= b.most && b.least <= a.most;
}

function fitting({ least, most }: Interval, size: bigint = mostWord): Interval {
  const within = { least: greater(least, -size), most: lesser(most, size) };
  assert(
    size < mostWord || (within.least === least && within.most === most),
    'no operation of a program can leave its word',
  );
  return within;
}

/** The least number of only ones, in binary, that is not below it. */
function ones(number: bigint): bigint {
  return (1n << BigInt(number.toString(2).length)) - 1n;
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greater(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
