/** Merkle trees of RFC 9162 §2.1: SHA-256, 0x00 before a leaf and 0x01 before a node, so that neither passes for the other. */
import { equalBytes, sha256 } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';

export function leafHash(leaf: Uint8Array): Uint8Array {
  const input = new Uint8Array(leaf.length + 1);
  input.set(leaf, 1);
  return sha256(input);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(65);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 33);
  return sha256(input);
}

/**
 * A tree built once: its root, and the proof of any leaf in log n steps.
 *
 * Level by level an odd last node moves up as it is; that gives the tree of RFC 9162 §2.1.1, whose left
 * part is the largest power of two.
 */
export interface MerkleTree {
  readonly size: number;
  readonly root: Uint8Array;
  /** RFC 9162 §2.1.3.1: the sibling hashes from the leaf up. */
  proof(index: number): readonly Uint8Array[];
}

export function buildTree(leaves: readonly Uint8Array[]): MerkleTree {
  const levels: Uint8Array[][] = [leaves.map(leafHash)];
  for (;;) {
    const below = levels.at(-1) ?? [];
    if (below.length <= 1) break;
    const level: Uint8Array[] = [];
    for (let i = 0; i < below.length; i += 2) {
      const left = below[i];
      const right = below[i + 1];
      assert(left !== undefined, 'a level has no holes');
      level.push(right === undefined ? left : nodeHash(left, right));
    }
    levels.push(level);
  }
  // RFC 9162 §2.1.1: the hash of an empty list is the hash of an empty string.
  const root = levels.at(-1)?.[0] ?? sha256(new Uint8Array());
  return {
    size: leaves.length,
    root,
    proof(index) {
      assert(
        Number.isInteger(index) && index >= 0 && index < leaves.length,
        'a proof is of a leaf of the tree',
      );
      const path: Uint8Array[] = [];
      let position = index;
      for (const level of levels) {
        const sibling = level[position ^ 1];
        if (sibling !== undefined) path.push(sibling);
        position >>>= 1;
      }
      return path;
    },
  };
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
    if (sibling.length !== 32 || last === 0) return undefined;
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
