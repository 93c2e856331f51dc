/** Retirements, transfers and settlements: what each may say, and at which value it ends; and the file that a retirement is sent in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/kit/encoding.ts';
import { claim } from '../../src/records/claims.ts';
import { inspectRecord } from '../../src/records/inspection.ts';
import { isOwnerName, keyOfOwner, ownerOfKey } from '../../src/records/owner.ts';
import { encodeRetirement, retiredUnitLimit } from '../../src/records/retirement.ts';
import {
  decodeRetirementFile,
  encodeRetirementFile,
  retirementFileLimit,
  retirementFileSizeLimit,
} from '../../src/records/retirement-file.ts';
import { encodeCoseKey } from '../../src/records/signature.ts';
import { makeBatch, unitOf } from './batches.ts';
import {
  accepted,
  bitFlips,
  fill,
  keys,
  now,
  rebuild,
  recordKinds,
  retirement,
  settlement,
  signed,
  transfer,
} from './samples.ts';

function kindOf(name: string) {
  const kind = recordKinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(name);
  return kind;
}

function decodeWith(name: string, changes: readonly (readonly [number, CborValue])[]) {
  const kind = kindOf(name);
  return kind.decode(
    rebuild(kind, ({ claims }) => {
      for (const [key, value] of changes) claims.set(key, value);
    }),
  );
}

/** `count` leaf hashes in ascending order. */
const leafHashes = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => {
    const hash = fill(32, 0);
    new DataView(hash.buffer).setUint32(0, index + 1);
    return hash;
  });

describe.each(['retirement', 'transfer'])('a %s', (name) => {
  it('is for quota control', () => {
    expect(decodeWith(name, [[claim.audience, 'central']])).toMatchObject({ ok: false, field: 'audience' });
  });

  it('is signed by the key that it names: another one in the header is refused', () => {
    const stranger = encodeCoseKey(keys.stranger.key.point);
    expect(decodeWith(name, [[claim.ownerKey, stranger]])).toMatchObject({
      ok: false,
      code: 'record_malformed',
      field: 'ownerKey',
    });
  });

  it('expires after it was made', () => {
    expect(decodeWith(name, [[claim.expiresAt, now + 1]]).ok).toBe(true);
    expect(decodeWith(name, [[claim.expiresAt, now]])).toMatchObject({ field: 'expiresAt' });
  });

  it('has a reason of 1 to 140 characters', () => {
    expect(decodeWith(name, [[claim.reason, 'x'.repeat(140)]]).ok).toBe(true);
    for (const reason of ['', 'x'.repeat(141), 'two\nlines'])
      expect(decodeWith(name, [[claim.reason, reason]])).toMatchObject({ field: 'reason' });
  });

  it('credits an account of 32 bytes, or nobody', () => {
    expect(decodeWith(name, [[claim.creditTo, null]]).ok).toBe(true);
    expect(decodeWith(name, [[claim.creditTo, fill(32, 1)]]).ok).toBe(true);
    for (const account of [fill(31, 1), fill(33, 1), toHex(fill(32, 1))])
      expect(decodeWith(name, [[claim.creditTo, account]])).toMatchObject({ field: 'creditTo' });
  });

  it('is for an amount from 1 to 10^15', () => {
    expect(decodeWith(name, [[claim.total, 10n ** 15n]]).ok).toBe(true);
    for (const total of [0, 10n ** 15n + 1n])
      expect(decodeWith(name, [[claim.total, total]])).toMatchObject({ code: 'amount_out_of_range' });
  });
});

describe('a retirement', () => {
  it('may credit the account of its own owner, and a transfer may not', () => {
    const own: [number, CborValue] = [claim.creditTo, keys.owner.key.keyId];
    expect(decodeWith('retirement', [own]).ok).toBe(true);
    expect(decodeWith('transfer', [own])).toMatchObject({ ok: false, field: 'creditTo' });
  });

  it(`names 1 to ${retiredUnitLimit} units`, () => {
    expect(decodeWith('retirement', [[claim.units, leafHashes(retiredUnitLimit)]]).ok).toBe(true);
    expect(decodeWith('retirement', [[claim.units, leafHashes(retiredUnitLimit + 1)]])).toMatchObject({
      code: 'too_many_units',
      field: 'units',
    });
    expect(decodeWith('retirement', [[claim.units, []]])).toMatchObject({ field: 'units' });
  });

  it('names each unit once, in ascending order: a choice of units has one encoding', () => {
    const [one = fill(32, 0), two = fill(32, 0), three = fill(32, 0)] = leafHashes(3);
    expect(decodeWith('retirement', [[claim.units, [one, two, three]]]).ok).toBe(true);
    for (const units of [
      [one, one],
      [two, one],
      [one, three, two],
    ])
      expect(decodeWith('retirement', [[claim.units, units]])).toMatchObject({ ok: false, field: 'units' });
    expect(decodeWith('retirement', [[claim.units, [fill(31, 1)]]])).toMatchObject({ field: 'units[0]' });
    expect(() => encodeRetirement({ ...retirement, units: [two, one] })).toThrow('ascending');
  });
});

