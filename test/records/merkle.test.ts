import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import { buildTree, leafHash, merkleRoot, rootFromProof, verifyInclusion } from '../../src/records/merkle.ts';
import vectors from '../vectors/merkle.json' with { type: 'json' };

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error('not hex');
  return bytes;
}

/** RFC 9162 §2.1.1 word for word: the definition, slow and recursive. */
function definedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return sha256(concatBytes(Uint8Array.of(0), first));
  const k = splitOf(leaves.length);
  return sha256(concatBytes(Uint8Array.of(1), definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k))));
}

/** RFC 9162 §2.1.3.1 word for word. */
function definedProof(index: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = splitOf(leaves.length);
  return index < k
    ? [...definedProof(index, leaves.slice(0, k)), definedRoot(leaves.slice(k))]
    : [...definedProof(index - k, leaves.slice(k)), definedRoot(leaves.slice(0, k))];
}

/** The largest power of two below n. */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

const someLeaves = (count: number) => Array.from({ length: count }, (_, index) => utf8(`leaf ${index}`));

describe("transparency-dev's vectors", () => {
  const leaves = vectors.leaves.map(hex);

  it.each(vectors.roots.map((root, size) => [size, root] as const))(
    'gives the root of %d leaves',
    (size, root) => {
      expect(toHex(merkleRoot(leaves.slice(0, size)))).toBe(root);
    },
  );

  it('has vectors of both kinds', () => {
    expect(vectors.inclusion.filter((vector) => vector.accepted).length).toBe(5);
    expect(vectors.inclusion.filter((vector) => !vector.accepted).length).toBe(72);
  });

  it.each(vectors.inclusion.map((vector) => [vector.file, vector] as const))(
    'agrees on %s',
    (_file, vector) => {
      const { leaf, index, size, proof, root } = vector;
      expect(verifyInclusion(hex(leaf), Number(index), Number(size), proof.map(hex), hex(root))).toBe(
        vector.accepted,
      );
    },
  );
});

describe('a tree', () => {
  it('of up to 130 leaves has the root and the proofs that RFC 9162 §2.1 defines', () => {
    for (let size = 1; size <= 130; size++) {
      const leaves = someLeaves(size);
      const tree = buildTree(leaves);
      expect(tree.size).toBe(size);
      expect(toHex(tree.root), `${size} leaves`).toBe(toHex(definedRoot(leaves)));
      for (const index of new Set([0, 1, size >> 1, size - 2, size - 1])) {
        if (index < 0 || index >= size) continue;
        expect(tree.proof(index).map(toHex), `leaf ${index} of ${size}`).toEqual(
          definedProof(index, leaves).map(toHex),
        );
      }
    }
  });

  it('of no leaves has the hash of nothing for a root (RFC 9162 §2.1.1)', () => {
    expect(toHex(merkleRoot([]))).toBe(toHex(sha256(new Uint8Array())));
  });

  it('of one leaf has the hash of the leaf for a root, and an empty proof', () => {
    const tree = buildTree([utf8('only')]);
    expect(toHex(tree.root)).toBe(toHex(leafHash(utf8('only'))));
    expect(tree.proof(0)).toEqual([]);
  });

  it('gives no proof of a leaf that it does not have', () => {
    const tree = buildTree(someLeaves(5));
    for (const index of [-1, 5, 1.5, Number.NaN]) expect(() => tree.proof(index)).toThrow('leaf of the tree');
  });

  it('tells a leaf from a node: two leaves are not the one leaf of their hashes', () => {
    const [left, right] = someLeaves(2).map(leafHash);
    if (left === undefined || right === undefined) throw new Error('no leaves');
    expect(toHex(merkleRoot([concatBytes(left, right)]))).not.toBe(toHex(merkleRoot(someLeaves(2))));
    expect(toHex(merkleRoot([concatBytes(Uint8Array.of(1), left, right)]))).not.toBe(
      toHex(merkleRoot(someLeaves(2))),
    );
  });

  it('has another root when a leaf is altered, dropped, repeated or moved', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), (size, seed) => {
        const leaves = someLeaves(size);
        const at = seed % (size - 1);
        const root = toHex(merkleRoot(leaves));
        const altered = leaves.with(at, utf8('other'));
        const dropped = leaves.toSpliced(at, 1);
        const repeated = leaves.toSpliced(at, 0, leaves[at] ?? new Uint8Array());
        const moved = leaves.with(at, leaves[at + 1] ?? leaves[0] ?? new Uint8Array());
        for (const other of [altered, dropped, repeated, moved])
          expect(toHex(merkleRoot(other))).not.toBe(root);
      }),
    );
  });

  it('does not take a repeated last leaf for none, as trees that pad do', () => {
    const leaves = someLeaves(3);
    expect(toHex(merkleRoot([...leaves, ...leaves.slice(2)]))).not.toBe(toHex(merkleRoot(leaves)));
  });
});

describe('an inclusion proof', () => {
  const cases = fc
    .integer({ min: 1, max: 300 })
    .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)));

  it('leads from every leaf to the root', () => {
    fc.assert(
      fc.property(cases, ([size, index]) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        expect(verifyInclusion(leaves[index] ?? utf8(''), index, size, tree.proof(index), tree.root)).toBe(
          true,
        );
      }),
    );
  });

  it('is refused for another leaf, place, root or path', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ([size, index], seed) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        const leaf = leaves[index] ?? utf8('');
        const proof = tree.proof(index);
        const hash = sha256(utf8('other'));
        expect(verifyInclusion(utf8('other'), index, size, proof, tree.root)).toBe(false);
        expect(verifyInclusion(leaf, index, size, proof, hash)).toBe(false);
        expect(verifyInclusion(leaf, index, size, [...proof, hash], tree.root)).toBe(false);
        expect(verifyInclusion(leaf, size, size, proof, tree.root)).toBe(false);
        if (proof.length > 0) {
          const at = seed % proof.length;
          expect(verifyInclusion(leaf, index, size, proof.with(at, hash), tree.root)).toBe(false);
          expect(verifyInclusion(leaf, index, size, proof.toSpliced(at, 1), tree.root)).toBe(false);
          expect(verifyInclusion(leaf, index ^ 1, size, proof, tree.root)).toBe(false);
        }
      }),
    );
  });

  it('is refused where a hash has not 32 bytes, or a number is none of a leaf', () => {
    const leaves = someLeaves(4);
    const tree = buildTree(leaves);
    const [leaf = utf8('')] = leaves;
    const proof = tree.proof(0);
    for (const length of [0, 31, 33])
      expect(rootFromProof(leaf, 0, 4, [new Uint8Array(length), ...proof.slice(1)])).toBeUndefined();
    for (const index of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(rootFromProof(leaf, index, 4, proof)).toBeUndefined();
    for (const size of [0, -1, 1, 2.5, Number.NaN, 2 ** 53])
      expect(rootFromProof(leaf, 0, size, proof)).toBeUndefined();
  });

  it('comes to an end for the largest size there is', () => {
    expect(rootFromProof(utf8('leaf'), 0, Number.MAX_SAFE_INTEGER, [])).toBeUndefined();
    expect(
      rootFromProof(
        utf8('leaf'),
        Number.MAX_SAFE_INTEGER - 1,
        Number.MAX_SAFE_INTEGER,
        Array(60).fill(new Uint8Array(32)),
      ),
    ).toBeUndefined();
  });
});
