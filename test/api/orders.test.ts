/** Many drafts in one call, over real HTTPS: each comes to what it would have come to alone. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/api/client.ts';
import { decodeOrdersAnswer, encodeOrdersAnswer, type OrdersAnswer } from '../../src/api/orders.ts';
import { toHex } from '../../src/kit/bytes.ts';
import { encodeCbor } from '../../src/kit/encoding.ts';
import type { Result } from '../../src/kit/result.ts';
import { decodeCurrencyFile } from '../../src/records/currency-file.ts';
import { decodeUnit } from '../../src/records/unit.ts';
import { makeNodeVerifySignature } from '../../src/verifier/signature-node.ts';
import { verifyFile } from '../../src/verifier/verify.ts';
import { draft, openTokens, type Tokens } from '../roles/authorities.ts';
import { type Systems, serveSystems } from './systems.ts';

let tokens: Tokens;
let systems: Systems;
let client: Client;

beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
beforeEach(async () => {
  const wide = { total: 10n ** 9n, dayLimit: 10n ** 9n };
  systems = await serveSystems(tokens, {
    quota: wide,
    rules: { requestMaximum: 100_000n, ceiling: 60_000n, frequencyCap: 10_000 },
  });
  client = systems.client('operator');
});
afterEach(() => systems.close());

function drafts(amounts: readonly (readonly [value: bigint, count: number])[]): Uint8Array[] {
  return amounts.map(([value, count]) => draft([{ value, count }], systems.authorities.clock));
}

function answered(answer: Result<OrdersAnswer>): OrdersAnswer {
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer.value;
}

/** The values of the units of each draft, taken out of authentic files; null where there are none. */
function valuesOf({ files, outcomes }: OrdersAnswer): (bigint[] | null)[] {
  const units = files.map((file) => {
    const verified = verifyFile(file, {
      bundle: tokens.bundleBytes,
      at: systems.authorities.clock.nowSeconds(),
      verifySignature: makeNodeVerifySignature(),
    });
    if (!verified.ok) throw new Error(verified.message);
    const decoded = decodeCurrencyFile(file);
    return decoded.ok ? decoded.value.leaves.map(decodeUnit) : [];
  });
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'issued') return null;
    const own = units[outcome.file]?.slice(outcome.first, outcome.first + outcome.count) ?? [];
    expect(own).toHaveLength(outcome.count);
    return own.map((unit) => (unit.ok ? unit.value.value : -1n));
  });
}

