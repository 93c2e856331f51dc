/** Rules of single records beyond their types: what each claim may be, and at which value it ends. */
import { describe, expect, it } from 'vitest';
import { sha256, toHex } from '../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { claim } from '../../src/records/claims.ts';
import { encodeCoseKey } from '../../src/records/signature.ts';
import { decodeTrustBundle, encodeTrustBundle, keySetId } from '../../src/records/trust-bundle.ts';
import {
  accepted,
  fill,
  keys,
  now,
  policy,
  rebuild,
  recordKinds,
  signed,
  testKey,
  trustBundle,
} from './samples.ts';

function decodeWith(name: string, key: number, value: CborValue) {
  const kind = recordKinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(name);
  return kind.decode(rebuild(kind, ({ claims }) => claims.set(key, value)));
}

describe('a credential', () => {
  it('is of central management, for quota control', () => {
    expect(decodeWith('credential', claim.issuer, 'quota')).toMatchObject({ ok: false, field: 'issuer' });
    expect(decodeWith('credential', claim.audience, 'central')).toMatchObject({
      ok: false,
      field: 'audience',
    });
  });

  it('takes 64 buckets, and refuses 65 or one that is no text', () => {
    expect(decodeWith('credential', claim.buckets, Array(64).fill('total')).ok).toBe(true);
    expect(decodeWith('credential', claim.buckets, Array(65).fill('total'))).toMatchObject({
      field: 'buckets',
    });
    expect(decodeWith('credential', claim.buckets, ['total', 1])).toMatchObject({ field: 'buckets' });
  });

  it('refuses a rule set without a hash of 32 bytes, or with a version below zero', () => {
    expect(decodeWith('credential', claim.ruleSet, [1, fill(31, 1)])).toMatchObject({ field: 'ruleSet' });
    expect(decodeWith('credential', claim.ruleSet, [-1, fill(32, 1)])).toMatchObject({
      field: 'ruleSet.version',
    });
    expect(decodeWith('credential', claim.ruleSet, [0, fill(32, 1)]).ok).toBe(true);
  });
});

describe.each(['control bit', 'currency record'])('a %s', (name) => {
  it.each([
    ['epoch', claim.epoch],
    ['sequence', claim.sequence],
    ['count', claim.count],
  ])('takes %s from 1 to 2^53-1', (field, key) => {
    expect(decodeWith(name, key, 1).ok).toBe(true);
    expect(decodeWith(name, key, Number.MAX_SAFE_INTEGER).ok).toBe(true);
    expect(decodeWith(name, key, 0)).toMatchObject({ ok: false, field });
    expect(decodeWith(name, key, 2n ** 53n)).toMatchObject({ ok: false, field });
  });
});

describe('a control bit', () => {
  it('is of quota control', () => {
    expect(decodeWith('control bit', claim.issuer, 'central')).toMatchObject({ ok: false, field: 'issuer' });
  });
});

describe('a denial', () => {
  it('tells an amount that would pass, or null', () => {
    const telling = (wouldPass: CborValue) => decodeWith('denial', claim.denials, [[0, ['x'], wouldPass]]);
    expect(telling(null).ok).toBe(true);
    expect(telling(1).ok).toBe(true);
    expect(telling(0)).toMatchObject({ field: 'denials[0].wouldPass' });
    expect(telling('all')).toMatchObject({ field: 'denials[0].wouldPass' });
  });

  it('names each order once, in ascending order, and at least one', () => {
    const naming = (...orders: number[]) =>
      decodeWith(
        'denial',
        claim.denials,
        orders.map((order): CborValue => [order, ['x'], null]),
      );
    expect(naming(0, 1, 7).ok).toBe(true);
    expect(naming()).toMatchObject({ ok: false, field: 'denials' });
    expect(naming(1, 1)).toMatchObject({ ok: false, field: 'denials[1].order' });
    expect(naming(2, 1)).toMatchObject({ ok: false, field: 'denials[1].order' });
  });
});

describe('a credential', () => {
  it('names the approved orders by runs with gaps between them, so that a choice has one encoding', () => {
    const approving = (...runs: number[][]) => decodeWith('credential', claim.approved, runs);
    expect(approving([0, 3]).ok).toBe(true);
    expect(approving([1, 1], [3, 2]).ok).toBe(true);
    for (const runs of [
      [],
      [[0, 0]],
      [
        [0, 1],
        [1, 1],
      ],
      [
        [2, 1],
        [0, 1],
      ],
      [
        [0, 2],
        [1, 3],
      ],
      [[-1, 2]],
      [[0]],
      [[0, 1, 2]],
    ])
      expect(approving(...runs), JSON.stringify(runs)).toMatchObject({ ok: false });
  });
});

