import { cdeDecodeOptions, decode } from 'cbor2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/kit/bytes.ts';
import {
  type CborValue,
  CborWriter,
  decodeCbor,
  encodeCbor,
  encodeMap,
  headLimit,
  putHead,
} from '../../src/kit/encoding.ts';

function decodeHex(hex: string): ReturnType<typeof decodeCbor> {
  return decodeCbor(fromHex(hex) ?? new Uint8Array());
}

const scalar = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) - 1n }),
  fc.string({ unit: 'grapheme' }),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
);
const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.oneof(fc.integer(), fc.string()), tie('value')), { maxLength: 5 })
      .map((entries) => new Map(entries)),
  ),
}));

describe('deterministic CBOR', () => {
  it('gives back every value that a record can hold', () => {
    fc.assert(
      fc.property(value, (item) => {
        const bytes = encodeCbor(item);
        const decoded = decodeCbor(bytes);
        if (!decoded.ok) throw new Error(decoded.message);
        // Maps come back in the order of their encoding: the bytes are what is compared.
        expect(toHex(encodeCbor(decoded.value))).toBe(toHex(bytes));
      }),
    );
  });

  it('takes only the one encoding of a value: what decodes encodes to the same bytes', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 12 }), value.map(encodeCbor)),
        fc.nat(),
        fc.nat(255),
        (bytes, at, byte) => {
          const changed = bytes.length === 0 ? bytes : bytes.with(at % bytes.length, byte);
          const decoded = decodeCbor(changed);
          if (!decoded.ok) return;
          accepted++;
          expect(toHex(encodeCbor(decoded.value))).toBe(toHex(changed));
        },
      ),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it("takes what cbor2's strict profile takes, and nothing else", () => {
    const takes = (bytes: Uint8Array): boolean => {
      try {
        const options = {
          ...cdeDecodeOptions,
          rejectLongFloats: true,
          rejectFloats: true,
          rejectBigInts: true,
        };
        decode(bytes, { ...options, rejectUndefined: true, rejectSimple: true, preferMap: true });
        return true;
      } catch {
        // That is how the library refuses.
        return false;
      }
    };
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 12 }), value.map(encodeCbor)),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
        (bytes, changes) => {
          const changed = bytes.slice();
          for (const [at, byte] of changed.length === 0 ? [] : changes) changed[at % changed.length] = byte;
          const decoded = decodeCbor(changed);
          if (decoded.ok) taken++;
          // Tags, and keys that are neither integers nor text, are refused here and not there.
          if (!decoded.ok && /: a (tag|key that|key of more)/.test(decoded.message)) return;
          expect(decoded.ok, toHex(changed)).toBe(takes(changed));
        },
      ),
      { numRuns: 10_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof decodeCbor(bytes).ok === 'boolean'),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['', 'nothing'],
    ['a20101', 'a map that is cut short'],
    ['1801', 'an integer in a long form'],
    ['5801ff', 'a length in a long form'],
    ['9f01ff', 'an array without a length'],
    ['5f4101ff', 'a byte string in pieces'],
    ['a201010101', 'a key that is there twice'],
    ['a202010101', 'keys out of order'],
    ['c11a514b67b0', 'a tag'],
    ['c249010000000000000000', 'an integer above 64 bits'],
    ['f93c00', 'a float'],
    ['f97e00', 'not a number'],
    ['f7', 'undefined'],
    ['e0', 'a simple value'],
    ['62c328', 'text that is not UTF-8'],
    ['64efbbbf61', 'text that begins with a byte order mark'],
    ['a11b002000000000000000', 'a key of more than 53 bits'],
    ['a1410000', 'a key that is a byte string'],
    ['fb3ff0000000000000', 'a float of 64 bits'],
    ['1c', 'a reserved length'],
    ['19ff', 'an integer that is cut short'],
    ['0101', 'bytes after the value'],
    ['9b7fffffffffffffff', 'an array of more items than there are bytes'],
    ['5b7fffffffffffffff', 'a byte string longer than the input'],
    [`${'81'.repeat(9)}01`, 'nesting deeper than 8'],
  ])('refuses %s: %s', (hex) => {
    expect(decodeHex(hex)).toMatchObject({ ok: false, code: 'not_cbor' });
  });

  it('takes nesting of 8', () => {
    expect(decodeHex(`${'81'.repeat(8)}01`)).toMatchObject({ ok: true });
  });
});

