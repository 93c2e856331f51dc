/** Receipts verified offline: whose they are, of what, and every way in which one is not. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kit/bytes.ts';
import { encodeRetirement } from '../../src/records/retirement.ts';
import { encodeRetirementFile } from '../../src/records/retirement-file.ts';
import { encodeSettlement, type SettlementRecord } from '../../src/records/settlement.ts';
import { encodeTransfer } from '../../src/records/transfer.ts';
import type { TrustBundle } from '../../src/records/trust-bundle.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifySettlement } from '../../src/verifier/verify-settlement.ts';
import { signBundle } from '../records/batches.ts';
import {
  fill,
  keys,
  now,
  retirement,
  settlement,
  signed,
  type TestKey,
  transfer,
  trustBundle,
} from '../records/samples.ts';

const retirementBytes = signed(encodeRetirement(retirement), keys.owner);
const transferBytes = signed(encodeTransfer(transfer), keys.owner);
const file = encodeRetirementFile({
  retirement: retirementBytes,
  files: [fill(1, 1)],
  blindings: retirement.units.map(() => fill(32, 2)),
});
/** Of the retirement. */
const right: SettlementRecord = { ...settlement, settledHash: sha256(encodeRetirement(retirement)) };

function receipt(changed: Partial<SettlementRecord> = {}, signer: TestKey = keys.quota): Uint8Array {
  return signed(encodeSettlement({ ...right, ...changed }, signer.key.keyId), signer);
}

const options = (changed: Partial<TrustBundle> = {}, at = now + 60) => ({
  bundle: signBundle({ ...trustBundle, ...changed }),
  at,
  verifySignature: makeNodeVerifySignature(),
});

describe('a settlement', () => {
  it.each([
    ['the retirement file', file],
    ['the retirement in it', retirementBytes],
  ])('is verified against %s, by both implementations of signatures', (_name, of) => {
    for (const verifySignature of [makeNodeVerifySignature(), verifySignatureNoble])
      expect(verifySettlement(receipt(), of, { ...options(), verifySignature })).toMatchObject({
        ok: true,
        value: { ownerKeyId: keys.owner.key.keyId, settlement: { total: retirement.total, count: 2 } },
      });
  });

  it('is verified against a transfer', () => {
    const { id, total, creditTo } = transfer;
    const paid = {
      id,
      total,
      creditTo,
      returned: 0n,
      count: 0,
      settledHash: sha256(encodeTransfer(transfer)),
    };
    expect(verifySettlement(receipt(paid), transferBytes, options())).toMatchObject({ ok: true });
    expect(verifySettlement(receipt({ ...paid, count: 1 }), transferBytes, options())).toMatchObject({
      code: 'settlement_mismatch',
      field: 'count',
    });
  });

  it('of before, which names its record with the signature, is verified against just that', () => {
    const older = receipt({ settledHash: sha256(retirementBytes) });
    expect(verifySettlement(older, retirementBytes, options())).toMatchObject({ ok: true });
    // Another signature by the same key over the same: of that one it is not known to be.
    const again = signed(encodeRetirement({ ...retirement, reason: 'another' }), keys.owner);
    expect(verifySettlement(older, again, options())).toMatchObject({
      code: 'settlement_mismatch',
      field: 'hash',
    });
  });

  it('is verified by itself, and then says of nobody that they signed', () => {
    const verified = verifySettlement(receipt(), undefined, options());
    expect(verified).toMatchObject({ ok: true, value: { ownerKeyId: undefined } });
  });

  it.each<readonly [string, Partial<SettlementRecord>]>([
    ['id', { id: fill(16, 99) }],
    ['hash', { settledHash: fill(32, 99) }],
    ['issuer', { issuer: 'other-issuer' }],
    ['currency', { currency: { code: 'USD', exponent: 2 } }],
    ['total', { total: 10_501n, returned: 0n }],
    ['count', { count: 3 }],
    ['creditTo', { creditTo: keys.alice.key.keyId, returned: 0n }],
  ])('with another %s is of another record', (field, changed) => {
    expect(verifySettlement(receipt(changed), file, options())).toMatchObject({
      ok: false,
      code: 'settlement_mismatch',
      field,
    });
  });

  it('of a retirement that its owner did not sign is none, whatever quota control signed', () => {
    const forged = signed(encodeRetirement(retirement), keys.stranger);
    const bytes = receipt({ settledHash: sha256(encodeRetirement(retirement)) });
    expect(verifySettlement(bytes, forged, options())).toMatchObject({ code: 'signature_invalid' });
  });

  it.each<readonly [string, Uint8Array, ReturnType<typeof options>, string]>([
    ['signed by issuance', receipt({}, keys.issuance), options(), 'key_unknown'],
    ['signed by a stranger', receipt({}, keys.stranger), options(), 'key_unknown'],
    ['from before the key', receipt({ issuedAt: now - 2 * 86_400 }), options(), 'key_expired'],
    ['with a bundle that has run out', receipt(), options({ expiresAt: now }), 'bundle_expired'],
    ['with a bundle of later', receipt(), options({ issuedAt: now + 90 }), 'bundle_not_yet_valid'],
    ['that is another record', transferBytes, options(), 'record_type_mismatch'],
  ])('%s is refused', (_name, bytes, given, code) => {
    expect(verifySettlement(bytes, file, given)).toMatchObject({ ok: false, code });
  });

  it('is not believed once the key is revoked, whenever it says that it was made: nobody else dated it', () => {
    const revokedAt = now + 30;
    const revoked = trustBundle.keys.map((entry) =>
      entry.role === 'quota' ? { ...entry, revokedAt } : entry,
    );
    const given = { keys: revoked, revocationEpoch: 1 };
    expect(verifySettlement(receipt(), file, options(given, revokedAt))).toMatchObject({
      code: 'key_revoked',
    });
    expect(verifySettlement(receipt(), file, options(given, revokedAt - 1))).toMatchObject({ ok: true });
  });

  it('is held against the pinned root, and against the revocation epoch that is known', () => {
    const pinned = { ...options(), rootKeyId: keys.stranger.key.keyId };
    expect(verifySettlement(receipt(), file, pinned)).toMatchObject({ code: 'root_mismatch' });
    const known = { ...options(), minimumEpoch: 1 };
    expect(verifySettlement(receipt(), file, known)).toMatchObject({ code: 'bundle_superseded' });
  });

  it('is refused with a file beside it that is none of an owner', () => {
    for (const of of [fill(4, 0xff), receipt(), new Uint8Array()])
      expect(verifySettlement(receipt(), of, options()).ok).toBe(false);
  });
});
