import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { seal, sealingKey, unseal } from '../../src/records/sealing.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const key = sealingKey(new Uint8Array(32).fill(7));
const other = sealingKey(new Uint8Array(32).fill(8));
const type = 'application/vnd.ringmint.test+cose';
const secret = new TextEncoder().encode('a ceiling of 60,000');

describe('sealing', () => {
  it('gives back what was sealed to whoever has the key, among others', async () => {
    const sealed = await seal(key, secret, type, random);
    expect(await unseal([other, key], sealed, type)).toEqual({ ok: true, value: secret });
    expect(Buffer.from(sealed).includes(Buffer.from('60,000'))).toBe(false);
  });

  it('is never twice the same for the same', async () => {
    expect(await seal(key, secret, type, random)).not.toEqual(await seal(key, secret, type, random));
  });

  it('says which key is missing from what was altered, at any byte', async () => {
    const sealed = await seal(key, secret, type, random);
    expect(await unseal([other], sealed, type)).toMatchObject({ code: 'seal_key_unknown' });
    expect(await unseal([key], sealed, 'application/vnd.ringmint.other+cose')).toMatchObject({
      code: 'seal_broken',
    });
    for (let place = 0; place < sealed.length; place++) {
      const altered = sealed.slice();
      altered[place] = (altered[place] as number) ^ 1;
      expect((await unseal([key], altered, type)).ok, `byte ${place}`).toBe(false);
    }
  });
});
