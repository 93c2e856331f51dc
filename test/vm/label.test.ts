import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bottom, flowsTo, type LabelParts, makeLabel, readLabel } from '../../vm/label.ts';
import { showLabel } from '../../vm/label-text.ts';
import { nightly } from '../nightly.ts';

/** The nightly sweep has one a day; a property that fails prints the path to its smallest counterexample too. */
const seed = nightly ? Math.floor(Date.now() / 86_400_000) : 20_778;
fc.configureGlobal({ seed, numRuns: nightly ? 1_000_000 : 2_000 });
console.log(`label properties, seed ${seed}`);

const parts: fc.Arbitrary<LabelParts> = fc.record({
  secrecy: fc.integer({ min: 0, max: 8 }),
  authority: fc.integer({ min: 0, max: 8 }),
  categories: fc
    .uniqueArray(fc.integer({ min: 0, max: 15 }), { maxLength: 16 })
    .map((categories) => categories.sort((a, b) => a - b)),
});
const label = parts.map(makeLabel);

/** What the machine does. */
const join = (a: number, b: number): number => (a | b) >>> 0;
const top = makeLabel({
  secrecy: 8,
  authority: 0,
  categories: Array.from({ length: 16 }, (_, category) => category),
});

describe('labels', () => {
  it('come back as they were packed', () => {
    fc.assert(
      fc.property(parts, (one) => {
        expect(readLabel(makeLabel(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(label, (one) => {
        expect(makeLabel(readLabel(one))).toBe(one);
      }),
    );
  });

  it('have their bits where the box says', () => {
    expect(makeLabel({ secrecy: 0, authority: 8, categories: [] })).toBe(bottom);
    expect(makeLabel({ secrecy: 3, authority: 8, categories: [] })).toBe(0x0700_0000);
    expect(makeLabel({ secrecy: 0, authority: 6, categories: [] })).toBe(0x0000_00c0);
    expect(makeLabel({ secrecy: 0, authority: 8, categories: [0, 15] })).toBe(0x0080_0100);
    expect(makeLabel({ secrecy: 8, authority: 0, categories: [0, 15] })).toBe(0xff80_01ff);
    expect(top).toBe(0xffff_ffff);
  });

  it('join with one OR: the most secret, the least trusted, every category', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(readLabel(join(makeLabel(a), makeLabel(b)))).toEqual({
          secrecy: Math.max(a.secrecy, b.secrecy),
          authority: Math.min(a.authority, b.authority),
          categories: [...new Set([...a.categories, ...b.categories])].sort((x, y) => x - y),
        });
      }),
    );
  });

  it('flow upwards in secrecy and categories, downwards in authority, and nowhere else', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const expected =
          a.secrecy <= b.secrecy &&
          a.authority >= b.authority &&
          a.categories.every((category) => b.categories.includes(category));
        expect(flowsTo(makeLabel(a), makeLabel(b))).toBe(expected);
      }),
    );
  });

  it('are a lattice: join is commutative, associative, idempotent, and the least label above both', () => {
    fc.assert(
      fc.property(label, label, label, (a, b, c) => {
        expect(join(a, b)).toBe(join(b, a));
        expect(join(join(a, b), c)).toBe(join(a, join(b, c)));
        expect(join(a, a)).toBe(a);
        expect(flowsTo(a, join(a, b)) && flowsTo(b, join(a, b))).toBe(true);
        // Whatever is above both is above their join, and the reverse.
        expect(flowsTo(join(a, b), c)).toBe(flowsTo(a, c) && flowsTo(b, c));
        expect(flowsTo(a, b)).toBe(join(a, b) === b);
      }),
    );
  });

  it('are ordered: reflexive, antisymmetric, transitive, with a bottom and a top', () => {
    fc.assert(
      fc.property(label, label, label, (a, b, c) => {
        expect(flowsTo(a, a)).toBe(true);
        if (flowsTo(a, b) && flowsTo(b, a)) expect(a).toBe(b);
        expect(flowsTo(a, join(a, b)) && flowsTo(join(a, b), join(join(a, b), c))).toBe(true);
        expect(flowsTo(a, join(join(a, b), c))).toBe(true);
        if (flowsTo(a, b) && flowsTo(b, c)) expect(flowsTo(a, c)).toBe(true);
        expect(flowsTo(bottom, a) && flowsTo(a, top)).toBe(true);
        expect([join(a, bottom), join(a, top)]).toEqual([a, top]);
      }),
    );
  });

  it('have a join that is monotone', () => {
    fc.assert(
      fc.property(label, label, label, (a, more, c) => {
        expect(flowsTo(join(a, c), join(join(a, more), c))).toBe(true);
      }),
    );
  });

  it('are C ≤ A just when (ℓ & ℓ << 24) is zero, and no join with one that is not makes it so', () => {
    fc.assert(
      fc.property(parts, label, (one, other) => {
        const bits = makeLabel(one);
        const handled = (of: number): boolean => (of & (of << 24)) === 0;
        expect(handled(bits)).toBe(one.secrecy <= one.authority);
        if (!handled(bits)) expect(handled(join(bits, other))).toBe(false);
      }),
    );
  });

  it.each([
    [{ secrecy: 0, authority: 8, categories: [] }, 'C0 A8'],
    [{ secrecy: 4, authority: 2, categories: [1] }, 'C4 A2 {1}'],
    [{ secrecy: 8, authority: 0, categories: [0, 7, 15] }, 'C8 A0 {0 7 15}'],
  ])('of %j are shown as %s', (one, shown) => {
    expect(showLabel(makeLabel(one))).toBe(shown);
  });

  it.each([
    { secrecy: 9, authority: 0, categories: [] },
    { secrecy: -1, authority: 0, categories: [] },
    { secrecy: 0.5, authority: 8, categories: [] },
    { secrecy: 0, authority: 1.5, categories: [] },
    { secrecy: 0, authority: 9, categories: [] },
    { secrecy: 0, authority: -1, categories: [] },
    { secrecy: Number.NaN, authority: 8, categories: [] },
    { secrecy: 0, authority: 0, categories: [16] },
    { secrecy: 0, authority: 0, categories: [-1] },
    { secrecy: 0, authority: 0, categories: [0.5] },
  ])('refuse levels and categories that do not exist: %j', (one) => {
    expect(() => makeLabel(one)).toThrow(RangeError);
  });
});