describe('a head that is put into bytes', () => {
  const put = (major: 0 | 2 | 4, argument: number): Uint8Array => {
    const bytes = new Uint8Array(headLimit);
    return bytes.subarray(0, putHead(bytes, 0, major, argument));
  };
  const borders = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];

  it('of an integer is what the library writes, at every border and between', () => {
    for (const argument of borders) expect(put(0, argument), String(argument)).toEqual(encodeCbor(argument));
    fc.assert(
      fc.property(fc.maxSafeNat(), (argument) => {
        expect(put(0, argument)).toEqual(encodeCbor(argument));
      }),
    );
  });

  it('of a byte string and of an array is what the library begins them with', () => {
    for (const length of [0, 23, 24, 32, 255, 256, 65_536]) {
      const text = encodeCbor(new Uint8Array(length));
      expect(put(2, length)).toEqual(text.slice(0, text.length - length));
      const list = encodeCbor(Array.from({ length }, () => 0));
      expect(put(4, length)).toEqual(list.slice(0, list.length - length));
    }
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('is none of %d', (argument) => {
    expect(() => put(0, argument)).toThrow('invariant broken');
  });
});

describe('what is written item by item', () => {
  /** As the library takes it, and written by the writer. */
  const write = (writer: CborWriter, item: CborValue): void => {
    if (Array.isArray(item)) {
      writer.array(item.length);
      for (const inner of item) write(writer, inner);
    } else if (typeof item === 'number' || typeof item === 'bigint') writer.integer(item);
    else if (typeof item === 'string') writer.text(item);
    else if (item instanceof Uint8Array) writer.byteString(item);
    else writer.encoded(encodeCbor(item));
  };

  it('has the bytes that the library gives it, also when a writer is used again', () => {
    const writer = new CborWriter();
    fc.assert(
      fc.property(value, (item) => {
        write(writer, item);
        expect(writer.finish()).toEqual(encodeCbor(item));
      }),
      { numRuns: 3_000 },
    );
  });

  it('has room for any of it', () => {
    for (const length of [1_000, 1_023, 1_024, 1_025, 5_000, 100_000]) {
      const items = ['a'.repeat(length), new Uint8Array(length).fill(7), 'ä'.repeat(length)];
      const writer = new CborWriter().array(3);
      for (const item of items) write(writer, item);
      expect(writer.finish()).toEqual(encodeCbor(items));
    }
  });

  it('is, of integers, an array of them', () => {
    const items = [0, 2n ** 53n, -1n, 500];
    expect(new CborWriter().integers(items).finish()).toEqual(encodeCbor(items));
  });
});

describe('a map of items that are encoded already', () => {
  it('has the bytes that the library gives it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(fc.integer(), fc.string()), value), { maxLength: 30 }),
        (entries) => {
          const expected = encodeCbor(new Map(entries));
          const decoded = decodeCbor(expected);
          if (!decoded.ok) throw new Error(decoded.message);
          const inOrder = [...(decoded.value as Map<number | string, CborValue>)];
          expect(encodeMap(inOrder.map(([key, item]) => [key, encodeCbor(item)]))).toEqual(expected);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([[[2, 1]], [[1, 1]], [[-1, 1]], [['b', 'a']]])('is none where its keys are %j', (keys) => {
    expect(() => encodeMap(keys.map((key) => [key, encodeCbor(0)]))).toThrow('invariant broken');
  });
});
