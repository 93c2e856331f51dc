import { describe, expect, it } from 'vitest';
import { openStore } from '../../../firmware-sim/firmware/store.ts';
import { makeChip, readTally, slots, storeKey, Tally } from './store-bench.ts';

describe('a store', () => {
  it('has nothing on a chip to which nothing was committed', () => {
    const chip = makeChip();
    expect(openStore({ chip, slots, key: storeKey }).found).toBeUndefined();
  });

  it('gives back after a power-off what was committed, over many slots full', () => {
    const chip = makeChip();
    let tally = Tally.open(chip);
    const added: number[] = [];
    for (let number = 0; number < 1000; number++) {
      tally.add(number);
      added.push(number);
      if (number % 7 !== 0) continue;
      const before = tally.store.version;
      tally = Tally.open(chip);
      expect(tally.numbers).toEqual(added.slice(-12));
      expect(tally.store.version).toBe(before + 2n);
    }
  });

  it('says of a flash that was put back that it was', () => {
    const chip = makeChip();
    Tally.open(chip).add(1);
    const old = chip.clone();
    expect(readTally(chip.clone())).toEqual([1]);
    Tally.open(chip).add(2);
    chip.fitFlash(old);
    expect(() => openStore({ chip, slots, key: storeKey })).toThrow(
      expect.objectContaining({ code: 'store_rolled_back' }),
    );
  });
});
