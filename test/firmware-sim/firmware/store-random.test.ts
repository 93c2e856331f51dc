/** Whatever happens to a store, in whatever order: commits, boots, cuts, lost pages, bits that stick; held against what was acknowledged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Geometry, PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import type { Cut } from '../../../firmware-sim/chip/power.ts';
import { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { DeviceStoreError } from '../../../firmware-sim/firmware/store.ts';
import { nightly } from '../../nightly.ts';
import { type Places, readTally, Tally } from './store-bench.ts';

interface Shape {
  readonly flash: Geometry;
  readonly die: Geometry;
  readonly places: Places;
}

/** Words, pages, sectors and slots as chips have them, small; banks of one sector or two. */
const shapes = fc
  .record({
    wordBytes: fc.constantFrom(1, 4, 8, 16),
    pageBytes: fc.constantFrom(64, 128, 256),
    slotSectors: fc.integer({ min: 1, max: 3 }),
    bankSectors: fc.integer({ min: 1, max: 2 }),
    before: fc.integer({ min: 0, max: 2 }),
    endurance: fc.constantFrom(6, 100_000),
  })
  .map(({ wordBytes, pageBytes, slotSectors, bankSectors, before, endurance }): Shape => {
    const geometry = { wordBytes, pageBytes, endurance };
    const sectorBytes = 512;
    return {
      flash: { ...geometry, sectorBytes, sectors: before + 2 * slotSectors, fuseSectors: 0 },
      die: {
        ...geometry,
        sectorBytes: 256,
        sectors: 1 + 2 * bankSectors,
        fuseSectors: 1,
        endurance: 100_000,
      },
      places: [
        { first: before, sectors: slotSectors },
        { first: before + slotSectors, sectors: slotSectors },
      ],
    };
  })
  // A bank's first page is for its headers.
  .filter(({ die }) => die.pageBytes < ((die.sectors - 1) / 2) * die.sectorBytes);

const cuts: fc.Arbitrary<Cut> = fc.record({
  at: fc.integer({ min: 0, max: 30 }),
  where: fc.constantFrom('before', 'during', 'after'),
  seed: fc.nat(),
  forgets: fc.boolean(),
});

/** What is done: so many changes of this size from a power-on, with a cut somewhere in it, or none. */
const sessions = fc.array(
  fc.record({
    adds: fc.integer({ min: 0, max: 9 }),
    fill: fc.integer({ min: 0, max: 120 }),
    cut: fc.option(cuts, { freq: 2 }),
  }),
  { minLength: 1, maxLength: 14 },
);

describe('a store to which anything happens', () => {
  it('has what was acknowledged, and at most one change more', () => {
    let latched = 0;
    fc.assert(
      fc.property(shapes, sessions, fc.nat(), ({ flash, die, places }, plan, seed) => {
        const chip = RamChip.make({ flash, die, seed });
        chip.makeForgetful();
        let allowed: (readonly number[])[] = [[]];
        let number = 0;
        for (const { adds, fill, cut } of plan) {
          if (cut !== null) chip.cutAt(cut);
          try {
            const tally = Tally.open(chip, { fill, places });
            expect(allowed.map(String)).toContain(String(tally.numbers));
            allowed = [tally.numbers];
            for (let add = 0; add < adds; add++) {
              number++;
              allowed = [tally.numbers, tally.with(number)];
              tally.add(number);
              allowed = [tally.numbers];
            }
          } catch (error) {
            if (error instanceof DeviceStoreError) {
              expect(error.code).toBe('flash_worn');
              latched++;
            } else expect(error).toBeInstanceOf(PowerCutError);
          }
          chip.powerOn();
          const found = readTally(chip.clone(), { places });
          expect(allowed.map(String)).toContain(String(found));
        }
      }),
      { numRuns: nightly ? 20_000 : 150 },
    );
    expect(latched).toBeGreaterThan(0);
  });
});
