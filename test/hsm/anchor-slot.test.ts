import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnchoredHead } from '../../hsm/anchor.ts';
import { decodeSlot, encodeSlot, headOfSlots, slotValue } from '../../hsm/anchor-slot.ts';

const headAt = (sequence: number, seed = sequence): AnchoredHead => ({
  sequence,
  hash: new Uint8Array(createHash('sha256').update(String(seed)).digest()),
});
const anyHead = fc
  .tuple(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([sequence, hash]) => ({ sequence, hash }));

describe('a slot of an anchor', () => {
  it('is written as docs/FORMATS.md says', () => {
    const hash = new Uint8Array(32).fill(0xab);
    const text = `ringmint.anchor.v1 journal 000000000000002a ${'ab'.repeat(32)}`;
    const check = createHash('sha256').update(text).digest('hex').slice(0, 16);
    expect(encodeSlot('journal', { sequence: 42, hash }).toString()).toBe(`${text} ${check}`);
    expect(slotValue('journal').toString()).toBe('ringmint.anchor.v1 journal');
  });

  it('gives back every head, from entry 0 to the highest number, in labels of one length', () => {
    fc.assert(
      fc.property(anyHead, (head) => {
        const label = encodeSlot('journal', head);
        expect(decodeSlot('journal', label)).toEqual(head);
        expect(label.length).toBe(encodeSlot('journal', headAt(0)).length);
      }),
    );
    for (const sequence of [0, Number.MAX_SAFE_INTEGER])
      expect(decodeSlot('journal', encodeSlot('journal', headAt(sequence)))).toEqual(headAt(sequence));
  });

  it('is not whole with any bit turned over, any end torn off, or half of it from another', () => {
    fc.assert(
      fc.property(anyHead, anyHead, fc.nat(), fc.nat({ max: 7 }), (head, other, at, bit) => {
        const label = encodeSlot('journal', head);
        const flipped = Buffer.from(label);
        const index = at % label.length;
        flipped.writeUInt8(flipped.readUInt8(index) ^ (1 << bit), index);
        expect(decodeSlot('journal', flipped)).toBeUndefined();
        expect(decodeSlot('journal', label.subarray(0, index))).toBeUndefined();
        const mixed = Buffer.concat([label.subarray(0, index), encodeSlot('journal', other).subarray(index)]);
        if (!mixed.equals(label) && !mixed.equals(encodeSlot('journal', other)))
          expect(decodeSlot('journal', mixed)).toBeUndefined();
      }),
    );
  });

  it('is not whole under another name, in capitals, with a byte more, or with a number that cannot be counted on', () => {
    const label = encodeSlot('journal', headAt(5));
    expect(decodeSlot('quota', label)).toBeUndefined();
    expect(decodeSlot('journal', Buffer.concat([label, Buffer.from('0')]))).toBeUndefined();
    expect(decodeSlot('journal', Buffer.concat([label, Buffer.from('\n')]))).toBeUndefined();
    expect(decodeSlot('journal', Buffer.from(label.toString().toUpperCase()))).toBeUndefined();
    expect(decodeSlot('journal', Buffer.alloc(0))).toBeUndefined();
    const text = `ringmint.anchor.v1 journal 0020000000000000 ${'00'.repeat(32)}`;
    const check = createHash('sha256').update(text).digest('hex').slice(0, 16);
    expect(decodeSlot('journal', Buffer.from(`${text} ${check}`))).toBeUndefined();
  });
});

describe('the slots of an anchor together', () => {
  it('hold no head where there are none', () => {
    expect(headOfSlots('journal', [])).toBeUndefined();
  });

  it('hold the highest head, in whatever order, also where a slot was torn', () => {
    expect(headOfSlots('journal', [headAt(0)])).toEqual(headAt(0));
    expect(headOfSlots('journal', [headAt(7), headAt(8)])).toEqual(headAt(8));
    expect(headOfSlots('journal', [headAt(8), headAt(7), headAt(6)])).toEqual(headAt(8));
    expect(headOfSlots('journal', [undefined, headAt(7)])).toEqual(headAt(7));
    expect(headOfSlots('journal', [headAt(7), headAt(7)])).toEqual(headAt(7));
  });

  it.each([
    ['one slot, not whole', [undefined]],
    ['two slots, none whole', [undefined, undefined]],
    ['two hashes of the highest number', [headAt(7), headAt(7, 8)]],
  ])('cannot be read with %s', (_what, slots) => {
    expect(() => headOfSlots('journal', slots)).toThrow(
      expect.objectContaining({ code: 'anchor_unreadable' }),
    );
  });
});
