/** What a program may let through, and how often: grants, each for one range and one label. */
import { assert } from '../../kit/result.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';

export interface GrantUse {
  readonly kind: 'declassify' | 'endorse';
  /** Bits of the owners whose secret is declassified. */
  readonly owners: number;
  readonly least: bigint;
  readonly most: bigint;
  /** Nodes that use it. */
  readonly nodes: Set<Node>;
}

export class GrantTable {
  readonly grants: GrantUse[] = [];
  private readonly graph: Graph;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** What somebody says, taken as true: within the range, which the program has made sure of. */
  endorse(word: Node, least: bigint, most: bigint): Node {
    if (!word.isSaid) return word;
    assert(word.owners === 0, 'nothing is secret that anybody says');
    return this.use('endorse', word, 0, least, most);
  }

  /** Lets a secret number out, to everybody: one between `least` and `most`. */
  declassify(word: Node, least: bigint, most: bigint): Node {
    if (word.owners === 0) return word;
    return this.use('declassify', word, word.owners, least, most);
  }

  private use(kind: GrantUse['kind'], word: Node, owners: number, least: bigint, most: bigint): Node {
    let index = this.grants.findIndex(
      (grant) =>
        grant.kind === kind && grant.owners === owners && grant.least === least && grant.most === most,
    );
    if (index === -1) index = this.grants.push({ kind, owners, least, most, nodes: new Set() }) - 1;
    const node = this.graph.table.make({
      operation: kind,
      operands: [word],
      index,
      type: word.type,
      owners: kind === 'declassify' ? 0 : word.owners,
      isSaid: kind === 'endorse' ? false : word.isSaid,
      least: word.least > least ? word.least : least,
      most: word.most < most ? word.most : most,
    });
    this.grants[index]?.nodes.add(node);
    return node;
  }
}
