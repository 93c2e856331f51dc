/** What holds for every type of record alike: one meaning, one encoding, and nothing else is let in. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CborValue } from '../../src/kit/encoding.ts';
import { claim } from '../../src/records/claims.ts';
import { recordType, verifyRecord } from '../../src/records/cose.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { accepted, bitFlips, rebuild, recordKinds } from './samples.ts';

const verifySignature = makeNodeVerifySignature();
/** Claims that may be null. */
const nullable: readonly (number | string)[] = [claim.approval, claim.creditTo];

describe.each(recordKinds)('$name', (kind) => {
  const claimKeys = (() => {
    const found: (number | string)[] = [];
    rebuild(kind, ({ claims }) => found.push(...claims.keys()));
    return found;
  })();

  it('comes back from its encoding as it was, signed by the key it names', () => {
    const decoded = accepted(kind.decode(kind.bytes));
    expect(decoded.record).toEqual(kind.sample);
    expect(accepted(verifyRecord(decoded, kind.signer.key, verifySignature))).toEqual(kind.sample);
  });

  it('is what `rebuild` makes when nothing is altered, so that the refusals below are of the alterations', () => {
    expect(kind.decode(rebuild(kind, () => {})).ok).toBe(true);
  });

  it('has only claims that claims.ts lists', () => {
    expect(claimKeys.length).toBeGreaterThanOrEqual(3);
    for (const key of claimKeys) expect(Object.values(claim)).toContain(key);
  });

  it('refuses each claim when it is missing, and names it', () => {
    for (const key of claimKeys) {
      const decoded = kind.decode(rebuild(kind, ({ claims }) => claims.delete(key)));
      expect(decoded.ok, String(key)).toBe(false);
      if (!decoded.ok) {
        expect(['record_malformed', 'currency_unknown'], String(key)).toContain(decoded.code);
        expect(decoded.field, String(key)).toBeDefined();
        expect(decoded.message, String(key)).toContain(decoded.field);
      }
    }
  });

  it('refuses each claim when it has another type', () => {
    const others: CborValue[] = [true, 'x'.repeat(141), -1, new Uint8Array(5), [[[]]], new Map([[1, 1]])];
    for (const key of claimKeys) {
      for (const other of [...others, ...(nullable.includes(key) ? [] : [null])]) {
        const decoded = kind.decode(rebuild(kind, ({ claims }) => claims.set(key, other)));
        expect(
          decoded.ok,
          `${key} as ${JSON.stringify(other, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item))}`,
        ).toBe(false);
      }
    }
  });

  it.each([8, 99, 'iss', -65_551, -65_570, -70_000])('refuses an unknown claim %s', (key) => {
    expect(kind.decode(rebuild(kind, ({ claims }) => claims.set(key, 1)))).toMatchObject({
      ok: false,
      code: 'record_malformed',
    });
  });

  it('refuses every claim of another record that it does not define', () => {
    for (const key of Object.values(claim)) {
      if (claimKeys.includes(key)) continue;
      expect(kind.decode(rebuild(kind, ({ claims }) => claims.set(key, 1))).ok, String(key)).toBe(false);
    }
  });

  it.each(recordKinds.filter((other) => other.name !== kind.name))('refuses to pass for a $name', (other) => {
    expect(other.decode(kind.bytes)).toMatchObject({ ok: false, code: 'record_type_mismatch' });
  });

  it.each(Object.values(recordType).filter((type) => type !== kind.type))(
    'refuses its claims under the type %s, signed again',
    (type) => {
      const relabelled = rebuild(kind, ({ headers }) => headers.set(16, type));
      expect(kind.decode(relabelled)).toMatchObject({ ok: false, code: 'record_type_mismatch' });
      for (const other of recordKinds) expect(other.decode(relabelled).ok, other.name).toBe(false);
    },
  );

  it('refuses every truncation', () => {
    for (let length = 0; length < kind.bytes.length; length++) {
      const decoded = kind.decode(kind.bytes.slice(0, length));
      expect(decoded.ok, `${length} bytes`).toBe(false);
    }
  });

  it('refuses every single turned bit, on decoding or by its signature', () => {
    const refusedBy = { decode: 0, signature: 0 };
    for (const [bit, altered] of bitFlips(kind.bytes)) {
      const decoded = kind.decode(altered);
      if (!decoded.ok) {
        refusedBy.decode++;
        continue;
      }
      const verified = verifyRecord(decoded.value, kind.signer.key, verifySignature);
      expect(verified.ok, `bit ${bit}`).toBe(false);
      refusedBy.signature++;
    }
    // Both walls were hit: at the least the signature's 512 bits decode and only it can refuse them.
    expect(refusedBy.decode).toBeGreaterThan(0);
    expect(refusedBy.signature).toBeGreaterThanOrEqual(512);
  });

  it('never throws for random bytes, with or without its tag', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, tagged) => {
        expect(kind.decode(tagged ? Uint8Array.of(0xd2, ...bytes) : bytes).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws for a record with bytes overwritten, and never takes it for signed', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: kind.bytes.length - 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 12 }),
        (at, noise) => {
          const altered = kind.bytes.slice();
          altered.set(noise.slice(0, altered.length - at), at);
          fc.pre(Buffer.compare(altered, kind.bytes) !== 0);
          const decoded = kind.decode(altered);
          if (decoded.ok)
            expect(verifyRecord(decoded.value, kind.signer.key, verifySignature).ok).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never throws for claims of any shape under a right signature', () => {
    const value: fc.Arbitrary<CborValue> = fc.letrec<{ any: CborValue }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
        fc.string({ unit: 'grapheme' }),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array({ maxLength: 40 }),
        fc.array(tie('any'), { maxLength: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.constantFrom(...claimKeys), value, (key, replacement) => {
        const decoded = kind.decode(rebuild(kind, ({ claims }) => claims.set(key, replacement)));
        if (!decoded.ok) expect(decoded.message).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 300 },
    );
  });
});