describe('the times of any record', () => {
  const lastSecond = 253_402_300_799;

  it('end with the year 9999', () => {
    expect(new Date(lastSecond * 1000).toISOString()).toBe('9999-12-31T23:59:59.000Z');
    expect(decodeWith('request', claim.redeemUntil, lastSecond).ok).toBe(true);
    for (const kind of recordKinds) {
      const decoded = decodeWith(kind.name, claim.issuedAt, lastSecond + 1);
      expect(decoded, kind.name).toMatchObject({ ok: false, code: 'record_malformed', field: 'issuedAt' });
      expect(decodeWith(kind.name, claim.issuedAt, -1), kind.name).toMatchObject({ field: 'issuedAt' });
    }
    for (const name of ['request', 'credential', 'trust bundle'])
      expect(decodeWith(name, claim.expiresAt, lastSecond + 1)).toMatchObject({
        ok: false,
        field: 'expiresAt',
      });
    for (const name of ['request', 'control bit'])
      expect(decodeWith(name, claim.redeemUntil, lastSecond + 1)).toMatchObject({ field: 'redeemUntil' });
  });
});

describe('a trust bundle', () => {
  const entry = (changes: Partial<Record<0 | 1 | 2 | 3 | 4 | 5, CborValue>>): CborValue[] => {
    const fields: CborValue[] = ['quota', 'quota', encodeCoseKey(keys.quota.key.point), now, now + 1, null];
    for (const [index, value] of Object.entries(changes)) fields[Number(index)] = value;
    return fields;
  };

  it('takes each role there is', () => {
    for (const role of ['central', 'issuance', 'quota', 'quota-agreement'])
      expect(decodeWith('trust bundle', claim.keys, [entry({ 0: role })]).ok).toBe(true);
  });

  it.each([
    ['another role', 'role', entry({ 0: 'root' })],
    ['no name', 'name', entry({ 1: '' })],
    ['a name in capitals', 'name', entry({ 1: 'Quota' })],
    ['a name that is a number', 'name', entry({ 1: 5 })],
    ['a key that is bytes', 'key', entry({ 2: fill(65, 4) })],
    [
      'a key with a private part',
      'key',
      entry({ 2: new Map([...encodeCoseKey(keys.quota.key.point), [-4, fill(32, 1)]]) }),
    ],
    ['a start below zero', 'notBefore', entry({ 3: -1 })],
    ['an end that is text', 'notAfter', entry({ 4: 'never' })],
    ['an end after the year 9999', 'notAfter', entry({ 4: 253_402_300_800 })],
    ['revoked as a boolean', 'revokedAt', entry({ 5: true })],
    ['revoked after the year 9999', 'revokedAt', entry({ 5: 253_402_300_800 })],
  ])('refuses an entry with %s, and names it', (_name, field, fields) => {
    expect(decodeWith('trust bundle', claim.keys, [entry({}), fields])).toMatchObject({
      ok: false,
      code: 'record_malformed',
      field: `keys[1].${field}`,
    });
  });

  it('refuses a key that it lists twice, under whatever role', () => {
    for (const again of [entry({}), entry({ 0: 'central', 1: 'central' }), entry({ 5: 1 })])
      expect(decodeWith('trust bundle', claim.keys, [entry({}), again])).toMatchObject({
        ok: false,
        field: 'keys',
      });
  });

  it('refuses an entry with five fields, or seven', () => {
    expect(decodeWith('trust bundle', claim.keys, [entry({}).slice(0, 5)])).toMatchObject({
      field: 'keys[0]',
    });
    expect(decodeWith('trust bundle', claim.keys, [[...entry({}), 1]])).toMatchObject({ field: 'keys[0]' });
  });

  it('names its key set by SHA-256 of the keys claim, so by every key, time and revocation in it', () => {
    const encoded = encodeCbor(
      trustBundle.keys.map((item) => [
        item.role,
        item.name,
        encodeCoseKey(item.key.point),
        item.notBefore,
        item.notAfter,
        item.revokedAt,
      ]),
    );
    expect(toHex(keySetId(trustBundle))).toBe(toHex(sha256(encoded)));
    const [first, ...rest] = trustBundle.keys;
    if (first === undefined) throw new Error('no keys');
    const variants = [
      { ...first, revokedAt: 0 },
      { ...first, notAfter: first.notAfter + 1 },
      { ...first, key: keys.stranger.key },
      { ...first, name: 'other' },
    ].map((changed) => toHex(keySetId({ ...trustBundle, keys: [changed, ...rest] })));
    expect(new Set([...variants, toHex(keySetId(trustBundle))]).size).toBe(5);
  });

  it('keeps its key set id when it is issued anew with the same keys', () => {
    const renewed = { ...trustBundle, issuedAt: now, expiresAt: now + 1, revocationEpoch: 7 };
    const bytes = signed(encodeTrustBundle(renewed, keys.root.key.keyId), keys.root);
    const decoded = accepted(decodeTrustBundle(bytes)).record;
    expect(toHex(keySetId(decoded))).toBe(toHex(keySetId(trustBundle)));
  });

  it('gives each key the thumbprint as its id, whatever the bundle says elsewhere', () => {
    const bytes = signed(encodeTrustBundle(trustBundle, keys.root.key.keyId), keys.root);
    for (const { key } of accepted(decodeTrustBundle(bytes)).record.keys)
      expect(toHex(sha256(encodeCbor(encodeCoseKey(key.point))))).toBe(toHex(key.keyId));
  });
});

