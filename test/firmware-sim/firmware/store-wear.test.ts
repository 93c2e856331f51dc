/** Memory that wears out: bits that stick are seen, and at the end everything can be read still. */
import { describe, expect, it } from 'vitest';
import type { Geometry } from '../../../firmware-sim/chip/memory.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { nightly } from '../../nightly.ts';
import {
  chipWith,
  dieGeometry,
  flashGeometry,
  makeChip,
  needed,
  openTallyStore,
  permit,
  readTally,
  slots,
  Tally,
} from './store-bench.ts';

const seeds = Array.from({ length: nightly ? 40 : 6 }, (_, seed) => 31 + seed);

/** Adds until the device latches at every boot; gives how many numbers it took. */
function wearOut(seed: number, flash: Geometry, die: Geometry): number {
  const places = [
    { first: 0, sectors: flash.sectors / 2 },
    { first: flash.sectors / 2, sectors: flash.sectors / 2 },
  ] as const;
  const chip = makeChip(seed, flash, die);
  let tally: Tally | undefined;
  let allowed: (readonly number[])[] = [[]];
  let taken = 0;
  for (let number = 1, latched = 0; latched < 4; number++) {
    try {
      if (number % 23 === 0) tally = undefined;
      tally ??= Tally.open(chip, { places });
      allowed = [tally.numbers, tally.with(number)];
      tally.add(number);
      allowed = [tally.numbers];
      taken++;
      latched = 0;
    } catch (error) {
      expect(error).toMatchObject({ code: 'flash_worn' });
      latched++;
      tally = undefined;
    }
    if (tally === undefined || number % 5 === 0)
      expect(allowed.map(String)).toContain(String(readTally(chip.clone(), { places })));
  }
  // It stays readable, as often as it is powered on.
  expect(allowed.map(String)).toContain(String(readTally(chip, { places })));
  return taken;
}

describe('a store whose memory wears out', () => {
  it.each(seeds)('latches when no sector of the flash takes a snapshot, seed %i', (seed) => {
    const flash = { ...flashGeometry, sectors: 8, endurance: 20 };
    const least = 20 * 2 * 10;
    expect(wearOut(seed, flash, dieGeometry)).toBeGreaterThan(least);
  });

  it.each(seeds.slice(nightly ? 0 : 4))('latches when the counter has no bit left, seed %i', (seed) => {
    const die = { ...dieGeometry, endurance: 3 };
    expect(wearOut(seed, flashGeometry, die)).toBeGreaterThan(3 * 256);
  });

  it('goes on in the other slot where a bit of the place for a record sticks, whatever bit it is', () => {
    const start = chipWith(38, [1, 2, 3]);
    const step = nightly ? 1 : 29;
    for (let place = 0; place < 512 * 8; place += step)
      for (const value of [0, 1] as const) {
        const chip = start.clone();
        // The slot that is erased at the next boot.
        const { first } = slots[(liveOf(chip) + 1) % 2] ?? slots[0];
        chip.flash.stick(first * flashGeometry.sectorBytes + (place >> 3), place & 7, value);
        let tally = Tally.open(chip);
        for (let number = 4; number < 24; number++) tally.add(number);
        const kept = tally.numbers;
        tally = Tally.open(chip);
        expect(tally.numbers).toEqual(kept);
        for (let number = 24; number < 44; number++) tally.add(number);
        expect(readTally(chip)).toEqual(tally.numbers);
      }
  });

  it('begins behind a sector that does not take its part of a snapshot, whatever bit it is', () => {
    const flash = { ...flashGeometry, sectors: 8 };
    const places = [
      { first: 0, sectors: 4 },
      { first: 4, sectors: 4 },
    ] as const;
    const state = new Uint8Array(300).map((_, at) => at);
    for (let place = 0; place < 512 * 8; place += nightly ? 1 : 37)
      for (const value of [0, 1] as const) {
        const chip = makeChip(40, flash);
        chip.flash.stick(place >> 3, place & 7, value);
        const store = openTallyStore(chip, { places });
        store.begin(state, permit, needed);
        for (let change = 0; change < 20; change++)
          store.commit(state.slice(change), () => state, permit, needed);
        expect(openTallyStore(chip, { places }).version).toBe(store.version);
      }
  });

  it('passes over bits of the counter that stick, whatever bit it is', () => {
    const start = chipWith(39, [1, 2, 3]);
    for (let place = 0; place < 64 * 8; place += nightly ? 1 : 29)
      for (const value of [0, 1] as const) {
        // The bank that is begun next: of the live one what is programmed is programmed.
        const chip = start.clone();
        chip.die.stick(2 * dieGeometry.sectorBytes + (place >> 3), place & 7, value);
        const tally = Tally.open(chip);
        while (tally.store.version < 8 * 32 + 10) tally.add(Number(tally.store.version));
        const old = chip.clone();
        tally.add(9_999);
        expect(readTally(chip.clone())).toEqual(tally.numbers);
        chip.fitFlash(old);
        expect(() => readTally(chip)).toThrow(expect.objectContaining({ code: 'store_rolled_back' }));
      }
  });
});

/** Which slot has what was committed last: the other one is untouched by a boot that ends before it begins. */
function liveOf(chip: RamChip): number {
  const probe = chip.clone();
  const erased: number[] = [];
  probe.watch((operation) => {
    if (operation.kind === 'erase' && operation.memory === 'flash') erased.push(operation.sector);
  });
  Tally.open(probe);
  return (erased[0] ?? 0) >= slots[1].first ? 0 : 1;
}
