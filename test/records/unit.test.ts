import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import {
  type BatchTerms,
  commitOwner,
  decodeUnit,
  deriveLeaves,
  deriveSalt,
  encodeUnit,
} from '../../src/records/unit.ts';
import { batchTerms } from './batches.ts';
import { accepted, asArray, bitFlips, euro, fill, recordKinds } from './samples.ts';

/** The units of a batch put together by the CBOR library, one by one. */
function encodedOneByOne(terms: BatchTerms): Uint8Array[] {
  const { lots, seed, ...shared } = terms;
  const leaves: Uint8Array[] = [];
  for (const { value, count, owner } of lots) {
    for (let i = 0; i < count; i++) {
      const index = leaves.length;
      leaves.push(encodeUnit({ ...shared, value, owner, index, salt: deriveSalt(seed, index) }));
    }
  }
  return leaves;
}

describe('the units of a batch', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const terms: fc.Arbitrary<BatchTerms> = fc.record({
    currency: fc.constantFrom(euro, { code: 'JPY', exponent: 0 }, { code: 'KWD', exponent: 3 }),
    lots: fc.array(
      fc.record({
        value: fc.bigInt({ min: 1n, max: 10n ** 15n }),
        count: fc.integer({ min: 1, max: 100 }),
        owner: bytes(32),
      }),
      { maxLength: 8 },
    ),
    epoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    reservation: bytes(16),
    keySet: bytes(32),
    notBefore: fc.nat(),
    redeemUntil: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    seed: bytes(32),
  });

  it("have the CBOR library's bytes, for any terms", () => {
    fc.assert(
      fc.property(terms, (any) => {
        expect(deriveLeaves(any).map(toHex)).toEqual(encodedOneByOne(any).map(toHex));
      }),
      { numRuns: 60 },
    );
  });

  it("have the CBOR library's bytes where an index grows by a byte, and at the last of 65,536", () => {
    const lot = { value: 1n, count: 65_536, owner: fill(32, 1) };
    const leaves = deriveLeaves({ ...batchTerms, lots: [lot] });
    expect(leaves.length).toBe(65_536);
    const { lots: _, seed, ...shared } = batchTerms;
    for (const index of [0, 1, 22, 23, 24, 255, 256, 257, 65_534, 65_535]) {
      const expected = encodeUnit({ ...shared, ...lot, index, salt: deriveSalt(seed, index) });
      expect(toHex(leaves[index] ?? fill(0, 0)), String(index)).toBe(toHex(expected));
    }
  });

  it('come in the order of their lots, each with its index', () => {
    const units = deriveLeaves(batchTerms).map((leaf) => accepted(decodeUnit(leaf)));
    expect(units.map((unit) => unit.value)).toEqual([...Array(2).fill(10_000n), ...Array(10).fill(500n)]);
    expect(units.map((unit) => unit.index)).toEqual(units.map((_, index) => index));
  });

  it('have a salt each: the first 16 bytes of SHA-256 over the seed and the index in 64 bits', () => {
    const seed = fill(32, 77);
    expect(toHex(deriveSalt(seed, 258))).toBe(
      toHex(sha256(concatBytes(seed, Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2))).slice(0, 16)),
    );
    const salts = deriveLeaves(batchTerms).map((leaf) => toHex(accepted(decodeUnit(leaf)).salt));
    expect(new Set(salts).size).toBe(12);
  });

  it('are all others with another seed', () => {
    const others = new Set(deriveLeaves({ ...batchTerms, seed: fill(32, 78) }).map(toHex));
    for (const leaf of deriveLeaves(batchTerms)) expect(others.has(toHex(leaf))).toBe(false);
  });

  it('are none of no lots, and need a seed of 32 bytes', () => {
    expect(deriveLeaves({ ...batchTerms, lots: [] })).toEqual([]);
    expect(() => deriveLeaves({ ...batchTerms, seed: fill(16, 1) })).toThrow('32 bytes');
  });
});

