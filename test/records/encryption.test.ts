import { createDecipheriv, createECDH, hkdfSync } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sha256, toHex, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { algorithm, header } from '../../src/records/claims.ts';
import { recordType } from '../../src/records/cose.ts';
import {
  decodeEnvelope,
  decryptWith,
  encryptedCredentialType,
  encryptTo,
  type Recipient,
} from '../../src/records/encryption.ts';
import { encodeCoseKey } from '../../src/records/signature.ts';
import {
  accepted,
  asArray,
  asBytes,
  asMap,
  bitFlips,
  fill,
  keys,
  recordKinds,
  type TestKey,
} from './samples.ts';

const type = encryptedCredentialType;
const plaintext = utf8('a quota credential');

/** Randomness that repeats, so that a failure does. */
function seededRandom(seed: string) {
  let calls = 0;
  return (length: number): Uint8Array => {
    const blocks: Uint8Array[] = [];
    for (let i = 0; i * 32 < length; i++) blocks.push(sha256(utf8(`${seed} ${calls} ${i}`)));
    calls++;
    return concatBytes(...blocks).slice(0, length);
  };
}

function recipientOf({ key, secret }: TestKey): Recipient {
  return {
    keyId: key.keyId,
    deriveSharedSecret: async (peerPoint) => p256.getSharedSecret(secret, peerPoint, false).slice(1, 33),
  };
}

const recipient = recipientOf(keys.agreement);
const encrypted = await encryptTo(keys.agreement.key, plaintext, type, seededRandom('sample'));
const [protectedHeader, unprotected, ciphertext, recipients] = asArray(
  accepted(decodeCbor(encrypted.subarray(2))),
);
const [recipientHeader, recipientParameters] = asArray(asArray(recipients)[0]);

function envelope(changes: {
  protectedHeader?: CborValue;
  unprotected?: CborValue;
  ciphertext?: CborValue;
  recipients?: CborValue;
}): Uint8Array {
  const parts = { protectedHeader, unprotected, ciphertext, recipients, ...changes };
  return concatBytes(
    Uint8Array.of(0xd8, 0x60),
    encodeCbor([
      parts.protectedHeader ?? null,
      parts.unprotected ?? null,
      parts.ciphertext ?? null,
      parts.recipients ?? null,
    ]),
  );
}

function oneRecipient(changes: { header?: CborValue; parameters?: CborValue; key?: CborValue }): CborValue {
  return [
    [
      changes.header ?? recipientHeader ?? null,
      changes.parameters ?? recipientParameters ?? null,
      changes.key ?? new Uint8Array(),
    ],
  ];
}

function withParameter(label: number, value: CborValue | undefined): CborValue {
  const map = asMap(recipientParameters);
  if (value === undefined) map.delete(label);
  else map.set(label, value);
  return map;
}

