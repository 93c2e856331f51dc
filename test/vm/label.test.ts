import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bottom, flowsTo, type LabelParts, makeLabel, readLabel } from '../../vm/label.ts';

const parts: fc.Arbitrary<LabelParts> = fc.record({
  secrecy: fc.integer({ min: 0, max: 8 }),
  authority: fc.integer({ min: 0, max: 8 }),
  categories: fc
    .uniqueArray(fc.integer({ min: 0, max: 15 }), { maxLength: 4 })
    .map((categories) => categories.sort((a, b) => a - b)),
});

describe('labels', () => {
  it('come back as they were packed', () => {
    fc.assert(
      fc.property(parts, (label) => {
        expect(readLabel(makeLabel(label))).toEqual(label);
      }),
    );
  });

  it('have their bits where the box says', () => {
    expect(makeLabel({ secrecy: 0, authority: 8, categories: [] })).toBe(bottom);
    expect(makeLabel({ secrecy: 3, authority: 8, categories: [] })).toBe(0x07);
    expect(makeLabel({ secrecy: 0, authority: 6, categories: [] })).toBe(0xc000);
    expect(makeLabel({ secrecy: 8, authority: 0, categories: [0, 15] })).toBe(0x8001ffff);
  });

  it('join with one OR: the most secret, the least trusted, every category', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(readLabel((makeLabel(a) | makeLabel(b)) >>> 0)).toEqual({
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

  it('are C ≤ A just when (ℓ & ℓ >> 8 & 255) is zero', () => {
    fc.assert(
      fc.property(parts, (label) => {
        const bits = makeLabel(label);
        expect((bits & (bits >>> 8) & 255) === 0).toBe(label.secrecy <= label.authority);
      }),
    );
  });

  it.each([
    { secrecy: 9, authority: 0, categories: [] },
    { secrecy: -1, authority: 0, categories: [] },
    { secrecy: 0, authority: 1.5, categories: [] },
    { secrecy: 0, authority: 9, categories: [] },
    { secrecy: 0, authority: 0, categories: [16] },
    { secrecy: 0, authority: 0, categories: [-1] },
  ])('refuses levels and categories that do not exist: %j', (label) => {
    expect(() => makeLabel(label)).toThrow(RangeError);
  });
});
