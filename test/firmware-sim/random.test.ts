/** Sequences drawn at random, on the firmware and on the reference: answers, codes and states agree, through power cuts and flashes put back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { profiles } from '../../firmware-sim/profiles.ts';
import { nightly } from '../nightly.ts';
import { firmware } from './parts.ts';
import { stepsOf } from './random-steps.ts';
import { newTally, startOf, walk } from './random-walk.ts';

/** Of all profiles together. */
const sequences = nightly ? 40_000 : 480;
const seed = Number(process.env['RINGMINT_SEED'] ?? (nightly ? Date.now() % 2 ** 31 : 7));

describe(`the device and the reference (seed ${seed})`, () => {
  const runs = Math.ceil(sequences / profiles.length);

  it.each([...profiles])('agree on every answer of $name', { timeout: 3_600_000 }, (profile) => {
    const starts = {
      blank: startOf(firmware, profile, 'blank'),
      furnished: startOf(firmware, profile, 'furnished'),
    };
    const tally = newTally();
    const kind = fc.constantFrom('blank' as const, 'furnished' as const, 'furnished' as const);
    const outcome = fc.check(
      fc.property(kind, stepsOf(nightly ? 40 : 10), (begins, steps) => walk(starts[begins], steps, tally)),
      { seed, numRuns: runs },
    );
    const { failed, counterexamplePath, counterexample, errorInstance } = outcome;
    const what = errorInstance instanceof Error ? errorInstance.message : '';
    expect(
      failed ? `seed ${seed}, path ${counterexamplePath}, ${counterexample?.[0]} device: ${what}` : '',
    ).toBe('');
    expect(outcome.numRuns).toBe(runs);
    // It is not agreed on nothing.
    expect(tally.accepted).toBeGreaterThan(2 * runs);
    expect(tally.refused).toBeGreaterThan(runs);
    expect(tally.cuts).toBeGreaterThan(runs / 8);
    expect(tally.rollbacks).toBeGreaterThan(runs / 80);
  });
});
