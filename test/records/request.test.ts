import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import type { CborValue } from '../../src/kit/encoding.ts';
import { amountLimit, claim, unitLimit } from '../../src/records/claims.ts';
import { prepareClaims, recordType } from '../../src/records/cose.ts';
import {
  decodeRequest,
  encodeCurrency,
  encodeRequest,
  type Request,
  sumLots,
  sumOrders,
} from '../../src/records/request.ts';
import {
  accepted,
  euro,
  fill,
  keys,
  now,
  order,
  rebuild,
  recordKinds,
  request,
  lots as sampleLots,
  signed,
} from './samples.ts';

const kind = (() => {
  const [first] = recordKinds;
  if (first === undefined) throw new Error('no request');
  return first;
})();

function withClaims(changes: readonly (readonly [number, CborValue])[]) {
  return decodeRequest(
    rebuild(kind, ({ claims }) => {
      for (const [key, value] of changes) claims.set(key, value);
    }),
  );
}

function withLots(lots: readonly (readonly [number | bigint, number, CborValue])[], total: number | bigint) {
  return withClaims([
    [claim.orders, [[fill(16, 1), '', 'DE', 'CH', lots]]],
    [claim.total, total],
  ]);
}

/** The sample's order with some of its fields changed. */
function withOrder(change: {
  purpose?: CborValue;
  origin?: CborValue;
  destination?: CborValue;
  id?: CborValue;
}) {
  const { id, purpose, origin, destination } = { ...order, ...change };
  const items = order.lots.map(({ value, count, owner: of }): CborValue => [value, count, of]);
  return withClaims([[claim.orders, [[id, purpose, origin, destination, items]]]]);
}

const owner = fill(32, 1);

describe('the amounts of a request', () => {
  it('accepts lots that add up to the total', () => {
    const decoded = accepted(withLots([[500, 3, owner]], 1500));
    expect(decoded.record.total).toBe(1500n);
    expect(decoded.record.orders[0]?.lots).toEqual([{ value: 500n, count: 3, owner }]);
  });

  it.each([1499, 1501])('refuses lots of 1500 under a total of %d as `denominations_mismatch`', (total) => {
    const decoded = withLots([[500, 3, owner]], total);
    expect(decoded).toMatchObject({ ok: false, code: 'denominations_mismatch', field: 'orders' });
    if (!decoded.ok) expect(decoded.message).toContain(String(total));
  });

  it('refuses no lots at all', () => {
    expect(withLots([], 1)).toMatchObject({ ok: false, code: 'record_malformed', field: 'orders[0].lots' });
  });

  it('accepts the least and the largest amount', () => {
    expect(withLots([[1, 1, owner]], 1).ok).toBe(true);
    expect(withLots([[amountLimit, 1, owner]], amountLimit).ok).toBe(true);
  });

  it.each([0, -1, amountLimit + 1n, 2n ** 63n, 2n ** 64n - 1n])(
    'refuses a total of %s as `amount_out_of_range`',
    (total) => {
      expect(withLots([[1, 1, owner]], total)).toMatchObject({
        ok: false,
        code: 'amount_out_of_range',
        field: 'total',
      });
    },
  );

  it.each([0, -5, amountLimit + 1n])(
    'refuses a value of %s as `amount_out_of_range`, and names the lot',
    (value) => {
      expect(
        withLots(
          [
            [1, 1, owner],
            [value, 1, owner],
          ],
          1,
        ),
      ).toMatchObject({ ok: false, code: 'amount_out_of_range', field: 'orders[0].lots[1].value' });
    },
  );

  it.each([0, -1, 2n ** 53n])('refuses a count of %s', (count) => {
    expect(withLots([[1, count, owner]] as never, 1)).toMatchObject({
      ok: false,
      code: 'record_malformed',
      field: 'orders[0].lots[0].count',
    });
  });

  it('refuses lots whose sum leaves 64 bits, though each number is in range', () => {
    expect(withLots([[amountLimit, unitLimit, owner]], amountLimit)).toMatchObject({
      ok: false,
      code: 'denominations_mismatch',
    });
  });

  it('accepts 65,536 units and refuses one more as `too_many_units`', () => {
    expect(withLots([[1, unitLimit, owner]], unitLimit).ok).toBe(true);
    expect(withLots([[1, unitLimit + 1, owner]], unitLimit + 1)).toMatchObject({
      ok: false,
      code: 'too_many_units',
    });
    expect(
      withLots(
        [
          [1, unitLimit, owner],
          [1, 1, owner],
        ],
        unitLimit + 1,
      ),
    ).toMatchObject({ ok: false, code: 'too_many_units' });
  });

  it('accepts 65,536 lots and refuses more', () => {
    const lots = (count: number) => Array.from({ length: count }, () => [1, 1, owner] as const);
    expect(withLots(lots(unitLimit), unitLimit).ok).toBe(true);
    expect(withLots(lots(unitLimit + 1), unitLimit + 1).ok).toBe(false);
  });

  it.each([31, 33, 0])('refuses an owner commitment of %d bytes', (length) => {
    expect(withLots([[1, 1, fill(length, 1)]], 1)).toMatchObject({
      ok: false,
      field: 'orders[0].lots[0].owner',
    });
  });

  it('refuses a lot with a fourth field, or with two', () => {
    expect(withLots([[25_000, 1, owner, 1]] as never, 1)).toMatchObject({
      ok: false,
      field: 'orders[0].lots[0]',
    });
    expect(withLots([[25_000, 1]] as never, 1)).toMatchObject({ ok: false, field: 'orders[0].lots[0]' });
  });

  it('asserts on encoding that the lots add up', () => {
    expect(() => encodeRequest({ ...request, total: 1n }, keys.issuance.key.keyId)).toThrow('add up');
  });
});

