import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyze } from '../../../src/rules/analysis/analyze.ts';
import { type Finding, isRefused } from '../../../src/rules/analysis/finding.ts';
import { usualLimits } from '../../../src/rules/analysis/question.ts';
import { ProcessSolver } from '../../../src/rules/analysis/solver/solver.ts';
import { decide, now, setOf } from './rule-set.ts';

let solver: ProcessSolver;
beforeAll(() => {
  solver = new ProcessSolver();
});
afterAll(() => solver.close());

async function findingsIn(...texts: readonly string[]): Promise<readonly Finding[]> {
  const { findings } = await analyze({
    set: setOf(...texts),
    solver,
    limits: usualLimits,
    decide,
    now,
    elapsed: () => performance.now(),
    progress: () => undefined,
  });
  return findings;
}

/** Code and rules of what refuses a set. */
async function refusedIn(...texts: readonly string[]): Promise<readonly string[]> {
  const findings = await findingsIn(...texts);
  return findings.filter(({ code }) => isRefused(code)).map(({ code, rules }) => [code, ...rules].join(' '));
}

async function toldIn(code: string, ...texts: readonly string[]): Promise<readonly string[]> {
  const findings = await findingsIn(...texts);
  return findings.filter((finding) => finding.code === code).map(({ message }) => message);
}

const orders = (rules: string) => `module us.orders 1
  jurisdiction US
  layer national
  on issuance

window day 24h
control orders verdict
control limit cap
${rules}`;

const payments = (rules: string, name = 'us.payments', jurisdiction = 'US') => `module ${name} 1
  jurisdiction ${jurisdiction}
  layer national
  on transfer

feed ecb of rates range 1 .. 100000000000 max_age 24h on_stale HOLD
window day 24h
let dollars = convert(tx.amount, USD, feed.ecb, UP)
let today = convert(spent(day) + tx.amount, USD, feed.ecb, UP)
control party verdict
control limit.day cap
control evidence evidence
${rules}`;

describe('a conflict', () => {
  const orders2 = (from: string) =>
    orders(`rule many control orders
  HOLD when account.requests > 9
rule few control orders
  FLAG when account.requests ${from}
`);
  it('is found between rules that apply at once with different verdicts, with the places of both and a transaction', async () => {
    const findings = await findingsIn(orders2('>= 5'));
    const found = findings.filter(({ code }) => code === 'conflict');
    expect(found).toHaveLength(1);
    expect(found[0]?.rules).toEqual(['us.orders/many', 'us.orders/few']);
    expect(found[0]?.places).toHaveLength(2);
    expect(found[0]?.witnesses[0]?.decision.groups[0]).toMatchObject({ conflict: true, verdict: 'HOLD' });
  });
  it('is found where they meet in one number alone, and not beside it', async () => {
    expect(await refusedIn(orders2('< 11 && account.requests > 0'))).toEqual([
      'conflict us.orders/many us.orders/few',
    ]);
    expect(await refusedIn(orders2('< 10 && account.requests > 0'))).toEqual([]);
  });
  it('is not where one beats the other', async () => {
    const ordered = orders(`rule many control orders priority 2
  HOLD when account.requests > 9
rule few control orders priority 1
  FLAG when account.requests > 4
`);
    expect(await refusedIn(ordered)).toEqual([]);
  });
  it('is found between caps that are not the same', async () => {
    const caps = (second: string) =>
      orders(`rule one control limit
  cap account.request_maximum on tx.amount
rule other control limit
  cap ${second} on tx.amount
`);
    expect(await refusedIn(caps('account.day_remaining'))).toEqual([
      'conflict us.orders/one us.orders/other',
    ]);
    expect(await refusedIn(caps('account.request_maximum'))).toEqual([]);
  });
});

describe('a dead rule', () => {
  const one = (condition: string) => orders(`rule some control orders\n  HOLD when ${condition}\n`);
  it('is one whose condition nothing fulfils', async () => {
    expect(await refusedIn(one('account.requests > 9 && account.requests < 10'))).toEqual([
      'dead_rule us.orders/some',
    ]);
    expect(await refusedIn(one('account.requests > 9 && account.requests < 11'))).toEqual([]);
  });
  it('is one that is always beaten, and says by which', async () => {
    const beaten = (condition: string) =>
      orders(`rule some control orders
  HOLD when account.requests > 9
rule other control orders exception to some
  ALLOW when account.requests > ${condition}
`);
    expect(await refusedIn(beaten('8'))).toEqual(['dead_rule us.orders/some us.orders/other']);
    expect(await refusedIn(beaten('10'))).toEqual([]);
  });
  it('is one that is over on the day of the analysis', async () => {
    const until = (date: string) =>
      orders(`rule some control orders expires ${date}\n  HOLD when account.requests > 9\n`);
    expect(await refusedIn(until('2026-11-22'))).toEqual(['dead_rule us.orders/some']);
    expect(await refusedIn(until('2026-11-23'))).toEqual([]);
  });
  it('is a cap that nothing is above', async () => {
    const cap = (most: string) => orders(`rule some control limit\n  cap ${most} on tx.units\n`);
    expect(await refusedIn(cap('65536'))).toEqual(['dead_rule us.orders/some']);
    expect(await refusedIn(cap('65535'))).toEqual([]);
  });
});

