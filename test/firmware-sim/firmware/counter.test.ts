import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GlitchError, steadyCpu } from '../../../firmware-sim/chip/cpu.ts';
import { type Glitch, GlitchCpu, glitchesOf } from '../../../firmware-sim/chip/glitch.ts';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import type { Operation } from '../../../firmware-sim/chip/power.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { MonotonicCounter } from '../../../firmware-sim/firmware/counter.ts';
import { nightly } from '../../nightly.ts';
import { dieGeometry, makeChip } from './store-bench.ts';

const openCounter = (chip: RamChip): MonotonicCounter => new MonotonicCounter(chip.die, chip.cpu);

interface Moment {
  readonly chip: RamChip;
  readonly operation: Operation;
}

/** The chip before each operation of raising it, from power-on. */
function momentsOf(start: RamChip, value: number): Moment[] {
  const chip = start.clone();
  const moments: Moment[] = [];
  chip.watch((operation) => moments.push({ chip: chip.clone(), operation }));
  openCounter(chip).raise(value);
  return moments;
}

function chipAt(value: number, seed = 51): RamChip {
  const chip = makeChip(seed);
  expect(openCounter(chip).raise(value)).toBe(true);
  return chip;
}

describe('the monotonic counter', () => {
  it('is 0 on a chip that counted nothing, and goes up over many banks', () => {
    const chip = makeChip(52);
    expect(openCounter(chip).value).toBe(0);
    for (let value = 1; value < 2_000; value += value % 9) {
      const counter = openCounter(chip);
      expect(counter.raise(value)).toBe(true);
      expect(counter.value).toBe(value);
      expect(openCounter(chip)).toMatchObject({ value, bound: value });
    }
  });

  it('is not lowered, and takes no operation, where it is raised to what it is', () => {
    const chip = chipAt(9);
    const counter = openCounter(chip);
    chip.cutAt();
    expect(counter.raise(9) && counter.raise(3)).toBe(true);
    expect(chip.operations).toBe(0);
    expect(counter.value).toBe(9);
  });

  it('takes one operation a step', () => {
    const chip = chipAt(9);
    const counter = openCounter(chip);
    chip.cutAt();
    counter.raise(10);
    expect(chip.operations).toBe(1);
  });

  // One boot after the other, each cut: the value is never below what was raised before, nor above what it was raised to.
  it('never reads less than it was, nor more than it was raised to, cut anywhere', () => {
    const cut = fc.record({
      step: fc.integer({ min: 1, max: 3 }),
      at: fc.integer({ min: 0, max: 8 }),
      where: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
      seed: fc.integer({ min: 0, max: 1e6 }),
      forgets: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 250, max: 256 }), fc.array(cut, { maxLength: 12 }), (start, cuts) => {
        const chip = chipAt(start, start);
        chip.makeForgetful();
        let [least, most] = [start, start];
        for (const { step, at, where, seed, forgets } of cuts) {
          chip.cutAt({ at, where, seed, forgets });
          try {
            const counter = openCounter(chip);
            expect(counter.value).toBeGreaterThanOrEqual(least - 1);
            expect(counter.bound).toBeGreaterThanOrEqual(least);
            expect(counter.bound).toBeLessThanOrEqual(most);
            // As the store does: what may have been begun is brought to its end first.
            counter.raise(most);
            least = most;
            most += step;
            counter.raise(most);
            least = most;
          } catch (error) {
            expect(error).toBeInstanceOf(PowerCutError);
          }
          chip.powerOn();
        }
      }),
      { numRuns: nightly ? 20_000 : 500 },
    );
  });

  describe('whose bank is begun, cut anywhere, by a host that forgets too', () => {
    const die = { ...dieGeometry, sectorBytes: 1_024, pageBytes: 64 };
    const full = (die.sectorBytes - die.pageBytes) * 8;
    const chip = makeChip(53, undefined, die);
    chip.makeForgetful();
    openCounter(chip).raise(full);

    function expectKept(start: RamChip, value: number): void {
      for (const { chip: before, operation } of momentsOf(start, value + 1))
        for (let seed = 0; seed < 60; seed++) {
          const cut = before.clone();
          cut.cutAt({ at: 0, where: 'during', seed, forgets: seed % 2 === 0 });
          expect(() => cut.repeat(operation)).toThrow(PowerCutError);
          cut.powerOn();
          expect([value, value + 1], `${operation.kind}, seed ${seed}`).toContain(openCounter(cut).bound);
        }
    }

    it('does not count bits of its earlier life', () => {
      const again = chip.clone();
      openCounter(again).raise(2 * full);
      expectKept(again, 2 * full);
    });

    it('does not count bits that an erase pulled down, where it was begun already and is begun anew', () => {
      // Both banks have the same value: the second has its header, and no step.
      const [tied] = momentsOf(chip, full + 1).slice(-1);
      expectKept((tied as Moment).chip, full);
    });
  });

  it('makes a bit solid that reads as programmed now, and might not later', () => {
    const { sectorBytes, pageBytes } = dieGeometry;
    for (let seed = 0; seed < 200; seed++) {
      const chip = chipAt(11, seed);
      // The last step, as a cut in it leaves it.
      chip.die.loosen(sectorBytes + pageBytes + 1, 7 - 2);
      const counter = openCounter(chip);
      if (counter.value !== 11) continue;
      counter.raise(13);
      for (let again = 0; again < 8; again++) expect(openCounter(chip).bound, `seed ${seed}`).toBe(13);
    }
  });

  it.each([
    [20, 1],
    [254, nightly ? 1 : 5],
    [256, nightly ? 1 : 3],
  ])('is what it says, and no more, at %i, by one glitch or two', (start, everyPair) => {
    const chip = chipAt(start);
    const source = (length: number): Uint8Array => new Uint8Array(length);
    /** Gives what could come by after the last of these. */
    const runWith = (glitches: readonly Glitch[]): Glitch[] => {
      const glitched = chip.clone();
      const cpu = new GlitchCpu(source, 1, glitches);
      glitched.cpu = cpu;
      const what = JSON.stringify(glitches);
      let raised = false;
      try {
        const counter = openCounter(glitched);
        expect(counter.bound, what).toBeGreaterThanOrEqual(start);
        raised = counter.raise(start + 2);
      } catch (error) {
        expect(error, what).toBeInstanceOf(GlitchError);
      }
      glitched.cpu = steadyCpu(source);
      const { bound } = openCounter(glitched);
      if (raised) expect(bound, what).toBe(start + 2);
      expect([start, start + 1, start + 2], what).toContain(bound);
      const last = glitches.at(-1);
      const from = cpu.passes.findIndex((pass) => pass.site === last?.site && pass.time === last.time);
      return cpu.passes.slice(from + 1).flatMap(glitchesOf);
    };
    let pairs = 0;
    for (const first of runWith([]))
      for (const second of runWith([first])) if (pairs++ % everyPair === 0) runWith([first, second]);
    expect(pairs).toBeGreaterThan(500);
  });

  it('says that it is worn out where no bit of either bank can be programmed', () => {
    const chip = chipAt(5);
    const { sectorBytes } = chip.die.geometry;
    for (let at = sectorBytes; at < 3 * sectorBytes; at++)
      for (let bit = 0; bit < 8; bit++)
        chip.die.stick(at, bit, ((chip.die.read(at, 1)[0] as number) >> bit) & 1 ? 1 : 0);
    const counter = openCounter(chip);
    expect(counter.value).toBe(5);
    expect(counter.raise(6)).toBe(false);
    expect(counter.reserve()).toBe(false);
    expect(openCounter(chip).value).toBe(5);
  });
});
