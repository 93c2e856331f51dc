/** Proofs of contiguous ranges of leaves, against a definition that is slow, recursive and written from RFC 9162 alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import {
  buildRange,
  buildTree,
  merkleRoot,
  type RangeProof,
  rootFromRange,
  verifyInclusion,
} from '../../src/records/merkle.ts';

const whole: RangeProof = { left: [], right: [] };

function someLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => utf8(`leaf ${index}`));
}

/** The largest power of two below `size` (RFC 9162 §2.1.1). */
function split(size: number): number {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}

function definedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first !== undefined && leaves.length === 1) return sha256(concatBytes(Uint8Array.of(0), first));
  const k = split(leaves.length);
  return sha256(concatBytes(Uint8Array.of(1), definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k))));
}

/**
 * The least set of subtrees that hold all leaves outside [from, to) and none within, by side, the largest
 * first: what any proof of the range has to carry.
 */
function definedProof(
  leaves: readonly Uint8Array[],
  from: number,
  to: number,
): { left: string[]; right: string[] } {
  const outside = { left: [] as string[], right: [] as string[] };
  const visit = (start: number, end: number): void => {
    if (start >= from && end <= to) return;
    if (end <= from) outside.left.push(toHex(definedRoot(leaves.slice(start, end))));
    else if (start >= to) outside.right.push(toHex(definedRoot(leaves.slice(start, end))));
    else {
      const middle = start + split(end - start);
      visit(start, middle);
      visit(middle, end);
    }
  };
  visit(0, leaves.length);
  return outside;
}

function flip(hash: Uint8Array, at = 0): Uint8Array {
  return hash.with(at, (hash[at] ?? 0) ^ 1);
}

/** Every proof that differs from `proof` in one hash: altered, cut, left out, repeated, put elsewhere or added. */
function tampered({ left, right }: RangeProof): RangeProof[] {
  const other = sha256(utf8('other'));
  const change = (hashes: readonly Uint8Array[]): (readonly Uint8Array[])[] => [
    ...hashes.flatMap((hash, at) => [
      hashes.with(at, flip(hash, 31)),
      hashes.with(at, hash.slice(1)),
      hashes.with(at, concatBytes(hash, Uint8Array.of(0))),
      hashes.toSpliced(at, 1),
      hashes.toSpliced(at, 0, hash),
    ]),
    ...hashes.slice(1).map((hash, at) => hashes.with(at, hash).with(at + 1, hashes[at] ?? other)),
    [...hashes, other],
    [other, ...hashes],
  ];
  return [
    ...change(left).map((changed) => ({ left: changed, right })),
    ...change(right).map((changed) => ({ left, right: changed })),
    ...(left.length + right.length === 0 ? [] : [whole, { left: right, right: left }]),
    { left: [...left, ...right], right: [] },
    { left: [], right: [...left, ...right] },
  ].filter(
    (changed) =>
      changed.left.map(toHex).join() !== left.map(toHex).join() ||
      changed.right.map(toHex).join() !== right.map(toHex).join(),
  );
}

const hexRoot = (
  leaves: readonly Uint8Array[],
  first: number,
  size: number,
  proof: RangeProof,
): string | undefined => {
  const root = rootFromRange(leaves, first, size, proof);
  return root === undefined ? undefined : toHex(root);
};

/** Trees and a range in each, up to 5,000 leaves. */
const ranges = fc
  .integer({ min: 1, max: 5_000 })
  .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)))
  .chain(([size, first]) =>
    fc.record({
      size: fc.constant(size),
      first: fc.constant(first),
      count: fc.integer({ min: 1, max: size - first }),
    }),
  );

