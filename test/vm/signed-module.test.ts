import { createPublicKey, verify } from 'node:crypto';
import { encode, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { keyThumbprint } from '../../src/records/signature.ts';
import { startMachine } from '../../vm/host.ts';
import { withNames } from '../../vm/module.ts';
import {
  encodeSignedModule,
  type ModuleSigner,
  moduleKeyId,
  moduleToBeSigned,
  type SignedModuleCode,
  signedModuleType,
  signModule,
  trustKeys,
  verifySignedModule,
} from '../../vm/signed-module.ts';
import { assembled, wasm } from './machine.ts';
import { editsOf, looseBytes } from './signed-bytes.ts';
import { type Key, newKey } from './signing-key.ts';

const { bytes: module, names } = assembled(`
level l C0 A8
constant k 41 C0 A8
segment in 1 C0 A8 ceiling C0 A8
port a C0 A8
at l
const r0 k
output a r0
halt`);
const file = withNames(module, names);

const key = newKey();
const other = newKey();
const keyId = moduleKeyId(key.publicKey.point);
const cbor = (value: unknown): Uint8Array<ArrayBuffer> => new Uint8Array(encode(value, rfc8949EncodeOptions));

interface Parts {
  readonly head?: Uint8Array;
  readonly unprotected?: unknown;
  readonly payload?: unknown;
  readonly tag?: readonly number[];
  /** What is signed, where it is not the payload. */
  readonly signed?: Uint8Array;
}

const header = (changes: readonly (readonly [number | string, unknown])[] = []): Map<unknown, unknown> =>
  new Map<unknown, unknown>([[1, -7], [4, keyId], [16, signedModuleType], ...changes]);

/** A COSE_Sign1 whose signature is good whatever is wrong with the rest. */
async function crafted(parts: Parts): Promise<Uint8Array> {
  const head = parts.head ?? cbor(header());
  const payload = parts.payload === undefined ? module : parts.payload;
  const message = cbor(['Signature1', head, new Uint8Array(), parts.signed ?? payload]);
  const body = cbor([head, parts.unprotected ?? new Map(), payload, await key.sign(message)]);
  return new Uint8Array([...(parts.tag ?? [0xd2]), ...body]);
}

function answer(bytes: Uint8Array, trusted: readonly Key[] = [key]): SignedModuleCode | 'good' {
  const verified = verifySignedModule(
    bytes,
    trusted.map(({ publicKey }) => publicKey.point),
  );
  return verified.ok ? 'good' : verified.code;
}

describe('a signed module', () => {
  let bare: Uint8Array;
  let named: Uint8Array;
  beforeAll(async () => {
    bare = await signModule(module, key);
    named = await signModule(file, key);
  });

  it('is a COSE_Sign1 that another implementation verifies', () => {
    // Sig_structure and header written out by hand (RFC 9052 §4.4, RFC 8949 §3).
    const type = new TextEncoder().encode(signedModuleType);
    const head = [0xa3, 0x01, 0x26, 0x04, 0x58, 32, ...keyId, 0x10, 0x78, type.length, ...type];
    expect(module.length).toBeLessThan(256);
    const message = new Uint8Array([
      ...[0x84, 0x6a, ...new TextEncoder().encode('Signature1'), 0x58, head.length, ...head],
      ...[0x40, 0x58, module.length, ...module],
    ]);
    expect([...moduleToBeSigned(file, keyId)]).toEqual([...message]);
    const signature = bare.slice(-64);
    expect(
      verify(
        'sha256',
        message,
        { key: createPublicKey(key.privateKey), dsaEncoding: 'ieee-p1363' },
        signature,
      ),
    ).toBe(true);
  });

  it('names its key as records do', () => {
    expect(keyId).toEqual(keyThumbprint(key.publicKey.point));
  });

  it.each([0, 1, 63, 65])('is not made with a point of %s bytes', (length) => {
    expect(() => moduleKeyId(new Uint8Array(length).fill(4))).toThrow(RangeError);
  });

  it('is not made with a point that is not on the curve, or compressed', () => {
    const off = key.publicKey.point.slice();
    off[64] = (off[64] ?? 0) ^ 1;
    expect(() => moduleKeyId(off)).toThrow(RangeError);
    const compressed = key.publicKey.point.slice(0, 33);
    compressed[0] = 2 + ((key.publicKey.point[64] ?? 0) & 1);
    expect(() => moduleKeyId(compressed)).toThrow(RangeError);
  });

  it('gives back module and names, and who signed', () => {
    expect(verifySignedModule(named, [other.publicKey.point, key.publicKey.point])).toEqual({
      ok: true,
      file,
      keyId,
    });
    expect(verifySignedModule(bare, [key.publicKey.point])).toEqual({ ok: true, file: module, keyId });
  });

  it('is good with either of the two signatures that ECDSA has', async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = BigInt(`0x${Buffer.from(bare.slice(-32)).toString('hex')}`);
    const twin = bare.slice();
    twin.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), twin.length - 32);
    expect([answer(bare), answer(twin)]).toEqual(['good', 'good']);
  });

  it('is refused with any one byte changed', () => {
    const seen = new Map<string, number>();
    const good: string[] = [];
    for (let at = 0; at < bare.length; at++) {
      for (const mask of [1, 0x80, 0xff]) {
        const bytes = bare.slice();
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        const code = answer(bytes);
        seen.set(code, (seen.get(code) ?? 0) + 1);
        if (code === 'good') good.push(`byte ${at} ^ ${mask}`);
      }
    }
    console.log('bytes changed', Object.fromEntries(seen));
    expect(good).toEqual([]);
    expect([...seen.keys()].sort()).toEqual([
      'algorithm_unsupported',
      'key_unknown',
      'signature_invalid',
      'signed_module_malformed',
      'type_mismatch',
    ]);
  });

  it('with names is refused, or the same module, with any one byte changed', () => {
    let good = 0;
    for (let at = 0; at < named.length; at++) {
      const bytes = named.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const verified = verifySignedModule(bytes, [key.publicKey.point]);
      if (!verified.ok) continue;
      good++;
      expect(verified.file.slice(0, module.length)).toEqual(module);
    }
    // The names themselves, and nothing else.
    expect(good).toBe(file.length - module.length);
  });

  it('is refused when cut off anywhere, or followed by anything', () => {
    for (let length = 0; length < bare.length; length++)
      expect(answer(bare.slice(0, length)), `${length} bytes`).toBe('signed_module_malformed');
    expect(answer(new Uint8Array([...bare, 0]))).toBe('signed_module_malformed');
    expect(answer(new Uint8Array([...bare, ...bare]))).toBe('signed_module_malformed');
  });

  it('is refused by whoever does not trust its key, and by whoever trusts none', () => {
    expect(answer(bare, [other])).toBe('key_unknown');
    expect(answer(bare, [])).toBe('key_unknown');
  });

  it('is refused where it names a trusted key and another has signed', async () => {
    const forged = encodeSignedModule(module, keyId, await other.sign(moduleToBeSigned(module, keyId)));
    expect(answer(forged)).toBe('signature_invalid');
    expect(answer(forged, [key, other])).toBe('signature_invalid');
  });

  it('is refused with the signature of another module, or numbers that are none of the group', async () => {
    const { bytes } = assembled('level l C0 A8\nat l\nhalt');
    const signature = await key.sign(moduleToBeSigned(bytes, keyId));
    expect(answer(encodeSignedModule(module, keyId, signature))).toBe('signature_invalid');
    for (const byte of [0, 1, 0xff])
      expect(answer(encodeSignedModule(module, keyId, new Uint8Array(64).fill(byte)))).toBe(
        'signature_invalid',
      );
  });

  it('is the same from Buffers of Node, and leaves them as they were', async () => {
    const given = {
      module: Buffer.from(module),
      file: Buffer.from(file),
      point: Buffer.from(key.publicKey.point),
      keyId: Buffer.from(keyId),
    };
    const before = structuredClone(given);
    const signature = Buffer.from(await key.sign(moduleToBeSigned(given.file, given.keyId)));
    for (const whole of [given.module, given.file])
      expect(
        verifySignedModule(Buffer.from(encodeSignedModule(whole, given.keyId, signature)), [given.point]),
      ).toEqual({ ok: true, file: new Uint8Array(whole), keyId });
    expect(structuredClone(given)).toEqual(before);
  });

  it('loses its names and keeps its signature', () => {
    expect(encodeSignedModule(module, keyId, named.slice(-64))).toHaveLength(bare.length);
    expect(answer(encodeSignedModule(module, keyId, named.slice(-64)))).toBe('good');
  });

  it('is made by no signer that signs with another key than its own', async () => {
    const liar: ModuleSigner = { publicKey: key.publicKey, sign: (message) => other.sign(message) };
    await expect(signModule(module, liar)).rejects.toThrow('not by its own public key');
    const short: ModuleSigner = { publicKey: key.publicKey, sign: async () => new Uint8Array(63) };
    await expect(signModule(module, short)).rejects.toThrow('not by its own public key');
  });

  it.each([
    ['no module', new Uint8Array(100)],
    ['a module cut off', module.slice(0, -1)],
    ['nothing', new Uint8Array()],
  ])('is not made of %s', (_, bytes) => {
    expect(() => moduleToBeSigned(bytes, keyId)).toThrow(RangeError);
    expect(() => encodeSignedModule(bytes, keyId, new Uint8Array(64))).toThrow(RangeError);
  });

  it.each([0, 63, 65, 72])('is not made with a signature of %s bytes', (length) => {
    expect(() => encodeSignedModule(module, keyId, new Uint8Array(length))).toThrow(RangeError);
  });

  // Each of these is rightly signed: only its shape is at fault.
  const wrong: readonly (readonly [name: string, code: SignedModuleCode, parts: Parts])[] = [
    [
      'the type of another record',
      'type_mismatch',
      { head: cbor(header([[16, 'application/vnd.ringmint.request+cose']])) },
    ],
    [
      'no type',
      'type_mismatch',
      {
        head: cbor(
          new Map<number, unknown>([
            [1, -7],
            [4, keyId],
          ]),
        ),
      },
    ],
    ['a type that is no text', 'type_mismatch', { head: cbor(header([[16, 7]])) }],
    ['the algorithm ES384', 'algorithm_unsupported', { head: cbor(header([[1, -35]])) }],
    [
      'no algorithm',
      'algorithm_unsupported',
      {
        head: cbor(
          new Map<number, unknown>([
            [4, keyId],
            [16, signedModuleType],
          ]),
        ),
      },
    ],
    [
      'an extra protected header',
      'signed_module_malformed',
      { head: cbor(header([[5, new Uint8Array(8)]])) },
    ],
    ['a critical header', 'signed_module_malformed', { head: cbor(header([[2, [1]]])) }],
    ['a key id of 31 bytes', 'signed_module_malformed', { head: cbor(header([[4, keyId.slice(1)]])) }],
    ['a key id that is no bytes', 'signed_module_malformed', { head: cbor(header([[4, 'key']])) }],
    ['no protected header', 'algorithm_unsupported', { head: cbor(new Map()) }],
    ['an empty protected header', 'signed_module_malformed', { head: new Uint8Array() }],
    ['a protected header that is an array', 'signed_module_malformed', { head: cbor([1, -7]) }],
    ['an extra unprotected header', 'signed_module_malformed', { unprotected: new Map([[4, keyId]]) }],
    [
      'two unprotected headers',
      'signed_module_malformed',
      {
        unprotected: new Map<unknown, unknown>([
          ['names', new Uint8Array()],
          [4, keyId],
        ]),
      },
    ],
    ['names that are no bytes', 'signed_module_malformed', { unprotected: new Map([['names', '{}']]) }],
    ['an unprotected header that is an array', 'signed_module_malformed', { unprotected: [] }],
    ['a detached payload', 'signed_module_malformed', { payload: null, signed: module }],
    ['a payload that is text', 'signed_module_malformed', { payload: 'module' }],
    ['a payload with names behind the module', 'signed_module_malformed', { payload: file }],
    ['a payload that is a module cut off', 'signed_module_malformed', { payload: module.slice(0, -8) }],
    ['a payload that is no module', 'signed_module_malformed', { payload: new Uint8Array(64) }],
    ['an empty payload', 'signed_module_malformed', { payload: new Uint8Array() }],
    ['no tag', 'signed_module_malformed', { tag: [] }],
    ['the tag of COSE_Sign', 'signed_module_malformed', { tag: [0xd8, 98] }],
    ['the tag written long', 'signed_module_malformed', { tag: [0xd8, 18] }],
    ['the tag twice', 'signed_module_malformed', { tag: [0xd2, 0xd2] }],
    // CBOR that has a shorter form, or an order of its own (RFC 8949 §4.2.1).
    [
      'a header whose keys descend',
      'signed_module_malformed',
      {
        head: new Uint8Array([
          0xa3,
          ...cbor(16),
          ...cbor(signedModuleType),
          ...cbor(4),
          ...cbor(keyId),
          ...cbor(1),
          ...cbor(-7),
        ]),
      },
    ],
    [
      'a header with a key twice',
      'signed_module_malformed',
      { head: new Uint8Array([0xa4, 1, 0x26, 1, 0x26, ...cbor(header()).slice(3)]) },
    ],
    [
      'a header of indefinite length',
      'signed_module_malformed',
      { head: new Uint8Array([0xbf, ...cbor(header()).slice(1), 0xff]) },
    ],
    [
      'a header with a number written long',
      'signed_module_malformed',
      { head: new Uint8Array([0xa3, 1, 0x38, 6, ...cbor(header()).slice(3)]) },
    ],
    [
      'a header with something behind it',
      'signed_module_malformed',
      { head: new Uint8Array([...cbor(header()), 0]) },
    ],
  ];

  it.each(wrong)('is refused with %s: %s', async (_, code, parts) => {
    expect(answer(await crafted(parts))).toBe(code);
  });

  it('that is made by hand is good where nothing is wrong with it', async () => {
    expect(answer(await crafted({}))).toBe('good');
    expect(answer(await crafted({ unprotected: new Map([['names', new Uint8Array(9)]]) }))).toBe('good');
  });

  it('is no array of three or five', async () => {
    const [head, signature] = [cbor(header()), await key.sign(moduleToBeSigned(module, keyId))];
    for (const parts of [
      [head, new Map(), module],
      [head, new Map(), module, signature, 0],
    ])
      expect(answer(new Uint8Array([0xd2, ...cbor(parts)]))).toBe('signed_module_malformed');
  });

  it('is not read where it is larger than any can be', async () => {
    const large = await crafted({ unprotected: new Map([['names', new Uint8Array(4 * 1_048_576)]]) });
    expect(answer(large)).toBe('signed_module_malformed');
  });

  it('is none of whatever bytes there are, and tells so', () => {
    fc.assert(
      fc.property(looseBytes, (given) => {
        const verified = verifySignedModule(given, [key.publicKey.point]);
        expect(verified.ok).toBe(false);
        expect(verified.ok || verified.message.length).toBeGreaterThan(0);
      }),
      { numRuns: 3_000, seed: 20_261_121 },
    );
  });

  it('that is cut, spliced and written over is refused, or is the same module', () => {
    fc.assert(
      fc.property(editsOf(named), (edited) => {
        const verified = verifySignedModule(edited, [key.publicKey.point]);
        if (verified.ok) expect(verified.file.slice(0, module.length)).toEqual(module);
        else expect(verified.message).not.toBe('');
      }),
      { numRuns: 2_000, seed: 20_261_121 },
    );
  });

  it('tells what it was given, without signs that a terminal obeys', async () => {
    const bytes = await crafted({ head: cbor(header([[16, '\u001b[31m`x`']])) });
    const verified = verifySignedModule(bytes, [key.publicKey.point]);
    expect(verified.ok || verified.message).toBe(
      `this is \`?[31m?x?\`, where \`${signedModuleType}\` is accepted`,
    );
  });
});

