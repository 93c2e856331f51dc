import { beforeAll, describe, expect, it } from 'vitest';
import { nightly } from '../nightly.ts';
import { type BareSteppingMachine, bareSteppingMachine } from './machine.ts';
import { lowLockstep, multiStep, singleStep, type TwinOracle, wellFormed } from './noninterference.ts';
import { type Tally, tellsSecretsApart } from './oracles.ts';

const programs = nightly ? 500_000 : 5_000;
/** Of runs that both come to their end. */
const wantedPairs = nightly ? 100_000_000 : 40_000;
const pairsOfProgram = nightly ? 50 : 4;

describe('noninterference on generated programs', () => {
  let machines: readonly [BareSteppingMachine, BareSteppingMachine];
  beforeAll(async () => {
    machines = [await bareSteppingMachine(), await bareSteppingMachine()];
  });

  it('EENI: an observer is told nothing of what is above the observer', () => {
    const tally: Tally = new Map();
    let seen: string | undefined;
    for (let seed = 1; (tally.get('both finished') ?? 0) < wantedPairs && seen === undefined; seed++) {
      const told = tellsSecretsApart(machines[0], seed, tally, pairsOfProgram);
      if (told !== undefined) seen = `program ${seed}: ${told}`;
      // Long work shows that it goes on.
      if (seed % 100_000 === 0) console.log(`${tally.get('both finished')} of ${wantedPairs} pairs`);
    }
    expect(seen).toBeUndefined();
    console.log('EENI', Object.fromEntries(tally));
    // Pairs in which no secret went anywhere would prove little.
    expect(tally.get('secrets moved')).toBeGreaterThan(wantedPairs / 4);
  });

  function look(oracle: TwinOracle, tally: Tally): string {
    for (let seed = 1; seed <= programs; seed++) {
      const seen = oracle(machines, seed, tally);
      if (seen !== undefined) return `program ${seed}: ${seen}`;
    }
    return 'nothing';
  }

  // What is reached at least, in a run of 5,000 programs: an oracle that looks at little proves little.
  it.each([
    ['LLNI', lowLockstep, { 'LLNI finished': 2_000 }],
    [
      'SSNI',
      singleStep,
      { 'SSNI in sight': 3_000, 'SSNI out of sight': 3_000, 'SSNI going out of sight': 200 },
    ],
    ['MSNI', multiStep, { 'MSNI finished': 2_000 }],
    ['well-formedness of every state', wellFormed, { states: 100_000 }],
  ] as const)('%s sees nothing', (name, oracle, least) => {
    const tally: Tally = new Map();
    expect(look(oracle, tally)).toBe('nothing');
    console.log(name, Object.fromEntries(tally));
    for (const [what, count] of Object.entries(least))
      expect(tally.get(what), what).toBeGreaterThanOrEqual(count);
  });
});
