import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/kit/bytes.ts';
import type { CborValue } from '../../src/kit/encoding.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { encodePlan } from '../../src/records/ceremony-plan.ts';
import { claim } from '../../src/records/claims.ts';
import { encodeControlBit } from '../../src/records/control-bit.ts';
import { encodeCredential } from '../../src/records/credential.ts';
import { encodeCurrencyFile, partExtractor } from '../../src/records/currency-file.ts';
import { encodeDenial } from '../../src/records/denial.ts';
import { encryptedCredentialType, encryptTo } from '../../src/records/encryption.ts';
import { inspectRecord } from '../../src/records/inspection.ts';
import type { Inspection } from '../../src/records/signed-inspection.ts';
import { encodeTrustBundle } from '../../src/records/trust-bundle.ts';
import { deriveLeaves } from '../../src/records/unit.ts';
import { unitExtractor } from '../../src/records/unit-file.ts';
import { batchTerms, draftText, makeBatch } from './batches.ts';
import {
  accepted,
  bitFlips,
  controlBit,
  credential,
  denial,
  fill,
  keys,
  order,
  plan,
  policy,
  rebuild,
  recordKinds,
  signed,
  trustBundle,
} from './samples.ts';

const draft = utf8(draftText);
const batch = makeBatch();
const currencyFile = encodeCurrencyFile(batch);
const unitFile = accepted(unitExtractor(batch)).extract(3);
const [leaf = fill(0, 0)] = deriveLeaves(batchTerms);
const encrypted = await encryptTo(keys.agreement.key, utf8('secret'), encryptedCredentialType, (length) =>
  fill(length, 7),
);

function field(inspection: Inspection, name: string): string | undefined {
  return inspection.fields.find((candidate) => candidate.name === name)?.value;
}

