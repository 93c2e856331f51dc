import { beforeAll, describe, expect, it } from 'vitest';
import { instructions, traps } from '../../vm/isa.ts';
import { nightly } from '../nightly.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { differsFromSpecification, type Tally } from './oracles.ts';

const programs = nightly ? 1_000_000 : 20_000;

describe('the interpreter on generated programs', () => {
  let machine: BareMachine;
  beforeAll(async () => {
    machine = await bareMachine();
  });

  it('agrees with the specification on values, labels, traps, fuel and audit', () => {
    const tally: Tally = new Map();
    let seen = 'nothing';
    for (let seed = 1; seed <= programs && seen === 'nothing'; seed++) {
      const difference = differsFromSpecification(machine, seed, tally);
      if (difference !== undefined) seen = `program ${seed}: ${difference}`;
    }
    expect(seen).toBe('nothing');
    console.log('differential', Object.fromEntries(tally));
    // Every instruction and rule is reached, and programs get to their end often enough.
    for (const { mnemonic } of instructions)
      expect(tally.get(`generated ${mnemonic}`), mnemonic).toBeGreaterThan(500);
    for (const name of Object.keys(traps)) expect(tally.get(`trap ${name}`), name).toBeGreaterThan(0);
    for (const name of ['declassify', 'endorse']) expect(tally.get(name), name).toBeGreaterThan(2_000);
    expect(tally.get('finished')).toBeGreaterThan(10_000);
  });
});
