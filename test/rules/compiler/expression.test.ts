/** Every operator of the language in the label machine, beside the reference evaluator, with the limits of its numbers. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Facts, Typed } from '../../../src/rules/checker/checked.ts';
import { evaluateExpression } from '../../../src/rules/evaluator/expression.ts';
import { Probes, type Told } from '../../../src/rules/probe-run.ts';
import type { Corridor } from '../../../src/rules/set/rule-set.ts';
import type { Machine } from '../../../vm/host.ts';
import { nightly } from '../../nightly.ts';
import { freshMachine } from '../../vm/machine.ts';
import { expressions, facts, feeds, listItems, lists, parameters, windows } from './generation.ts';
import { moduleOf, setOf } from './typed.ts';

const module = moduleOf('m', { feeds, lists, parameters, windows, rules: [] });
const set = setOf([module], { lists: listItems });
const corridor: Corridor = { kind: 'transfer', origin: 'US', destination: 'FR', currency: 'EUR' };
const reader = { clearedFor: ['ANY', 'issuer'] };

let machine: Machine;
beforeAll(async () => {
  machine = await freshMachine();
});

/** What the machine says of expressions, and what the evaluator says. */
function compareAll(typed: readonly Typed[], some: readonly Facts[]): void {
  const wanted = typed.map((one) => ({ typed: one, module, owners: ['ANY', 'issuer'] }));
  const probes = new Probes(machine, set, corridor, wanted);
  for (const one of some) {
    const told = probes.run(one, reader);
    const expected = typed.map(
      (expression): Told =>
        evaluateExpression(expression, { set, module: 'm', facts: one, known: new Map() }),
    );
    expect(told).toEqual(expected);
  }
}

describe('expressions', () => {
  it('come to what the evaluator says, or to the same error', () => {
    const { bool, int, money, ratio, symbol, key } = expressions();
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bool, int, money, ratio, symbol, key), { minLength: 5, maxLength: 20 }),
        fc.array(facts, { minLength: 5, maxLength: 5 }),
        compareAll,
      ),
      { numRuns: nightly ? 20_000 : 60 },
    );
  });
});
