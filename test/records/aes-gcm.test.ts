/** Node's AES-GCM against WebCrypto's. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fromHex, toHex } from '../../src/kit/bytes.ts';
import { type AesGcmInput, aesGcm, aesGcmByWebCrypto, platformAesGcm } from '../../src/records/aes-gcm.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const given: fc.Arbitrary<AesGcmInput> = fc.record({
  key: bytes(32),
  iv: bytes(12),
  additionalData: fc.uint8Array({ maxLength: 60 }),
  input: fc.uint8Array({ maxLength: 300 }),
});

function byNode() {
  const made = platformAesGcm();
  if (made === undefined) throw new Error('Node has it');
  return made;
}

describe('AES-GCM', () => {
  it("is Node's in Node, and gives the same as WebCrypto's, which each decrypts of the other", async () => {
    await fc.assert(
      fc.asyncProperty(given, async (one) => {
        const sealed = await byNode()('encrypt', one);
        expect(sealed).toEqual(await aesGcmByWebCrypto('encrypt', one));
        expect(await aesGcm('encrypt', one)).toEqual(sealed);
        const back = { ...one, input: sealed };
        expect(await byNode()('decrypt', back)).toEqual(one.input);
        expect(await aesGcmByWebCrypto('decrypt', back)).toEqual(one.input);
      }),
      { numRuns: 50 },
    );
  });

  it('gives nothing where a bit is another, or where it is shorter than a tag', async () => {
    await fc.assert(
      fc.asyncProperty(given, fc.nat(), async (one, at) => {
        const sealed = await byNode()('encrypt', one);
        const bit = at % (8 * sealed.length);
        const bent = sealed.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        for (const input of [bent, sealed.subarray(0, at % sealed.length)])
          for (const decrypt of [byNode(), aesGcmByWebCrypto])
            await expect(decrypt('decrypt', { ...one, input })).rejects.toThrow();
      }),
      { numRuns: 50 },
    );
  });

  // Test case 16 of McGrew and Viega's specification of GCM.
  it('encrypts the published vector', async () => {
    const of = (hex: string) => fromHex(hex) ?? new Uint8Array();
    const one = {
      key: of('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
      iv: of('cafebabefacedbaddecaf888'),
      additionalData: of('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
      input: of(
        'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
      ),
    };
    expect(toHex(await aesGcm('encrypt', one))).toBe(
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
        '76fc6ece0f4e1768cddf8853bb2d551b',
    );
  });

  it.each([
    ['a browser, which has no `process`', undefined],
    ['a runtime without it', { getBuiltinModule: () => ({}) }],
    [
      'a runtime that only resembles Node',
      {
        getBuiltinModule: () => ({
          createCipheriv: () => ({ setAAD: () => ({}) }),
          createDecipheriv: () => ({}),
        }),
      },
    ],
  ])('is not of the platform in %s', (_where, process) => {
    vi.stubGlobal('process', process);
    const found = platformAesGcm();
    vi.unstubAllGlobals();
    expect(found).toBeUndefined();
  });
});