describe('every range of every tree of 1 to 64 leaves', () => {
  const trees = Array.from({ length: 64 }, (_, index) => {
    const leaves = someLeaves(index + 1);
    const tree = buildTree(leaves);
    const paths = leaves.map((_leaf, place) => tree.proof(place).map(toHex).join());
    return { leaves, tree, paths, root: toHex(definedRoot(leaves)) };
  });

  /** What `check` finds wrong, by range; 45,760 expectations one by one would take most of the time. */
  const wrongOf = (
    check: (
      range: (typeof trees)[number] & { first: number; end: number; part: Uint8Array[]; proof: RangeProof },
    ) => boolean,
  ): string[] => {
    const wrong: string[] = [];
    let ranged = 0;
    for (const tree of trees) {
      const size = tree.leaves.length;
      for (let first = 0; first < size; first++) {
        for (let end = first + 1; end <= size; end++) {
          ranged++;
          const part = tree.leaves.slice(first, end);
          const proof = tree.tree.rangeProof(first, end - first);
          if (!check({ ...tree, first, end, part, proof })) wrong.push(`[${first}, ${end}) of ${size}`);
        }
      }
    }
    expect(ranged).toBe(45_760);
    return wrong;
  };

  it('leads to the root of the tree', () => {
    expect(
      wrongOf(({ leaves, root, first, part, proof }) => hexRoot(part, first, leaves.length, proof) === root),
    ).toEqual([]);
  });

  it('has the fewest hashes there can be, from the leaves up on both sides', () => {
    expect(
      wrongOf(({ leaves, first, end, proof }) => {
        const defined = definedProof(leaves, first, end);
        // Up the left edge subtrees get larger and stand further left; up the right edge, further right.
        return (
          proof.left.map(toHex).join() === defined.left.reverse().join() &&
          proof.right.map(toHex).join() === defined.right.join()
        );
      }),
    ).toEqual([]);
  });

  it('proves each of its leaves by the inclusion proof of the whole tree', () => {
    expect(
      wrongOf(({ leaves, paths, first, end, part, proof }) => {
        const range = buildRange(part, first, leaves.length, proof);
        // The edges and the middle: all places of all ranges are some 700,000.
        return [first, (first + end - 1) >> 1, end - 1].every(
          (index) => range?.proof(index).map(toHex).join() === paths[index],
        );
      }),
    ).toEqual([]);
  });

  it('has another root, or none, with any hash altered, left out, added or moved', () => {
    expect(
      wrongOf(({ leaves, root, first, end, part, proof }) => {
        const size = leaves.length;
        // Up to 16 leaves all ranges; above, one of nineteen.
        if (size > 16 && (first + end) % 19 !== 0) return true;
        return tampered(proof).every((changed) => hexRoot(part, first, size, changed) !== root);
      }),
    ).toEqual([]);
  });

  it('has another root, or none, at any other place, and with a leaf more or less', () => {
    expect(
      wrongOf(({ leaves, root, first, end, part, proof }) => {
        const size = leaves.length;
        // Up to 24 leaves all ranges; above, one of seventeen.
        if (size > 24 && (first + end) % 17 !== 0) return true;
        const next = leaves[end] ?? utf8('none');
        const previous = leaves[first - 1] ?? utf8('none');
        return (
          [0, first - 1, first + 1, first ^ 2, size - part.length, size].every(
            (place) => place === first || hexRoot(part, place, size, proof) !== root,
          ) &&
          [part.slice(1), part.slice(0, -1), [...part, next], [previous, ...part]].every(
            (other) => hexRoot(other, first, size, proof) !== root,
          ) &&
          hexRoot(part.slice(1), first + 1, size, proof) !== root &&
          hexRoot([previous, ...part], first - 1, size, proof) !== root
        );
      }),
    ).toEqual([]);
  });
});