describe('a settlement', () => {
  it('is of quota control', () => {
    expect(decodeWith('settlement', [[claim.issuer, 'central']])).toMatchObject({ field: 'issuer' });
  });

  it('returns the total or nothing', () => {
    expect(decodeWith('settlement', [[claim.returned, 0]]).ok).toBe(true);
    expect(decodeWith('settlement', [[claim.returned, settlement.total]]).ok).toBe(true);
    for (const returned of [1n, settlement.total - 1n, settlement.total + 1n, -1])
      expect(decodeWith('settlement', [[claim.returned, returned]])).toMatchObject({
        ok: false,
        field: 'returned',
      });
  });

  it('returns nothing where an account is credited: that is outstanding still', () => {
    const credited: [number, CborValue] = [claim.creditTo, fill(32, 1)];
    expect(decodeWith('settlement', [credited, [claim.returned, 0]]).ok).toBe(true);
    expect(decodeWith('settlement', [credited])).toMatchObject({ ok: false, field: 'returned' });
  });

  it(`spends 0 to ${retiredUnitLimit} units`, () => {
    expect(decodeWith('settlement', [[claim.count, 0]]).ok).toBe(true);
    expect(decodeWith('settlement', [[claim.count, retiredUnitLimit]]).ok).toBe(true);
    expect(decodeWith('settlement', [[claim.count, retiredUnitLimit + 1]])).toMatchObject({ field: 'count' });
  });
});