describe('many drafts in one call', () => {
  it('are issued together, and each has its own units', async () => {
    const sent = drafts(Array.from({ length: 500 }, (_, i) => [BigInt(i + 1), (i % 3) + 1] as const));
    const answer = answered(await client.issueMany(sent));
    expect(answer.files).toHaveLength(1);
    expect(valuesOf(answer)).toEqual(
      sent.map((_, i) => Array.from({ length: (i % 3) + 1 }, () => BigInt(i + 1))),
    );
    expect((await systems.authorities.stores.quota.head()).sequence).toBe(3);
  });

  it('hold nobody up: one is denied, one is refused, one is no draft, one is there twice', async () => {
    const id = new Uint8Array(16).fill(3);
    const { clock } = systems.authorities;
    const first = draft([{ value: 7n, count: 1 }], clock, id);
    const [plain = first, above = first] = drafts([
      [5n, 2],
      [60_001n, 1],
    ]);
    const other = draft([{ value: 8n, count: 1 }], clock, id);
    const answer = answered(await client.issueMany([plain, above, first, Uint8Array.of(1), other, first]));
    expect(answer.outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.kind))).toEqual([
      'issued',
      'denied',
      'issued',
      'draft_not_json',
      'request_id_conflict',
      'issued',
    ]);
    expect(answer.outcomes[1]).toMatchObject({ reasons: ['issuer_ceiling'], wouldPass: null });
    expect(valuesOf(answer)).toEqual([[5n, 5n], null, [7n], null, null, [7n]]);
  });

  it('get the same currency when the same message is sent again, and the quota falls once', async () => {
    const sent = drafts([
      [10n, 1],
      [20n, 2],
      [30n, 3],
    ]);
    const first = answered(await client.issueMany(sent));
    const again = answered(await client.issueMany(sent));
    expect(again.files.map(toHex)).toEqual(first.files.map(toHex));
    expect(again.outcomes).toEqual(first.outcomes);
    const [position] = await systems.authorities.quotaControl.positions();
    expect(position?.issued).toBe(140n);
  });

  it('are given to each caller alone: a call at the same moment has files of its own', async () => {
    const calls = Array.from({ length: 6 }, (_, call) =>
      drafts(Array.from({ length: 20 }, (_unused, i) => [BigInt(call * 100 + i + 1), 1] as const)),
    );
    const answers = await Promise.all(calls.map((sent) => client.issueMany(sent)));
    for (const [call, one] of answers.entries())
      expect(valuesOf(answered(one)).flat()).toEqual(
        Array.from({ length: 20 }, (_unused, i) => BigInt(call * 100 + i + 1)),
      );
  });

  it('that share orders with a call of the same moment come to the same, and the quota falls once', async () => {
    const sent = drafts(Array.from({ length: 30 }, (_, i) => [BigInt(i + 1), 1] as const));
    const calls = [sent, sent.toReversed(), [...sent.slice(20), ...sent.slice(0, 10)]];
    const answers = await Promise.all(calls.map((call) => client.issueMany(call)));
    const values = sent.map((_, i) => [BigInt(i + 1)]);
    const expected = [values, values.toReversed(), [...values.slice(20), ...values.slice(0, 10)]];
    expect(answers.map((one) => valuesOf(answered(one)))).toEqual(expected);
    const [position] = await systems.authorities.quotaControl.positions();
    expect(position?.issued).toBe(465n);
    const again = answered(await client.issueMany([...sent.slice(5), ...drafts([[31n, 1]])]));
    expect(valuesOf(again)).toEqual([...values.slice(5), [31n]]);
  });

  it.each([
    ['no array', encodeCbor(1)],
    ['an empty array', encodeCbor([])],
    ['a draft that is no byte string', encodeCbor([new Uint8Array(3), 'draft'])],
    ['more than 16,384', encodeCbor(Array.from({ length: 16_385 }, () => new Uint8Array(1)))],
  ])('are refused with %s', async (_title, body) => {
    const answer = await systems.call('issuance', 'operator', '/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/cbor' },
      body,
    });
    expect(answer).toMatchObject({ status: 422 });
  });

  it('are for the operator only', async () => {
    expect(await systems.client('quota').issueMany(drafts([[1n, 1]]))).toMatchObject({
      ok: false,
      code: 'not_permitted',
    });
  });
});

describe('an answer', () => {
  it('is read as it was, whatever is in it: an outcome has one encoding', () => {
    const text = fc.string({ unit: 'grapheme' });
    const code = fc.stringMatching(/^[a-z_]{1,64}$/);
    const outcome = fc.oneof(
      fc.record({
        kind: fc.constant('issued' as const),
        file: fc.nat(2),
        first: fc.nat(),
        count: fc.integer({ min: 1, max: 65_536 }),
      }),
      fc.record({
        kind: fc.constant('denied' as const),
        reasons: fc.array(code),
        wouldPass: fc.option(fc.bigInt({ min: 1n, max: 10n ** 15n })),
      }),
      fc.record({ kind: fc.constant('refused' as const), code, message: text, field: fc.option(text) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 3, maxLength: 3 }),
        fc.array(outcome, { maxLength: 20 }),
        (files, outcomes) => {
          const read = decodeOrdersAnswer(encodeOrdersAnswer({ files, outcomes }), outcomes.length);
          expect(read).toEqual({ ok: true, value: { files, outcomes } });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('an answer that does not fit is a `peer_fault`:', () => {
  const file = new Uint8Array(3);
  it.each([
    ['no array', 1],
    ['no outcomes', [[file]]],
    ['fewer outcomes than drafts', [[file], []]],
    ['a file that is no byte string', [['file'], [['issued', 0, 0, 1]]]],
    ['a file that is not there', [[file], [['issued', 1, 0, 1]]]],
    ['no unit', [[file], [['issued', 0, 0, 0]]]],
    ['an outcome that is none', [[file], [['lost', 0, 0, 1]]]],
    ['a field too many', [[file], [['issued', 0, 0, 1, 1]]]],
    ['a reason that is no code', [[], [['denied', ['No!'], null]]]],
    ['a refusal without a message', [[], [['refused', 'no_code']]]],
  ])('%s', (_title, value) => {
    expect(decodeOrdersAnswer(encodeCbor(value as never), 1)).toMatchObject({
      ok: false,
      code: 'peer_fault',
    });
  });
});
