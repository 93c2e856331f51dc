import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/kit/bytes.ts';
import { freshMachine } from '../vm/machine.ts';
import {
  type Decision,
  type DecisionInput,
  denialReasons,
  type IssuanceDecision,
  loadIssuanceDecision,
} from './older-decision.ts';
import { issuanceProgram } from './older-program.ts';

/** Every limit is far away. */
const easy: DecisionInput = {
  amount: 500n,
  available: 10_000n,
  dayRemaining: 10_000n,
  requestsInWindow: 0n,
  frequencyCap: 10n,
  requestMaximum: 10_000n,
  ceiling: 10_000n,
};

const amount = fc.bigInt({ min: 1n, max: 40n });
const inputs: fc.Arbitrary<DecisionInput> = fc.record({
  amount,
  available: fc.bigInt({ min: -3n, max: 40n }),
  dayRemaining: fc.bigInt({ min: -3n, max: 40n }),
  requestsInWindow: fc.bigInt({ min: 0n, max: 5n }),
  frequencyCap: fc.bigInt({ min: 0n, max: 5n }),
  requestMaximum: fc.bigInt({ min: 0n, max: 40n }),
  ceiling: fc.bigInt({ min: 0n, max: 40n }),
});

describe('the issuance decision', () => {
  let decision: IssuanceDecision;
  beforeAll(async () => {
    decision = loadIssuanceDecision(await freshMachine());
  });

  function decide(changes: Partial<DecisionInput>): Decision {
    const result = decision.decide({ ...easy, ...changes });
    if (!result.ok) throw new Error(result.message);
    return result.value;
  }

  it('approves what is within every limit', () => {
    expect(decide({})).toMatchObject({ approved: true, reasons: [], wouldPass: null });
  });

  it.each([
    {
      limit: 'available',
      reason: 'quota_exceeded',
      at: { available: 500n },
      above: { available: 499n },
      wouldPass: 499n,
    },
    {
      limit: 'dayRemaining',
      reason: 'daily_limit',
      at: { dayRemaining: 500n },
      above: { dayRemaining: 499n },
      wouldPass: 499n,
    },
    {
      limit: 'requestMaximum',
      reason: 'request_maximum',
      at: { requestMaximum: 500n },
      above: { requestMaximum: 499n },
      wouldPass: 499n,
    },
    {
      limit: 'ceiling',
      reason: 'issuer_ceiling',
      at: { ceiling: 500n },
      above: { ceiling: 499n },
      wouldPass: null,
    },
    {
      limit: 'frequencyCap',
      reason: 'frequency_cap',
      at: { requestsInWindow: 9n },
      above: { requestsInWindow: 10n },
      wouldPass: null,
    },
  ])('approves at $limit and denies one above it as $reason', ({ reason, at, above, wouldPass }) => {
    expect(decide(at).approved).toBe(true);
    expect(decide(above)).toMatchObject({ approved: false, reasons: [reason], wouldPass });
  });

  it('tells every reason at once, in one order', () => {
    const all = decide({
      available: 1n,
      dayRemaining: 2n,
      requestMaximum: 3n,
      ceiling: 4n,
      requestsInWindow: 10n,
    });
    expect(all).toMatchObject({ approved: false, reasons: [...denialReasons], wouldPass: 1n });
  });

  it.each([0n, -5n])('has nothing that would pass where a limit is %s', (left) => {
    expect(decide({ available: left })).toMatchObject({ reasons: ['quota_exceeded'], wouldPass: null });
  });

  it('is what its five limits say, for any of them', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const broken = {
          quota_exceeded: input.amount > input.available,
          daily_limit: input.amount > input.dayRemaining,
          frequency_cap: input.requestsInWindow >= input.frequencyCap,
          request_maximum: input.amount > input.requestMaximum,
          issuer_ceiling: input.amount > input.ceiling,
        };
        const least = [input.available, input.dayRemaining, input.requestMaximum].reduce((a, b) =>
          a < b ? a : b,
        );
        const amountDenied = broken.quota_exceeded || broken.daily_limit || broken.request_maximum;
        const reasons = denialReasons.filter((reason) => broken[reason]);
        expect(decide(input)).toMatchObject({
          approved: reasons.length === 0,
          reasons,
          wouldPass: amountDenied && least > 0n ? least : null,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('gives byte for byte the same for any ceiling on the same side of the amount', () => {
    fc.assert(
      fc.property(inputs, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (input, other) => {
        const same = input.amount > input.ceiling === input.amount > other;
        const [one, two] = [decide(input), decide({ ...input, ceiling: other })];
        expect(one.fuelUsed).toBe(two.fuelUsed);
        expect(toHex(one.traceHash) === toHex(two.traceHash)).toBe(same);
        if (same) expect(one).toEqual(two);
        // And where the side differs, one bit and what follows from it: everything else is the same.
        expect(one.reasons.filter((reason) => reason !== 'issuer_ceiling')).toEqual(
          two.reasons.filter((reason) => reason !== 'issuer_ceiling'),
        );
        expect(one.wouldPass).toBe(two.wouldPass);
      }),
      { numRuns: 1000 },
    );
  });

  it('binds its trace to every input that is no secret', () => {
    const trace = (changes: Partial<DecisionInput>): string => toHex(decide(changes).traceHash);
    for (const name of [
      'amount',
      'available',
      'dayRemaining',
      'requestsInWindow',
      'frequencyCap',
      'requestMaximum',
    ] as const) {
      expect(trace({ [name]: easy[name] + 1n }), name).not.toBe(trace({}));
    }
    expect(trace({})).toBe(trace({}));
  });

  it.each([0n, -1n, 10n ** 15n + 1n, 2n ** 63n - 1n])(
    'approves nothing of %s: no amount that is endorsed',
    (value) => {
      expect(
        decision.decide({
          ...easy,
          amount: value,
          available: 2n ** 62n,
          dayRemaining: 2n ** 62n,
          requestMaximum: 2n ** 62n,
          ceiling: 2n ** 62n,
        }),
      ).toMatchObject({
        ok: false,
        code: 'rule_trapped',
      });
    },
  );

  it.each([2n ** 64n + 1n, 2n ** 64n + 500n, 2n ** 65n + 7n])(
    'approves nothing of %s, which no word holds',
    (value) => {
      let approved = false;
      try {
        const result = decision.decide({ ...easy, amount: value });
        approved = result.ok && result.value.approved;
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      expect(approved).toBe(false);
    },
  );

  it('names its rule set by version and by the hash of its module', async () => {
    const again = loadIssuanceDecision(await freshMachine());
    expect(again.ruleSet).toEqual(decision.ruleSet);
    expect(decision.ruleSet).toMatchObject({ version: 2 });
    expect(decision.ruleSet.hash).toHaveLength(32);
    const changed = loadIssuanceDecision(
      await freshMachine(),
      issuanceProgram.replace('range 1 1000000000000000', 'range 1 999'),
    );
    expect(toHex(changed.ruleSet.hash)).not.toBe(toHex(decision.ruleSet.hash));
  });

  it('throws on a program that is malformed, refused or lacks a port: that is a bug', async () => {
    const machine = await freshMachine();
    expect(() => loadIssuanceDecision(machine, 'fly r1')).toThrow('line 1');
    expect(() => loadIssuanceDecision(machine, issuanceProgram.replace(/halt\s*$/, ''))).toThrow(
      'module refused',
    );
    expect(() => loadIssuanceDecision(machine, 'level l C0 A8\nat l\nhalt')).toThrow('the program declares');
  });
});
