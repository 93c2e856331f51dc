/**
 * What a program computes, before anything has a register: a graph of operations without branches, in which nothing is there twice.
 *
 * Each node knows between which numbers its word is, and whose secrets went into it. A node is only ever made of nodes before it, so the
 * order in which they were made is one in which they can be computed.
 */
import type { WordType } from '../../../vm/isa.ts';

export const leastWord: bigint = -(2n ** 63n);
export const mostWord: bigint = 2n ** 63n - 1n;

/** Instructions of two words that give one; docs/ISA.md. */
export type BinaryOperation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'min'
  | 'max';

export type Operation =
  | BinaryOperation
  | 'const'
  | 'load'
  | 'find'
  | 'entry'
  | 'select'
  | 'muldiv'
  | 'div'
  | 'declassify'
  | 'endorse'
  | 'output';

export interface Node {
  /** In the order of making. */
  readonly id: number;
  readonly operation: Operation;
  readonly operands: readonly Node[];
  /** Of a table, segment, grant, port or rounding. */
  readonly index: number;
  /** Of a constant; of a load the word of its segment. */
  readonly value: bigint;
  readonly type: WordType;
  /** A bit for each owner of a secret that went into it. */
  readonly owners: number;
  /** Whether it is somebody's word only (A2). */
  readonly isSaid: boolean;
  /** Its word is never less, */
  readonly least: bigint;
  /** and never more. */
  readonly most: bigint;
}

/** What is not told is as of an ordinary public number. */
export type NodeParts = Pick<Node, 'operation'> & Partial<Omit<Node, 'id'>>;

/** Makes nodes, the same one for the same operation on the same words. */
export class NodeTable {
  /** In the order of making. */
  readonly nodes: Node[] = [];
  private readonly known = new Map<string, Node>();

  make(parts: NodeParts): Node {
    const { operation, operands = [], index = 0, value = 0n, type = 'number' } = parts;
    let owners = parts.owners ?? 0;
    let isSaid = parts.isSaid ?? false;
    if (parts.owners === undefined) for (const operand of operands) owners |= operand.owners;
    if (parts.isSaid === undefined) isSaid = operands.some((operand) => operand.isSaid);
    let key = `${operation} ${index} ${value === 0n ? '' : value} ${type} ${owners}`;
    for (const { id } of operands) key += ` ${id}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const node: Node = {
      id: this.nodes.length,
      operation,
      operands,
      index,
      value,
      type,
      owners,
      isSaid,
      least: parts.least ?? leastWord,
      most: parts.most ?? mostWord,
    };
    this.nodes.push(node);
    this.known.set(key, node);
    return node;
  }
}

/** The word of a constant that is no secret, which a program may be shaped by; `undefined` of anything else. */
export function publicWord({ operation, owners, value }: Node): bigint | undefined {
  return operation === 'const' && owners === 0 ? value : undefined;
}

/** The same of a number. */
export function publicNumber(node: Node): bigint | undefined {
  return node.type === 'number' ? publicWord(node) : undefined;
}
