/** What central management keeps of a decision, and that it is made again by that, years later; with real tokens, ledgers and rules. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeEntry, decodeIntentContent } from '../../src/journal/entry.ts';
import { unseal } from '../../src/records/sealing.ts';
import type { CentralRules } from '../../src/roles/central.ts';
import { decisionRecordType, decodeDecisionContext } from '../../src/roles/decision-context.ts';
import type { DecidedOrders } from '../../src/roles/order-decisions.ts';
import { makeShadow } from '../../src/roles/shadow-rules.ts';
import type { RulesInForce } from '../../src/rules/in-force.ts';
import { openIssuanceRules } from '../../src/rules/issuance-rules.ts';
import { shippedRuleSet } from '../../src/rules/policy/shipped-set.ts';
import { type DecisionRecord, decodeDecisionRecord } from '../../src/rules/recording/decision-record.ts';
import { factsAt } from '../../src/rules/recording/order-facts.ts';
import { rerunDecision } from '../../src/rules/recording/rerun.ts';
import { setOf } from '../rules/activation/rule-home.ts';
import { centralRules, machineWasm, shippedRules, testSealingKey } from '../rules/central-rules.ts';
import { corridor, laxer, set as sizes } from '../rules/engine/sizes.ts';
import { makeEngine, translateAltered } from '../rules/engine/translator.ts';
import { type Authorities, draft, limits, makeAuthorities, openTokens, type Tokens } from './authorities.ts';

/** Flags the third order of a minute, holds on a feed, and denies what is much in a day. */
const demo = `module demo.limits 1
  jurisdiction ANY
  layer issuer
  on issuance

feed risk of int max_age 24h on_stale HOLD
feed ecb of rates max_age 24h on_stale HOLD
window day 24h

control often verdict
control risk verdict
control much cap

rule often control often
  FLAG when account.requests >= 2
rule risky control risk
  HOLD when feed.risk > 3
rule much control much
  cap eur("400.00") on convert(spent(day) + tx.amount, EUR, feed.ecb, UP)
`;

let tokens: Tokens;
let authorities: Authorities;
beforeAll(async () => {
  tokens = await openTokens();
});
afterAll(() => tokens.close());
afterEach(() => authorities.close());

async function decisions(): Promise<{ flagged: number; record: DecisionRecord; bytes: Uint8Array }[]> {
  const found = [];
  for (const { bytes } of await authorities.stores.central.journal(1, 1_000)) {
    const entry = decodeEntry(bytes);
    if (!entry.ok || !['credential', 'denial'].includes(entry.value.kind)) continue;
    const content = decodeIntentContent(entry.value.content);
    const context = content.ok ? decodeDecisionContext(content.value.context) : undefined;
    if (context === undefined) continue;
    const opened = await unseal([testSealingKey], context.sealed, decisionRecordType);
    if (!opened.ok) throw new Error(opened.message);
    const record = decodeDecisionRecord(opened.value);
    if (!record.ok) throw new Error(record.message);
    found.push({ flagged: context.flagged, record: record.value, bytes });
  }
  return found;
}

async function issue(...amounts: readonly bigint[]): Promise<(string | readonly string[])[]> {
  const outcomes: (string | readonly string[])[] = [];
  for (const value of amounts) {
    const outcome = await authorities.issuance.issue(draft([{ value, count: 1 }], authorities.clock));
    if (!outcome.ok) throw new Error(outcome.message);
    outcomes.push(outcome.value.kind === 'issued' ? 'issued' : outcome.value.denial.reasons);
  }
  return outcomes;
}

async function demoRules(): Promise<RulesInForce> {
  return openIssuanceRules(setOf('demo', 7, demo).set, machineWasm, 'test');
}

function withFeed(rules: RulesInForce, value: bigint, asOf: () => number): CentralRules {
  return {
    ...centralRules(rules),
    feeds: () => new Map([['risk', { asOf: BigInt(asOf()), value }]]),
  };
}

