/**
 * Records for tests: every key, time and id fixed, signatures deterministic (RFC 6979), so that a failure
 * repeats. The keys are of no use anywhere else: each is SHA-256 of its name.
 */

import { p256 } from '@noble/curves/nist.js';
import { concatBytes, sha256, utf8 } from '../../src/kit/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/kit/encoding.ts';
import type { Result } from '../../src/kit/result.ts';
import {
  type AuditStatement,
  decodeAuditStatement,
  encodeAuditStatement,
} from '../../src/records/audit-statement.ts';
import {
  type CeremonyApproval,
  decodeApproval,
  encodeApproval,
} from '../../src/records/ceremony-approval.ts';
import { type CeremonyPlan, encodePlan, planId } from '../../src/records/ceremony-plan.ts';
import {
  type CeremonyTranscript,
  decodeTranscript,
  encodeTranscript,
} from '../../src/records/ceremony-transcript.ts';
import { header, type RecordErrorCode } from '../../src/records/claims.ts';
import { type ClosingRecord, decodeClosing, encodeClosing } from '../../src/records/closing.ts';
import { type ControlBit, decodeControlBit, encodeControlBit } from '../../src/records/control-bit.ts';
import { attachSignature, type Decoded, type RecordType, recordType } from '../../src/records/cose.ts';
import { type Credential, decodeCredential, encodeCredential } from '../../src/records/credential.ts';
import {
  type CurrencyRecord,
  decodeCurrencyRecord,
  encodeCurrencyRecord,
} from '../../src/records/currency.ts';
import { type Denial, decodeDenial, encodeDenial } from '../../src/records/denial.ts';
import {
  decodeJournalHead,
  encodeJournalHead,
  type JournalHeadRecord,
} from '../../src/records/journal-head.ts';
import { decodeKeyAudit, encodeKeyAudit, type KeyAudit } from '../../src/records/key-audit.ts';
import { decodeQuotaApproval, encodeQuotaApproval } from '../../src/records/quota-approval.ts';
import { changeId } from '../../src/records/quota-change.ts';
import { decodeStop, encodeStop } from '../../src/records/quota-stop.ts';
import {
  decodeRequest,
  encodeRequest,
  type Lot,
  type Order,
  type Request,
} from '../../src/records/request.ts';
import { decodeRetirement, encodeRetirement, type Retirement } from '../../src/records/retirement.ts';
import { decodeSettlement, encodeSettlement, type SettlementRecord } from '../../src/records/settlement.ts';
import { type VerificationKey, verificationKey } from '../../src/records/signature.ts';
import { decodeTransfer, encodeTransfer, type Transfer } from '../../src/records/transfer.ts';
import { decodeTrustBundle, encodeTrustBundle, type TrustBundle } from '../../src/records/trust-bundle.ts';

export interface TestKey {
  readonly key: VerificationKey;
  readonly secret: Uint8Array;
  sign(toBeSigned: Uint8Array): Uint8Array;
}

export function testKey(name: string): TestKey {
  const secret = sha256(utf8(`ringmint test key ${name}`));
  return {
    key: verificationKey(p256.getPublicKey(secret, false)),
    secret,
    sign: (toBeSigned) => p256.sign(toBeSigned, secret, { lowS: false }),
  };
}

export const keys = {
  root: testKey('root'),
  central: testKey('central'),
  issuance: testKey('issuance'),
  otherIssuance: testKey('other issuance'),
  quota: testKey('quota'),
  agreement: testKey('agreement'),
  stranger: testKey('stranger'),
  alice: testKey('alice'),
  bob: testKey('bob'),
  carol: testKey('carol'),
  newIssuance: testKey('new issuance'),
  newAgreement: testKey('new agreement'),
  owner: testKey('owner'),
} as const;

export const issuer = 'demo-issuer';
export const otherIssuer = 'other-issuer';
/** 2026-11-20T12:00:00Z */
export const now = 1_795_176_000;
const day = 86_400;
export const redeemUntil = now + 3650 * day;
export const euro = { code: 'EUR', exponent: 2 } as const;

