import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor } from '../../../src/kit/encoding.ts';
import type { Value } from '../../../src/rules/checker/checked.ts';
import { verdicts } from '../../../src/rules/language/syntax.ts';
import { decodeColumn, encodeColumn } from '../../../src/rules/recording/column.ts';
import {
  type DecisionRecord,
  decodeDecisionRecord,
  encodeDecisionRecord,
  type RecordedOutcome,
} from '../../../src/rules/recording/decision-record.ts';
import { factsAt, OrderFacts } from '../../../src/rules/recording/order-facts.ts';

const seed = 20261122;
const number = fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n });
const cell: fc.Arbitrary<Value | undefined> = fc.oneof(
  fc.constant(undefined),
  number,
  fc.boolean(),
  fc.constantFrom('DE', 'FR', 'basic'),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);
const column = fc.oneof(
  fc.array(cell, { minLength: 1, maxLength: 40 }),
  fc.array(number, { minLength: 1, maxLength: 40 }),
  fc.array(fc.constantFrom(1n, 2n), { minLength: 1, maxLength: 40 }),
  fc.tuple(cell, fc.integer({ min: 1, max: 40 })).map(([value, count]) => new Array(count).fill(value)),
);

function decoded(bytes: Uint8Array): ReturnType<typeof decodeCbor> & { ok: true } {
  const result = decodeCbor(bytes);
  if (!result.ok) throw new Error(result.message);
  return result;
}

function recordOf(orders: number, amounts: (order: number) => bigint): DecisionRecord {
  const facts = new OrderFacts(
    {
      kind: 'issuance',
      fields: new Map<string, Value>([
        ['tx.currency', 'EUR'],
        ['account.ceiling', 60_000n],
      ]),
      feeds: new Map([
        ['ecb', { asOf: 1_795_000_000n, rates: new Map([['USD', 1_084_200_000n]]) }],
        ['income', { asOf: 1_795_000_000n, value: 500_000n }],
      ]),
    },
    ['tx.amount', 'account.requests'],
    [86_400n],
  );
  const outcomes: RecordedOutcome[] = [];
  let spent = 0n;
  for (let order = 0; order < orders; order++) {
    const amount = amounts(order);
    facts.next([amount, BigInt(order)], [{ spent, count: BigInt(order) }]);
    spent += amount;
    outcomes.push({
      verdict: order % 100 === 7 ? 'DENY' : 'ALLOW',
      reasons: order % 100 === 7 ? ['daily_limit'] : [],
      program: new Uint8Array(32).fill(3),
      fuel: 80n,
    });
  }
  return {
    release: '1.2.3',
    machine: new Uint8Array(32).fill(1),
    ruleSet: { version: 3, hash: new Uint8Array(32).fill(2) },
    facts: facts.columns(),
    outcomes,
    traceHash: new Uint8Array(32).fill(4),
  };
}

describe('a column', () => {
  it('gives back its values, whatever they are', () => {
    fc.assert(
      fc.property(column, (values) => {
        const { value } = decoded(encodeColumn(values));
        expect(decodeColumn(value, values.length)).toEqual(values);
      }),
      { seed, numRuns: 500 },
    );
  });

  it('is refused for another number of orders than it has, and in no way makes more', () => {
    const { value } = decoded(encodeColumn([1n, 2n, 3n, 9n]));
    expect(decodeColumn(value, 3)).toBeUndefined();
    expect(decodeColumn(value, 5)).toBeUndefined();
    expect(decodeColumn([2, 0, [1, 2n ** 60n]], 5)).toBeUndefined();
    expect(decodeColumn([3, ['DE', -1]], 1)).toBeUndefined();
  });

  it('is a few bytes where all orders are alike, or are so far apart from each other', () => {
    expect(encodeColumn(new Array(65_536).fill('DE')).length).toBeLessThan(8);
    expect(encodeColumn(Array.from({ length: 65_536 }, (_, i) => BigInt(7 * i))).length).toBeLessThan(16);
  });
});

describe('the record of a decision', () => {
  it('gives back what decided, each fact of each order and each outcome', () => {
    const record = recordOf(300, (order) => BigInt(1 + ((order * 7919) % 1000)));
    const read = decodeDecisionRecord(encodeDecisionRecord(record));
    expect(read).toEqual({ ok: true, value: record });
    if (!read.ok) return;
    const facts = factsAt(read.value.facts, 7);
    expect(facts.fields.get('tx.currency')).toBe('EUR');
    expect(facts.fields.get('account.ceiling')).toBe(60_000n);
    expect(facts.fields.get('account.requests')).toBe(7n);
    expect(facts.windows.get(86_400n)?.count).toBe(7n);
    expect(facts.feeds.get('ecb')?.rates?.get('USD')).toBe(1_084_200_000n);
  });

  it('has one encoding, whatever order its facts were given in', () => {
    const record = recordOf(2, () => 5n);
    const { facts } = record;
    const turned = {
      ...record,
      facts: {
        ...facts,
        fields: new Map([...facts.fields].reverse()),
        feeds: new Map([...facts.feeds].reverse()),
      },
    };
    expect(encodeDecisionRecord(turned)).toEqual(encodeDecisionRecord(record));
  });

  it('takes less than a fifth of the request for thousands of orders with amounts of their own', () => {
    const size = encodeDecisionRecord(
      recordOf(10_000, (order) => BigInt(1 + ((order * 7919) % 100_000))),
    ).length;
    // An order of a request has an id and an owner, 16 and 32 bytes, and what is around them.
    expect(size / 10_000).toBeLessThan(70 / 5);
  });

  it('is refused where a byte is missing or more, and never throws on what anybody wrote', () => {
    const bytes = encodeDecisionRecord(recordOf(3, (order) => BigInt(order + 1)));
    expect(decodeDecisionRecord(bytes.subarray(1))).toMatchObject({ code: 'decision_record_malformed' });
    expect(decodeDecisionRecord(new Uint8Array())).toMatchObject({ code: 'decision_record_malformed' });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (place, byte) => {
        const altered = bytes.slice();
        altered[place] = byte;
        const read = decodeDecisionRecord(altered);
        if (read.ok) expect(verdicts).toContain(read.value.outcomes[0]?.verdict);
      }),
      { seed, numRuns: 2_000 },
    );
  });
});