describe('a decision', () => {
  it('is made again from what is recorded of it, bit for bit, by rules that were opened anew', async () => {
    authorities = await makeAuthorities(tokens);
    expect(await issue(500n, limits.ceiling + 1n, 700n)).toEqual(['issued', ['issuer_ceiling'], 'issued']);
    const kept = await decisions();
    expect(kept).toHaveLength(3);
    const anew = await openIssuanceRules(shippedRuleSet(), machineWasm, 'test');
    for (const { record, flagged } of kept) {
      expect(flagged).toBe(0);
      expect(rerunDecision(record, anew)).toEqual([]);
    }
    expect(kept.map(({ record }) => record.outcomes.map(({ verdict }) => verdict))).toEqual([
      ['ALLOW'],
      ['DENY'],
      ['ALLOW'],
    ]);
  });

  it('differs where a fact, an outcome or the rules are others', async () => {
    authorities = await makeAuthorities(tokens);
    await issue(limits.ceiling);
    const [kept] = await decisions();
    if (kept === undefined) throw new Error('a decision was recorded');
    const { record } = kept;
    const [outcome] = record.outcomes;
    if (outcome === undefined) throw new Error('an order was decided');
    const lowered = new Map(record.facts.fields).set('account.ceiling', [1n]);
    const others: DecisionRecord[] = [
      { ...record, facts: { ...record.facts, fields: lowered } },
      { ...record, outcomes: [{ ...outcome, verdict: 'FLAG' }] },
      { ...record, outcomes: [{ ...outcome, fuel: outcome.fuel + 1n }] },
      { ...record, outcomes: [{ ...outcome, program: null }] },
      { ...record, traceHash: new Uint8Array(32) },
      { ...record, machine: new Uint8Array(32) },
      { ...record, ruleSet: { ...record.ruleSet, version: 9 } },
    ];
    for (const [index, other] of others.entries())
      expect(rerunDecision(other, shippedRules).length, String(index)).toBeGreaterThan(0);
    expect(rerunDecision(record, await demoRules())).not.toEqual([]);
  });

  it('is found where a translation decided otherwise, and where that was noticed and nothing was decided', async () => {
    const engine = makeEngine({ translate: translateAltered(laxer), compareEvery: 2 });
    const rules = await openIssuanceRules(sizes, machineWasm, 'test', engine);
    await rules.prepare(corridor);
    authorities = await makeAuthorities(tokens, { centralRules: centralRules(rules) });
    const ask = async (count: number): Promise<string | readonly string[]> => {
      const outcome = await authorities.issuance.issue(draft([{ value: 10n, count }], authorities.clock));
      if (!outcome.ok) throw new Error(outcome.message);
      return outcome.value.kind === 'issued' ? 'issued' : outcome.value.denial.reasons;
    };
    // The first is compared, the second is not, the third is.
    expect([await ask(1), await ask(9), await ask(9), await ask(9)]).toEqual([
      'issued',
      'issued',
      ['engines_differ'],
      ['demo.size/many'],
    ]);
    const interpreted = await openIssuanceRules(sizes, machineWasm, 'test');
    const found = (await decisions()).map(({ record }) => rerunDecision(record, interpreted));
    expect(found.map(([first]) => first && `${first.what} ${first.recorded} ${first.again}`)).toEqual([
      undefined,
      'verdict ALLOW DENY',
      'verdict HOLD DENY',
      undefined,
    ]);
  });

  it('has no secret in what others may see of it: the ceiling is sealed in the ledger', async () => {
    const ceiling = 7_777_777n;
    authorities = await makeAuthorities(tokens, { limits: { ...limits, ceiling } });
    await issue(500n);
    const [kept] = await decisions();
    expect(factsAt(kept?.record.facts as DecisionRecord['facts'], 0).fields.get('account.ceiling')).toBe(
      ceiling,
    );
    // As deterministic CBOR writes it.
    const encoded = Buffer.from([0x1a, 0, 0, 0, 0]);
    encoded.writeUInt32BE(Number(ceiling), 1);
    for (const { bytes } of await authorities.stores.central.journal(1, 1_000))
      expect(Buffer.from(bytes).includes(encoded)).toBe(false);
  });

  it('is by facts of windows, feeds and orders before it; what is flagged passes and is told', async () => {
    const told: DecidedOrders[] = [];
    const rules = await demoRules();
    authorities = await makeAuthorities(tokens, {
      centralRules: {
        ...withFeed(rules, 2n, () => authorities.clock.nowSeconds() - 60),
        decided: (_, decided) => told.push(decided),
      },
    });
    expect(await issue(10_000n, 20_000n, 10_000n, 1n)).toEqual([
      'issued',
      'issued',
      'issued',
      ['demo.limits/much'],
    ]);
    const kept = await decisions();
    expect(kept.map(({ flagged }) => flagged)).toEqual([0, 0, 1, 0]);
    expect(kept[2]?.record.outcomes[0]).toMatchObject({ verdict: 'FLAG', reasons: ['demo.limits/often'] });
    expect(kept[3]?.record.facts.windows.get(86_400n)).toMatchObject({ spent: [40_000n], count: [3n] });
    expect(kept[0]?.record.ruleSet).toEqual({ version: 7, hash: rules.ruleSet.hash });
    expect(told).toHaveLength(4);
    for (const { record } of kept) expect(rerunDecision(record, await demoRules())).toEqual([]);
    // The window's whole length ago is in it still.
    authorities.clock.advanceMs(86_400_000);
    expect(await issue(10_000n)).toEqual([['demo.limits/much']]);
    authorities.clock.advanceMs(1);
    expect(await issue(10_000n)).toEqual(['issued']);
  });

  it('holds where a feed is missing, too old, or says so, and says which of it may be told', async () => {
    const rules = await demoRules();
    let made: CentralRules = centralRules(rules);
    authorities = await makeAuthorities(tokens, {
      centralRules: { ...made, feeds: (currency) => made.feeds(currency) },
    });
    expect(await issue(1n)).toEqual([['rule_on_hold']]);
    made = withFeed(rules, 2n, () => authorities.clock.nowSeconds() - 90_000);
    expect(await issue(1n)).toEqual([['rule_on_hold']]);
    made = withFeed(rules, 9n, () => authorities.clock.nowSeconds());
    expect(await issue(1n)).toEqual([['demo.limits/risky']]);
    made = withFeed(rules, 3n, () => authorities.clock.nowSeconds());
    expect(await issue(1n)).toEqual(['issued']);
  });
});

