import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  algorithm,
  ClaimReader,
  claim,
  header,
  inclusionProofs,
  rfc9162Sha256,
} from '../../src/records/claims.ts';
import { recordType } from '../../src/records/cose.ts';
import { encryptedCredentialType } from '../../src/records/encryption.ts';

describe('the numbers of records', () => {
  it('has one meaning for each claim', () => {
    expect(new Set(Object.values(claim)).size).toBe(Object.values(claim).length);
  });

  it('keeps private claims in the private range, below -65536 (RFC 8392 §9.1)', () => {
    for (const number of Object.values(claim))
      expect(number < -65_536 || (number >= 1 && number <= 7)).toBe(true);
  });

  it('has the registered numbers of COSE and CWT', () => {
    expect(header).toEqual({
      algorithm: 1,
      keyId: 4,
      iv: 5,
      cwtClaims: 15,
      type: 16,
      verifiableData: 395,
      verifiableProofs: 396,
      ephemeralKey: -1,
      salt: -20,
    });
    expect(algorithm).toEqual({ es256: -7, a256gcm: 3, ecdhEsHkdf256: -25, directHkdf256: -10 });
    expect([rfc9162Sha256, inclusionProofs]).toEqual([1, -1]);
    const { issuer, subject, audience, expiresAt, notBefore, issuedAt, id } = claim;
    expect([issuer, subject, audience, expiresAt, notBefore, issuedAt, id]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('has one type for each record, in the vendor tree', () => {
    const types = [...Object.values(recordType), encryptedCredentialType];
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) expect(type).toMatch(/^application\/vnd\.ringmint\.[a-z-]+\+cose$/);
  });
});

describe('docs/FORMATS.md', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/FORMATS.md'), 'utf8');
  const rows = document.split('\n').filter((line) => line.startsWith('|'));

  it.each(Object.entries(claim))('lists the claim %s with its number %d', (name, number) => {
    expect(rows.some((row) => row.startsWith(`| ${number} | ${name} |`))).toBe(true);
  });

  it.each(Object.entries(header))('lists the header %s with its number %d', (name, number) => {
    expect(rows.some((row) => row.startsWith(`| ${number} | ${name} |`))).toBe(true);
  });

  it.each([...Object.values(recordType), encryptedCredentialType])('lists the type %s', (type) => {
    expect(document).toContain(`\`${type}\``);
  });
});

describe('ClaimReader', () => {
  it('keeps the first fault, and gives no record then', () => {
    const reader = new ClaimReader(
      new Map<number, string>([
        [1, 'x'],
        [2, 'y'],
      ]),
    );
    reader.integer(1, 'first');
    reader.integer(2, 'second');
    expect(reader.finish('record')).toMatchObject({ ok: false, field: 'first' });
  });

  it('gives the record when every claim was read, and refuses when one was not', () => {
    const claims = new Map([
      [1, 5],
      [2, 6],
    ]);
    const reader = new ClaimReader(claims);
    expect(reader.integer(1, 'first')).toBe(5);
    expect(reader.finish('record').ok).toBe(false);
    const whole = new ClaimReader(claims);
    whole.integer(1, 'first');
    whole.integer(2, 'second');
    expect(whole.finish('record')).toEqual({ ok: true, value: 'record' });
  });

  it('takes the text key `1` for another than the number 1', () => {
    const reader = new ClaimReader(new Map<number | string, number>([['1', 5]]));
    reader.integer(1, 'first');
    expect(reader.finish('record')).toMatchObject({ ok: false, field: 'first' });
  });
});
