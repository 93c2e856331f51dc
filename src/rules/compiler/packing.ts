/**
 * Small numbers that leave a program, many to a port: a port for each set of owners, as many as are needed.
 *
 * A word has 52 bits at most, so that a reader takes it apart in the numbers of JavaScript.
 */
import { assert } from '../../kit/result.ts';
import type { Graph } from './graph.ts';
import { type Node, publicNumber } from './node.ts';

/** Where a small number is read. */
export type Slot =
  | { readonly port: number; readonly shift: number; readonly width: number }
  /** It is the same in every decision. */
  | { readonly constant: number };

export interface PortUse {
  readonly name: string;
  readonly owners: number;
  readonly word: Node;
}

interface OpenWord {
  word: Node;
  bits: number;
  readonly slots: {
    node: Node;
    at: number;
    width: number;
    slot: { port: number; shift: number; width: number };
  }[];
}

const wordBits = 52;

export class Packing {
  readonly ports: PortUse[] = [];
  private readonly graph: Graph;
  private readonly open = new Map<number, OpenWord>();
  private readonly placed = new Map<string, Slot>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** A port of its own. */
  put(name: string, owners: number, word: Node): number {
    this.graph.table.make({ operation: 'output', operands: [word], index: this.ports.length, owners });
    return this.ports.push({ name, owners, word }) - 1;
  }

  /** A number of at most so many bits, for readers whom all `owners` have cleared. */
  pack(node: Node, width: number, owners: number): Slot {
    const constant = publicNumber(node);
    if (constant !== undefined) return { constant: Number(constant) };
    assert((node.owners & ~owners) === 0, 'a reader of a number is cleared for all that went into it');
    assert(node.least >= 0n && node.most < 1n << BigInt(width), 'a packed number fits its bits');
    const key = `${owners} ${node.id} ${width}`;
    const before = this.placed.get(key);
    if (before !== undefined) return before;
    let open = this.open.get(owners);
    if (open !== undefined && open.bits + width > wordBits) {
      this.close(owners, open);
      open = undefined;
    }
    if (open === undefined) {
      open = { word: node, bits: width, slots: [] };
      this.open.set(owners, open);
    } else {
      for (let bit = 0; bit < width; bit++) open.word = this.graph.add(open.word, open.word);
      open.word = this.graph.or(open.word, node);
      open.bits += width;
    }
    const slot = { port: -1, shift: 0, width };
    open.slots.push({ node, at: open.bits, width, slot });
    this.placed.set(key, slot);
    return slot;
  }

  /** Nothing more is packed. */
  finish(): void {
    for (const [owners, open] of this.open) this.close(owners, open);
    this.open.clear();
  }

  private close(owners: number, open: OpenWord): void {
    const port = this.put(`word_${this.ports.length}`, owners, open.word);
    for (const { at, slot } of open.slots) {
      slot.port = port;
      slot.shift = open.bits - at;
    }
  }
}
