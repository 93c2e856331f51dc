import { readFileSync } from 'node:fs';
import { assert, constantFrom, gen, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Facts, Value } from '../../../src/rules/checker/checked.ts';
import { wholeReader } from '../../../src/rules/clearance.ts';
import { compareSets, type Decided } from '../../../src/rules/replay/change.ts';
import { Replay, type ReplayLine } from '../../../src/rules/replay/replay.ts';
import { changeKinds, kindOf, Tally } from '../../../src/rules/replay/tally.ts';
import { openRules } from '../../../src/rules/rules.ts';
import type { RuleSet } from '../../../src/rules/set/rule-set.ts';
import { startMachine } from '../../../vm/host.ts';
import { type ModuleText, readSet, setFiles } from '../set/set-files.ts';

const wasm = new Uint8Array(readFileSync(new URL('../../../vm/machine.wasm', import.meta.url)));

const module = (most: string, verdict: string, name = 'us.pay'): ModuleText => ({
  name,
  body: `feed ecb of rates max_age 24h on_stale HOLD
control limit cap
control party verdict
rule most control limit
  cap usd("${most}") on convert(tx.amount, USD, feed.ecb, UP)
rule tier control party
  ${verdict} when has(tx.tier) && tx.tier == "basic"
`,
});
const set = (...modules: ModuleText[]): RuleSet => readSet(setFiles(modules));

const facts = (amount: bigint, more: Readonly<Record<string, Value>> = {}, currency = 'USD'): Facts => ({
  kind: 'transfer',
  fields: new Map<string, Value>([
    ['tx.amount', amount],
    ['tx.currency', currency],
    ['tx.origin', 'US'],
    ['tx.destination', 'FR'],
    ['tx.time', 1_795_348_800n],
    ...Object.entries(more),
  ]),
  feeds: new Map(),
  windows: new Map(),
});

async function replayed(live: RuleSet, candidate: RuleSet, given: readonly Facts[], batch = given.length) {
  const replay = new Replay({
    live: await openRules(live, () => startMachine(wasm)),
    candidate: await openRules(candidate, () => startMachine(wasm)),
    reader: wholeReader(live, candidate),
    check: true,
    examples: 2,
  });
  const lines = given.map((one, index): ReplayLine => ({ line: index + 1, id: undefined, facts: one }));
  for (let at = 0; at < lines.length; at += batch) replay.add(lines.slice(at, at + batch));
  return replay.report();
}

const none = Object.fromEntries(changeKinds.map((kind) => [kind, 0]));

