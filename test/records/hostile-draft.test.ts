import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/kit/bytes.ts';
import { decodeDraft, encodeDraft } from '../../src/records/draft.ts';

const good = {
  currency: 'EUR',
  total: '10.00',
  denominations: [{ value: '5.00', count: 2 }],
  owner: 'Alice',
  purpose: 'test',
  origin: 'DE',
  destination: 'FR',
};

/** JSON whose objects have keys that JavaScript takes for its own. */
const jsonWithOddKeys = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.constantFrom('toString', 'valueOf', '__proto__', 'length'), fc.jsonValue()),
);

function decodeJson(changed: Record<string, unknown>): ReturnType<typeof decodeDraft> {
  return decodeDraft(utf8(JSON.stringify({ ...good, ...changed })));
}

describe('a hostile draft', () => {
  it.each(Object.keys(good))(
    'is refused, and does not throw, where %s is an object without a text form',
    (field) => {
      expect(decodeJson({ [field]: { toString: 1 } })).toMatchObject({ ok: false });
    },
  );

  it.each(['value', 'count'])('is refused, and does not throw, where a %s is such an object', (field) => {
    const lot = { value: '5.00', count: 2, [field]: { toString: 1 } };
    expect(decodeJson({ denominations: [lot] })).toMatchObject({ ok: false });
  });

  it('is refused, and does not throw, where a field is nested 100,000 deep', () => {
    const nested = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(decodeDraft(utf8(`{"currency":${nested}}`))).toMatchObject({ ok: false });
  });

  it('of any JSON never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), jsonWithOddKeys, (field, value) => {
        expect(typeof decodeJson({ [field]: value }).ok).toBe('boolean');
      }),
    );
  });

  it.each(['2036-02-31', '2035-02-29', '2036-04-31'])(
    'to be redeemed by %s, which no calendar has, is refused',
    (day) => {
      expect(decodeJson({ redeemUntil: day })).toMatchObject({
        code: 'draft_field_invalid',
        field: 'redeemUntil',
      });
    },
  );

  it('to be redeemed by a leap day is taken', () => {
    expect(decodeJson({ redeemUntil: '2036-02-29' })).toMatchObject({
      value: { redeemUntil: Date.UTC(2036, 1, 29) / 1000 },
    });
  });

  it.each(['owner', 'purpose'])(
    'with half a surrogate pair in %s is refused, or keeps it when it is encoded',
    (field) => {
      const decoded = decodeJson({ [field]: '\ud800' });
      if (decoded.ok) expect(decodeDraft(encodeDraft(decoded.value))).toEqual(decoded);
    },
  );

  it('with a field twice is refused: which of the two was meant is not for a parser to choose', () => {
    const twice = JSON.stringify(good).replace('{', '{"total":"99.00",');
    expect(decodeDraft(utf8(twice))).toMatchObject({ ok: false });
  });

  it.each(['\u001b]0;title\u0007', '{"a":\u001b[31m}'])(
    '%j is refused without its control characters in the message',
    (text) => {
      const decoded = decodeDraft(utf8(text));
      expect(decoded.ok ? '' : decoded.message).not.toMatch(/\p{Cc}/u);
      expect(decoded).toMatchObject({ ok: false, code: 'draft_not_json' });
    },
  );
});