describe('a machine that trusts keys', () => {
  const machine = async (...keys: readonly Key[]) =>
    startMachine(wasm, { trust: trustKeys(keys.map(({ publicKey }) => publicKey.point)) });

  it('runs what one of them signed, by its names', async () => {
    const loaded = (await machine(other, key)).load(await signModule(file, key));
    if (!loaded.ok) throw new Error(loaded.message);
    expect(loaded.program.names).toEqual(names);
    expect(loaded.program.run({ inputs: [] })).toMatchObject({ ok: true, ports: new Map([[0, 41n]]) });
  });

  it('refuses the bare module, one of another key, and one that was changed', async () => {
    const trusting = await machine(key);
    const changed = await signModule(module, key);
    changed[changed.length - 70] = (changed[changed.length - 70] ?? 0) ^ 1;
    for (const bytes of [module, file, await signModule(module, other), changed, new Uint8Array()])
      expect(trusting.load(bytes)).toMatchObject({
        ok: false,
        code: 'module_refused',
        reason: 'signature',
        offset: 0,
      });
  });

  it('keeps what it has loaded when it refuses something', async () => {
    const trusting = await machine(key);
    const loaded = trusting.load(await signModule(module, key));
    trusting.load(module);
    expect(loaded.ok && loaded.program.run({ inputs: [] }).ok).toBe(true);
  });

  it('still looks at what is signed', async () => {
    const bad = module.slice();
    bad[bad.length - 8] = 255; // opcode of `halt`
    expect((await machine(key)).load(await signModule(bad, key))).toMatchObject({ reason: 'opcode' });
    const damaged = module.slice();
    damaged[40] = (damaged[40] ?? 0) ^ 1; // the hash that it carries
    expect((await machine(key)).load(await signModule(damaged, key))).toMatchObject({ reason: 'hash' });
  });

  it.each([
    ['an array', (bytes: Uint8Array) => new Uint8Array(bytes)],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)],
  ])('is not moved by a point in %s that its caller changes afterwards', async (_, copy) => {
    const point = copy(key.publicKey.point);
    const trust = trustKeys([point]);
    point.set(other.publicKey.point);
    expect(trust(await signModule(module, key)).ok).toBe(true);
    expect(trust(await signModule(module, other)).ok).toBe(false);
  });
});
