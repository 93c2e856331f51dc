/** Merkle trees of RFC 9162 §2.1: SHA-256, 0x00 before a leaf and 0x01 before a node, so that neither passes for the other. */
import { equalBytes, sha256, sha256Into } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';

const hashLength = 32;

/** What is hashed is put together in place: leaves of one batch are nearly all of one length. */
let leafInput = new Uint8Array(1);
const nodeInput = new Uint8Array(1 + 2 * hashLength);
nodeInput[0] = 1;

export function leafHash(leaf: Uint8Array): Uint8Array {
  const hash = new Uint8Array(hashLength);
  putLeafHash(leaf, hash, 0);
  return hash;
}

function putLeafHash(leaf: Uint8Array, into: Uint8Array, at: number): void {
  if (leafInput.length !== leaf.length + 1) leafInput = new Uint8Array(leaf.length + 1);
  leafInput.set(leaf, 1);
  sha256Into(leafInput, into, at);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const hash = new Uint8Array(hashLength);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashLength);
  sha256Into(nodeInput, hash, 0);
  return hash;
}

/**
 * What a contiguous range of leaves lacks of its tree: the siblings of its left and of its right edge, from the
 * leaves up; together at most two a level, none for a whole tree.
 *
 * On each level, with the range's nodes at [from, to): where `from` is odd the node before it is in `left`,
 * where `to` is odd the node at it, if the level has one, is in `right`. Of a single leaf these are the hashes
 * of its inclusion proof. (transparency-dev calls `left` a compact range.)
 */
export interface RangeProof {
  readonly left: readonly Uint8Array[];
  readonly right: readonly Uint8Array[];
}

/**
 * A tree, or of a large tree a range of leaves with what leads to the root, built once: then any proof within it
 * takes log n steps.
 *
 * Level by level an odd last node moves up as it is; that gives the tree of RFC 9162 §2.1.1, whose left
 * part is the largest power of two.
 */
export interface MerkleTree {
  /** Leaves of the whole tree. */
  readonly size: number;
  /** The first leaf that is here, and how many are. */
  readonly first: number;
  readonly count: number;
  readonly root: Uint8Array;
  /** RFC 9162 §2.1.3.1: the sibling hashes from the leaf up; `index` is the leaf's place in the whole tree. */
  proof(index: number): readonly Uint8Array[];
  /** Proves the leaves [first, first + count), which have to be here. */
  rangeProof(first: number, count: number): RangeProof;
}

/** Nodes of one level, side by side, and the place of the first; it is even, so that siblings are together. */
interface Level {
  readonly start: number;
  readonly nodes: Uint8Array;
}

export function buildTree(leaves: readonly Uint8Array[]): MerkleTree {
  const tree = buildRange(leaves, 0, leaves.length, { left: [], right: [] });
  assert(tree !== undefined, 'a whole tree needs no proof');
  return tree;
}

/**
 * The part of a tree of `size` leaves that holds `leaves` from place `first` on, with the root that they lead to
 * by `proof`: k leaves take O(k + log size) of time and memory. All may be untrusted.
 *
 * Gives `undefined` where the proof does not fit: a range that is empty or passes the end of the tree, too few or
 * too many hashes on a side, one that has not 32 bytes.
 */
export function buildRange(
  leaves: readonly Uint8Array[],
  first: number,
  size: number,
  proof: RangeProof,
): MerkleTree | undefined {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(size) || first < 0) return undefined;
  if (leaves.length > size - first || (leaves.length === 0 && size > 0)) return undefined;
  const levels: Level[] = [];
  let [from, to, width] = [first, first + leaves.length, size];
  let [left, right] = [0, 0];
  let below: Level | undefined;
  for (;;) {
    const start = from - (from % 2);
    const end = Math.min(to + (to % 2), width);
    const level = { start, nodes: new Uint8Array((end - start) * hashLength) };
    if (below === undefined) {
      for (const [i, leaf] of leaves.entries())
        putLeafHash(leaf, level.nodes, (first + i - start) * hashLength);
    } else {
      for (let node = from; node < to; node++) joinBelow(below, node, level);
    }
    if (start < from && !putNode(level, start, proof.left[left++])) return undefined;
    if (end > to && !putNode(level, to, proof.right[right++])) return undefined;
    levels.push(level);
    below = level;
    if (width <= 1) break;
    from = start / 2;
    to = Math.ceil(end / 2);
    width = Math.ceil(width / 2);
  }
  if (left !== proof.left.length || right !== proof.right.length) return undefined;
  return treeOf(levels, first, leaves.length, size);
}

