/** Node's key agreement against @noble's. */
import { p256 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agree, agreeByNoble, platformAgree } from '../../src/records/key-agreement.ts';

const secret = fc
  .uint8Array({ minLength: 48, maxLength: 48 })
  .map((seed) => p256.utils.randomSecretKey(seed));
const pointOf = (secretKey: Uint8Array): Uint8Array => p256.getPublicKey(secretKey, false);

describe('key agreement', () => {
  it("is Node's in Node, and gives the same as @noble's, from either side", () => {
    const byNode = platformAgree();
    if (byNode === undefined) throw new Error('Node has it');
    fc.assert(
      fc.property(secret, secret, (mine, other) => {
        const agreed = byNode(mine, pointOf(other));
        expect(agreed).toEqual(agreeByNoble(mine, pointOf(other)));
        expect(agreed.point).toEqual(pointOf(mine));
        expect(byNode(other, agreed.point).shared).toEqual(agreed.shared);
        expect(agree(mine, pointOf(other))).toEqual(agreed);
      }),
      { numRuns: 20 },
    );
  });

  it('has no shared secret with what is no point of the curve, or with a key of zero', () => {
    const mine = new Uint8Array(32).fill(1);
    const off = pointOf(new Uint8Array(32).fill(2));
    off[64] = (off[64] as number) ^ 1;
    for (const one of [platformAgree() ?? agreeByNoble, agreeByNoble]) {
      expect(() => one(mine, off)).toThrow();
      expect(() => one(new Uint8Array(32), pointOf(mine))).toThrow();
    }
  });
});
