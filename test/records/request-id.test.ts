import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { fixedClock } from '../../src/kit/clock.ts';
import { formatUuid, makeRequestId, parseUuid } from '../../src/records/request-id.ts';
import { fill } from './samples.ts';

describe('a request id', () => {
  it("is RFC 9562's example of a UUIDv7, from its time and its random bits (appendix A.6)", () => {
    const clock = fixedClock(0x017f22e279b0);
    const random = (length: number) => {
      expect(length).toBe(10);
      return Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    };
    expect(formatUuid(makeRequestId(clock, random))).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('has version 7 and the variant of RFC 9562, whatever is random', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 47 }), fc.uint8Array({ minLength: 10, maxLength: 10 }), (ms, noise) => {
        const text = formatUuid(makeRequestId(fixedClock(ms), () => noise));
        expect(text).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }),
    );
  });

  it('sorts by its time', () => {
    const clock = fixedClock(1_795_176_000_000);
    const first = toHex(makeRequestId(clock, (length) => fill(length, 0xff)));
    clock.advanceMs(1);
    expect(toHex(makeRequestId(clock, (length) => fill(length, 0))) > first).toBe(true);
  });

  it('is written and read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (id) => {
        expect(parseUuid(formatUuid(id))).toEqual(id);
        expect(parseUuid(formatUuid(id).toUpperCase())).toEqual(id);
      }),
    );
  });

  it.each([
    '',
    '017f22e279b07cc398c4dc0c0c07398f',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f0',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398g',
    '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
  ])('refuses %j', (text) => {
    expect(parseUuid(text)).toBeUndefined();
  });

  it('has 16 bytes to be written', () => {
    expect(() => formatUuid(fill(15, 1))).toThrow('16 bytes');
  });
});
