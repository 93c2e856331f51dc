import { createPublicKey, verify } from 'node:crypto';
import { encode, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { moduleKeyId, signedModuleType, signModule, verifySignedModule } from '../../vm/signed-module.ts';
import {
  encodeSignedTranslation,
  type SignedTranslationCode,
  signedTranslationType,
  signTranslation,
  sourceModuleHeader,
  translationToBeSigned,
  trustTranslations,
  verifySignedTranslation,
} from '../../vm/signed-translation.ts';
import { assembled } from './machine.ts';
import { editsOf, looseBytes } from './signed-bytes.ts';
import { type Key, newKey } from './signing-key.ts';

/** WebAssembly as small as it is: what is signed is not looked into here. */
const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const module = new Uint8Array(32).fill(7);
const key = newKey();
const other = newKey();
const keyId = moduleKeyId(key.publicKey.point);
const cbor = (value: unknown): Uint8Array<ArrayBuffer> => new Uint8Array(encode(value, rfc8949EncodeOptions));

interface Parts {
  readonly head?: Uint8Array;
  readonly unprotected?: unknown;
  readonly payload?: unknown;
}

const header = (changes: readonly (readonly [number | string, unknown])[] = []): Map<unknown, unknown> =>
  new Map<unknown, unknown>([
    [1, -7],
    [4, keyId],
    [16, signedTranslationType],
    [sourceModuleHeader, module],
    ...changes,
  ]);

/** A COSE_Sign1 whose signature is good whatever is wrong with the rest. */
async function crafted({
  head = cbor(header()),
  unprotected = new Map(),
  payload = wasm,
}: Parts): Promise<Uint8Array> {
  const message = cbor(['Signature1', head, new Uint8Array(), payload]);
  return new Uint8Array([0xd2, ...cbor([head, unprotected, payload, await key.sign(message)])]);
}

function answer(bytes: Uint8Array, trusted: readonly Key[] = [key]): SignedTranslationCode | 'good' {
  const verified = verifySignedTranslation(
    bytes,
    trusted.map(({ publicKey }) => publicKey.point),
  );
  return verified.ok ? 'good' : verified.code;
}

describe('a signed translation', () => {
  let signed: Uint8Array;
  beforeAll(async () => {
    signed = await signTranslation({ wasm, module }, key);
  });

  it('is a COSE_Sign1 that another implementation verifies', () => {
    // Sig_structure and header written out by hand (RFC 9052 §4.4, RFC 8949 §3); -65720 is 0x3a and 65719 in 32 bits.
    const type = new TextEncoder().encode(signedTranslationType);
    const head = [
      ...[0xa4, 0x01, 0x26, 0x04, 0x58, 32, ...keyId, 0x10, 0x78, type.length, ...type],
      ...[0x3a, 0x00, 0x01, 0x00, 0xb7, 0x58, 32, ...module],
    ];
    const message = new Uint8Array([
      ...[0x84, 0x6a, ...new TextEncoder().encode('Signature1'), 0x58, head.length, ...head],
      ...[0x40, 0x48, ...wasm],
    ]);
    expect([...translationToBeSigned({ wasm, module }, keyId)]).toEqual([...message]);
    const publicKey = { key: createPublicKey(key.privateKey), dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', message, publicKey, signed.slice(-64))).toBe(true);
  });

  it('gives back the WebAssembly, the hash of its source module, and who signed', () => {
    const points = [other.publicKey.point, key.publicKey.point];
    expect(verifySignedTranslation(signed, points)).toEqual({ ok: true, wasm, module, keyId });
  });

  it('is refused with any one byte changed', () => {
    const seen = new Set<string>();
    for (let at = 0; at < signed.length; at++) {
      for (const mask of [1, 0x80, 0xff]) {
        const bytes = signed.slice();
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        const code = answer(bytes);
        expect(code, `byte ${at} ^ ${mask}`).not.toBe('good');
        seen.add(code);
      }
    }
    expect([...seen].sort()).toEqual([
      'algorithm_unsupported',
      'key_unknown',
      'signature_invalid',
      'signed_translation_malformed',
      'type_mismatch',
    ]);
  });

  it('is refused when cut off anywhere, or followed by anything', () => {
    for (let length = 0; length < signed.length; length++)
      expect(answer(signed.slice(0, length)), `${length} bytes`).toBe('signed_translation_malformed');
    expect(answer(new Uint8Array([...signed, 0]))).toBe('signed_translation_malformed');
  });

  it('is refused by whoever does not trust its key, and where another has signed', async () => {
    expect(answer(signed, [other])).toBe('key_unknown');
    expect(answer(signed, [])).toBe('key_unknown');
    const forged = await other.sign(translationToBeSigned({ wasm, module }, keyId));
    expect(answer(encodeSignedTranslation({ wasm, module }, keyId, forged), [key, other])).toBe(
      'signature_invalid',
    );
  });

  it('is refused with the signature of another translation, and of the same as of another module', async () => {
    const longer = new Uint8Array([...wasm, 0, 1, 0]);
    for (const given of [
      { wasm: longer, module },
      { wasm, module: new Uint8Array(32).fill(8) },
    ]) {
      const signature = await key.sign(translationToBeSigned(given, keyId));
      expect(answer(encodeSignedTranslation({ wasm, module }, keyId, signature))).toBe('signature_invalid');
    }
  });

  it('is no signed module, and a signed module is no translation', async () => {
    const { bytes } = assembled('level l C0 A8\nat l\nhalt');
    expect(answer(await signModule(bytes, key))).toBe('type_mismatch');
    expect(verifySignedModule(signed, [key.publicKey.point])).toMatchObject({
      ok: false,
      code: 'type_mismatch',
    });
    expect(answer(await crafted({ payload: bytes }))).toBe('signed_translation_malformed');
  });

  it('is the same from Buffers of Node, and leaves them as they were', async () => {
    const given = { wasm: Buffer.from(wasm), module: Buffer.from(module) };
    const before = structuredClone(given);
    const bytes = Buffer.from(await signTranslation(given, key));
    expect(answer(bytes)).toBe('good');
    expect(structuredClone(given)).toEqual(before);
  });

  it.each<[string, Uint8Array, Uint8Array]>([
    ['no WebAssembly', new Uint8Array(8), module],
    ['WebAssembly of another version', wasm.with(4, 2), module],
    ['nothing', new Uint8Array(), module],
    ['a hash of 31 bytes', wasm, module.slice(1)],
  ])('is not made of %s', (_, bytes, hash) => {
    const given = { wasm: bytes, module: hash };
    expect(() => translationToBeSigned(given, keyId)).toThrow(RangeError);
    expect(() => encodeSignedTranslation(given, keyId, new Uint8Array(64))).toThrow(RangeError);
  });

  it('is made by no signer that signs with another key than its own', async () => {
    const liar = {
      publicKey: key.publicKey,
      sign: (message: Uint8Array<ArrayBuffer>) => other.sign(message),
    };
    await expect(signTranslation({ wasm, module }, liar)).rejects.toThrow('not by its own public key');
  });

  // Each of these is rightly signed: only its shape is at fault.
  const without = new Map([...header()].filter(([label]) => label !== sourceModuleHeader));
  it.each<[string, SignedTranslationCode, Parts]>([
    ['no hash of a module', 'signed_translation_malformed', { head: cbor(without) }],
    [
      'a hash of 33 bytes',
      'signed_translation_malformed',
      { head: cbor(header([[sourceModuleHeader, new Uint8Array(33)]])) },
    ],
    [
      'a hash that is text',
      'signed_translation_malformed',
      { head: cbor(header([[sourceModuleHeader, 'x'.repeat(32)]])) },
    ],
    ['an extra protected header', 'signed_translation_malformed', { head: cbor(header([[2, [1]]])) }],
    [
      'another extra header for the hash',
      'signed_translation_malformed',
      { head: cbor(new Map([...without, [5, module]])) },
    ],
    ['the type of a module', 'type_mismatch', { head: cbor(header([[16, signedModuleType]])) }],
    ['the algorithm ES384', 'algorithm_unsupported', { head: cbor(header([[1, -35]])) }],
    [
      'names beside it',
      'signed_translation_malformed',
      { unprotected: new Map([['names', new Uint8Array(2)]]) },
    ],
    ['an unprotected header that is an array', 'signed_translation_malformed', { unprotected: [] }],
    ['a detached payload', 'signed_translation_malformed', { payload: null }],
    ['a payload of another version', 'signed_translation_malformed', { payload: wasm.with(4, 2) }],
  ])('is refused with %s: %s', async (_, code, parts) => {
    expect(answer(await crafted(parts))).toBe(code);
  });

  it('that is made by hand is good where nothing is wrong with it', async () => {
    expect(answer(await crafted({}))).toBe('good');
  });

  it('is none of whatever bytes there are, and tells so', () => {
    fc.assert(
      fc.property(looseBytes, (given) => {
        const verified = verifySignedTranslation(given, [key.publicKey.point]);
        expect(verified.ok || verified.message.length).toBeGreaterThan(0);
        expect(verified.ok).toBe(false);
      }),
      { numRuns: 2_000, seed: 20_261_122 },
    );
  });

  it('that is cut, spliced and written over is refused', () => {
    fc.assert(
      fc.property(editsOf(signed), (edited) => {
        const verified = verifySignedTranslation(edited, [key.publicKey.point]);
        if (verified.ok) expect([verified.wasm, verified.module]).toEqual([wasm, module]);
        else expect(verified.message).not.toBe('');
      }),
      { numRuns: 1_000, seed: 20_261_122 },
    );
  });

  it.each([
    ['an array', (bytes: Uint8Array) => new Uint8Array(bytes)],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)],
  ])('is trusted by a point in %s that its caller changes afterwards', async (_, copy) => {
    const point = copy(key.publicKey.point);
    const trust = trustTranslations([point]);
    point.set(other.publicKey.point);
    expect(trust(signed)).toMatchObject({ ok: true, module });
    expect(trust(await signTranslation({ wasm, module }, other)).ok).toBe(false);
    expect(trust(wasm)).toMatchObject({
      ok: false,
      message: 'not a signed translation: WebAssembly without a signature',
    });
  });
});
