import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { header } from '../../src/records/claims.ts';
import {
  attachSignature,
  decodeSign1,
  encodeSign1,
  recordType,
  toBeSigned,
  verifyRecord,
} from '../../src/records/cose.ts';
import { decodeRequest, encodeRequest } from '../../src/records/request.ts';
import { type VerificationKey, verificationKey } from '../../src/records/signature.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import vectors from '../vectors/cose.json' with { type: 'json' };
import {
  accepted,
  asArray,
  asBytes,
  fill,
  keys,
  type Parts,
  rebuild,
  recordKinds,
  request,
  signed,
  tagged,
} from './samples.ts';

const verifySignatureNode = makeNodeVerifySignature();

function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error('not hex');
  return bytes;
}

function kindOf(name: string) {
  const kind = recordKinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(name);
  return kind;
}

describe("COSE_Sign1 against cose-wg's example", () => {
  const vector = vectors.sign1;
  const key: VerificationKey = verificationKey(concatBytes(Uint8Array.of(4), hex(vector.x), hex(vector.y)));
  const signature = hex(vector.cbor).slice(-64);

  it('gives the Sig_structure of the example', () => {
    expect(toHex(toBeSigned(hex(vector.protected), hex(vector.payload)))).toBe(vector.toBeSigned);
  });

  it('gives the whole message of the example', () => {
    const unprotected = new Map<number, CborValue>([[header.keyId, hex(vector.keyId)]]);
    const message = encodeSign1(hex(vector.protected), unprotected, hex(vector.payload), signature);
    expect(toHex(message)).toBe(vector.cbor);
  });

  it('verifies its signature, with node:crypto and with noble', () => {
    expect(verifySignatureNode(key, hex(vector.toBeSigned), signature)).toBe(true);
    expect(verifySignatureNoble(key, hex(vector.toBeSigned), signature)).toBe(true);
  });

  it('refuses it as a record: it names no type and no key of 32 bytes', () => {
    expect(decodeSign1(hex(vector.cbor))).toMatchObject({ ok: false, code: 'record_malformed' });
  });
});

describe('a signed record', () => {
  it('is signed over the Sig_structure of RFC 9052 §4.4, written here by hand', () => {
    const bytes = encodeRequest(request, keys.issuance.key.keyId);
    const [context, protectedHeader, external, payload] = asArray(accepted(decodeCbor(bytes)));
    const type = utf8(recordType.request);
    const expectedHeader = concatBytes(
      hex('a3'),
      hex('0126'),
      hex('045820'),
      keys.issuance.key.keyId,
      hex(`1078${type.length.toString(16)}`),
      type,
    );
    expect(context).toBe('Signature1');
    expect(toHex(asBytes(protectedHeader))).toBe(toHex(expectedHeader));
    expect(external).toEqual(new Uint8Array());
    expect(toHex(bytes).startsWith('846a5369676e617475726531')).toBe(true);
    expect(accepted(decodeCbor(asBytes(payload)))).toBeInstanceOf(Map);
  });

  it('made with node:crypto verifies with both, and with node:crypto over bytes put together by hand', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const point = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65));
    const key = verificationKey(point);
    const bytes = encodeRequest(request, key.keyId);
    const signature = new Uint8Array(
      sign('sha256', bytes, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }),
    );
    const decoded = accepted(decodeRequest(attachSignature(bytes, signature)));
    expect(verifyRecord(decoded, key, verifySignatureNode)).toEqual({ ok: true, value: request });
    expect(verifyRecord(decoded, key, verifySignatureNoble)).toEqual({ ok: true, value: request });
    expect(
      verify('sha256', decoded.toBeSigned, { key: pair.publicKey, dsaEncoding: 'ieee-p1363' }, signature),
    ).toBe(true);
  });

  it('keeps the very bytes that it was decoded from, and those that were signed', () => {
    const bytes = encodeRequest(request, keys.issuance.key.keyId);
    const record = signed(bytes, keys.issuance);
    const decoded = accepted(decodeRequest(record));
    expect(toHex(decoded.bytes)).toBe(toHex(record));
    expect(toHex(decoded.toBeSigned)).toBe(toHex(bytes));
    expect(toHex(decoded.keyId)).toBe(toHex(keys.issuance.key.keyId));
  });

  it('refuses a check with another key than it names as `key_mismatch`', () => {
    const decoded = accepted(decodeRequest(kindOf('request').bytes));
    expect(verifyRecord(decoded, keys.central.key, verifySignatureNode)).toMatchObject({
      ok: false,
      code: 'key_mismatch',
    });
  });

  it("refuses a stranger's signature under the right key id as `signature_invalid`", () => {
    const forged = signed(encodeRequest(request, keys.issuance.key.keyId), keys.stranger);
    const decoded = accepted(decodeRequest(forged));
    for (const verifySignature of [verifySignatureNode, verifySignatureNoble]) {
      expect(verifyRecord(decoded, keys.issuance.key, verifySignature)).toMatchObject({
        ok: false,
        code: 'signature_invalid',
      });
    }
  });

  it('refuses to be joined with a signature that is not 64 bytes, or with bytes that are no Sig_structure', () => {
    const bytes = encodeRequest(request, keys.issuance.key.keyId);
    expect(() => attachSignature(bytes, fill(63, 1))).toThrow('64 bytes');
    expect(() => attachSignature(encodeCbor([1, 2, 3]), fill(64, 1))).toThrow('Sig_structure');
  });

  it('takes a key id of 32 bytes only', () => {
    expect(() => encodeRequest(request, fill(31, 1))).toThrow('32 bytes');
  });
});

