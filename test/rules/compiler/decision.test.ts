/** Decisions of the label machine on sets that are written by hand, beside the reference evaluator's. */
import { expect, it } from 'vitest';
import { publicReader } from '../../../src/rules/decision.ts';
import { evaluate } from '../../../src/rules/evaluator/evaluate.ts';
import { openRules } from '../../../src/rules/rules.ts';
import { freshMachine } from '../../vm/machine.ts';
import {
  and,
  compare,
  constant,
  control,
  fieldNamed,
  has,
  list,
  listed,
  moduleOf,
  not,
  read,
  setOf,
  transfer,
  types,
} from './typed.ts';

it('decides as the evaluator does on a few rules', async () => {
  const party = control('party', 'verdict');
  const sdn = list('sdn', 'key', [], true);
  const set = setOf(
    [
      moduleOf('us', {
        jurisdictions: ['US'],
        lists: [sdn],
        rules: [
          {
            name: 'sanctions',
            control: party,
            body: { kind: 'verdict', verdict: 'DENY' },
            when: listed(read('tx.counterparty_key'), sdn),
            reveals: 'verdict',
            layer: 'strict',
          },
          {
            name: 'travel',
            control: control('evidence', 'evidence'),
            body: {
              kind: 'require',
              field: fieldNamed('tx.ivms_digest'),
              verdict: 'DENY',
            },
            when: compare(read('tx.amount'), '>=', constant(3_000n, types.tx)),
          },
          {
            name: 'tier',
            control: control('tier', 'verdict'),
            body: { kind: 'verdict', verdict: 'HOLD' },
            when: and(has('tx.tier'), not(compare(read('tx.tier'), '==', constant('basic', types.symbol)))),
          },
        ],
      }),
    ],
    { lists: new Map([['us/sdn', [new Uint8Array(32).fill(3), new Uint8Array(32).fill(9)]]]) },
  );
  const rules = await openRules(set, freshMachine);
  for (const facts of [
    transfer(),
    transfer({ 'tx.counterparty_key': new Uint8Array(32).fill(3) }),
    transfer({ 'tx.amount': 0n }),
    transfer({ 'tx.amount': undefined }),
    transfer({ 'tx.ivms_digest': new Uint8Array(32) }),
    transfer({ 'tx.tier': 'full' }),
    transfer({ 'tx.tier': 'basic' }),
  ]) {
    for (const reader of [publicReader, { clearedFor: ['US'] }]) {
      const decided = rules.decide(facts, reader);
      const { verdict, fired, rules: outcomes, groups, missing, room } = decided;
      expect({ verdict, fired, rules: outcomes, groups, missing, room }).toEqual(
        evaluate(set, facts, reader),
      );
      expect(decided.code).toBeUndefined();
    }
  }
});
