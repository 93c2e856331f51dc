import { beforeAll, describe, expect, it } from 'vitest';
import { nightly } from '../../nightly.ts';
import { type Tally, tellsSecretsApart } from '../oracles.ts';
import { leavesMalformed } from './agreement.ts';
import { TranslatedMachine } from './translated-machine.ts';

/** Of runs that both come to their end. */
const wantedPairs = nightly ? 1_000_000 : 8_000;
const programs = nightly ? 100_000 : 1_500;

describe('translated programs', () => {
  let machine: TranslatedMachine;
  beforeAll(async () => {
    machine = await TranslatedMachine.start();
  });

  it('tell an observer nothing of what is above the observer', () => {
    const tally: Tally = new Map();
    let seen: string | undefined;
    for (let seed = 1; (tally.get('both finished') ?? 0) < wantedPairs && seen === undefined; seed++) {
      const told = tellsSecretsApart(machine, seed, tally, 8, machine.interpreter);
      if (told !== undefined) seen = `program ${seed}: ${told}`;
    }
    expect(seen).toBeUndefined();
    console.log('translator, EENI', Object.fromEntries(tally));
    expect(tally.get('secrets moved')).toBeGreaterThan(wantedPairs / 4);
  });

  it('leave no label that must never be', () => {
    const tally: Tally = new Map();
    let seen = 'nothing';
    for (let seed = 1; seed <= programs && seen === 'nothing'; seed++) {
      const malformed = leavesMalformed(machine, seed, tally);
      if (malformed !== undefined) seen = `program ${seed}: ${malformed}`;
    }
    expect(seen).toBe('nothing');
    expect(tally.get('finished')).toBeGreaterThan(programs / 4);
  });
});