describe('an error that is reached', () => {
  it('is a division by what can be 0', async () => {
    const divided = (by: string) => orders(`rule some control orders\n  HOLD when 1000 / ${by} > 10\n`);
    expect(await refusedIn(divided('account.requests'))).toEqual(['error_reachable us.orders/some']);
    expect(await refusedIn(divided('(account.requests + 1)'))).toEqual([]);
  });
  it('is an overflow, at the first number that overflows', async () => {
    const product = (by: string) =>
      orders(`rule some control orders\n  HOLD when tx.units * ${by} > ${by}\n`);
    // 65,536 units at most.
    expect(await refusedIn(product('15258789062500'))).toEqual(['error_reachable us.orders/some']);
    expect(await refusedIn(product('15258789062499'))).toEqual([]);
  });
  it('is only told where it takes sums that nobody has', async () => {
    const text = payments('rule day control limit.day\n  cap usd("10000.00") on today\n');
    expect(await refusedIn(text)).toEqual([]);
    expect(await toldIn('error_at_extremes', text)).toHaveLength(1);
  });
});

describe('a gap', () => {
  it('is told where no cap is in force', async () => {
    const cap = (when: string) =>
      payments(`rule day control limit.day\n  cap usd("100.00") on dollars${when}\n`);
    expect(await toldIn('gap', cap(' when has(tx.tier)'))).toEqual([
      'no cap of `limit.day` of US, national is in force of some transactions',
    ]);
    expect(await toldIn('gap', cap(''))).toEqual([]);
  });
  it('is told of values that no arm names', async () => {
    const arms = (other: string) =>
      payments(`rule basic control limit.day
  cap usd("100.00") on dollars when has(tx.tier) && tx.tier == "basic"
rule full control limit.day
  cap usd("1000.00") on dollars when ${other}
`);
    expect(await toldIn('gap_value', arms('has(tx.tier) && tx.tier == "full"'))).toHaveLength(1);
    expect(await toldIn('gap_value', arms('!has(tx.tier) || tx.tier != "basic"'))).toEqual([]);
  });
});

describe('properties', () => {
  const rule = 'rule day control limit.day\n  cap usd("10000.00") on today\n';
  it('that hold are proved, also with a rate that is not known', async () => {
    expect(await refusedIn(payments(`${rule}property "more" monotone tx.amount\n`))).toEqual([]);
  });
  it('that do not hold are refused with two transactions', async () => {
    const text = payments(
      `${rule}rule large control limit.day exception to day\n  cap usd("90000.00") on dollars when dollars > usd("500.00")\nproperty "more" monotone tx.amount\n`,
    );
    const findings = await findingsIn(text);
    const broken = findings.filter(({ code }) => code === 'not_monotone');
    expect(broken).toHaveLength(1);
    expect(broken[0]?.witnesses.map(({ decision }) => decision.verdict)).toEqual(['DENY', 'ALLOW']);
  });
  it('of a bound are proved or refused at the limit', async () => {
    const bound = (limit: string) =>
      payments(
        `${rule}property "above" when tx.currency == "USD" && dollars > usd("${limit}") => at_least DENY\n`,
      );
    expect(await refusedIn(bound('10000.00'))).toEqual([]);
    expect(await refusedIn(bound('9999.99'))).toEqual(['bound_broken us.payments/"above"']);
  });
});

describe('an empty corridor', () => {
  const all = (when: string) => payments(`rule no control party\n  DENY when ${when}\n`);
  it('is refused between countries of the set, with the rule that always fires', async () => {
    const refused = await findingsIn(all('tx.destination == "FR" && tx.origin == "US"'));
    const found = refused.filter(({ code }) => code === 'empty_corridor');
    expect(found.map(({ corridor, rules }) => [corridor?.origin, corridor?.destination, ...rules])).toEqual([
      ['US', 'FR', 'us.payments/no'],
    ]);
  });
  it('is only told where a country is named in a condition alone', async () => {
    const findings = await findingsIn(all('tx.destination == "KP"'));
    expect(findings.some(({ code }) => code === 'corridor_closed')).toBe(true);
    expect(findings.filter(({ code }) => isRefused(code))).toEqual([]);
  });
  it('is not one in which a single transaction is allowed', async () => {
    expect(await refusedIn(all('tx.destination == "FR" && dollars != usd("0.07")'))).toEqual([]);
  });
});
