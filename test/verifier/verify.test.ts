import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, sha256, toHex } from '../../src/kit/bytes.ts';
import { decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import { type CurrencyFile, encodeCurrencyFile, partExtractor } from '../../src/records/currency-file.ts';
import type { RangeProof } from '../../src/records/merkle.ts';
import { encodeRequest } from '../../src/records/request.ts';
import type { VerifySignature } from '../../src/records/signature.ts';
import type { TrustBundle, TrustedKey } from '../../src/records/trust-bundle.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import { unitExtractor } from '../../src/records/unit-file.ts';
import { verifySignatureNoble } from '../../src/verifier/signature-noble.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { type VerificationCode, type VerificationOptions, verifyFile } from '../../src/verifier/verify.ts';
import { type BatchChanges, batchTerms, makeBatch, signBundle, unitOf } from '../records/batches.ts';
import {
  accepted,
  asArray,
  bitFlips,
  euro,
  fill,
  issuer,
  keys,
  now,
  otherIssuer,
  recordKinds,
  redeemUntil,
  request,
  lots as sampleLots,
  signed,
  trustBundle,
} from '../records/samples.ts';

const bundle = signBundle(trustBundle);
const options: VerificationOptions = {
  bundle,
  rootKeyId: keys.root.key.keyId,
  at: now + 60,
  verifySignature: remembered(makeNodeVerifySignature()),
};

/** The batch as both kinds of file, since each check holds for both. */
function filesOf(changes: BatchChanges): { currency: Uint8Array; unit: Uint8Array } {
  const file = makeBatch(changes);
  return { currency: encodeCurrencyFile(file), unit: unitOf(file, 0) };
}

function expectRefusal(
  bytes: Uint8Array,
  code: VerificationCode,
  changed: Partial<VerificationOptions> = {},
): string {
  const verified = verifyFile(bytes, { ...options, ...changed });
  expect(verified).toMatchObject({ ok: false, code });
  return verified.ok ? '' : verified.message;
}

/** Both files of a batch made with `changes` are refused with `code`. */
function expectBothRefused(changes: BatchChanges, code: VerificationCode): void {
  const { currency, unit } = filesOf(changes);
  expectRefusal(currency, code);
  expectRefusal(unit, code);
}

function bundleWith(changes: Partial<TrustBundle>): Partial<VerificationOptions> {
  return { bundle: signBundle({ ...trustBundle, ...changes }) };
}

function withKey(role: TrustedKey['role'], changes: Partial<TrustedKey>): Partial<VerificationOptions> {
  return bundleWith({
    keys: trustBundle.keys.map((entry) =>
      entry.role === role && (role !== 'issuance' || entry.name === issuer)
        ? { ...entry, ...changes }
        : entry,
    ),
  });
}

const batch = makeBatch();
const currencyFile = encodeCurrencyFile(batch);
const unitFile = unitOf(batch, 3);

describe.each([
  ['node:crypto', makeNodeVerifySignature()],
  ['@noble/curves', verifySignatureNoble],
] as const)('with signatures checked by %s', (_name, verifySignature) => {
  it('a currency file is authentic, and the result says of what', () => {
    const verification = accepted(verifyFile(currencyFile, { ...options, verifySignature }));
    expect(verification).toMatchObject({
      kind: 'currency',
      issuer,
      currency: euro,
      total: 25_000n,
      count: 12,
      first: 0,
      batchCount: 12,
      batchTotal: 25_000n,
      whole: true,
      epoch: 3,
      sequence: 41,
      issuedAt: now + 1,
      redeemUntil,
    });
    expect(toHex(verification.rootKeyId)).toBe(toHex(keys.root.key.keyId));
    expect(verification.checks.join('\n')).toContain('add up to 250.00 EUR');
  });

  it('each of its units is authentic by itself', () => {
    const { extract } = accepted(unitExtractor(batch));
    for (let index = 0; index < 12; index++) {
      const verification = accepted(verifyFile(extract(index), { ...options, verifySignature }));
      expect(verification).toMatchObject({
        kind: 'unit',
        count: 1,
        first: index,
        batchCount: 12,
        batchTotal: 25_000n,
        whole: false,
        issuer,
      });
      expect(verification.total).toBe(index < 2 ? 10_000n : 500n);
    }
  });

  it('a signature of a stranger is refused', () => {
    for (const which of ['controlBit', 'currencyRecord'] as const) {
      const record = batch[which];
      const forged = {
        ...batch,
        [which]: Uint8Array.from([...record.slice(0, -64), ...keys.stranger.sign(record)]),
      };
      expectRefusal(encodeCurrencyFile(forged), 'signature_invalid', { verifySignature });
      expectRefusal(unitOf(forged, 0), 'signature_invalid', { verifySignature });
    }
  });
});

describe('a file is refused', () => {
  it('when it is empty, or neither of the two kinds', () => {
    expectRefusal(new Uint8Array(), 'file_empty');
    for (const bytes of [
      Uint8Array.of(0),
      bundle,
      ...deriveLeaves(batchTerms).slice(0, 1),
      encodeCbor(['x', 1, 2, 3, 4]),
    ])
      expectRefusal(bytes, 'file_not_verifiable');
  });

  it.each(recordKinds)('when it is a $name', ({ bytes }) => {
    expectRefusal(bytes, 'file_not_verifiable');
  });

  it('when a request is put where the currency record or the control bit belongs', () => {
    const offered = signed(encodeRequest(request, keys.issuance.key.keyId), keys.issuance);
    expectRefusal(encodeCurrencyFile({ ...batch, currencyRecord: offered }), 'record_type_mismatch');
    expectRefusal(encodeCurrencyFile({ ...batch, controlBit: offered }), 'record_type_mismatch');
  });

  it('at every length it is cut to', () => {
    for (const bytes of [currencyFile, unitFile]) {
      for (let length = 0; length < bytes.length; length++)
        expect(verifyFile(bytes.slice(0, length), options).ok, String(length)).toBe(false);
    }
    expectRefusal(currencyFile.slice(0, -1), 'not_cbor');
    expectRefusal(unitFile.slice(0, -1), 'not_cbor');
  });

  it('for every single turned bit of a currency file', { timeout: 120_000 }, () => {
    const small = encodeCurrencyFile(makeBatch({ lots: sampleLots.slice(0, 1) }));
    expect(verifyFile(small, options).ok).toBe(true);
    for (const [bit, altered] of bitFlips(small))
      expect(verifyFile(altered, options).ok, `bit ${bit}`).toBe(false);
  });

  it('for every single turned bit of a unit file', { timeout: 120_000 }, () => {
    for (const [bit, altered] of bitFlips(unitFile))
      expect(verifyFile(altered, options).ok, `bit ${bit}`).toBe(false);
  });

  it('for every single turned bit of the trust bundle', { timeout: 120_000 }, () => {
    for (const [bit, altered] of bitFlips(bundle))
      expect(verifyFile(unitFile, { ...options, bundle: altered }).ok, `bit ${bit}`).toBe(false);
  });
});

describe('the trust bundle is refused', () => {
  it('when it is of another root than the pinned one', () => {
    const message = expectRefusal(currencyFile, 'root_mismatch', { rootKeyId: keys.stranger.key.keyId });
    expect(message).toContain(toHex(keys.root.key.keyId));
    expectRefusal(unitFile, 'root_mismatch', { rootKeyId: keys.stranger.key.keyId });
  });

  it('when a stranger made it: a whole forged issue is refused by the pin, and by nothing else', () => {
    const forgedBundle = signBundle({ ...trustBundle, rootKey: keys.stranger.key }, keys.stranger);
    expectRefusal(currencyFile, 'root_mismatch', { bundle: forgedBundle });
    const { rootKeyId: _, ...unpinned } = options;
    const verification = accepted(verifyFile(currencyFile, { ...unpinned, bundle: forgedBundle }));
    expect(equalBytes(verification.rootKeyId, keys.stranger.key.keyId)).toBe(true);
  });

  it('when another key signed it under its root key, or names another', () => {
    const forged = signed(
      // The stranger signs the very bytes that name the true root.
      accepted(decodeToBeSigned(bundle)),
      keys.stranger,
    );
    expectRefusal(currencyFile, 'bundle_signature_invalid', { bundle: forged });
    expectRefusal(currencyFile, 'bundle_signature_invalid', {
      bundle: signBundle(trustBundle, keys.stranger),
    });
  });

  it('of a lower revocation epoch than is known', () => {
    expectRefusal(currencyFile, 'bundle_superseded', { minimumEpoch: 1 });
    expectRefusal(unitFile, 'bundle_superseded', { minimumEpoch: 1 });
    const later = bundleWith({ revocationEpoch: 7 });
    expectRefusal(currencyFile, 'bundle_superseded', { ...later, minimumEpoch: 8 });
    expect(verifyFile(currencyFile, { ...options, ...later, minimumEpoch: 7 })).toMatchObject({
      ok: true,
      value: { revocationEpoch: 7 },
    });
  });

  it('from the second after its end, and before its start', () => {
    const { issuedAt, expiresAt } = trustBundle;
    expect(verifyFile(currencyFile, { ...options, at: expiresAt }).ok).toBe(true);
    expectRefusal(currencyFile, 'bundle_expired', { at: expiresAt + 1 });
    expectRefusal(unitFile, 'bundle_expired', { at: expiresAt + 1 });
    expectRefusal(currencyFile, 'bundle_not_yet_valid', { at: issuedAt - 1 });
    expect(verifyFile(currencyFile, { ...options, ...bundleWith({ issuedAt: now + 60 }) }).ok).toBe(true);
    expectRefusal(currencyFile, 'bundle_not_yet_valid', bundleWith({ issuedAt: now + 61 }));
  });

  it('when it is another record, or no record', () => {
    expectRefusal(currencyFile, 'record_type_mismatch', { bundle: batch.controlBit });
    expectRefusal(currencyFile, 'record_malformed', { bundle: new Uint8Array() });
    expectRefusal(currencyFile, 'record_malformed', { bundle: currencyFile });
  });
});

describe('a key is refused', () => {
  it('when it is of another role: each authority signs its own record only', () => {
    for (const signer of [keys.issuance, keys.central, keys.agreement, keys.root, keys.stranger])
      expectBothRefused({ quotaSigner: signer }, 'key_unknown');
    for (const signer of [keys.quota, keys.central, keys.agreement, keys.root, keys.stranger])
      expectBothRefused(
        { issuanceSigner: signer, controlBit: { issuanceKey: signer.key.keyId } },
        'key_unknown',
      );
  });

  it("when it is another issuer's, though the control bit allows it", () => {
    expectBothRefused(
      { issuanceSigner: keys.otherIssuance, controlBit: { issuanceKey: keys.otherIssuance.key.keyId } },
      'key_unknown',
    );
  });

  it("when an issuer signs currency in its own name on another's control bit", () => {
    expectBothRefused(
      { issuanceSigner: keys.otherIssuance, currencyRecord: { issuer: otherIssuer } },
      'control_bit_mismatch',
    );
  });

  it('when the control bit names another of the issuer’s keys', () => {
    const second = keys.stranger;
    const changed = bundleWith({
      keys: [...trustBundle.keys, { ...keyOf('issuance'), key: second.key }],
    });
    const { currency, unit } = filesOf({ issuanceSigner: second });
    expectRefusal(currency, 'issuance_key_mismatch', changed);
    expectRefusal(unit, 'issuance_key_mismatch', changed);
    const allowed = filesOf({ issuanceSigner: second, controlBit: { issuanceKey: second.key.keyId } });
    expect(verifyFile(allowed.currency, { ...options, ...changed }).ok).toBe(true);
  });

  it.each(['quota', 'issuance'] as const)('when the %s key is revoked', (role) => {
    expectRefusal(currencyFile, 'key_revoked', withKey(role, { revokedAt: 0 }));
    expectRefusal(unitFile, 'key_revoked', withKey(role, { revokedAt: 0 }));
  });

  it.each(['quota', 'issuance'] as const)(
    'when the %s key was not valid at the time of the record',
    (role) => {
      const at = role === 'quota' ? now : now + 1;
      expect(verifyFile(currencyFile, { ...options, ...withKey(role, { notBefore: at }) }).ok).toBe(true);
      expect(verifyFile(currencyFile, { ...options, ...withKey(role, { notAfter: at }) }).ok).toBe(true);
      for (const changes of [{ notBefore: at + 1 }, { notAfter: at - 1 }]) {
        expectRefusal(currencyFile, 'key_expired', withKey(role, changes));
        expectRefusal(unitFile, 'key_expired', withKey(role, changes));
      }
    },
  );

  it('but not when it expired after it signed: validity is of the moment of the record', () => {
    expect(verifyFile(currencyFile, { ...options, ...withKey('quota', { notAfter: now + 30 }) }).ok).toBe(
      true,
    );
  });

  it('by the later of the two dates: whoever has one key and dates it back gains nothing', () => {
    // The control bit is of `now`, and the currency of a second later.
    for (const role of ['quota', 'issuance'] as const) {
      expectRefusal(currencyFile, 'key_revoked', withKey(role, { revokedAt: now + 1 }));
      expectRefusal(unitFile, 'key_revoked', withKey(role, { revokedAt: now + 1 }));
      expect(verifyFile(currencyFile, { ...options, ...withKey(role, { revokedAt: now + 2 }) }).ok).toBe(
        true,
      );
      expect(verifyFile(unitFile, { ...options, ...withKey(role, { revokedAt: now + 2 }) }).ok).toBe(true);
    }
  });

  it('and no other key’s state matters: central management’s may be revoked', () => {
    expect(verifyFile(currencyFile, { ...options, ...withKey('central', { revokedAt: 0 }) }).ok).toBe(true);
  });

  it('when it is in no bundle', () => {
    for (const role of ['quota', 'issuance'] as const) {
      const without = bundleWith({ keys: trustBundle.keys.filter((entry) => entry.role !== role) });
      expectRefusal(currencyFile, 'key_unknown', without);
      expectRefusal(unitFile, 'key_unknown', without);
    }
    expectRefusal(currencyFile, 'key_unknown', bundleWith({ keys: [] }));
  });
});

describe('two signatures are needed over one root', () => {
  it('refuses a control bit for another root', () => {
    const other = makeBatch({ terms: { seed: fill(32, 78) } });
    const swapped = { ...batch, controlBit: other.controlBit };
    expectRefusal(encodeCurrencyFile(swapped), 'merkle_root_mismatch');
    // A unit file holds no root: the two are computed from its proofs, so a wrong one breaks the signature.
    for (const which of ['controlBit', 'currencyRecord'] as const) {
      const { currency, unit } = filesOf({ [which]: { root: fill(32, 1) } });
      expectRefusal(currency, 'merkle_root_mismatch');
      expectRefusal(unit, 'signature_invalid');
    }
    const both = filesOf({ controlBit: { root: fill(32, 1) }, currencyRecord: { root: fill(32, 1) } });
    expectRefusal(both.currency, 'merkle_root_mismatch');
    expectRefusal(both.unit, 'signature_invalid');
  });

  it('refuses one signature only: the control bit twice, the currency record twice, or nothing beside', () => {
    const { controlBit, currencyRecord } = batch;
    expectRefusal(encodeCurrencyFile({ ...batch, currencyRecord: controlBit }), 'record_type_mismatch');
    expectRefusal(encodeCurrencyFile({ ...batch, controlBit: currencyRecord }), 'record_type_mismatch');
    expectRefusal(encodeCurrencyFile({ ...batch, currencyRecord: new Uint8Array() }), 'record_malformed');
    expectRefusal(encodeCurrencyFile({ ...batch, controlBit: new Uint8Array() }), 'record_malformed');
  });

  it('refuses one key for both', () => {
    const both = { quotaSigner: keys.issuance, issuanceSigner: keys.issuance };
    expectBothRefused(both, 'key_unknown');
    expectBothRefused(
      {
        quotaSigner: keys.quota,
        issuanceSigner: keys.quota,
        controlBit: { issuanceKey: keys.quota.key.keyId },
      },
      'key_unknown',
    );
  });

  it('refuses records in the wrong order, and receipts that are swapped', () => {
    expectRefusal(
      encodeCurrencyFile({ ...batch, controlBit: batch.currencyRecord, currencyRecord: batch.controlBit }),
      'record_type_mismatch',
    );
    const [kind = null, version = null, leaf = null, quota = null, issuance = null] = asArray(
      accepted(decodeCbor(unitFile)),
    );
    expectRefusal(encodeCbor([kind, version, leaf, issuance, quota]), 'record_type_mismatch');
    expectRefusal(encodeCbor([kind, version, leaf, quota, quota]), 'record_type_mismatch');
  });

  it('refuses a unit under the receipts of another unit', () => {
    const { extract } = accepted(unitExtractor(batch));
    const [first, second] = [0, 1].map((index) => asArray(accepted(decodeCbor(extract(index)))));
    const mixed = (first ?? []).with(2, second?.[2] ?? null);
    expectRefusal(encodeCbor(mixed), 'signature_invalid');
  });

  it('refuses a currency record that is bound to other bytes of the control bit', () => {
    expectBothRefused({ currencyRecord: { controlBitHash: fill(32, 1) } }, 'control_bit_mismatch');
    // ECDSA lets anyone turn (r, s) into (r, n - s), which verifies too; the hash is over these bytes only.
    const mirrored = { ...batch, controlBit: mirrorSignature(batch.controlBit) };
    expectRefusal(encodeCurrencyFile(mirrored), 'control_bit_mismatch');
  });

  it.each<readonly [string, BatchChanges]>([
    ['request', { currencyRecord: { requestId: fill(16, 99) } }],
    ['epoch', { currencyRecord: { epoch: 4 } }],
    ['sequence', { currencyRecord: { sequence: 42 } }],
    ['count', { currencyRecord: { count: 13 } }],
    ['total', { currencyRecord: { total: 25_001n } }],
    ['currency', { currencyRecord: { currency: { code: 'USD', exponent: 2 } } }],
    ['issuer', { controlBit: { issuer: otherIssuer } }],
  ])('refuses two records that name another %s each', (_what, changes) => {
    expectBothRefused(changes, 'control_bit_mismatch');
  });
});

describe('the units are refused', () => {
  const signedOver = (leaves: readonly Uint8Array[]) => encodeCurrencyFile({ ...batch, leaves });
  const [first = fill(0, 0), ...rest] = batch.leaves;

  it('when one is altered, exchanged, moved or replaced by another of the batch', () => {
    const foreign = deriveLeaves({ ...batchTerms, seed: fill(32, 78) })[0] ?? fill(0, 0);
    const last = first.length - 1;
    expectRefusal(signedOver([first.with(last, (first[last] ?? 0) ^ 1), ...rest]), 'merkle_root_mismatch');
    expectRefusal(signedOver([foreign, ...rest]), 'merkle_root_mismatch');
    expectRefusal(signedOver([...rest, first]), 'merkle_root_mismatch');
    expectRefusal(signedOver([rest[0] ?? first, ...rest]), 'merkle_root_mismatch');
  });

  it('when one is dropped, repeated or added', () => {
    expectRefusal(signedOver(rest), 'proof_mismatch');
    expectRefusal(signedOver([...batch.leaves, first]), 'total_mismatch');
    expectRefusal(signedOver([]), 'record_malformed');
  });

  it('when the signed total or count is not that of the units, though both authorities signed it', () => {
    for (const total of [24_999n, 25_001n]) {
      const { currency } = filesOf({ controlBit: { total }, currencyRecord: { total } });
      expectRefusal(currency, 'total_mismatch');
    }
    for (const [count, code] of [
      [11, 'total_mismatch'],
      [13, 'proof_mismatch'],
    ] as const) {
      const { currency, unit } = filesOf({ controlBit: { count }, currencyRecord: { count } });
      expectRefusal(currency, code);
      expectRefusal(unit, 'total_mismatch');
    }
  });

  it.each<readonly [string, BatchChanges]>([
    ['epoch', { terms: { epoch: 4 } }],
    ['sequence', { terms: { sequence: 42 } }],
    ['reservation', { terms: { reservation: fill(16, 99) } }],
    ['key set', { terms: { keySet: fill(32, 99) } }],
    ['start', { terms: { notBefore: now + 1 } }],
    ['end', { terms: { redeemUntil: redeemUntil + 1 } }],
    ['currency', { terms: { currency: { code: 'USD', exponent: 2 } } }],
    ['index', { leaves: (leaves) => [...leaves.slice(1), ...leaves.slice(0, 1)] }],
  ])(
    'when their %s is not that of the control bit, though both authorities signed them',
    (_what, changes) => {
      expectBothRefused(changes, 'unit_mismatch');
    },
  );

  it('when one is no unit, though both authorities signed it, and the message says which', () => {
    const broken = filesOf({ leaves: (leaves) => leaves.with(5, encodeCbor(['no', 'unit'])) });
    expect(expectRefusal(broken.currency, 'record_malformed')).toContain('unit 5');
    expect(verifyFile(broken.unit, options).ok).toBe(true);
  });

  it('when one of two units with the same index is among them', () => {
    const doubled = filesOf({ leaves: (leaves) => [...leaves.slice(0, 11), leaves[10] ?? fill(0, 0)] });
    expectRefusal(doubled.currency, 'unit_mismatch');
  });

  it('from the second after they could be redeemed', () => {
    const lasting = bundleWith({ expiresAt: redeemUntil + 1000 });
    for (const bytes of [currencyFile, unitFile]) {
      expect(verifyFile(bytes, { ...options, ...lasting, at: redeemUntil }).ok).toBe(true);
      const message = expectRefusal(bytes, 'unit_expired', { ...lasting, at: redeemUntil + 1 });
      expect(message).toContain(new Date(redeemUntil * 1000).toISOString().slice(0, 10));
    }
  });
});

describe('a part of a batch', () => {
  const partOf = partExtractor(batch);
  const refuseFile = (file: CurrencyFile, code: VerificationCode): string =>
    expectRefusal(encodeCurrencyFile(file), code);

  it('is authentic wherever it stands, and never said to be the whole', () => {
    for (let first = 0; first < 12; first++) {
      for (let count = 1; first + count <= 12; count++) {
        const verification = accepted(verifyFile(encodeCurrencyFile(partOf(first, count)), options));
        const total = partOf(first, count).leaves.reduce(
          (sum, _leaf, place) => sum + (first + place < 2 ? 10_000n : 500n),
          0n,
        );
        expect(verification).toMatchObject({
          kind: 'currency',
          first,
          count,
          total,
          batchCount: 12,
          batchTotal: 25_000n,
          whole: count === 12,
        });
        const said = verification.checks.join('\n');
        expect(said.includes('a part')).toBe(count < 12);
        expect(said.includes('add up to')).toBe(count === 12);
      }
    }
  });

  it('says which units it holds, and how much of the total', () => {
    const verification = accepted(verifyFile(encodeCurrencyFile(partOf(1, 3)), options));
    expect(verification.checks).toContain(
      'units 1 to 3 of 12 recomputed to that root with the hashes of the others: a part, 110.00 EUR of 250.00 EUR',
    );
  });

  it('gives units that are authentic by themselves', () => {
    const { extract } = accepted(unitExtractor(partOf(5, 4)));
    for (let index = 5; index < 9; index++)
      expect(accepted(verifyFile(extract(index), options))).toMatchObject({ kind: 'unit', first: index });
  });

  it('is refused at every length it is cut to, and for every single turned bit', { timeout: 120_000 }, () => {
    const bytes = encodeCurrencyFile(partOf(5, 2));
    for (let length = 0; length < bytes.length; length++)
      expect(verifyFile(bytes.slice(0, length), options).ok, String(length)).toBe(false);
    for (const [bit, altered] of bitFlips(bytes))
      expect(verifyFile(altered, options).ok, `bit ${bit}`).toBe(false);
  });

  it('is refused where it claims another place', () => {
    for (let first = 0; first <= 9; first++) {
      if (first === 5) continue;
      const verified = verifyFile(encodeCurrencyFile({ ...partOf(5, 3), first }), options);
      expect(verified, String(first)).toMatchObject({ ok: false });
      // With the hashes of that place too, so that all but the units is right.
      const { proof } = partOf(first, 3);
      expect(refuseFile({ ...partOf(5, 3), first, proof }, 'merkle_root_mismatch')).toContain(
        'another place',
      );
    }
    for (const first of [10, 11, 12, 13, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER])
      refuseFile({ ...partOf(5, 3), first }, 'total_mismatch');
  });

  it('is refused where it overlaps: a unit of before or after is put to it, or it says so', () => {
    const part = partOf(5, 3);
    const unit = (index: number): Uint8Array => batch.leaves[index] ?? fill(0, 0);
    for (const forged of [
      { ...part, leaves: [unit(4), ...part.leaves] },
      { ...part, leaves: [...part.leaves, unit(8)] },
      { ...part, first: 4, leaves: [unit(4), ...part.leaves] },
      { ...partOf(4, 4), leaves: part.leaves },
      { ...partOf(5, 4), leaves: part.leaves },
      { ...part, leaves: part.leaves.slice(1) },
      { ...part, leaves: part.leaves.slice(0, -1) },
    ])
      expect(verifyFile(encodeCurrencyFile(forged), options)).toMatchObject({ ok: false });
    // Both neighbours hold unit 7: each is right by itself, and their units are the same ones.
    for (const [first, count] of [
      [5, 3],
      [7, 2],
    ] as const)
      expect(accepted(verifyFile(encodeCurrencyFile(partOf(first, count)), options)).first).toBe(first);
  });

  it('is refused with a real unit of another place among its own', () => {
    for (let place = 0; place < 3; place++) {
      for (const [index, leaf] of batch.leaves.entries()) {
        if (index === 5 + place) continue;
        refuseFile(
          { ...partOf(5, 3), leaves: partOf(5, 3).leaves.with(place, leaf) },
          'merkle_root_mismatch',
        );
      }
    }
    refuseFile({ ...partOf(5, 3), leaves: partOf(5, 3).leaves.toReversed() }, 'merkle_root_mismatch');
  });

  it('is refused with a proof, a unit or a record of another batch', () => {
    const other = makeBatch({ terms: { seed: fill(32, 78) } });
    const part = partOf(5, 3);
    const foreign = partExtractor(other)(5, 3);
    refuseFile({ ...part, proof: foreign.proof }, 'merkle_root_mismatch');
    refuseFile({ ...part, leaves: foreign.leaves }, 'merkle_root_mismatch');
    refuseFile(
      { ...part, leaves: part.leaves.with(1, foreign.leaves[1] ?? fill(0, 0)) },
      'merkle_root_mismatch',
    );
    refuseFile({ ...part, controlBit: foreign.controlBit }, 'merkle_root_mismatch');
    refuseFile({ ...part, currencyRecord: foreign.currencyRecord }, 'merkle_root_mismatch');
    const records = { controlBit: foreign.controlBit, currencyRecord: foreign.currencyRecord };
    refuseFile({ ...part, ...records }, 'merkle_root_mismatch');
    expect(verifyFile(encodeCurrencyFile(foreign), options).ok).toBe(true);
  });

  it('is refused with a hash altered, left out, added, or moved to the other side', () => {
    const part = partOf(5, 3);
    const { left, right } = part.proof;
    expect([left.length, right.length]).toEqual([2, 1]);
    const hash = fill(32, 9);
    const proofs: readonly (readonly [RangeProof, VerificationCode])[] = [
      [{ left: left.with(0, hash), right }, 'merkle_root_mismatch'],
      [{ left, right: right.with(0, hash) }, 'merkle_root_mismatch'],
      [{ left: left.toReversed(), right }, 'merkle_root_mismatch'],
      [{ left: left.slice(1), right }, 'proof_mismatch'],
      [{ left, right: [] }, 'proof_mismatch'],
      [{ left: [], right: [] }, 'proof_mismatch'],
      [{ left: [...left, hash], right }, 'proof_mismatch'],
      [{ left, right: [...right, hash] }, 'proof_mismatch'],
      [{ left: right, right: left }, 'proof_mismatch'],
      [{ left: [...left, ...right], right: [] }, 'proof_mismatch'],
    ];
    for (const [proof, code] of proofs) refuseFile({ ...part, proof }, code);
    // A whole batch has none: hashes beside it are refused as well.
    refuseFile({ ...batch, proof: { left: [hash], right: [] } }, 'proof_mismatch');
    refuseFile({ ...batch, proof: { left: [], right: [hash] } }, 'proof_mismatch');
  });

  it('is refused when it is empty, or has more units than the batch', () => {
    refuseFile({ ...partOf(5, 3), leaves: [] }, 'record_malformed');
    refuseFile({ ...batch, leaves: [] }, 'record_malformed');
    const [unit = fill(0, 0)] = batch.leaves;
    refuseFile({ ...batch, leaves: [...batch.leaves, unit] }, 'total_mismatch');
    refuseFile({ ...partOf(5, 3), leaves: Array<Uint8Array>(13).fill(unit) }, 'total_mismatch');
    refuseFile({ ...partOf(5, 7), leaves: [...partOf(5, 7).leaves, unit] }, 'total_mismatch');
  });

  it('is refused when a unit of it has not its place for an index, though both authorities signed the batch', () => {
    const moved = makeBatch({ leaves: ([first = fill(0, 0), ...rest]) => [...rest, first] });
    refuseFile(partExtractor(moved)(5, 3), 'unit_mismatch');
    refuseFile(partExtractor(moved)(11, 1), 'unit_mismatch');
  });

  it('is refused when it is worth more than the total leaves it, though both authorities signed that', () => {
    // 110.00 in three units and nine others, which are worth a minor unit each at least.
    for (const [total, code] of [
      [11_009n, undefined],
      [11_008n, 'total_mismatch'],
    ] as const) {
      const lying = makeBatch({ controlBit: { total }, currencyRecord: { total } });
      const part = encodeCurrencyFile(partExtractor(lying)(1, 3));
      if (code === undefined) expect(accepted(verifyFile(part, options)).whole).toBe(false);
      else expectRefusal(part, code);
      expectRefusal(encodeCurrencyFile(lying), 'total_mismatch');
    }
    const lying = makeBatch({ controlBit: { total: 10_010n }, currencyRecord: { total: 10_010n } });
    expectRefusal(unitOf(lying, 0), 'total_mismatch');
    expect(accepted(verifyFile(unitOf(lying, 2), options)).total).toBe(500n);
  });

  it('of version 1 is refused by its name', () => {
    const { currencyRecord, controlBit, leaves } = batch;
    const old = encodeCbor(['ringmint.currency-file', 1, currencyRecord, controlBit, leaves]);
    expect(expectRefusal(old, 'record_malformed')).toContain('version 1');
  });

  it('is the whole where the batch has one unit', () => {
    const single = makeBatch({ lots: [{ value: 7n, count: 1, owner: fill(32, 1) }] });
    for (const bytes of [
      encodeCurrencyFile(single),
      encodeCurrencyFile(partExtractor(single)(0, 1)),
      unitOf(single, 0),
    ])
      expect(accepted(verifyFile(bytes, options))).toMatchObject({ whole: true, count: 1, total: 7n });
  });

  it('of any random batch is authentic, and with two units exchanged is not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 })), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.nat(),
        fc.nat(),
        (list, skip, keep) => {
          const lots = list.map(([value, count]) => ({
            value: BigInt(value),
            count,
            owner: fill(32, value),
          }));
          const made = makeBatch({ lots });
          const size = made.leaves.length;
          const first = skip % size;
          const count = 1 + (keep % (size - first));
          const part = partExtractor(made)(first, count);
          const verification = accepted(verifyFile(encodeCurrencyFile(part), options));
          expect([verification.first, verification.count, verification.whole]).toEqual([
            first,
            count,
            count === size,
          ]);
          const [one = fill(0, 0)] = part.leaves;
          const last = part.leaves.at(-1) ?? one;
          const exchanged = { ...part, leaves: part.leaves.with(0, last).with(count - 1, one) };
          if (count > 1) refuseFile(exchanged, 'merkle_root_mismatch');
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('verification', () => {
  it('gives the same answer twice, and leaves its input as it was', () => {
    const before = [toHex(sha256(currencyFile)), toHex(sha256(bundle))];
    expect(verifyFile(currencyFile, options)).toEqual(verifyFile(currencyFile, options));
    expect([toHex(sha256(currencyFile)), toHex(sha256(bundle))]).toEqual(before);
  });

  it('says when the bundle holds the very key set that the units name, and does not when it was rotated since', () => {
    const said = 'key set of the trust bundle is the one it was issued under';
    expect(accepted(verifyFile(currencyFile, options)).checks).toContain(said);
    const rotated = bundleWith({
      keys: [...trustBundle.keys, { ...keyOf('quota'), key: keys.stranger.key }],
    });
    expect(accepted(verifyFile(currencyFile, { ...options, ...rotated })).checks).not.toContain(said);
  });

  it('asks for three signatures, each with the key that was named', () => {
    const asked: string[] = [];
    const verifySignature: VerificationOptions['verifySignature'] = (key, message, signature) => {
      asked.push(toHex(key.keyId));
      return options.verifySignature(key, message, signature);
    };
    expect(verifyFile(currencyFile, { ...options, verifySignature }).ok).toBe(true);
    expect(asked).toEqual([keys.root, keys.quota, keys.issuance].map(({ key }) => toHex(key.keyId)));
  });

  it('is of no file when no signature is accepted', () => {
    expectRefusal(currencyFile, 'bundle_signature_invalid', { verifySignature: () => false });
  });

  it('takes a whole batch of 65,536 units', { timeout: 60_000 }, () => {
    const lots = [{ value: 1n, count: 65_536, owner: fill(32, 1) }];
    const verification = accepted(verifyFile(encodeCurrencyFile(makeBatch({ lots })), options));
    expect([verification.count, verification.total]).toEqual([65_536, 65_536n]);
  });
});

/** Answers what it was asked before without a second look: of 10,000 turned bits each leaves two of three signatures alone. */
function remembered(verifySignature: VerifySignature): VerifySignature {
  const answers = new Map<string, boolean>();
  return (key, message, signature) => {
    const question = [key.point, message, signature]
      .map((part) => Buffer.from(part).toString('latin1'))
      .join('|');
    const answer = answers.get(question) ?? verifySignature(key, message, signature);
    answers.set(question, answer);
    return answer;
  };
}

function keyOf(role: TrustedKey['role']): TrustedKey {
  const entry = trustBundle.keys.find((candidate) => candidate.role === role);
  if (entry === undefined) throw new Error(role);
  return entry;
}

function decodeToBeSigned(record: Uint8Array) {
  const decoded = decodeCbor(record.slice(1));
  if (!decoded.ok) return decoded;
  const [protectedHeader = null, , payload = null] = asArray(decoded.value);
  return { ok: true as const, value: encodeCbor(['Signature1', protectedHeader, new Uint8Array(), payload]) };
}

/** The other signature that verifies: (r, n - s). */
function mirrorSignature(record: Uint8Array): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${toHex(record.slice(-32))}`);
  return Uint8Array.from([...record.slice(0, -32), ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
}