function putNode({ start, nodes }: Level, node: number, hash: Uint8Array | undefined): boolean {
  if (hash?.length !== hashLength) return false;
  nodes.set(hash, (node - start) * hashLength);
  return true;
}

/** Puts the node above two of `below`, or its odd last one as it is, in its place. */
function joinBelow(below: Level, node: number, into: Level): void {
  const from = (2 * node - below.start) * hashLength;
  const at = (node - into.start) * hashLength;
  if (from + hashLength === below.nodes.length) {
    into.nodes.set(below.nodes.subarray(from), at);
    return;
  }
  // Byte by byte: a view for each node takes longer.
  for (let i = 0; i < 2 * hashLength; i++) nodeInput[1 + i] = below.nodes[from + i] as number;
  sha256Into(nodeInput, into.nodes, at);
}

function treeOf(levels: readonly Level[], first: number, count: number, size: number): MerkleTree {
  const nodeOf = ({ start, nodes }: Level, node: number): Uint8Array =>
    nodes.slice((node - start) * hashLength, (node - start + 1) * hashLength);
  const top = levels.at(-1);
  assert(top !== undefined, 'a tree has a level');
  return {
    size,
    first,
    count,
    // RFC 9162 §2.1.1: the hash of an empty list is the hash of an empty string.
    root: size === 0 ? sha256(new Uint8Array()) : nodeOf(top, 0),
    proof(index) {
      assert(
        Number.isInteger(index) && index >= first && index < first + count,
        'a proof is of a leaf of the tree',
      );
      const path: Uint8Array[] = [];
      let [position, width] = [index, size];
      for (const level of levels) {
        const sibling = position % 2 === 0 ? position + 1 : position - 1;
        if (sibling < width) path.push(nodeOf(level, sibling));
        position = Math.floor(position / 2);
        width = Math.ceil(width / 2);
      }
      return path;
    },
    rangeProof(start, length) {
      assert(
        Number.isInteger(start) && Number.isInteger(length) && length >= 1,
        'a range has a place and at least one leaf',
      );
      assert(start >= first && start + length <= first + count, 'a range is of leaves of the tree');
      const left: Uint8Array[] = [];
      const right: Uint8Array[] = [];
      let [from, to, width] = [start, start + length, size];
      for (const level of levels) {
        if (from % 2 === 1) left.push(nodeOf(level, from - 1));
        if (to % 2 === 1 && to < width) right.push(nodeOf(level, to));
        from = Math.floor(from / 2);
        to = Math.ceil(to / 2);
        width = Math.ceil(width / 2);
      }
      return { left, right };
    },
  };
}

/** The root that `proof` leads to from leaves at [first, first + their number) of a tree of `size`; `undefined` where it does not fit. */
export function rootFromRange(
  leaves: readonly Uint8Array[],
  first: number,
  size: number,
  proof: RangeProof,
): Uint8Array | undefined {
  return buildRange(leaves, first, size, proof)?.root;
}

export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  return buildTree(leaves).root;
}

/** The root that `proof` leads to from `leaf` (RFC 9162 §2.1.3.2); `undefined` where the proof does not fit the tree's size. */
export function rootFromProof(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size)
    return undefined;
  // BigInt-free: sizes are at most 2^53, so halves are taken by division.
  let position = index;
  let last = size - 1;
  let hash = leafHash(leaf);
  for (const sibling of proof) {
    if (sibling.length !== hashLength || last === 0) return undefined;
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sibling, hash);
      while (position % 2 === 0 && position !== 0) {
        position = Math.floor(position / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : undefined;
}

export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const computed = rootFromProof(leaf, index, size, proof);
  return computed !== undefined && equalBytes(computed, root);
}
