/**
 * Small numbers that leave a program, many to a port: a port for each set of owners, as many as are needed.
 *
 * A word has 52 bits at most, so that a reader takes it apart in the numbers of JavaScript.
 */
import type { WordType } from '../../../vm/isa.ts';
import { assert } from '../../kit/result.ts';
import type { Graph } from './graph.ts';
import { type Node, publicNumber } from './node.ts';

/** Where a small number is read. */
export type Slot =
  /** Below its lowest bit are the others of the word, so many that they make up `divisor`; it has `modulus` values. */
  | { readonly port: number; readonly divisor: number; readonly modulus: number }
  /** It is the same in every decision. */
  | { readonly constant: number };

export interface PortUse {
  readonly name: string;
  readonly owners: number;
  readonly type: WordType;
}

interface OpenWord {
  word: Node;
  bits: number;
  /** What is packed, and after how many bits. */
  readonly slots: {
    readonly at: number;
    readonly slot: { port: number; divisor: number; modulus: number };
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
    return this.ports.push({ name, owners, type: word.type }) - 1;
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
      open.word = this.graph.or(this.graph.shiftLeft(open.word, width), node);
      open.bits += width;
    }
    const slot = { port: -1, divisor: 1, modulus: 2 ** width };
    open.slots.push({ at: open.bits, slot });
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
      slot.divisor = 2 ** (open.bits - at);
    }
  }
}

/** A packed number, of whose port the run told; `words` by port. */
export function readSlot(slot: Slot, words: readonly number[]): number {
  if ('constant' in slot) return slot.constant;
  return Math.floor((words[slot.port] ?? 0) / slot.divisor) % slot.modulus;
}

/** Words of ports as numbers, by port; of a word that is no packed one it is only near. */
export function numbersOf(ports: ReadonlyMap<number, bigint>): readonly number[] {
  const words: number[] = [];
  for (const [port, word] of ports) words[port] = Number(word);
  return words;
}