describe('the approval policy of a trust bundle', () => {
  const member = (name: string, by = keys.alice): CborValue[] => [name, encodeCoseKey(by.key.point)];
  const sixteen = Array.from({ length: 17 }, (_, index) => member(`a${index}`, testKey(`approver ${index}`)));

  it('is null, or some of 1 to 16 approvers', () => {
    for (const value of [
      null,
      [1, [member('alice')]],
      [2, [member('alice'), member('bob', keys.bob)]],
      [16, sixteen.slice(0, 16)],
    ])
      expect(decodeWith('trust bundle', claim.approval, value).ok).toBe(true);
  });

  it.each<readonly [string, string, CborValue]>([
    ['no approvers', 'approval.approvers', [1, []]],
    ['17 approvers', 'approval.approvers', [1, sixteen]],
    ['a threshold of none', 'approval.threshold', [0, [member('alice')]]],
    ['a threshold above their number', 'approval.threshold', [2, [member('alice')]]],
    ['a threshold that is text', 'approval.threshold', ['1', [member('alice')]]],
    ['a name twice', 'approval.approvers', [1, [member('alice'), member('alice', keys.bob)]]],
    ['a key twice', 'approval.approvers', [1, [member('alice'), member('bob')]]],
    ['a name in capitals', 'approval.approvers[0].name', [1, [member('Alice')]]],
    ['a key that is bytes', 'approval.approvers[0].key', [1, [['alice', fill(65, 4)]]]],
    ['an approver with more to it', 'approval.approvers[0]', [1, [[...member('alice'), 1]]]],
    ['more than two items', 'approval', [1, [member('alice')], 1]],
  ])('is refused with %s, which it names', (_name, field, value) => {
    expect(decodeWith('trust bundle', claim.approval, value)).toMatchObject({
      ok: false,
      code: 'record_malformed',
      field,
    });
  });

  it('does not change the id of the key set', () => {
    expect(toHex(keySetId({ ...trustBundle, approval: policy }))).toBe(toHex(keySetId(trustBundle)));
  });
});

describe('a ceremony transcript', () => {
  it('takes 16 approvals, and refuses 17', () => {
    const approval = recordKinds.find(({ name }) => name === 'ceremony approval')?.bytes ?? fill(0, 0);
    expect(decodeWith('ceremony transcript', claim.approvals, Array(16).fill(approval)).ok).toBe(true);
    expect(decodeWith('ceremony transcript', claim.approvals, Array(17).fill(approval))).toMatchObject({
      field: 'approvals',
    });
  });

  it('refuses parts that are not what they should be, by their own codes', () => {
    const bundle = recordKinds.find(({ name }) => name === 'trust bundle')?.bytes ?? fill(0, 0);
    for (const [key, value, code, field] of [
      [claim.plan, fill(3, 0xff), 'not_cbor', 'plan'],
      [claim.plan, bundle, 'not_cbor', 'plan'],
      [claim.approvals, [bundle], 'record_type_mismatch', 'approvals[0]'],
      [claim.bundleBefore, bundle.slice(0, -1), 'not_cbor', 'bundleBefore'],
      [claim.bundleAfter, fill(5, 1), 'record_malformed', 'bundleAfter'],
      [claim.madeKeys, [[]], 'record_malformed', 'madeKeys[0]'],
    ] as const)
      expect(decodeWith('ceremony transcript', key, value)).toMatchObject({ ok: false, code, field });
  });

  it('takes a proof of 64 bytes or none', () => {
    const made = (proof: CborValue): CborValue => [
      ['softhsm', 'signing', encodeCoseKey(keys.alice.key.point), proof],
    ];
    for (const proof of [null, fill(64, 1)])
      expect(decodeWith('ceremony transcript', claim.madeKeys, made(proof)).ok).toBe(true);
    for (const proof of [fill(63, 1), fill(65, 1), false])
      expect(decodeWith('ceremony transcript', claim.madeKeys, made(proof))).toMatchObject({
        field: 'madeKeys[0].proof',
      });
  });
});