describe('a unit', () => {
  const leaf = deriveLeaves(batchTerms)[3] ?? fill(0, 0);
  const fields = asArray(accepted(decodeCbor(leaf)));
  const withField = (index: number, value: CborValue) => decodeUnit(encodeCbor(fields.with(index, value)));

  it('comes back from its encoding as it was', () => {
    const unit = accepted(decodeUnit(leaf));
    expect(unit).toMatchObject({ currency: euro, value: 500n, epoch: 3, sequence: 41, index: 3 });
    expect(toHex(encodeUnit(unit))).toBe(toHex(leaf));
  });

  it.each<readonly [string, number, CborValue, string]>([
    ['version 0', 0, 0, 'version'],
    ['version 2', 0, 2, 'version'],
    ['an unknown currency', 1, 'EUX', 'currency'],
    ["another currency's decimals", 2, 3, 'currency'],
    ['no value', 3, 0, 'value'],
    ['a value over the largest', 3, 10n ** 15n + 1n, 'value'],
    ['a value that is text', 3, '500', 'value'],
    ['epoch 0', 4, 0, 'epoch'],
    ['sequence 0', 5, 0, 'sequence'],
    ['an index below zero', 6, -1, 'index'],
    ['an owner of 31 bytes', 7, fill(31, 1), 'owner'],
    ['a reservation of 17 bytes', 8, fill(17, 1), 'reservation'],
    ['a key set that is text', 9, 'x'.repeat(32), 'keySet'],
    ['a start below zero', 10, -1, 'notBefore'],
    ['an end that is null', 11, null, 'redeemUntil'],
    ['an end after the year 9999', 11, 253_402_300_800, 'redeemUntil'],
    ['a salt of 15 bytes', 12, fill(15, 1), 'salt'],
  ])('refuses %s, and names the field', (_name, index, value, field) => {
    expect(withField(index, value)).toMatchObject({ ok: false, field });
  });

  it('refuses twelve fields and fourteen', () => {
    expect(decodeUnit(encodeCbor(fields.slice(0, 12)))).toMatchObject({ ok: false, field: 'unit' });
    expect(decodeUnit(encodeCbor([...fields, 0]))).toMatchObject({ ok: false, field: 'unit' });
  });

  it('refuses every truncation, a byte after its end and a record in its place', () => {
    for (let length = 0; length < leaf.length; length++)
      expect(decodeUnit(leaf.slice(0, length)).ok).toBe(false);
    expect(decodeUnit(concatBytes(leaf, fill(1, 0)))).toMatchObject({ ok: false, code: 'not_cbor' });
    for (const kind of recordKinds) expect(decodeUnit(kind.bytes).ok).toBe(false);
  });

  it('never throws for a turned bit, and has one encoding for what it accepts', () => {
    for (const [bit, altered] of bitFlips(leaf)) {
      const decoded = decodeUnit(altered);
      if (decoded.ok) expect(toHex(encodeUnit(decoded.value)), `bit ${bit}`).toBe(toHex(altered));
    }
  });

  it('never throws for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeUnit(bytes).ok).toBe(false);
        expect(decodeUnit(Uint8Array.of(0x8d, ...bytes)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the commitment to an owner', () => {
  const blinding = fill(32, 5);

  it("is SHA-256('ringmint.owner.v1' ‖ 0x00 ‖ blinding ‖ name)", () => {
    expect(toHex(commitOwner('Müller AG', blinding))).toBe(
      toHex(sha256(concatBytes(utf8('ringmint.owner.v1\u0000'), blinding, utf8('Müller AG')))),
    );
  });

  it('is another for another name and for another blinding', () => {
    const commitments = [
      commitOwner('alice', blinding),
      commitOwner('bob', blinding),
      commitOwner('', blinding),
      commitOwner('alice', fill(32, 6)),
    ];
    expect(new Set(commitments.map(toHex)).size).toBe(4);
  });

  it('needs a blinding of 32 bytes, so that none of it can be moved into the name', () => {
    expect(() => commitOwner('alice', fill(31, 5))).toThrow('32 bytes');
    expect(() => commitOwner('alice', fill(33, 5))).toThrow('32 bytes');
  });
});
