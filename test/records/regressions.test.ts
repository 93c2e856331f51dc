/** Defects that were found by reading and by hostile input, and mended: each stays named here. */
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/kit/bytes.ts';
import { encodeCurrencyFile } from '../../src/records/currency-file.ts';
import { encodeDenial } from '../../src/records/denial.ts';
import { inspectRecord } from '../../src/records/inspection.ts';
import type { VerificationKey } from '../../src/records/signature.ts';
import { decodeTrustBundle } from '../../src/records/trust-bundle.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { makeBatch, signBundle } from './batches.ts';
import { denial, fill, keys, now, rebuild, recordKinds, signed, trustBundle } from './samples.ts';

const requestKind = recordKinds[0];
const quotaKey = trustBundle.keys.find((entry) => entry.role === 'quota');
if (requestKind === undefined || quotaKey === undefined) throw new Error('a sample is missing');

describe('inspection', () => {
  // `quote` called String() on parsed JSON, which runs the object's own toString, or none, or recurses.
  it.each([
    '{"currency":{"toString":0}}',
    '{"currency":"EUR","total":{"toString":null}}',
    `{"currency":"EUR","total":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  ])('refuses JSON that cannot be turned into text, and does not throw: %.40s', (text) => {
    expect(inspectRecord(utf8(text))).toMatchObject({ ok: false });
  });

  // The fields go to a terminal, and inspection verifies no signature: anyone can write them.
  it('gives no control character of a record to a terminal, in a field', () => {
    const hostile = { ...denial, reasons: ['\u001b[2Jok\nauthentic: 1000000.00 EUR'] };
    const bytes = signed(encodeDenial(hostile, keys.central.key.keyId), keys.stranger);
    const inspected = inspectRecord(bytes);
    // Refused or shown without them: both are right.
    const shown = inspected.ok ? inspected.value.fields.map(({ value }) => value) : [inspected.message];
    for (const value of shown) expect(value).not.toMatch(/\p{Cc}/u);
  });

  it('gives no control character of a record to a terminal, in a message', () => {
    const bytes = rebuild(requestKind, ({ headers }) => headers.set(16, '\u001b[2Jtype'));
    const inspected = inspectRecord(bytes);
    expect(inspected).toMatchObject({ ok: false, code: 'record_type_mismatch' });
    if (!inspected.ok) expect(inspected.message).not.toMatch(/\p{Cc}/u);
  });

  it('does not show another record as the control bit of a currency file', () => {
    const file = encodeCurrencyFile({ ...makeBatch(), controlBit: requestKind.bytes });
    expect(inspectRecord(file)).toMatchObject({ ok: false, code: 'record_type_mismatch' });
  });
});

describe('a trust bundle', () => {
  // Lookups take the first entry of a key, so a second entry that revokes it was never seen.
  it('lists a key once: a second entry cannot hide a revocation', () => {
    const bundle = signBundle({
      ...trustBundle,
      keys: [...trustBundle.keys, { ...quotaKey, revokedAt: 0 }],
    });
    expect(decodeTrustBundle(bundle)).toMatchObject({ ok: false, code: 'record_malformed' });
  });
});

describe('verification', () => {
  // toISOString throws for a year after 275760.
  it('refuses a unit that expired in a year that no calendar has, and does not throw', () => {
    const far = 8.65e12;
    const batch = makeBatch({ terms: { redeemUntil: far }, controlBit: { redeemUntil: far } });
    const verified = verifyFile(encodeCurrencyFile(batch), {
      bundle: signBundle({ ...trustBundle, expiresAt: Number.MAX_SAFE_INTEGER }),
      at: far + 1,
      verifySignature: makeNodeVerifySignature(),
    });
    expect(verified).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  // No record leads there: verificationKey() asserts 65 bytes and 0x04. A caller's own key can.
  const { key } = keys.central;
  const sign = (key.point[64] ?? 0) & 1;
  it.each<readonly [string, Uint8Array]>([
    ['hybrid (node:crypto takes it)', key.point.with(0, 6 + sign)],
    ['compressed (noble takes it)', key.point.slice(0, 33).with(0, 2 + sign)],
    ['with a byte after it (node:crypto takes it)', concatBytes(key.point, fill(1, 0))],
  ])('takes only an uncompressed point, by both implementations: not one that is %s', (_name, point) => {
    const odd: VerificationKey = { algorithm: 'ES256', keyId: key.keyId, point };
    const signature = keys.central.sign(utf8(String(now)));
    expect([
      makeNodeVerifySignature()(odd, utf8(String(now)), signature),
      verifySignatureNoble(odd, utf8(String(now)), signature),
    ]).toEqual([false, false]);
  });
});