describe('the envelope', () => {
  const kind = kindOf('request');
  const rootKind = kindOf('control bit');
  const [protectedHeader = null, unprotected = null, payload = null, signature = null] = asArray(
    accepted(decodeCbor(kind.bytes.subarray(1))),
  );

  const alterations: readonly (readonly [string, Uint8Array])[] = [
    ['no bytes', new Uint8Array()],
    ['the tag alone', Uint8Array.of(0xd2)],
    ['no tag', kind.bytes.slice(1)],
    ['the tag of COSE_Mac0 (17)', Uint8Array.of(0xd1, ...kind.bytes.slice(1))],
    ['the tag twice', Uint8Array.of(0xd2, ...kind.bytes)],
    ['a byte after its end', Uint8Array.of(...kind.bytes, 0)],
    ['three parts', tagged([protectedHeader, unprotected, payload])],
    ['five parts', tagged([protectedHeader, unprotected, payload, signature, 0])],
    ['a map for a protected header', tagged([new Map(), unprotected, payload, signature])],
    ['a protected header that is no map', tagged([encodeCbor([]), unprotected, payload, signature])],
    ['an empty protected header', tagged([new Uint8Array(), unprotected, payload, signature])],
    ['an array for an unprotected header', tagged([protectedHeader, [], payload, signature])],
    ['text for a payload', tagged([protectedHeader, unprotected, 'text', signature])],
    ['a detached payload', tagged([protectedHeader, unprotected, null, signature])],
    ['a signature of 63 bytes', tagged([protectedHeader, unprotected, payload, fill(63, 1)])],
    ['a signature of 65 bytes', tagged([protectedHeader, unprotected, payload, fill(65, 1)])],
    ['text for a signature', tagged([protectedHeader, unprotected, payload, 'text'])],
    ['a payload that is no CBOR', tagged([protectedHeader, unprotected, fill(1, 0xff), signature])],
    ['a payload that is no map', tagged([protectedHeader, unprotected, encodeCbor([1]), signature])],
  ];
  it.each(alterations)('refuses %s', (_name, bytes) => {
    const decoded = kind.decode(bytes);
    expect(decoded.ok).toBe(false);
    if (!decoded.ok) expect(['not_cbor', 'record_malformed']).toContain(decoded.code);
  });

  const rebuilt: readonly (readonly [string, string, (parts: Parts) => void])[] = [
    ['algorithm ES384', 'algorithm_unsupported', ({ headers }) => headers.set(header.algorithm, -35)],
    ['algorithm EdDSA', 'algorithm_unsupported', ({ headers }) => headers.set(header.algorithm, -8)],
    ['no algorithm', 'algorithm_unsupported', ({ headers }) => headers.delete(header.algorithm)],
    [
      'the algorithm by name',
      'algorithm_unsupported',
      ({ headers }) => headers.set(header.algorithm, 'ES256'),
    ],
    ['no key id', 'record_malformed', ({ headers }) => headers.delete(header.keyId)],
    ['a key id of 31 bytes', 'record_malformed', ({ headers }) => headers.set(header.keyId, fill(31, 1))],
    ['no type', 'record_malformed', ({ headers }) => headers.delete(header.type)],
    ['a type that is a number', 'record_malformed', ({ headers }) => headers.set(header.type, 61)],
    ['a type of no record', 'record_type_mismatch', ({ headers }) => headers.set(header.type, 'text/plain')],
    ['a critical header (2)', 'record_malformed', ({ headers }) => headers.set(2, [99])],
    ['an unknown protected header', 'record_malformed', ({ headers }) => headers.set(-70000, 1)],
    ['an unprotected header', 'record_malformed', (parts) => parts.unprotected.set(4, fill(32, 1))],
  ];
  it.each(rebuilt)('refuses %s as `%s`, in either shape of record', (_name, code, alter) => {
    expect(kind.decode(rebuild(kind, alter))).toMatchObject({ ok: false, code });
    expect(rootKind.decode(rebuild(rootKind, alter))).toMatchObject({ ok: false, code });
  });

  it('refuses a record over a root whose data structure is another, or none', () => {
    expect(
      rootKind.decode(rebuild(rootKind, ({ headers }) => headers.set(header.verifiableData, 2))),
    ).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(
      rootKind.decode(rebuild(rootKind, ({ headers }) => headers.delete(header.verifiableData))),
    ).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it.each([0, 31, 33])('refuses a root of %d bytes', (length) => {
    const altered = rebuild(rootKind, (parts) => {
      parts.root = fill(length, 9);
    });
    expect(rootKind.decode(altered)).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('refuses claims in the header of a record that has them as payload, and the other way round', () => {
    const inHeader = rebuild(kind, (parts) => {
      parts.headers.set(header.verifiableData, 1);
      parts.root = encodeCbor(parts.claims);
    });
    expect(kind.decode(inHeader)).toMatchObject({ ok: false, code: 'record_malformed' });
    const inPayload = rebuild(rootKind, (parts) => {
      parts.headers.delete(header.verifiableData);
      parts.root = undefined;
    });
    expect(rootKind.decode(inPayload)).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('names both types when a record is offered as another', () => {
    const decoded = rootKind.decode(kind.bytes);
    expect(decoded).toMatchObject({ ok: false, code: 'record_type_mismatch' });
    if (!decoded.ok) {
      expect(decoded.message).toContain(recordType.request);
      expect(decoded.message).toContain(recordType.controlBit);
    }
  });

  it('keeps control characters of a hostile type out of the message', () => {
    const decoded = kind.decode(rebuild(kind, ({ headers }) => headers.set(header.type, '\u001b[2Jgone\n')));
    expect(decoded).toMatchObject({ ok: false, code: 'record_type_mismatch' });
    if (!decoded.ok) expect(decoded.message).not.toMatch(/\p{Cc}/u);
  });

  const encodings: readonly (readonly [string, string])[] = [
    ['an indefinite length', '9f4001f6ff'],
    ['a length in a long form', '980440a0f640'],
    ['an integer in a long form', '8440a0f61801'],
    ['keys out of order', '8440a204000100f640'],
    ['a key twice', '8440a201000100f640'],
    ['a float', '8440a0f6f93c00'],
    ['undefined', '8440a0f7f740'],
    ['a tag inside', '8440a0f6c11a514b67b0'],
    ['text that is no UTF-8', '8440a0f661ff'],
  ];
  it.each(encodings)('refuses CBOR with %s as `not_cbor`', (_name, encoded) => {
    expect(kind.decode(concatBytes(Uint8Array.of(0xd2), hex(encoded)))).toMatchObject({
      ok: false,
      code: 'not_cbor',
    });
  });
});

it('node:crypto and noble agree that the fixture keys sign what the other verifies', () => {
  const { key, secret } = keys.central;
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: Buffer.from(secret).toString('base64url'),
    x: Buffer.from(key.point.slice(1, 33)).toString('base64url'),
    y: Buffer.from(key.point.slice(33)).toString('base64url'),
  };
  const message = utf8('message');
  const byNode = sign('sha256', message, {
    key: createPrivateKey({ key: jwk, format: 'jwk' }),
    dsaEncoding: 'ieee-p1363',
  });
  expect(verifySignatureNoble(key, message, new Uint8Array(byNode))).toBe(true);
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  expect(
    verify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, keys.central.sign(message)),
  ).toBe(true);
});