describe('the orders of a request', () => {
  const one = (id: number): CborValue => [fill(16, id), '', 'DE', 'CH', [[100, 1, owner]]];
  const withOrders = (orders: readonly CborValue[], total: number) =>
    withClaims([
      [claim.orders, orders],
      [claim.total, total],
    ]);

  it('accepts many, whose lots together are the total', () => {
    const decoded = accepted(withOrders([one(1), one(2), one(3)], 300));
    expect(decoded.record.orders.map(({ id }) => id[0])).toEqual([1, 2, 3]);
    expect(withOrders([one(1), one(2)], 100)).toMatchObject({ ok: false, code: 'denominations_mismatch' });
  });

  it('refuses none, and two with one id', () => {
    expect(withOrders([], 1)).toMatchObject({ ok: false, code: 'record_malformed', field: 'orders' });
    expect(withOrders([one(1), one(2), one(1)], 300)).toMatchObject({
      ok: false,
      code: 'record_malformed',
      field: 'orders[2].id',
    });
  });

  it('refuses an id of another length, and an order with a field too many', () => {
    expect(withOrder({ id: fill(15, 1) })).toMatchObject({ ok: false, field: 'orders[0].id' });
    expect(withOrders([[...(one(1) as CborValue[]), 1]], 100)).toMatchObject({
      ok: false,
      field: 'orders[0]',
    });
  });
});

describe('the currency of a request', () => {
  it.each([
    ['JPY', 0],
    ['EUR', 2],
    ['KWD', 3],
  ])('accepts %s with %d decimals', (code, exponent) => {
    const decoded = accepted(withClaims([[claim.currency, [code, exponent]]]));
    expect(decoded.record.currency).toEqual({ code, exponent });
  });

  it.each([
    ['an unknown code', ['EUX', 2]],
    ['a code in lower case', ['eur', 2]],
    ['the code for testing', ['XTS', 2]],
    ["another currency's decimals", ['EUR', 3]],
    ['decimals below zero', ['EUR', -2]],
    ['decimals as text', ['EUR', '2']],
    ['the name of a property', ['constructor', 2]],
    ['no code', [null, 2]],
  ])('refuses %s as `currency_unknown`', (_name, currency) => {
    expect(withClaims([[claim.currency, currency]])).toMatchObject({ ok: false, code: 'currency_unknown' });
  });
});

describe('the other claims of a request', () => {
  it.each(['de', 'DEU', 'D', '', 'D1', 'DE\n', 'ÄÖ'])('refuses the country %j', (country) => {
    expect(withOrder({ origin: country })).toMatchObject({ ok: false, field: 'orders[0].origin' });
    expect(withOrder({ destination: country })).toMatchObject({ ok: false, field: 'orders[0].destination' });
  });

  it('accepts a purpose of no and of 140 characters, and refuses 141', () => {
    expect(withOrder({ purpose: '' }).ok).toBe(true);
    expect(withOrder({ purpose: '€'.repeat(140) }).ok).toBe(true);
    expect(withOrder({ purpose: 'x'.repeat(141) })).toMatchObject({ ok: false, field: 'orders[0].purpose' });
  });

  it('counts characters of a purpose by code points', () => {
    expect(withOrder({ purpose: '🏦'.repeat(140) }).ok).toBe(true);
    expect(withOrder({ purpose: '🏦'.repeat(141) }).ok).toBe(false);
  });

  it.each(['a\nb', '\u001b[31m', 'a\u0000', '\u007f', '\u009b'])(
    'refuses the control character in %j',
    (purpose) => {
      expect(withOrder({ purpose: purpose })).toMatchObject({ ok: false, field: 'orders[0].purpose' });
    },
  );

  it.each(['', 'Demo', 'a b', 'x'.repeat(65), 'demo\n', 'démo'])('refuses the issuer %j', (name) => {
    expect(withClaims([[claim.issuer, name]])).toMatchObject({ ok: false, field: 'issuer' });
  });

  it('accepts an issuer of 64 characters', () => {
    expect(withClaims([[claim.issuer, 'x'.repeat(64)]]).ok).toBe(true);
  });

  it.each(['quota', 'Central', ''])('refuses the audience %j', (audience) => {
    expect(withClaims([[claim.audience, audience]])).toMatchObject({ ok: false, field: 'audience' });
  });

  it('accepts an end one second after the start, and refuses the same second', () => {
    expect(withClaims([[claim.expiresAt, now + 1]]).ok).toBe(true);
    expect(withClaims([[claim.expiresAt, now]])).toMatchObject({ ok: false, field: 'expiresAt' });
    expect(withClaims([[claim.redeemUntil, now + 1]]).ok).toBe(true);
    expect(withClaims([[claim.redeemUntil, now]])).toMatchObject({ ok: false, field: 'redeemUntil' });
  });

  it.each([15, 17])('refuses an id of %d bytes', (length) => {
    expect(withClaims([[claim.id, fill(length, 1)]])).toMatchObject({ ok: false, field: 'id' });
  });
});

