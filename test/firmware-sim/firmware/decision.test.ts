import { describe, expect, it } from 'vitest';
import { type Cpu, GlitchError, steadyCpu } from '../../../firmware-sim/chip/cpu.ts';
import { confirm, decide } from '../../../firmware-sim/firmware/decision.ts';
import { expectedMask, Permit } from '../../../firmware-sim/firmware/guard.ts';
import { applyMask } from '../../../firmware-sim/firmware/mask.ts';
import { equalBytes } from '../../../src/kit/bytes.ts';

/** Turns these branches round, counted from 0 in the order in which they come by. */
function flipping(flips: readonly number[]): Cpu {
  let at = 0;
  const steady = steadyCpu((length) => new Uint8Array(length));
  return { ...steady, branch: (_site, outcome) => (flips.includes(at++) ? !outcome : outcome) };
}

/** None, each one, and each two of the first so many branches. */
const atMostTwo = (branches: number): number[][] => {
  const single = Array.from({ length: branches }, (_, at) => [at]);
  const pairs = single.flatMap(([one = 0]) => single.slice(one + 1).map(([other = 0]) => [one, other]));
  return [[], ...single, ...pairs];
};

function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof GlitchError) return 'glitch';
    throw error;
  }
}

describe('a decision', () => {
  it.each([true, false])('that is %s is not turned round by two glitches', (truth) => {
    const outcomes = atMostTwo(3).map((flips) =>
      outcomeOf(() => decide(flipping(flips), 'site', () => truth)),
    );
    expect(outcomes).toEqual([truth, ...Array(6).fill('glitch')]);
    expect(decide(flipping([0, 1, 2]), 'site', () => truth)).toBe(!truth);
  });

  it('is confirmed where every look sees it', () => {
    for (const flips of atMostTwo(3)) {
      expect(outcomeOf(() => confirm(flipping(flips), 'site', () => true))).toBe(
        flips.length === 0 ? undefined : 'glitch',
      );
      expect(outcomeOf(() => confirm(flipping(flips), 'site', () => false))).toBe('glitch');
    }
  });
});

describe('a secret in RAM', () => {
  const needed = ['lifecycle', 'anchored'] as const;
  const secret = Uint8Array.from({ length: 97 }, (_, at) => at);
  const masked = applyMask(secret, expectedMask(needed));

  it('is what it was for whoever passed each guard, to its last byte', () => {
    const permit = new Permit(flipping([]));
    for (const guard of needed) permit.pass(guard, [() => true, () => true, () => true]);
    expect(applyMask(masked, permit.mask(needed))).toEqual(secret);
  });

  it('is something else for whoever was refused, whatever two branches a glitch turned round', () => {
    const no = (): boolean => false;
    for (const flips of atMostTwo(5)) {
      const cpu = flipping(flips.map((at) => at + 4));
      const permit = new Permit(cpu);
      permit.pass('lifecycle', [() => true, () => true, () => true]);
      outcomeOf(() => permit.pass('anchored', [no, no, no]));
      const seen = applyMask(masked, permit.mask(needed));
      for (let at = 0; at < seen.length; at += 32)
        expect(equalBytes(seen.subarray(at, at + 32), secret.subarray(at, at + 32)), flips.join(', ')).toBe(
          false,
        );
    }
  });
});
