import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/kit/bytes.ts';
import { fixedClock } from '../../src/kit/clock.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import { decodeDraft, encodeDraft } from '../../src/records/draft.ts';
import { decodePayees } from '../../src/records/payees.ts';
import { formatUuid, makeRequestId, parseUuid } from '../../src/records/request-id.ts';

const samples = join(import.meta.dirname, '../../samples');
const euro = { code: 'EUR', exponent: 2 };
const good = {
  currency: 'EUR',
  total: '10.00',
  denominations: [{ value: '5.00', count: 2 }],
  owner: 'Alice',
  purpose: 'test',
  origin: 'DE',
  destination: 'FR',
};

function decodeJson(changed: Record<string, unknown>): ReturnType<typeof decodeDraft> {
  return decodeDraft(utf8(JSON.stringify({ ...good, ...changed })));
}

describe('a draft', () => {
  it('of the samples adds up to 250,000.00 EUR in some ten thousand units', () => {
    const decoded = decodeDraft(readFileSync(join(samples, 'request.json')));
    expect(decoded).toMatchObject({ ok: true, value: { total: 25_000_000n, currency: euro } });
    if (decoded.ok) expect(decoded.value.lots.reduce((sum, lot) => sum + lot.count, 0)).toBe(12_300);
  });

  it('is the same however it was written, as JSON or as CBOR', () => {
    const first = decodeJson({ id: '01a1fb5e-91ec-7e24-80f8-b03fa9a2bb18', redeemUntil: '2036-01-01' });
    if (!first.ok) throw new Error(first.message);
    const again = decodeDraft(encodeDraft(first.value));
    expect(again).toEqual(first);
    const spaced = decodeDraft(
      utf8(
        `\uFEFF${JSON.stringify({ ...good, id: '01A1FB5E-91EC-7E24-80F8-B03FA9A2BB18', redeemUntil: '2036-01-01' }, null, 4)}`,
      ),
    );
    if (!spaced.ok) throw new Error(spaced.message);
    expect(encodeDraft(spaced.value)).toEqual(encodeDraft(first.value));
  });

  it('has payees, one unit each unless they say otherwise, by name or by commitment', () => {
    const payees = [
      { owner: 'Bob', amount: '3.00' },
      { owner: 'ab'.repeat(32), amount: '3.50', count: 2 },
    ];
    expect(decodeJson({ denominations: undefined, owner: undefined, payees })).toMatchObject({
      ok: true,
      value: {
        lots: [
          { value: 300n, count: 1, owner: { name: 'Bob' } },
          { value: 350n, count: 2, owner: { commitment: new Uint8Array(32).fill(0xab) } },
        ],
      },
    });
  });

  it.each([
    [{ currency: 'XBT' }, 'currency_unknown', 'currency'],
    [{ currency: 7 }, 'currency_unknown', 'currency'],
    [{ total: '10.01' }, 'denominations_mismatch', 'denominations'],
    [{ total: undefined }, 'draft_field_missing', 'total'],
    [{ total: 10 }, 'amount_malformed', 'total'],
    [{ denominations: [] }, 'draft_field_invalid', 'denominations'],
    [{ denominations: 'all' }, 'draft_field_invalid', 'denominations'],
    [{ denominations: [{ value: '5.00', count: 1.5 }] }, 'draft_field_invalid', 'denominations[0].count'],
    [{ denominations: [{ value: '5.00', count: -2 }] }, 'draft_field_invalid', 'denominations[0].count'],
    [{ denominations: [{ value: '5.00', count: '2' }] }, 'draft_field_invalid', 'denominations[0].count'],
    [{ denominations: [{ value: '5.00' }] }, 'draft_field_invalid', 'denominations[0].count'],
    [
      {
        denominations: [
          { value: '5.00', count: 2 },
          { value: '-1.00', count: 1 },
        ],
      },
      'amount_not_positive',
      'denominations[1].value',
    ],
    [{ denominations: [null] }, 'draft_field_invalid', 'denominations[0]'],
    [{ denominations: [{ value: '5.00', count: 2, colour: 'red' }] }, 'draft_field_unknown', 'colour'],
    [{ payees: [{ owner: 'Bob', amount: '1.00' }] }, 'draft_field_missing', 'denominations'],
    [{ owner: undefined }, 'draft_field_invalid', 'owner'],
    [{ owner: '' }, 'draft_field_invalid', 'owner'],
    [{ owner: 'a\nb' }, 'draft_field_invalid', 'owner'],
    [{ purpose: 'x'.repeat(141) }, 'draft_field_invalid', 'purpose'],
    [{ origin: 'de' }, 'draft_field_invalid', 'origin'],
    [{ destination: undefined }, 'draft_field_invalid', 'destination'],
    [{ id: '1' }, 'draft_field_invalid', 'id'],
    [{ redeemUntil: 'tomorrow' }, 'draft_field_invalid', 'redeemUntil'],
    [{ redeemUntil: '2036-02-31x' }, 'draft_field_invalid', 'redeemUntil'],
    [{ price: 1 }, 'draft_field_unknown', 'price'],
  ])('with %j is refused as %s at %s', (changed, code, field) => {
    expect(decodeJson(changed)).toMatchObject({ ok: false, code, field });
  });

  it('says by how much denominations are off', () => {
    expect(decodeJson({ total: '12.34' })).toMatchObject({ message: expect.stringContaining('2.34 less') });
    expect(decodeJson({ total: '9.99' })).toMatchObject({ message: expect.stringContaining('0.01 more') });
  });

  it('takes 65,536 units and refuses one more', () => {
    const units = (count: number) =>
      decodeJson({
        total: `${count}.00`,
        denominations: [
          { value: '1.00', count: 65_536 },
          ...(count > 65_536 ? [{ value: '1.00', count: count - 65_536 }] : []),
        ],
      });
    expect(units(65_536)).toMatchObject({ ok: true });
    expect(units(65_537)).toMatchObject({ ok: false, code: 'too_many_units' });
  });

  it.each([
    ['nothing', new Uint8Array(), 'draft_empty'],
    ['text', utf8('hello'), 'draft_not_json'],
    ['JSON that is no object', utf8('[1]'), 'draft_field_invalid'],
    ['JSON in UTF-16', Uint8Array.of(0xff, 0xfe, 0x7b, 0), 'draft_not_text'],
    ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xff), 'draft_not_text'],
    ['CBOR of something else', Uint8Array.of(0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 'record_malformed'],
    ['CBOR that is cut short', Uint8Array.of(0x8a, 0), 'not_cbor'],
  ])('that is %s is refused', (_what, bytes, code) => {
    expect(decodeDraft(bytes)).toMatchObject({ ok: false, code });
  });

  it('in CBOR is refused or the same after any change of one byte, and never throws', () => {
    const draft = decodeJson({ id: '01a1fb5e-91ec-7e24-80f8-b03fa9a2bb18' });
    if (!draft.ok) throw new Error(draft.message);
    const bytes = encodeDraft(draft.value);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = bytes.with(at, byte);
        const decoded = decodeDraft(changed);
        if (decoded.ok) expect(encodeDraft(decoded.value)).toEqual(changed);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a CSV of payees', () => {
  const decode = (text: string) => decodePayees(text, euro);

  it('of the samples has 1,000', () => {
    const decoded = decode(readFileSync(join(samples, 'payees.csv'), 'utf8'));
    expect(decoded).toMatchObject({ ok: true, value: { total: 10_483_611n } });
    if (decoded.ok) expect(decoded.value.lots).toHaveLength(1_000);
  });

  it('may be quoted, have blank lines, Windows line ends and a byte order mark', () => {
    const text = '\uFEFFPayee,Amount\r\n"Müller, ""Anna""",1.00\r\n\r\n Bob , 2.50 \r\n"two\nlines",3.00';
    expect(decode(text)).toMatchObject({ ok: false, code: 'draft_field_invalid' });
    expect(decode(text.replace('two\nlines', 'one line'))).toMatchObject({
      ok: true,
      value: {
        total: 650n,
        lots: [
          { owner: { name: 'Müller, "Anna"' } },
          { owner: { name: 'Bob' }, value: 250n },
          { owner: { name: 'one line' } },
        ],
      },
    });
  });

  it.each([
    ['', 'payees_malformed', undefined],
    ['payee,amount\n', 'payees_malformed', undefined],
    ['name,sum\na,1.00', 'payees_malformed', undefined],
    ['payee,amount\na', 'payees_malformed', 'line 2'],
    ['payee,amount\na,1.00,x', 'payees_malformed', 'line 2'],
    ['payee,amount\na,1.00\nb,0.00', 'amount_not_positive', 'line 3'],
    ['payee,amount\n\n\nb,1,00', 'payees_malformed', 'line 4'],
    ['payee,amount\na,"1.00', 'payees_malformed', 'line 2'],
    ['payee,amount\n"a"b,1.00', 'payees_malformed', 'line 2'],
    ['payee,amount\n,1.00', 'draft_field_invalid', 'line 2'],
  ])('%j is refused as %s at %s', (text, code, field) => {
    const decoded = decode(text);
    expect(decoded).toMatchObject({ ok: false, code });
    expect(decoded.ok ? undefined : decoded.field).toBe(field);
  });
});

describe('a request id', () => {
  it('is a UUID of version 7 that sorts by time', () => {
    const clock = fixedClock(Date.parse('2026-11-20T12:00:00Z'));
    const early = formatUuid(makeRequestId(clock, (length) => new Uint8Array(length).fill(0xff)));
    clock.advanceMs(1);
    const late = formatUuid(makeRequestId(clock, (length) => new Uint8Array(length)));
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(early < late).toBe(true);
    expect(formatUuid(parseUuid(early.toUpperCase()) ?? new Uint8Array(16))).toBe(early);
    expect(parseUuid(`${early}0`)).toBeUndefined();
  });
});

describe('the bytes of a draft', () => {
  it('are those that the library gives for its ten items, whatever its lots', () => {
    const owner = fc.oneof(
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map((commitment) => ({ commitment })),
      fc.string({ unit: 'grapheme', minLength: 1 }).map((name) => ({ name })),
    );
    const lot = fc.record({
      value: fc.bigInt({ min: 1n, max: 10n ** 15n }),
      count: fc.integer({ min: 1, max: 65_536 }),
      owner,
    });
    fc.assert(
      fc.property(
        fc.array(lot, { maxLength: 40 }),
        fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }), { nil: undefined }),
        (lots, id) => {
          const draft = { currency: euro, total: 1n, lots, purpose: 'p', origin: 'DE', destination: 'FR' };
          const items = lots.map((one) => [
            one.value,
            one.count,
            'name' in one.owner ? one.owner.name : one.owner.commitment,
          ]);
          const expected = encodeCbor([
            'ringmint.draft',
            1,
            id ?? null,
            'EUR',
            1n,
            items,
            'p',
            'DE',
            'FR',
            null,
          ]);
          expect(encodeDraft(id === undefined ? draft : { ...draft, id })).toEqual(expected);
        },
      ),
    );
  });
});