describe('the shadow', () => {
  it('counts what it would have decided otherwise, by kind and rule, and changes nothing', async () => {
    const candidate = await openIssuanceRules(
      setOf(
        'tighter',
        8,
        'module demo.tight 1\n  jurisdiction ANY\n  layer issuer\n  on issuance\n\nfeed ecb of rates max_age 24h on_stale HOLD\ncontrol size cap\n\nrule size control size\n  cap eur("5.00") on convert(tx.amount, EUR, feed.ecb, UP)\n',
      ).set,
      machineWasm,
      'test',
    );
    const clock = { nowMs: () => 0, nowSeconds: () => 0 };
    const shadow = makeShadow(candidate, clock);
    const broken = makeShadow(
      {
        ...candidate,
        decide: () => {
          throw new Error('a candidate that fails');
        },
      },
      clock,
    );
    authorities = await makeAuthorities(tokens, {
      centralRules: {
        ...centralRules(),
        decided({ id }, decided) {
          shadow.add(id, decided);
          broken.add(id, decided);
        },
      },
    });
    expect(await issue(500n, 501n, limits.ceiling + 1n)).toEqual(['issued', 'issued', ['issuer_ceiling']]);
    await shadow.idle();
    await broken.idle();
    expect(shadow.report).toMatchObject({ orders: 3, different: 2, dropped: 0, failed: 0 });
    expect(shadow.report.counts).toEqual([
      { kind: 'newly_denied', rule: 'demo.tight/size', orders: 1 },
      { kind: 'otherwise', rule: 'demo.tight/size', orders: 1 },
    ]);
    expect(shadow.report.examples[0]).toMatchObject({
      kind: 'newly_denied',
      order: 0,
      live: { verdict: 'ALLOW', reasons: [] },
      shadow: { verdict: 'DENY', reasons: ['demo.tight/size'] },
    });
    expect(broken.report).toMatchObject({ orders: 3, failed: 3 });
  });

  it('forgets what does not fit, and counts it', async () => {
    authorities = await makeAuthorities(tokens);
    const shadow = makeShadow(shippedRules, { nowMs: () => 0, nowSeconds: () => 0 });
    const outcome = shippedRules.decide({
      kind: 'issuance',
      fields: new Map(),
      feeds: new Map(),
      windows: new Map(),
    });
    const facts = { kind: 'issuance', fields: new Map(), feeds: new Map(), windows: new Map() } as const;
    const huge: DecidedOrders = {
      rules: shippedRules,
      facts,
      outcomes: new Array(200_001).fill(outcome),
      traceHash: new Uint8Array(32),
    };
    shadow.add(new Uint8Array(16), huge);
    expect(shadow.report.dropped).toBe(200_001);
    shadow.add(new Uint8Array(16), { ...huge, outcomes: [outcome] });
    await shadow.idle();
    expect(shadow.report).toMatchObject({ orders: 1, different: 0, dropped: 200_001 });
    shadow.close();
    shadow.add(new Uint8Array(16), { ...huge, outcomes: [outcome] });
    expect(shadow.report.dropped).toBe(200_002);
  });
});
