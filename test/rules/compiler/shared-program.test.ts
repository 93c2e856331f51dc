/** Corridors to whom the same rules say the same have one program, so that many pairs of countries in one request do not each cost a compilation. */
import { expect, it } from 'vitest';
import type { Facts } from '../../../src/rules/checker/checked.ts';
import { publicReader } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { openRules } from '../../../src/rules/rules.ts';
import type { Machine } from '../../../vm/host.ts';
import { freshMachine } from '../../vm/machine.ts';
import { setOf } from '../generation/written-set.ts';

const countries = ['AT', 'CH', 'DE', 'FR', 'JP', 'SG', 'US', 'ZA'];
const currencies = ['EUR', 'JPY', 'USD'];

function factsOf(origin: string, destination: string, currency: string, amount: bigint): Facts {
  return {
    kind: 'transfer',
    fields: new Map<string, bigint | string>([
      ['tx.amount', amount],
      ['tx.currency', currency],
      ['tx.origin', origin],
      ['tx.destination', destination],
      ['tx.time', 1_795_000_000n],
    ]),
    feeds: new Map([['ecb', { asOf: 1_795_000_000n, rates: new Map([['USD', 1_100_000_000n]]) }]]),
    windows: new Map(),
  };
}

/** How often a program was loaded for all corridors between the countries, each decided as the evaluator decides it. */
async function countLoads(rules: string): Promise<number> {
  const set = setOf([`module a.a 1\n  jurisdiction ANY\n  layer issuer\n  on transfer\n${rules}`]);
  let loads = 0;
  const opened = await openRules(set, async () => {
    const machine = await freshMachine();
    const counting: Machine = {
      load(file) {
        loads++;
        return machine.load(file);
      },
    };
    return counting;
  });
  const traces = new Set<string>();
  for (const origin of countries)
    for (const destination of countries)
      for (const currency of currencies)
        for (const amount of [99n, 101n]) {
          const facts = factsOf(origin, destination, currency, amount);
          const decision = opened.decide(facts);
          const expected = evaluate(set, facts, publicReader);
          expect([decision.verdict, decision.fired], `${origin} ${destination} ${currency}`).toEqual([
            expected.verdict,
            expected.fired,
          ]);
          if (amount === 99n) traces.add(Buffer.from(decision.traceHash).toString('hex'));
        }
  // The trace says of which corridor it is, whoever shares its program.
  expect(traces.size).toBe(countries.length ** 2 * currencies.length);
  return loads;
}

it('makes one program where no rule asks who the corridor is between', async () => {
  expect(await countLoads('control c verdict\nrule r control c HOLD when has(tx.tier)\n')).toBe(1);
});

it('makes one for each origin where rules ask for the origin alone', async () => {
  expect(await countLoads('control c verdict\nrule r control c HOLD when tx.origin in ["CH", "SG"]\n')).toBe(
    countries.length,
  );
});

it('makes one for each currency where rules convert', async () => {
  const rules =
    'feed ecb of rates max_age 24h on_stale HOLD\ncontrol c cap\nrule r control c cap usd("1.10") on convert(tx.amount, USD, feed.ecb, UP)\n';
  expect(await countLoads(rules)).toBe(currencies.length);
});

it('makes one for each corridor where rules ask for all of it', async () => {
  const rules =
    'control c verdict\nrule r control c HOLD when tx.origin == tx.destination && tx.currency == "JPY"\n';
  expect(await countLoads(rules)).toBe(countries.length ** 2 * currencies.length);
});
