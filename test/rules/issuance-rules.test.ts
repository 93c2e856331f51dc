/** The rules that ship, in the label machine, against the program that decided before there were rules. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { amountLimit } from '../../src/records/claims.ts';
import type { Facts, Value } from '../../src/rules/checker/checked.ts';
import { explainReason } from '../../src/rules/denial-reason.ts';
import { isApproved, type OrderVerdict, type RulesInForce } from '../../src/rules/in-force.ts';
import { openIssuanceRules } from '../../src/rules/issuance-rules.ts';
import { shippedRuleSet } from '../../src/rules/policy/shipped-set.ts';
import { freshMachine } from '../vm/machine.ts';
import { type DecisionInput, denialReasons, loadIssuanceDecision } from './older-decision.ts';

const wasm = new Uint8Array(readFileSync(join(import.meta.dirname, '../../vm/machine.wasm')));
const seed = 20261122;

function factsOf(input: DecisionInput): Facts {
  const fields = new Map<string, Value>([
    ['tx.currency', 'EUR'],
    ['tx.origin', 'DE'],
    ['tx.destination', 'FR'],
    ['tx.time', 1_795_000_000n],
    ['tx.units', 3n],
    ['tx.amount', input.amount],
    ['account.available', input.available],
    ['account.day_remaining', input.dayRemaining],
    ['account.requests', input.requestsInWindow],
    ['account.frequency_cap', input.frequencyCap],
    ['account.request_maximum', input.requestMaximum],
    ['account.ceiling', input.ceiling],
  ]);
  return { kind: 'issuance', fields, feeds: new Map(), windows: new Map() };
}

/** Around a few numbers, so that orders are at, above and below their limits; and as large as any can be. */
const amount = fc.oneof(
  fc.bigInt({ min: 1n, max: 40n }),
  fc.constant(amountLimit),
  fc.bigInt({ min: 1n, max: amountLimit }),
);
const limit = fc.oneof(
  fc.bigInt({ min: 0n, max: 40n }),
  fc.constant(amountLimit),
  fc.bigInt({ min: 0n, max: amountLimit }),
);
const inputs: fc.Arbitrary<DecisionInput> = fc.record({
  amount,
  available: limit,
  dayRemaining: limit,
  requestsInWindow: fc.bigInt({ min: 0n, max: 5n }),
  frequencyCap: fc.bigInt({ min: 0n, max: 5n }),
  requestMaximum: limit,
  ceiling: limit,
});

describe('the rules on issuance that ship', () => {
  let rules: RulesInForce;
  let decide: (input: DecisionInput) => OrderVerdict;
  beforeAll(async () => {
    rules = await openIssuanceRules(shippedRuleSet(), wasm, 'test');
    decide = (input) => rules.decide(factsOf(input));
  });

  it('decide as the program before them did: approval, reasons in their order, and what would pass', async () => {
    const older = loadIssuanceDecision(await freshMachine());
    fc.assert(
      fc.property(inputs, (input) => {
        const before = older.decide(input);
        if (!before.ok) throw new Error(before.message);
        const now = decide(input);
        expect(isApproved(now)).toBe(before.value.approved);
        expect(now.reasons).toEqual(before.value.reasons);
        expect(now.wouldPass).toBe(before.value.wouldPass);
      }),
      { seed, numRuns: 5_000 },
    );
  });

  it('say nothing of the ceiling but whether the amount is above it: not in the trace, not in the fuel', () => {
    fc.assert(
      fc.property(inputs, fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }), (input, other) => {
        const same = input.amount > input.ceiling === input.amount > other;
        const [one, two] = [decide(input), decide({ ...input, ceiling: other })];
        expect(one.fuel).toBe(two.fuel);
        expect(one.wouldPass).toBe(two.wouldPass);
        expect(toHex(one.traceHash) === toHex(two.traceHash)).toBe(same);
        if (same) expect(one).toEqual(two);
        expect(one.reasons.filter((reason) => reason !== 'issuer_ceiling')).toEqual(
          two.reasons.filter((reason) => reason !== 'issuer_ceiling'),
        );
      }),
      { seed, numRuns: 2_000 },
    );
  });

  const easy: DecisionInput = {
    amount: 500n,
    available: 10_000n,
    dayRemaining: 10_000n,
    requestsInWindow: 0n,
    frequencyCap: 10n,
    requestMaximum: 10_000n,
    ceiling: 10_000n,
  };

  it('bind the trace to every input that is no secret', () => {
    const trace = (changes: Partial<DecisionInput>): string =>
      toHex(decide({ ...easy, ...changes }).traceHash);
    for (const name of [
      'amount',
      'available',
      'dayRemaining',
      'requestsInWindow',
      'frequencyCap',
      'requestMaximum',
    ] as const)
      expect(trace({ [name]: easy[name] + 1n }), name).not.toBe(trace({}));
    expect(trace({})).toBe(trace({}));
  });

  it.each(['tx.amount', 'account.available', 'account.ceiling', 'tx.time', 'tx.origin'])(
    'approve nothing where %s is missing, and say why',
    (name) => {
      const { fields, ...facts } = factsOf(easy);
      const decided = rules.decide({
        ...facts,
        fields: new Map([...fields].filter(([one]) => one !== name)),
      });
      expect(decided.verdict).toBe('HOLD');
      expect(decided.reasons.length).toBe(1);
      expect(explainReason(decided.reasons[0] ?? '')).not.toBe(explainReason(''));
    },
  );

  it.each([0n, -1n, amountLimit + 1n, 2n ** 63n - 1n, 2n ** 64n + 5n])('approve nothing of %s', (value) => {
    const { fields, ...facts } = factsOf({ ...easy, available: amountLimit, ceiling: amountLimit });
    let approved = false;
    try {
      approved = isApproved(rules.decide({ ...facts, fields: new Map(fields).set('tx.amount', value) }));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    expect(approved).toBe(false);
  });

  it('are named by a version above that of every program before, and by the hash of what they mean', () => {
    expect(rules.ruleSet).toEqual({ version: 3, hash: shippedRuleSet().hash });
  });

  it('have words of their own for every reason', () => {
    expect(new Set(denialReasons.map(explainReason)).size).toBe(denialReasons.length);
  });
});