describe('inspection', () => {
  it.each([
    ['request', 'request'],
    ['credential', 'quota credential'],
    ['control bit', 'control bit'],
    ['currency record', 'currency record'],
    ['denial', 'denial'],
    ['trust bundle', 'trust bundle'],
    ['ceremony approval', 'ceremony approval'],
    ['ceremony transcript', 'ceremony transcript'],
    ['retirement', 'retirement'],
    ['transfer', 'transfer'],
    ['settlement', 'settlement'],
    ['closing', 'closing'],
  ])('knows a %s, and says that nothing was verified', (name, kindName) => {
    const kind = recordKinds.find((candidate) => candidate.name === name);
    const inspection = accepted(inspectRecord(kind?.bytes ?? fill(0, 0)));
    expect(inspection.kind).toBe(kindName);
    expect(inspection.explanation).toContain('not verified');
    expect(field(inspection, 'signed by key')).toBe(toHex(kind?.signer.key.keyId ?? fill(0, 0)));
    expect(inspection.fields.every(({ value }) => value.length > 0)).toBe(true);
  });

  it.each<readonly [string, Uint8Array, string]>([
    ['a currency file', currencyFile, 'currency file'],
    ['a unit file', unitFile, 'unit file'],
    ['a unit', leaf, 'unit'],
    ['an encrypted credential', encrypted, 'encrypted credential'],
    ['a draft', draft, 'draft'],
    ['a ceremony plan', encodePlan(plan), 'ceremony plan'],
  ])('knows %s', (_name, bytes, kind) => {
    expect(accepted(inspectRecord(bytes)).kind).toBe(kind);
  });

  it('tells of a currency file whether it holds the batch or a part, and why version 1 is refused', () => {
    expect(accepted(inspectRecord(currencyFile)).explanation).toContain('all 12 units of a batch');
    const partOf = partExtractor(batch);
    const explain = (first: number, count: number): string =>
      accepted(inspectRecord(encodeCurrencyFile(partOf(first, count)))).explanation;
    expect(explain(4, 3)).toContain('units 4 to 6 of 12 of a batch');
    expect(explain(11, 1)).toContain('unit 11 of 12 of a batch');
    const old = encodeCbor([
      'ringmint.currency-file',
      1,
      batch.currencyRecord,
      batch.controlBit,
      batch.leaves,
    ]);
    expect(inspectRecord(old)).toMatchObject({ ok: false, code: 'record_malformed' });
    expect(inspectRecord(old)).toMatchObject({ message: expect.stringContaining('version 1') as string });
  });

  it('writes amounts, times and ids for a person', () => {
    const inspection = accepted(inspectRecord(recordKinds[0]?.bytes ?? fill(0, 0)));
    expect(field(inspection, 'total')).toBe('250.00 EUR');
    expect(field(inspection, 'issued at')).toBe('2026-11-20T12:00:00Z');
    expect(field(inspection, 'request id')).toBe('01010101-0101-0101-0101-010101010101');
    expect(field(inspection, '  lots')).toBe('12 units: 2 x 100.00, 10 x 5.00');
    expect(field(inspection, '  purpose')).toBe(order.purpose);
  });

  it('shows eight lots and counts the others', () => {
    const lots = Array.from({ length: 10 }, () => ({ value: 1n, count: 1, owner: fill(32, 1) }));
    const many = rebuild(recordKinds[0] ?? fail(), ({ claims }) => {
      const items = lots.map(({ value, count, owner }): CborValue => [value, count, owner]);
      claims.set(claim.orders, [[fill(16, 1), '', 'DE', 'CH', items]]);
      claims.set(claim.total, 10);
    });
    expect(field(accepted(inspectRecord(many)), '  lots')).toMatch(
      /^10 units: (1 x 0\.01, ){7}1 x 0\.01 and 2 more lots$/,
    );
  });

  it('names the claim of each field, by a number that claims.ts lists', () => {
    for (const kind of recordKinds) {
      for (const { claim: number } of accepted(inspectRecord(kind.bytes)).fields)
        if (number !== undefined) expect(Object.values(claim)).toContain(number);
    }
  });

  it('tells every claim of a record over a root or of a request: none is left out', () => {
    const shown = new Set(
      accepted(inspectRecord(recordKinds[2]?.bytes ?? fill(0, 0))).fields.map((item) => item.claim),
    );
    for (const number of [
      claim.id,
      claim.subject,
      claim.requestHash,
      claim.reservation,
      claim.count,
      claim.total,
      claim.issuanceKey,
      claim.keySet,
      claim.redeemUntil,
    ])
      expect(shown.has(number), String(number)).toBe(true);
  });

  it('says that a key is revoked', () => {
    const [first, ...rest] = trustBundle.keys;
    const bundle = { ...trustBundle, keys: [{ ...(first ?? fail()), revokedAt: 1_700_000_000 }, ...rest] };
    const bytes = signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root);
    expect(field(accepted(inspectRecord(bytes)), 'central key of central')).toContain('REVOKED');
  });

  it('tells who has to approve a change of the keys, and by which keys', () => {
    const approval = (bundle: typeof trustBundle): Inspection =>
      accepted(inspectRecord(signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root)));
    const governed = approval({ ...trustBundle, approval: policy });
    expect(field(governed, 'approval of changes')).toBe('2 of alice, bob, carol');
    expect(field(governed, 'approver bob')).toBe(toHex(keys.bob.key.keyId));
    expect(field(approval(trustBundle), 'approval of changes')).toBe('nobody has to approve');
  });

  it('says in words what a plan does, and who approved a ceremony', () => {
    const inspection = accepted(inspectRecord(encodePlan(plan)));
    expect(field(inspection, 'action 1')).toMatch(/^rotate issuance: a new key of demo-issuer in the HSM/);
    expect(field(inspection, 'action 2')).toMatch(
      /^revoke the key [0-9a-f]{64} from 2026-11-20T11:59:00Z on$/,
    );
    expect(field(inspection, 'action 3')).toMatch(/^approvers: a change of the keys needs 2 of alice \(/);
    const transcript = recordKinds.find(({ name }) => name === 'ceremony transcript');
    const ceremony = accepted(inspectRecord(transcript?.bytes ?? fail()));
    expect(field(ceremony, 'approvals')).toBe('alice');
    expect(field(ceremony, 'action 1')).toBe(field(inspection, 'action 1'));
    expect(field(ceremony, 'signing-0 in softhsm')).toContain('with a proof of possession');
  });

  it('says so when nothing would pass', () => {
    const bytes = signed(
      encodeDenial(
        { ...denial, denials: [{ order: 4, reasons: ['x'], wouldPass: null }] },
        keys.central.key.keyId,
      ),
      keys.central,
    );
    expect(field(accepted(inspectRecord(bytes)), 'order 4')).toBe('x; would pass: nothing that is known');
  });

  it('shows no time that no calendar has: the record is refused', () => {
    const far = { ...controlBit, redeemUntil: Number.MAX_SAFE_INTEGER };
    const bytes = signed(encodeControlBit(far, keys.quota.key.keyId), keys.quota);
    expect(inspectRecord(bytes)).toMatchObject({ ok: false, code: 'record_malformed' });
  });

  it('inspects a record whose signature is wrong, because it verifies nothing', () => {
    const forged = signed(encodeCredential(credential, keys.central.key.keyId), keys.stranger);
    expect(accepted(inspectRecord(forged)).kind).toBe('quota credential');
  });
});

