/** Two implementations of one check: they must agree on every edge of ECDSA, not only on right signatures. */
import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '../../src/kit/bytes.ts';
import { type VerificationKey, verificationKey } from '../../src/records/signature.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { bitFlips, fill, keys } from '../records/samples.ts';

const verifySignatureNode = makeNodeVerifySignature();
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const field = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const message = utf8('Ringmint');
const { key } = keys.central;

function scalar(value: bigint): Uint8Array {
  const bytes = fromHex(value.toString(16).padStart(64, '0'));
  if (bytes === undefined) throw new Error('not 32 bytes');
  return bytes;
}

function split(signature: Uint8Array): { r: bigint; s: bigint } {
  const [r = 0n, s = 0n] = [signature.slice(0, 32), signature.slice(32)].map((half) =>
    BigInt(`0x${Buffer.from(half).toString('hex')}`),
  );
  return { r, s };
}

function both(verifier: VerificationKey, text: Uint8Array, signature: Uint8Array): boolean {
  const node = verifySignatureNode(verifier, text, signature);
  expect(verifySignatureNoble(verifier, text, signature)).toBe(node);
  return node;
}

const { r, s } = split(keys.central.sign(message));

describe('node:crypto and noble', () => {
  it('accept a signature by the key over the message, of any length', () => {
    for (const length of [0, 1, 63, 64, 65, 1000]) {
      const text = fill(length, 5);
      expect(both(key, text, keys.central.sign(text))).toBe(true);
    }
  });

  it('accept signatures that OpenSSL makes', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const made = verificationKey(
      new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65)),
    );
    for (let i = 0; i < 20; i++) {
      const signature = sign('sha256', message, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
      expect(both(made, message, new Uint8Array(signature))).toBe(true);
    }
  });

  it('accept both signatures of a pair, s and n - s: an HSM gives either', () => {
    expect(both(key, message, concatBytes(scalar(r), scalar(s)))).toBe(true);
    expect(both(key, message, concatBytes(scalar(r), scalar(order - s)))).toBe(true);
  });

  it('refuse another message, and another key', () => {
    const signature = keys.central.sign(message);
    expect(both(key, utf8('Ringmint!'), signature)).toBe(false);
    expect(both(key, new Uint8Array(), signature)).toBe(false);
    expect(both(keys.quota.key, message, signature)).toBe(false);
  });

  it.each<readonly [string, bigint, bigint]>([
    ['r = 0', 0n, s],
    ['s = 0', r, 0n],
    ['r = s = 0', 0n, 0n],
    ['r = n', order, s],
    ['s = n', r, order],
    ['r = n, s = n', order, order],
    ['r + n where that fits', r + order < 2n ** 256n ? r + order : order + 1n, s],
    ['s + n where that fits', r, s + order < 2n ** 256n ? s + order : order + 1n],
    ['r = p', field, s],
    ['r = s = 1', 1n, 1n],
    ['r = s = n - 1', order - 1n, order - 1n],
    ['r = 1, s = n - 1', 1n, order - 1n],
    ['all bits', 2n ** 256n - 1n, 2n ** 256n - 1n],
    ['r and s exchanged', s, r],
    ['n - r', order - r, s],
  ])('refuse %s', (_name, first, second) => {
    expect(both(key, message, concatBytes(scalar(first), scalar(second)))).toBe(false);
  });

  it('refuse every length but 64', () => {
    const signature = keys.central.sign(message);
    for (let length = 0; length < 64; length++)
      expect(both(key, message, signature.slice(0, length))).toBe(false);
    expect(both(key, message, concatBytes(signature, fill(1, 0)))).toBe(false);
    expect(both(key, message, concatBytes(fill(1, 0), signature))).toBe(false);
  });

  it('refuse the DER form of a right signature', () => {
    const der = concatBytes(
      Uint8Array.of(0x30, 0x44, 0x02, 0x20),
      scalar(r),
      Uint8Array.of(0x02, 0x20),
      scalar(s),
    );
    expect(both(key, message, der)).toBe(false);
  });

  it('refuse every single turned bit of a signature', () => {
    for (const [bit, altered] of bitFlips(keys.central.sign(message)))
      expect(both(key, message, altered), `bit ${bit}`).toBe(false);
  });

  it('agree on any 64 bytes, any message and any of the keys', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(keys)),
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.boolean(),
        (signer, text, noise, honest) => {
          expect(both(signer.key, text, honest ? signer.sign(text) : noise)).toBe(honest);
        },
      ),
      { numRuns: 60 },
    );
  });

  const badPoints: readonly (readonly [string, Uint8Array])[] = [
    ['off the curve', key.point.with(64, (key.point[64] ?? 0) ^ 1)],
    ['of zeros', Uint8Array.of(4, ...fill(64, 0))],
    ['of ones', Uint8Array.of(4, ...fill(64, 0xff))],
    ['with x = p', concatBytes(Uint8Array.of(4), scalar(field), key.point.slice(33))],
    ['with another first byte', key.point.with(0, 5)],
    ['of no bytes', new Uint8Array()],
    ['of 64 bytes', key.point.slice(0, 64)],
  ];
  it.each(badPoints)('refuse a point %s, and do not throw', (_name, point) => {
    const bad: VerificationKey = { algorithm: 'ES256', keyId: key.keyId, point };
    expect(both(bad, message, keys.central.sign(message))).toBe(false);
    // Twice: what node:crypto keeps of a key is kept of a bad one too.
    expect(both(bad, message, keys.central.sign(message))).toBe(false);
  });

  it('tell keys apart by their points, not by the ids that they carry', () => {
    const mislabelled: VerificationKey = { ...keys.quota.key, keyId: key.keyId };
    expect(both(key, message, keys.central.sign(message))).toBe(true);
    expect(both(mislabelled, message, keys.central.sign(message))).toBe(false);
    expect(both(mislabelled, message, keys.quota.sign(message))).toBe(true);
  });
});
