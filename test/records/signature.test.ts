import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, sha256, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { decodeCoseKey, encodeCoseKey, keyThumbprint, verificationKey } from '../../src/records/signature.ts';
import vectors from '../vectors/cose.json' with { type: 'json' };
import { accepted, fill, keys } from './samples.ts';

const { x, y, encoded, sha256: thumbprint } = vectors.thumbprint;
const point = fromHex(`04${x}${y}`) ?? new Uint8Array();

describe('the key id', () => {
  it("is the thumbprint of RFC 9679's example", () => {
    expect(toHex(keyThumbprint(point))).toBe(thumbprint);
    expect(toHex(verificationKey(point).keyId)).toBe(thumbprint);
  });

  it('is SHA-256 of the COSE_Key as this project encodes it, for any point', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (coordinates) => {
        const any = concatBytes(Uint8Array.of(4), coordinates);
        expect(toHex(keyThumbprint(any))).toBe(toHex(sha256(encodeCbor(encodeCoseKey(any)))));
      }),
    );
  });

  it('is of an uncompressed point only', () => {
    for (const wrong of [
      new Uint8Array(),
      point.slice(1),
      concatBytes(point, fill(1, 0)),
      fill(65, 6),
      fill(33, 2),
    ])
      expect(() => verificationKey(wrong)).toThrow('65 bytes');
  });
});

describe('a COSE_Key', () => {
  it("has the bytes of RFC 9679's example", () => {
    expect(toHex(encodeCbor(encodeCoseKey(point)))).toBe(encoded);
  });

  it('comes back as the key it was', () => {
    for (const { key } of Object.values(keys))
      expect(decodeCoseKey(accepted(decodeCbor(encodeCbor(encodeCoseKey(key.point)))))).toEqual(key);
  });

  const altered = (changes: readonly (readonly [number, CborValue | undefined])[]) => {
    const map = new Map<number, CborValue>(encodeCoseKey(point) as ReadonlyMap<number, CborValue>);
    for (const [key, value] of changes) {
      if (value === undefined) map.delete(key);
      else map.set(key, value);
    }
    return map;
  };

  it.each<readonly [string, CborValue | undefined]>([
    ['nothing', undefined],
    ['null', null],
    ['an array', [1, 2]],
    ['bytes', point],
    ['no type', altered([[1, undefined]])],
    ['type OKP', altered([[1, 1]])],
    ['curve P-384', altered([[-1, 2]])],
    ['a compressed y (RFC 9053 §7.1.1 lets y be a sign)', altered([[-3, true]])],
    ['x of 31 bytes', altered([[-2, fill(31, 1)]])],
    ['y of 33 bytes', altered([[-3, fill(33, 1)]])],
    ['a private part', altered([[-4, fill(32, 1)]])],
    ['a key id beside', altered([[2, fill(32, 1)]])],
    [
      'a label exchanged for another',
      altered([
        [-3, undefined],
        [-4, fill(32, 1)],
      ]),
    ],
  ])('refuses %s', (_name, value) => {
    expect(decodeCoseKey(value)).toBeUndefined();
  });
});