export function fill(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

export const lots: readonly Lot[] = [
  { value: 10_000n, count: 2, owner: fill(32, 2) },
  { value: 500n, count: 10, owner: fill(32, 3) },
];

export const order: Order = {
  id: fill(16, 15),
  lots,
  purpose: 'payroll, November – Zürich',
  origin: 'DE',
  destination: 'CH',
};

export const request: Request = {
  id: fill(16, 1),
  issuer,
  issuedAt: now,
  expiresAt: now + 600,
  currency: euro,
  total: 25_000n,
  orders: [order],
  redeemUntil,
};

export const credential: Credential = {
  id: fill(16, 4),
  issuer,
  issuedAt: now,
  expiresAt: now + 300,
  requestHash: fill(32, 5),
  currency: euro,
  approved: [{ first: 0, count: 1 }],
  total: 25_000n,
  buckets: ['total', 'day'],
  ruleSet: { version: 1, hash: fill(32, 6) },
  traceHash: fill(32, 7),
};

export const controlBit: ControlBit = {
  requestId: fill(16, 1),
  issuer,
  issuedAt: now,
  requestHash: fill(32, 5),
  orders: [{ first: 0, count: 1 }],
  reservation: fill(16, 8),
  epoch: 3,
  sequence: 41,
  root: fill(32, 9),
  count: 12,
  total: 25_000n,
  currency: euro,
  issuanceKey: keys.issuance.key.keyId,
  keySet: fill(32, 10),
  redeemUntil,
};

export const currencyRecord: CurrencyRecord = {
  requestId: fill(16, 1),
  issuer,
  issuedAt: now + 1,
  epoch: 3,
  sequence: 41,
  root: fill(32, 9),
  count: 12,
  total: 25_000n,
  currency: euro,
  controlBitHash: fill(32, 11),
};

export const denial: Denial = {
  requestId: fill(16, 1),
  issuer,
  issuedAt: now,
  requestHash: fill(32, 5),
  denials: [{ order: 0, reasons: ['amount_over_limit', 'country_not_allowed'], wouldPass: 20_000n }],
  ruleSet: { version: 1, hash: fill(32, 6) },
  traceHash: fill(32, 7),
};

export const trustBundle: TrustBundle = {
  issuedAt: now - day,
  expiresAt: now + 365 * day,
  revocationEpoch: 0,
  rootKey: keys.root.key,
  keys: (
    [
      ['central', 'central', keys.central],
      ['issuance', issuer, keys.issuance],
      ['issuance', otherIssuer, keys.otherIssuance],
      ['quota', 'quota', keys.quota],
      ['quota-agreement', 'quota-agreement', keys.agreement],
    ] as const
  ).map(([role, name, { key }]) => ({
    role,
    name,
    key,
    notBefore: now - day,
    notAfter: now + 365 * day,
    revokedAt: null,
  })),
  approval: null,
};

export const approvers = (['alice', 'bob', 'carol'] as const).map((name) => ({ name, key: keys[name].key }));
/** Two of three. */
export const policy = { threshold: 2, approvers };

/** Of each kind of action one, each of which `plannedBundle` allows. */
export const plan: CeremonyPlan = {
  startsFrom: fill(32, 12),
  madeAt: now,
  expiresAt: now + day,
  actions: [
    {
      kind: 'rotate',
      role: 'issuance',
      name: issuer,
      hsm: 'softhsm',
      replaced: keys.issuance.key.keyId,
      delaySeconds: 15,
      overlapSeconds: 3600,
    },
    { kind: 'revoke', keyId: keys.otherIssuance.key.keyId, since: now - 60 },
    { kind: 'approvers', policy },
  ],
};

export const approval: CeremonyApproval = { approver: 'alice', planId: fill(32, 13), issuedAt: now };

function smallBundle(changes: Partial<TrustBundle>): Uint8Array {
  const bundle = { ...trustBundle, keys: trustBundle.keys.slice(0, 1), ...changes };
  return signed(encodeTrustBundle(bundle, keys.root.key.keyId), keys.root);
}

/** Well-formed, each part of it too; that nothing in it fits together is not the decoder's business. */
export const transcript: CeremonyTranscript = {
  beganAt: now,
  endedAt: now + 1,
  plan: encodePlan(plan),
  approvals: [
    signed(
      encodeApproval({ ...approval, planId: planId(encodePlan(plan)) }, keys.alice.key.keyId),
      keys.alice,
    ),
  ],
  bundleBefore: smallBundle({}),
  bundleAfter: smallBundle({ revocationEpoch: 1 }),
  madeKeys: [{ hsm: 'softhsm', label: 'signing-0', key: keys.newIssuance.key, proof: fill(64, 14) }],
};

export const keyAudit: KeyAudit = {
  role: 'quota',
  name: 'quota',
  issuedAt: now,
  keys: [
    {
      keyId: keys.quota.key.keyId,
      hsm: 'softhsm',
      label: 'signing',
      token: {
        label: 'ringmint-quota',
        serial: '0123456789abcdef',
        manufacturer: 'SoftHSM project',
        model: 'SoftHSM v2',
      },
      attributes: [
        { attribute: 'CKA_SENSITIVE', expected: true, actual: true },
        { attribute: 'CKA_WRAP', expected: false, actual: null },
      ],
      others: [],
    },
    {
      keyId: keys.agreement.key.keyId,
      hsm: 'softhsm',
      label: 'agreement',
      token: {
        label: 'ringmint-quota',
        serial: '0123456789abcdef',
        manufacturer: 'SoftHSM project',
        model: 'SoftHSM v2',
      },
      attributes: [{ attribute: 'CKA_DERIVE', expected: true, actual: true }],
      others: [],
    },
  ],
};

export const auditStatement: AuditStatement = {
  auditor: 'carol',
  issuedAt: now,
  reportHash: fill(32, 30),
  findings: 0,
  journals: [{ role: 'quota', name: 'quota', journalId: fill(16, 31), sequence: 7, hash: fill(32, 32) }],
  figures: [{ issuer, currency: 'EUR', issued: 900n, retired: 300n, outstanding: 600n }],
};

export const journalHead: JournalHeadRecord = {
  role: 'quota',
  name: 'quota',
  issuedAt: now,
  journalId: fill(16, 15),
  epoch: 1,
  sequence: 7,
  hash: fill(32, 16),
};

export const retirement: Retirement = {
  id: fill(16, 23),
  issuer,
  issuedAt: now,
  expiresAt: now + 600,
  currency: euro,
  total: 10_500n,
  ownerKey: keys.owner.key,
  creditTo: null,
  reason: 'paid out at the counter',
  units: [fill(32, 24), fill(32, 25)],
};

export const transfer: Transfer = {
  id: fill(16, 26),
  issuer,
  issuedAt: now,
  expiresAt: now + 600,
  currency: euro,
  total: 500n,
  ownerKey: keys.owner.key,
  creditTo: keys.alice.key.keyId,
  reason: 'invoice 12',
};

export const settlement: SettlementRecord = {
  id: fill(16, 23),
  settledHash: fill(32, 27),
  issuer,
  issuedAt: now + 1,
  currency: euro,
  total: 10_500n,
  count: 2,
  creditTo: null,
  returned: 10_500n,
};

export const closing: ClosingRecord = { requestId: fill(16, 2), issuer, issuedAt: now + 3 };

/** One type of record with a valid sample of it, its record type erased so that all can be walked alike. */
export interface RecordKind {
  readonly name: string;
  readonly type: RecordType;
  readonly signer: TestKey;
  readonly sample: unknown;
  /** The sample, encoded and signed. */
  readonly bytes: Uint8Array;
  readonly decode: (bytes: Uint8Array) => Result<Decoded<unknown>, RecordErrorCode>;
}

function kindOf<T>(
  name: string,
  type: RecordType,
  signer: TestKey,
  sample: T,
  encode: (record: T, keyId: Uint8Array) => Uint8Array,
  decode: (bytes: Uint8Array) => Result<Decoded<T>, RecordErrorCode>,
): RecordKind {
  return { name, type, signer, sample, bytes: signed(encode(sample, signer.key.keyId), signer), decode };
}

export function signed(toBeSigned: Uint8Array, signer: TestKey): Uint8Array {
  return attachSignature(toBeSigned, signer.sign(toBeSigned));
}

/** An approval of a quota change in the name of `approver`, signed with that approver's key or with another one. */
export function approveChange(
  change: Uint8Array,
  approver: string,
  key: TestKey,
  issuedAt = now,
): Uint8Array {
  return signed(encodeQuotaApproval({ approver, changeId: changeId(change), issuedAt }, key.key.keyId), key);
}

export const recordKinds: readonly RecordKind[] = [
  kindOf('request', recordType.request, keys.issuance, request, encodeRequest, decodeRequest),
  kindOf('credential', recordType.credential, keys.central, credential, encodeCredential, decodeCredential),
  kindOf('control bit', recordType.controlBit, keys.quota, controlBit, encodeControlBit, decodeControlBit),
  kindOf(
    'currency record',
    recordType.currency,
    keys.issuance,
    currencyRecord,
    encodeCurrencyRecord,
    decodeCurrencyRecord,
  ),
  kindOf('denial', recordType.denial, keys.central, denial, encodeDenial, decodeDenial),
  kindOf(
    'trust bundle',
    recordType.trustBundle,
    keys.root,
    trustBundle,
    encodeTrustBundle,
    decodeTrustBundle,
  ),
  kindOf(
    'journal head',
    recordType.journalHead,
    keys.quota,
    journalHead,
    encodeJournalHead,
    decodeJournalHead,
  ),
  kindOf(
    'audit statement',
    recordType.auditStatement,
    keys.carol,
    auditStatement,
    encodeAuditStatement,
    decodeAuditStatement,
  ),
  kindOf('key audit', recordType.keyAudit, keys.quota, keyAudit, encodeKeyAudit, decodeKeyAudit),
  kindOf(
    'ceremony approval',
    recordType.ceremonyApproval,
    keys.alice,
    approval,
    encodeApproval,
    decodeApproval,
  ),
  kindOf(
    'ceremony transcript',
    recordType.ceremonyTranscript,
    keys.root,
    transcript,
    encodeTranscript,
    decodeTranscript,
  ),
  kindOf(
    'quota approval',
    recordType.quotaApproval,
    keys.bob,
    { approver: 'bob', changeId: fill(32, 21), issuedAt: now },
    encodeQuotaApproval,
    decodeQuotaApproval,
  ),
  kindOf(
    'quota stop',
    recordType.quotaStop,
    keys.carol,
    { id: fill(16, 22), approver: 'carol', reason: 'amounts look wrong', issuedAt: now },
    encodeStop,
    decodeStop,
  ),
  kindOf('retirement', recordType.retirement, keys.owner, retirement, encodeRetirement, decodeRetirement),
  kindOf('transfer', recordType.transfer, keys.owner, transfer, encodeTransfer, decodeTransfer),
  kindOf('settlement', recordType.settlement, keys.quota, settlement, encodeSettlement, decodeSettlement),
  kindOf('closing', recordType.closing, keys.issuance, closing, encodeClosing, decodeClosing),
];

export type Parts = {
  /** Of the protected header, without the claims. */
  headers: Map<number | string, CborValue>;
  claims: Map<number | string, CborValue>;
  unprotected: Map<number | string, CborValue>;
  /** The root, where the claims are in the header. */
  root: Uint8Array | undefined;
};

/** The value of a result that a test needs to go on. */
export function accepted<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.message}`);
  return result.value;
}

/** Takes a valid record apart, lets `alter` change it, and signs it again: only its rules can refuse it then. */
export function rebuild(kind: RecordKind, alter: (parts: Parts) => void): Uint8Array {
  const [protectedBytes, unprotected, payload] = asArray(accepted(decodeCbor(kind.bytes.subarray(1))));
  const headers = asMap(accepted(decodeCbor(asBytes(protectedBytes))));
  const inHeader = headers.get(header.cwtClaims);
  headers.delete(header.cwtClaims);
  const parts: Parts = {
    headers,
    claims: asMap(inHeader ?? accepted(decodeCbor(asBytes(payload)))),
    unprotected: asMap(unprotected),
    root: inHeader === undefined ? undefined : asBytes(payload),
  };
  alter(parts);
  const encodedHeader = encodeCbor(
    parts.root === undefined ? parts.headers : new Map([...parts.headers, [header.cwtClaims, parts.claims]]),
  );
  const body = parts.root ?? encodeCbor(parts.claims);
  const toBeSigned = encodeCbor(['Signature1', encodedHeader, new Uint8Array(), body]);
  return tagged([encodedHeader, parts.unprotected, body, kind.signer.sign(toBeSigned)]);
}

/** COSE_Sign1 of any four parts, well-formed or not. */
export function tagged(parts: readonly CborValue[]): Uint8Array {
  return concatBytes(Uint8Array.of(0xd2), encodeCbor(parts));
}

export function asArray(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw new Error('no array');
  return value;
}

export function asMap(value: CborValue | undefined): Map<number | string, CborValue> {
  if (!(value instanceof Map)) throw new Error('no map');
  return new Map(value);
}

export function asBytes(value: CborValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error('no byte string');
  return value;
}

/** Every copy of `bytes` with one bit turned, with that bit's number. */
export function* bitFlips(bytes: Uint8Array): Generator<readonly [number, Uint8Array]> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    // Not slice(): CBOR bytes are a Buffer in Node, and its slice() shares memory.
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [bit, copy];
  }
}