describe('an encrypted record', () => {
  it('is read by its recipient', async () => {
    expect(await decryptWith(encrypted, recipient, type)).toEqual({ ok: true, value: plaintext });
  });

  it('is read back for any text, the empty one too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.string(), async (text, seed) => {
        const bytes = await encryptTo(keys.agreement.key, text, type, seededRandom(seed));
        expect(await decryptWith(bytes, recipient, type)).toEqual({ ok: true, value: text });
      }),
      { numRuns: 20 },
    );
  });

  it('is what RFC 9052 §5.3 and RFC 9053 §5.2 and §6.3.1 say: node:crypto reads it from the clauses alone', () => {
    const ephemeral = asMap(asMap(recipientParameters).get(header.ephemeralKey));
    const ecdh = createECDH('prime256v1');
    ecdh.setPrivateKey(keys.agreement.secret);
    const shared = ecdh.computeSecret(
      concatBytes(Uint8Array.of(4), asBytes(ephemeral.get(-2)), asBytes(ephemeral.get(-3))),
    );
    // COSE_KDF_Context: [3, [nil, nil, nil], [nil, nil, nil], [256, h'a1013818']]; -25 is 0x3818.
    const context = Buffer.from('840383f6f6f683f6f6f68219010044a1013818', 'hex');
    const contentKey = new Uint8Array(hkdfSync('sha256', shared, new Uint8Array(), context, 32));
    // Enc_structure: ["Encrypt", protected, h''].
    const additional = concatBytes(
      Buffer.from('8367456e6372797074', 'hex'),
      encodeCbor(asBytes(protectedHeader)),
      Buffer.from('40', 'hex'),
    );
    const iv = asBytes(asMap(unprotected).get(header.iv));
    const sealed = asBytes(ciphertext);
    const decipher = createDecipheriv('aes-256-gcm', contentKey, iv);
    decipher.setAAD(additional);
    decipher.setAuthTag(sealed.slice(-16));
    const text = Buffer.concat([decipher.update(sealed.slice(0, -16)), decipher.final()]);
    expect(text.toString()).toBe('a quota credential');
  });

  it('has another ephemeral key, nonce and ciphertext every time', async () => {
    const random = seededRandom('twice');
    const first = await encryptTo(keys.agreement.key, plaintext, type, random);
    const second = await encryptTo(keys.agreement.key, plaintext, type, random);
    const one = accepted(decodeEnvelope(first, type));
    const other = accepted(decodeEnvelope(second, type));
    expect(toHex(one.ephemeral)).not.toBe(toHex(other.ephemeral));
    expect(toHex(one.iv)).not.toBe(toHex(other.iv));
    expect(toHex(one.ciphertext)).not.toBe(toHex(other.ciphertext));
  });

  it('does not show its text', () => {
    expect(Buffer.from(encrypted).includes(Buffer.from('quota credential'))).toBe(false);
  });

  it('refuses another recipient as `key_mismatch`, before its HSM is asked', async () => {
    let asked = 0;
    const stranger = {
      keyId: keys.stranger.key.keyId,
      deriveSharedSecret: async () => {
        asked++;
        return fill(32, 0);
      },
    };
    expect(await decryptWith(encrypted, stranger, type)).toMatchObject({ ok: false, code: 'key_mismatch' });
    expect(asked).toBe(0);
  });

  it("refuses another key under the recipient's id as `decryption_failed`", async () => {
    const impostor = { ...recipientOf(keys.stranger), keyId: keys.agreement.key.keyId };
    expect(await decryptWith(encrypted, impostor, type)).toMatchObject({
      ok: false,
      code: 'decryption_failed',
    });
  });

  it('refuses another type as `record_type_mismatch`, naming both', async () => {
    const other = await decryptWith(encrypted, recipient, recordType.credential);
    expect(other).toMatchObject({ ok: false, code: 'record_type_mismatch' });
    if (!other.ok) {
      expect(other.message).toContain(encryptedCredentialType);
      expect(other.message).toContain(recordType.credential);
    }
  });

  it('is bound to its type: relabelled, it does not decrypt', async () => {
    const relabelled = envelope({
      protectedHeader: encodeCbor(
        new Map<number, CborValue>([
          [header.algorithm, algorithm.a256gcm],
          [header.type, 'other'],
        ]),
      ),
    });
    expect(await decryptWith(relabelled, recipient, 'other')).toMatchObject({
      ok: false,
      code: 'decryption_failed',
    });
  });

  it('refuses every turned bit', async () => {
    for (const [bit, altered] of bitFlips(encrypted)) {
      const opened = await decryptWith(altered, recipient, type);
      expect(opened.ok, `bit ${bit}`).toBe(false);
    }
  });

  it('refuses every truncation and a byte after its end', async () => {
    for (let length = 0; length < encrypted.length; length++)
      expect((await decryptWith(encrypted.slice(0, length), recipient, type)).ok, String(length)).toBe(false);
    expect((await decryptWith(concatBytes(encrypted, fill(1, 0)), recipient, type)).ok).toBe(false);
  });

  it('never throws for random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect((await decryptWith(bytes, recipient, type)).ok).toBe(false);
        expect((await decryptWith(Uint8Array.of(0xd8, 0x60, ...bytes), recipient, type)).ok).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it.each(recordKinds)('refuses a $name that is not encrypted', async ({ bytes }) => {
    expect(await decryptWith(bytes, recipient, type)).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('refuses an ephemeral point off the curve before the HSM sees it', async () => {
    const off = keys.stranger.key.point.slice();
    off[64] = (off[64] ?? 0) ^ 1;
    for (const point of [off, Uint8Array.of(4, ...fill(64, 0)), Uint8Array.of(4, ...fill(64, 0xff))]) {
      const bytes = envelope({
        recipients: oneRecipient({ parameters: withParameter(header.ephemeralKey, encodeCoseKey(point)) }),
      });
      let asked = 0;
      const opened = await decryptWith(
        bytes,
        {
          keyId: recipient.keyId,
          deriveSharedSecret: async () => {
            asked++;
            return fill(32, 0);
          },
        },
        type,
      );
      expect(opened).toMatchObject({ ok: false, code: 'record_malformed' });
      expect(asked).toBe(0);
    }
  });

  it.each<readonly [string, () => Uint8Array]>([
    [
      'another content algorithm',
      () =>
        envelope({
          protectedHeader: encodeCbor(
            new Map<number, CborValue>([
              [1, 1],
              [16, type],
            ]),
          ),
        }),
    ],
    [
      'a further protected header',
      () =>
        envelope({
          protectedHeader: encodeCbor(
            new Map<number, CborValue>([
              [1, 3],
              [4, 1],
              [16, type],
            ]),
          ),
        }),
    ],
    ['a protected header that is no map', () => envelope({ protectedHeader: encodeCbor(1) })],
    ['no nonce', () => envelope({ unprotected: new Map() })],
    ['a nonce of 11 bytes', () => envelope({ unprotected: new Map([[header.iv, fill(11, 1)]]) })],
    [
      'a further unprotected header',
      () =>
        envelope({
          unprotected: new Map<number, CborValue>([...asMap(unprotected), [99, 1]] as [number, CborValue][]),
        }),
    ],
    ['a detached ciphertext', () => envelope({ ciphertext: null })],
    ['no recipients', () => envelope({ recipients: [] })],
    ['two recipients', () => envelope({ recipients: [...asArray(recipients), ...asArray(recipients)] })],
    [
      'key agreement by another algorithm',
      () => envelope({ recipients: oneRecipient({ header: encodeCbor(new Map([[1, -26]])) }) }),
    ],
    ['an encrypted key', () => envelope({ recipients: oneRecipient({ key: fill(8, 1) }) })],
    [
      'no ephemeral key',
      () =>
        envelope({ recipients: oneRecipient({ parameters: withParameter(header.ephemeralKey, undefined) }) }),
    ],
    [
      'an ephemeral key on another curve',
      () =>
        envelope({
          recipients: oneRecipient({
            parameters: withParameter(
              header.ephemeralKey,
              new Map<number, CborValue>([
                [1, 2],
                [-1, 2],
                [-2, fill(32, 1)],
                [-3, fill(32, 1)],
              ]),
            ),
          }),
        }),
    ],
    [
      'no key id',
      () => envelope({ recipients: oneRecipient({ parameters: withParameter(header.keyId, undefined) }) }),
    ],
    [
      'a key id of 31 bytes',
      () => envelope({ recipients: oneRecipient({ parameters: withParameter(header.keyId, fill(31, 1)) }) }),
    ],
    [
      'a further recipient header',
      () => envelope({ recipients: oneRecipient({ parameters: withParameter(99, 1) }) }),
    ],
  ])('refuses %s as `record_malformed`', async (_name, bytes) => {
    expect(await decryptWith(bytes(), recipient, type)).toMatchObject({
      ok: false,
      code: 'record_malformed',
    });
  });

  it('is what the test makes when nothing is altered, so that the refusals above are of the alterations', async () => {
    expect((await decryptWith(envelope({ recipients: oneRecipient({}) }), recipient, type)).ok).toBe(true);
  });
});