describe('a replay', () => {
  it('finds nothing to tell of the same rules', async () => {
    const one = set(module('10.00', 'HOLD'));
    const report = await replayed(one, set(module('10.00', 'HOLD')), [
      facts(999n),
      facts(1001n),
      facts(1n, {}, 'EUR'),
    ]);
    expect(report).toMatchObject({
      decisions: 3,
      unchanged: 3,
      changes: none,
      corridors: [],
      rules: [],
      checked: 6,
      disagreements: 0,
    });
  });

  it('counts what is newly denied just above the new cap, and newly allowed the other way round', async () => {
    const low = set(module('5.00', 'HOLD'));
    const high = set(module('10.00', 'HOLD'));
    const given = [500n, 501n, 1000n, 1001n].map((amount) => facts(amount));
    const stricter = await replayed(high, low, given);
    expect(stricter.changes).toEqual({ ...none, newly_denied: 2 });
    expect(stricter.rules).toEqual([{ rule: 'us.pay/most', gained: 2, lost: 0 }]);
    expect(stricter.corridors).toEqual([
      { corridor: 'transfer US-FR USD', decisions: 4, ...none, newly_denied: 2 },
    ]);
    expect(stricter.examples.newly_denied.map(({ line }) => line)).toEqual([2, 3]);
    expect(stricter.outcomes).toEqual([
      { live: 'allowed', candidate: 'allowed', decisions: 1 },
      { live: 'allowed', candidate: 'denied', decisions: 2 },
      { live: 'denied', candidate: 'denied', decisions: 1 },
    ]);
    const laxer = await replayed(low, high, given);
    expect(laxer.changes).toEqual({ ...none, newly_allowed: 2 });
    expect(laxer.rules).toEqual([{ rule: 'us.pay/most', gained: 0, lost: 2 }]);
  });

  it('tells held and flagged apart, and what cannot be evaluated from what a rule holds', async () => {
    const basic = facts(1n, { 'tx.tier': 'basic' });
    const change = async (from: string, to: string) =>
      (await replayed(set(module('10.00', from)), set(module('10.00', to)), [basic])).changes;
    expect(await change('HOLD', 'FLAG')).toEqual({ ...none, newly_flagged: 1 });
    expect(await change('FLAG', 'HOLD')).toEqual({ ...none, newly_held: 1 });
    const without = set({
      name: 'us.pay',
      body: 'control party verdict\nrule tier control party\n  HOLD when has(tx.tier) && tx.tier == "basic"\n',
    });
    const euro = facts(1n, {}, 'EUR');
    const heldEuro = facts(1n, { 'tx.tier': 'basic' }, 'EUR');
    // The rate is missing: only the set that converts cannot be evaluated, and a rule that holds besides is the reason then.
    const report = await replayed(without, set(module('10.00', 'HOLD')), [euro, heldEuro]);
    expect(report.changes).toEqual({ ...none, newly_unevaluated: 1 });
    expect(report.outcomes).toContainEqual({ live: 'held', candidate: 'held', decisions: 1 });
  });

  it('tells of the same outcome by other rules', async () => {
    const twice = set(module('10.00', 'DENY'));
    const once = set(module('10.00', 'FLAG'));
    const report = await replayed(twice, once, [facts(1001n, { 'tx.tier': 'basic' })]);
    expect(report.changes).toEqual(none);
    const other = await replayed(
      twice,
      set(module('10.00', 'DENY'), { ...module('9.00', 'DENY', 'us.also') }),
      [facts(1001n)],
    );
    expect(other.changes).toEqual({ ...none, other_rules: 1 });
    expect(other.rules).toEqual([{ rule: 'us.also/most', gained: 1, lost: 0 }]);
  });

  it('takes facts that say no corridor: both hold them', async () => {
    const { fields, ...rest } = facts(1n);
    const report = await replayed(set(module('10.00', 'HOLD')), set(module('5.00', 'HOLD')), [
      { ...rest, fields: new Map([...fields].filter(([name]) => name !== 'tx.currency')) },
    ]);
    expect(report.outcomes).toEqual([{ live: 'unevaluated', candidate: 'unevaluated', decisions: 1 }]);
    expect(report.disagreements).toBe(0);
  });

  it('says the same in batches of any size, with the first examples in the order of the lines', async () => {
    const currencies = ['USD', 'JPY', 'EUR'];
    const given = Array.from({ length: 30 }, (_, index) =>
      facts(BigInt(400 + 30 * index), {}, currencies[index % 3]),
    );
    const one = set(module('10.00', 'HOLD'));
    const other = set(module('5.00', 'HOLD'));
    const whole = await replayed(one, other, given);
    expect(whole.decisions).toBe(30);
    expect(whole.examples.newly_denied.map(({ line }) => line)).toEqual([7, 10]);
    for (const batch of [1, 7]) expect(await replayed(one, other, given, batch)).toEqual(whole);
  });
});

describe('a comparison', () => {
  const decided = (verdict: Decided['verdict'], fired: readonly string[] = []): Decided => ({
    verdict,
    fired,
    rules: [],
    groups: [],
  });
  it('of any two decisions is the same just where verdict and rules are, and adds up', () => {
    const one = set(module('10.00', 'HOLD'));
    const compare = compareSets(one, one);
    const decisions = gen().map((g) =>
      decided(
        g(() => constantFrom('ALLOW' as const, 'FLAG' as const, 'HOLD' as const, 'DENY' as const)),
        ['us.pay/most', 'us.pay/tier'].filter(() => g(integer, { min: 0, max: 1 }) === 1),
      ),
    );
    assert(
      property(decisions, decisions, (live, candidate) => {
        const change = compare(live, candidate);
        const same = live.verdict === candidate.verdict && live.fired.join() === candidate.fired.join();
        expect(change.same).toBe(same);
        expect(kindOf(change) === undefined).toBe(same);
        const back = compare(candidate, live);
        expect([back.gained, back.lost]).toEqual([change.lost, change.gained]);
      }),
      { seed: 51, numRuns: 300 },
    );
  });

  it('is counted in bounded memory: corridors beyond the first ten thousand are one', () => {
    const tally = new Tally<number>(1);
    const change = { live: 'allowed', candidate: 'denied', same: false, gained: ['a/b'], lost: [] } as const;
    for (let index = 0; index < 10_050; index++)
      tally.add(
        change,
        { kind: 'transfer', origin: 'US', destination: 'FR', currency: String(index) },
        () => index,
      );
    const { corridors, examples, changes } = tally.report();
    expect(corridors.length).toBe(10_001);
    expect(corridors.find(({ corridor }) => corridor === 'others')?.decisions).toBe(50);
    expect([examples.newly_denied, changes.newly_denied]).toEqual([[0], 10_050]);
  });
});