describe('a range', () => {
  it('leads to the root, for random trees of up to 5,000 leaves', () => {
    fc.assert(
      fc.property(ranges, ({ size, first, count }) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        const part = leaves.slice(first, first + count);
        const proof = tree.rangeProof(first, count);
        expect(hexRoot(part, first, size, proof)).toBe(toHex(tree.root));
        expect(proof.left.length + proof.right.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(size)));
      }),
    );
  });

  it('is refused or has another root when anything of it is altered, for random trees', () => {
    fc.assert(
      fc.property(ranges, fc.nat(), ({ size, first, count }, seed) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        const root = toHex(tree.root);
        const part = leaves.slice(first, first + count);
        const proof = tree.rangeProof(first, count);
        for (const changed of tampered(proof)) expect(hexRoot(part, first, size, changed)).not.toBe(root);
        const at = seed % count;
        const leaf = leaves[seed % size] ?? utf8('');
        if (seed % size !== first + at)
          expect(hexRoot(part.with(at, leaf), first, size, proof)).not.toBe(root);
        expect(hexRoot(part.with(at, utf8('other')), first, size, proof)).not.toBe(root);
        const place = seed % (size + 2);
        if (place !== first) expect(hexRoot(part, place, size, proof)).not.toBe(root);
      }),
    );
  });

  it('of one leaf has the hashes of its inclusion proof, and no others', () => {
    fc.assert(
      fc.property(ranges, ({ size, first }) => {
        const tree = buildTree(someLeaves(size));
        const { left, right } = tree.rangeProof(first, 1);
        expect([...left, ...right].map(toHex).sort()).toEqual(tree.proof(first).map(toHex).sort());
      }),
    );
  });

  it('of a whole tree has no hashes, and is the tree', () => {
    for (const size of [1, 2, 3, 64, 65, 1_000]) {
      const leaves = someLeaves(size);
      const tree = buildTree(leaves);
      expect(tree.rangeProof(0, size)).toEqual(whole);
      expect(hexRoot(leaves, 0, size, whole)).toBe(toHex(merkleRoot(leaves)));
      expect(hexRoot(leaves, 0, size + 1, whole)).toBeUndefined();
    }
  });

  it('gives inclusion proofs of its leaves that lead to the root', () => {
    fc.assert(
      fc.property(ranges, fc.nat(), ({ size, first, count }, seed) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        const part = leaves.slice(first, first + count);
        const range = buildRange(part, first, size, tree.rangeProof(first, count));
        const index = first + (seed % count);
        const proof = range?.proof(index) ?? [];
        expect(proof).toEqual(tree.proof(index));
        expect(verifyInclusion(leaves[index] ?? utf8(''), index, size, proof, tree.root)).toBe(true);
      }),
    );
  });

  it('proves ranges within it as the tree does', () => {
    fc.assert(
      fc.property(ranges, fc.nat(), fc.nat(), ({ size, first, count }, skip, keep) => {
        const leaves = someLeaves(size);
        const tree = buildTree(leaves);
        const range = buildRange(
          leaves.slice(first, first + count),
          first,
          size,
          tree.rangeProof(first, count),
        );
        const from = first + (skip % count);
        const length = 1 + (keep % (first + count - from));
        expect(range?.rangeProof(from, length)).toEqual(tree.rangeProof(from, length));
      }),
    );
  });

  it('shows no leaf outside it: it gives proofs within, and nothing else', () => {
    const leaves = someLeaves(11);
    const tree = buildTree(leaves);
    const range = buildRange(leaves.slice(4, 7), 4, 11, tree.rangeProof(4, 3));
    expect([range?.first, range?.count, range?.size]).toEqual([4, 3, 11]);
    for (const index of [3, 7, -1, 4.5, Number.NaN])
      expect(() => range?.proof(index)).toThrow('leaf of the tree');
    for (const [first, count] of [
      [3, 2],
      [4, 4],
      [6, 2],
      [7, 1],
    ] as const)
      expect(() => range?.rangeProof(first, count)).toThrow('leaves of the tree');
    for (const [first, count] of [
      [4, 0],
      [4, -1],
      [4.5, 1],
      [4, 1.5],
      [Number.NaN, 1],
    ] as const)
      expect(() => range?.rangeProof(first, count)).toThrow('at least one leaf');
  });

  it('is refused where it is empty, or a number is none of a range', () => {
    const leaves = someLeaves(4);
    const { left, right } = buildTree(leaves).rangeProof(1, 2);
    const part = leaves.slice(1, 3);
    expect(rootFromRange(part, 1, 4, { left, right })).toBeDefined();
    for (const first of [-1, 0.5, 3, 4, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(rootFromRange(part, first, 4, { left, right })).toBeUndefined();
    for (const size of [-1, 0, 1, 2, 4.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(rootFromRange(part, 1, size, { left, right })).toBeUndefined();
    for (const first of [0, 1, 4]) expect(rootFromRange([], first, 4, whole)).toBeUndefined();
    expect(rootFromRange([], 1, 0, whole)).toBeUndefined();
    // RFC 9162 §2.1.1: a tree of no leaves has a root too.
    expect(rootFromRange([], 0, 0, whole)).toEqual(sha256(new Uint8Array()));
  });

  it('comes to an end, in little memory, for the largest size there is', () => {
    const size = Number.MAX_SAFE_INTEGER;
    const hashes = Array.from({ length: 60 }, () => new Uint8Array(32));
    for (const first of [0, 1, size - 2]) {
      for (let left = 0; left <= 53; left++) {
        const proof = { left: hashes.slice(0, left), right: hashes };
        expect(rootFromRange(someLeaves(2), first, size, proof)).toBeUndefined();
      }
      expect(rootFromRange(someLeaves(2), first, size, whole)).toBeUndefined();
    }
    expect(rootFromRange(someLeaves(2), 0, size, { left: [], right: hashes.slice(0, 52) })).toBeDefined();
    expect(rootFromRange(someLeaves(2), size - 1, size, whole)).toBeUndefined();
  });

  it('takes time by its leaves and not by its tree: 2,000 parts of a tree of 65,536 leaves, in seconds', {
    timeout: 30_000,
  }, () => {
    const leaves = someLeaves(65_536);
    const tree = buildTree(leaves);
    const root = toHex(tree.root);
    for (let part = 0; part < 2_000; part++) {
      const first = part * 32;
      const proof = tree.rangeProof(first, 32);
      expect(proof.left.length + proof.right.length).toBeLessThanOrEqual(11);
      expect(hexRoot(leaves.slice(first, first + 32), first, 65_536, proof)).toBe(root);
    }
  });
});