describe('any valid request', () => {
  const lots = fc.array(
    fc.record({
      value: fc.bigInt({ min: 1n, max: 10n ** 9n }),
      count: fc.integer({ min: 1, max: 1000 }),
      owner: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    }),
    { minLength: 1, maxLength: 20 },
  );
  const orders = fc.uniqueArray(
    fc.record({
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      lots,
      purpose: fc.stringMatching(/^[\p{L}\p{N} .,–-]{0,70}$/u),
      origin: fc.stringMatching(/^[A-Z]{2}$/),
      destination: fc.stringMatching(/^[A-Z]{2}$/),
    }),
    { minLength: 1, maxLength: 3, selector: ({ id }) => toHex(id) },
  );
  const requests: fc.Arbitrary<Request> = fc
    .record({
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      issuer: fc.stringMatching(/^[a-z0-9-]{1,64}$/),
      issuedAt: fc.nat(),
      lasts: fc.integer({ min: 1, max: 10 ** 9 }),
      orders,
    })
    .map(({ lasts, ...rest }) => ({
      ...rest,
      expiresAt: rest.issuedAt + lasts,
      redeemUntil: rest.issuedAt + 2 * lasts,
      currency: euro,
      total: sumOrders(rest.orders).total,
    }));

  it('comes back from its encoding as it was', () => {
    fc.assert(
      fc.property(requests, (made) => {
        const bytes = signed(encodeRequest(made, keys.issuance.key.keyId), keys.issuance);
        expect(accepted(decodeRequest(bytes)).record).toEqual(made);
      }),
      { numRuns: 50 },
    );
  });

  it('has one encoding', () => {
    fc.assert(
      fc.property(requests, (made) => {
        const bytes = encodeRequest(made, keys.issuance.key.keyId);
        const again = accepted(decodeRequest(signed(bytes, keys.issuance))).record;
        expect(encodeRequest(again, keys.issuance.key.keyId)).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });
});

it('counts the units of lots and adds up their values without loss', () => {
  expect(sumLots([])).toEqual({ total: 0n, count: 0 });
  expect(sumLots(sampleLots)).toEqual({ total: 25_000n, count: 12 });
  const large = { value: 10n ** 15n - 1n, count: 65_536, owner };
  expect(sumLots([large, large])).toEqual({ total: (10n ** 15n - 1n) * 131_072n, count: 131_072 });
});

describe('the bytes of a request', () => {
  it('are those that the library gives for its claims, whatever its orders', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const lot = fc.record({
      value: fc.bigInt({ min: 1n, max: amountLimit }),
      count: fc.integer({ min: 1, max: 100 }),
      owner: bytes(32),
    });
    const anyOrder = fc.record({
      id: bytes(16),
      purpose: fc.string({ unit: 'grapheme', maxLength: 140 }),
      origin: fc.constantFrom('DE', 'FR'),
      destination: fc.constantFrom('CH', 'JP'),
      lots: fc.array(lot, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(anyOrder, { minLength: 1, maxLength: 30 }), (orders) => {
        const made: Request = { ...request, orders, total: sumOrders(orders).total };
        const items = orders.map(({ id, purpose, origin, destination, lots }): CborValue => {
          const owned = lots.map(({ value, count, owner: of }) => [value, count, of]);
          return [id, purpose, origin, destination, owned];
        });
        const expected = prepareClaims(
          recordType.request,
          keys.issuance.key.keyId,
          new Map<number, CborValue>([
            [claim.issuer, made.issuer],
            [claim.audience, 'central'],
            [claim.expiresAt, made.expiresAt],
            [claim.issuedAt, made.issuedAt],
            [claim.id, made.id],
            [claim.currency, encodeCurrency(made.currency)],
            [claim.total, made.total],
            [claim.orders, items],
            [claim.redeemUntil, made.redeemUntil],
          ]),
        );
        expect(encodeRequest(made, keys.issuance.key.keyId)).toEqual(expected);
      }),
    );
  });
});
