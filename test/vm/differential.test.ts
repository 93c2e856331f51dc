import { beforeAll, describe, expect, it } from 'vitest';
import { traps } from '../../vm/isa.ts';
import { nightly } from '../nightly.ts';
import { type BareMachine, bareMachine } from './machine.ts';
import { differsFromSpecification, type Tally, tellsSecretsApart } from './oracles.ts';

const seeds = Array.from({ length: nightly ? 1_000_000 : 20_000 }, (_, index) => index + 1);

function firstFinding(look: (seed: number) => string | undefined): string {
  for (const seed of seeds) {
    const finding = look(seed);
    if (finding !== undefined) return `program ${seed}: ${finding}`;
  }
  return 'nothing';
}

describe('the interpreter on generated programs', () => {
  let machine: BareMachine;
  beforeAll(async () => {
    machine = await bareMachine();
  });

  it('agrees with the specification on values, labels, traps, fuel and audit', () => {
    const tally: Tally = new Map();
    expect(firstFinding((seed) => differsFromSpecification(machine, seed, tally))).toBe('nothing');
    console.log('differential', Object.fromEntries(tally));
    // Every rule is reached, and programs get to their end often enough.
    for (const name of Object.keys(traps)) expect(tally.get(`trap ${name}`), name).toBeGreaterThan(0);
    for (const name of ['declassify', 'endorse']) expect(tally.get(name), name).toBeGreaterThan(20);
    expect(tally.get('finished')).toBeGreaterThan(2_000);
  });

  it('tells an observer nothing of what is above the observer', () => {
    const tally: Tally = new Map();
    expect(firstFinding((seed) => tellsSecretsApart(machine, seed, tally))).toBe('nothing');
    console.log('noninterference', Object.fromEntries(tally));
    expect(tally.get('both finished')).toBeGreaterThan(2_000);
    // Pairs in which no secret went anywhere would prove little.
    expect(tally.get('secrets moved')).toBeGreaterThan(500);
  });
});