describe('a retirement file', () => {
  const record = signed(encodeRetirement(retirement), keys.owner);
  const batch = makeBatch();
  const parts = {
    retirement: record,
    files: [unitOf(batch, 0), unitOf(batch, 1)],
    blindings: [fill(32, 1), fill(32, 2)],
  };
  const bytes = encodeRetirementFile(parts);
  const items = (changes: Readonly<Record<number, CborValue>>): Uint8Array => {
    const list: CborValue[] = ['ringmint.retirement', 1, record, parts.files, parts.blindings];
    for (const [index, value] of Object.entries(changes)) list[Number(index)] = value;
    return encodeCbor(list);
  };

  it('comes back as it was, with its retirement', () => {
    const decoded = accepted(decodeRetirementFile(bytes));
    expect(decoded.retirement.record).toEqual(retirement);
    expect(decoded.retirement.bytes).toEqual(record);
    expect([decoded.files, decoded.blindings]).toEqual([parts.files, parts.blindings]);
    expect(items({})).toEqual(bytes);
  });

  it.each<readonly [string, string | undefined, CborValue[] | Uint8Array]>([
    ['another kind', undefined, items({ 0: 'ringmint.unit-file' })],
    ['another version', undefined, items({ 1: 2 })],
    ['a retirement that is no byte string', 'retirement', items({ 2: 'x' })],
    ['no file', 'files', items({ 3: [] })],
    [
      `${retirementFileLimit + 1} files`,
      'files',
      items({ 3: Array.from({ length: retirementFileLimit + 1 }, () => fill(1, 1)) }),
    ],
    ['a file that is text', 'files', items({ 3: ['x'] })],
    ['a blinding too few', 'blindings', items({ 4: [fill(32, 1)] })],
    ['a blinding too many', 'blindings', items({ 4: [fill(32, 1), fill(32, 2), fill(32, 3)] })],
    ['a blinding of 31 bytes', 'blindings', items({ 4: [fill(32, 1), fill(31, 1)] })],
    ['a sixth item', undefined, encodeCbor(['ringmint.retirement', 1, record, [fill(1, 1)], [], 0])],
  ])('is refused with %s, which it names', (_name, field, altered) => {
    const decoded = decodeRetirementFile(altered as Uint8Array);
    expect(decoded).toMatchObject({ ok: false, code: 'record_malformed' });
    if (!decoded.ok) expect(decoded.field).toBe(field);
  });

  it('is refused by the codes of the retirement in it', () => {
    const other = kindOf('transfer').bytes;
    expect(decodeRetirementFile(items({ 2: other }))).toMatchObject({ code: 'record_type_mismatch' });
    expect(decodeRetirementFile(items({ 2: record.slice(0, -1) }))).toMatchObject({ code: 'not_cbor' });
  });

  it('is not read where it is larger than it can be', () => {
    expect(decodeRetirementFile(fill(retirementFileSizeLimit + 1, 0))).toMatchObject({ code: 'too_large' });
  });

  it('is refused when it is cut short anywhere, and never throws for a turned bit or random bytes', () => {
    for (let length = 0; length < bytes.length; length++)
      expect(decodeRetirementFile(bytes.slice(0, length)).ok, String(length)).toBe(false);
    for (const [bit, altered] of bitFlips(bytes)) {
      if (bit % 7 !== 0) continue;
      const decoded = decodeRetirementFile(altered);
      if (!decoded.ok) expect(decoded.code).toMatch(/^[a-z_]+$/);
      const inspected = inspectRecord(altered);
      if (!inspected.ok) expect(inspected.code).toMatch(/^[a-z_]+$/);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(decodeRetirementFile(noise).ok).toBe(false);
        expect(decodeRetirementFile(Uint8Array.of(0x85, ...noise)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('is explained by inspection, which shows no blinding', () => {
    const inspected = accepted(inspectRecord(bytes));
    expect(inspected).toMatchObject({ kind: 'retirement file' });
    expect(inspected.explanation).toContain('2 files');
    const text = JSON.stringify(inspected);
    expect(text).toContain(ownerOfKey(keys.owner.key.keyId));
    for (const blinding of parts.blindings) expect(text).not.toContain(toHex(blinding));
  });
});

describe('inspection', () => {
  const field = (name: string, of: string): string | undefined =>
    accepted(inspectRecord(kindOf(of).bytes)).fields.find((one) => one.name === name)?.value;

  it('tells amounts, accounts and what came back', () => {
    expect(field('total', 'retirement')).toBe('105.00 EUR');
    expect(field('credit to', 'retirement')).toBe('nobody: retired for good');
    expect(field('credit to', 'transfer')).toBe(ownerOfKey(keys.alice.key.keyId));
    expect(field('owner', 'transfer')).toBe(ownerOfKey(transfer.ownerKey.keyId));
    expect(field('came back to the quota', 'settlement')).toBe('105.00 EUR');
    expect(field('units spent', 'settlement')).toBe('2');
  });

  it('tells every claim: none is left out but those that are the same in each', () => {
    for (const name of ['retirement', 'transfer', 'settlement']) {
      const shown = new Set(accepted(inspectRecord(kindOf(name).bytes)).fields.map((one) => one.claim));
      const all: (number | string)[] = [];
      rebuild(kindOf(name), ({ claims }) => all.push(...claims.keys()));
      const same: (number | string)[] = [claim.issuer, claim.audience, claim.currency];
      for (const key of all.filter((one) => !same.includes(one)))
        expect(shown.has(key as number), `${name} ${key}`).toBe(true);
    }
  });
});

describe('an owner', () => {
  const text = ownerOfKey(fill(32, 0xab));

  it('that is a key has one spelling, which gives the key back', () => {
    expect(text).toBe(`key:${'ab'.repeat(32)}`);
    expect(keyOfOwner(text)).toEqual(fill(32, 0xab));
    expect(isOwnerName(text)).toBe(true);
  });

  it.each([
    text.toUpperCase(),
    `KEY:${'ab'.repeat(32)}`,
    `key:${'AB'.repeat(32)}`,
    text.slice(0, -1),
    `${text}0`,
    `${text} `,
    `key: ${'ab'.repeat(32)}`,
    'key:',
    'key:alice',
    `key:${'xy'.repeat(32)}`,
  ])('is refused as %j: it looks like a key, and nobody could prove to be it', (owner) => {
    expect(isOwnerName(owner)).toBe(false);
    expect(keyOfOwner(owner)).toBeUndefined();
  });

  it.each(['Alice', 'keys of the house', 'my key:1', 'Zoë'])('is a plain name as %j', (owner) => {
    expect(isOwnerName(owner)).toBe(true);
    expect(keyOfOwner(owner)).toBeUndefined();
  });

  it.each(['', 'x'.repeat(141), 'a\u0000b'])('is refused as %j', (owner) => {
    expect(isOwnerName(owner)).toBe(false);
  });
});