describe('inspection refuses', () => {
  it('nothing as `file_empty`', () => {
    expect(inspectRecord(new Uint8Array())).toMatchObject({ ok: false, code: 'file_empty' });
  });

  it.each<readonly [string, Uint8Array]>([
    ['text', utf8('hello')],
    ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47)],
    ['CBOR of something else', encodeCbor(['other', 1, 2, 3, 4])],
    ['JSON that is no draft', utf8('{"a":1}')],
    ['JSON cut short', draft.slice(0, -1)],
  ])('%s as `file_unknown`', (_name, bytes) => {
    expect(inspectRecord(bytes)).toMatchObject({ ok: false, code: 'file_unknown' });
  });

  it('a signed record of another type as `record_type_mismatch`', () => {
    const foreign = rebuild(recordKinds[0] ?? fail(), ({ headers }) => headers.set(16, 'application/cwt'));
    expect(inspectRecord(foreign)).toMatchObject({ ok: false, code: 'record_type_mismatch' });
  });

  it('every truncation of every file, and never throws', () => {
    for (const bytes of [
      ...recordKinds.map((kind) => kind.bytes),
      currencyFile,
      unitFile,
      leaf,
      encrypted,
      draft,
      encodePlan(plan),
    ]) {
      for (let length = 0; length < bytes.length; length++)
        expect(inspectRecord(bytes.slice(0, length)).ok, String(length)).toBe(false);
    }
  });

  it('never throws for a turned bit of any file', () => {
    for (const bytes of [
      ...recordKinds.map((kind) => kind.bytes),
      unitFile,
      leaf,
      encrypted,
      draft,
      encodePlan(plan),
    ]) {
      // A transcript holds whole bundles, and each of its bits has to be decoded with all of them.
      const every = bytes.length > 1_500 ? 11 : 1;
      for (const [bit, altered] of bitFlips(bytes)) {
        if (bit % every !== 0) continue;
        const inspected = inspectRecord(altered);
        if (!inspected.ok) expect(inspected.code).toMatch(/^[a-z_]+$/);
      }
    }
  });

  it('never throws for random bytes, behind any first byte it looks at', () => {
    const first = fc.constantFrom(0xd2, 0xd8, 0x85, 0x86, 0x8a, 0x8d, 0x7b, 0xef, 0x00);
    fc.assert(
      fc.property(first, fc.uint8Array({ maxLength: 200 }), (start, bytes) => {
        expect(inspectRecord(Uint8Array.of(start, ...bytes)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

function fail(): never {
  throw new Error('a sample is missing');
}
