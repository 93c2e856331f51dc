/** The key audit, verified offline: who signed it, what it found, and what it leaves out. */
import { describe, expect, it } from 'vitest';
import { encodeKeyAudit, type KeyAudit } from '../../src/records/key-audit.ts';
import { encodeTrustBundle, type TrustBundle } from '../../src/records/trust-bundle.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { type VerifiedAudit, verifyKeyAudit } from '../../src/verifier/verify-audit.ts';
import { accepted, keyAudit, keys, now, signed, trustBundle } from '../records/samples.ts';

function signBundle(bundle: TrustBundle): Uint8Array {
  return signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root);
}

/** The sample's second key is named after its role there. */
const bundle: TrustBundle = {
  ...trustBundle,
  keys: trustBundle.keys.map((entry) =>
    entry.role === 'quota-agreement' ? { ...entry, name: 'quota' } : entry,
  ),
};
const options = { bundle: signBundle(bundle), at: now + 60, verifySignature: makeNodeVerifySignature() };

function bytesOf(audit: KeyAudit, signer = keys.quota): Uint8Array {
  return signed(encodeKeyAudit(audit, signer.key.keyId), signer);
}

function verified(audit: KeyAudit): VerifiedAudit {
  return accepted(verifyKeyAudit(bytesOf(audit), options));
}

describe('a key audit', () => {
  it('is verified with the trust bundle, and finds nothing in keys that are as they have to be', () => {
    expect(verified(keyAudit)).toEqual({ audit: keyAudit, findings: [] });
  });

  it('finds each attribute that is not as it has to be; what a token does not know of, no key does', () => {
    const [key] = keyAudit.keys;
    if (key === undefined) throw new Error('one key');
    for (const [expected, actual, found] of [
      [true, false, true],
      [true, null, true],
      [true, true, false],
      [false, true, true],
      [false, null, false],
      [false, false, false],
    ] as const) {
      const attributes = [{ attribute: 'CKA_LOCAL', expected, actual }];
      const { findings } = verified({
        ...keyAudit,
        keys: [{ ...key, attributes }, ...keyAudit.keys.slice(1)],
      });
      expect(findings.length, `${expected} ${actual}`).toBe(found ? 1 : 0);
      if (found) expect(findings[0]).toContain('CKA_LOCAL');
    }
  });

  it('finds a key that could sign then and is not in it, and another role’s token within reach', () => {
    expect(verified({ ...keyAudit, keys: keyAudit.keys.slice(0, 1) }).findings).toEqual([
      expect.stringContaining('was not audited'),
    ]);
    const reaching = keyAudit.keys.map((key) => ({
      ...key,
      others: ['ringmint-central', 'of somebody else'],
    }));
    expect(verified({ ...keyAudit, keys: reaching }).findings).toHaveLength(2);
  });

  it('is refused of another role, another key, a revoked key, and with one byte changed', () => {
    const refusal = (bytes: Uint8Array, changed = {}): unknown =>
      verifyKeyAudit(bytes, { ...options, ...changed });
    expect(refusal(bytesOf(keyAudit, keys.central))).toMatchObject({ code: 'key_unknown' });
    expect(refusal(bytesOf({ ...keyAudit, role: 'central', name: 'central' }))).toMatchObject({
      code: 'key_unknown',
    });
    const revoked = {
      ...bundle,
      keys: bundle.keys.map((entry) => (entry.role === 'quota' ? { ...entry, revokedAt: now + 30 } : entry)),
    };
    expect(refusal(bytesOf(keyAudit), { bundle: signBundle(revoked) })).toMatchObject({
      code: 'key_revoked',
    });
    const bytes = bytesOf(keyAudit);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    expect(refusal(bytes)).toMatchObject({ code: 'signature_invalid' });
    expect(refusal(bytesOf(keyAudit), { at: bundle.expiresAt + 1 })).toMatchObject({
      code: 'bundle_expired',
    });
  });
});
