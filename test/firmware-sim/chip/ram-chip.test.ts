/** A chip in RAM: copies, cuts over all its memories, and an exchanged flash. */
import { describe, expect, it } from 'vitest';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { geometry } from './geometry.ts';

const make = (seed = 1): RamChip => RamChip.make({ flash: geometry, die: geometry, seed });
const word = new Uint8Array([1, 2, 3, 4]);

describe('a chip in RAM', () => {
  it('has copies that go their own ways, whichever is written', () => {
    const chip = make();
    chip.flash.program(256, word);
    chip.flash.loosen(512, 3);
    const copy = chip.clone();
    const [drawn, drawnAgain] = [chip, copy].map((one) => [one.flash.read(512, 4), one.cpu.random('a', 8)]);
    expect(drawn).toEqual(drawnAgain);
    copy.flash.program(256, new Uint8Array(4));
    chip.flash.program(260, word);
    chip.die.program(0, word);
    chip.latch.set('mesh');
    expect(chip.flash.read(256, 8)).toEqual(new Uint8Array([1, 2, 3, 4, 1, 2, 3, 4]));
    expect(copy.flash.read(256, 8)).toEqual(new Uint8Array([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]));
    expect(copy.die.read(0, 1)[0]).toBe(0xff);
    expect(copy.latch.read()).toBeUndefined();
    expect(chip.clone().latch.read()).toBe('mesh');
  });

  it('counts the operations of flash, die and latch together, and cuts all of them', () => {
    for (const where of ['before', 'during', 'after'] as const) {
      const chip = make();
      chip.cutAt({ at: 3, where, seed: 1 });
      chip.flash.program(256, word);
      chip.die.program(0, word);
      chip.latch.set('mesh');
      expect(chip.operations).toBe(3);
      expect(() => chip.flash.erase(1)).toThrow(PowerCutError);
      expect(() => chip.die.read(0, 1)).toThrow(PowerCutError);
      expect(() => chip.latch.read()).toThrow(PowerCutError);
      chip.powerOn();
      expect(chip.latch.read()).toBe('mesh');
      expect(chip.die.read(0, 4)).toEqual(word);
    }
  });

  it('has a latch that no cut splits', () => {
    const found = new Set<unknown>();
    for (let seed = 0; seed < 20; seed++) {
      const chip = make();
      chip.cutAt({ at: 0, where: 'during', seed });
      expect(() => chip.latch.set('removal')).toThrow(PowerCutError);
      chip.powerOn();
      found.add(chip.latch.read());
    }
    expect(found).toEqual(new Set([undefined, 'removal']));
  });

  it('takes the flash of another: the die stays', () => {
    const chip = make();
    chip.flash.program(256, word);
    const earlier = chip.clone();
    chip.flash.program(260, word);
    chip.die.program(0, word);
    chip.fitFlash(earlier);
    expect(chip.flash.read(256, 8)).toEqual(new Uint8Array([1, 2, 3, 4, 255, 255, 255, 255]));
    expect(chip.die.read(0, 4)).toEqual(word);
    chip.cutAt({ at: 0, where: 'before', seed: 1 });
    expect(() => chip.flash.erase(1)).toThrow(PowerCutError);
    expect(earlier.flash.read(256, 4)).toEqual(word);
  });
});

describe('a chip that is watched', () => {
  it('shows each operation before it is done, and another does the same: cut there it is what a cut would have left', () => {
    const run = (chip: RamChip): void => {
      chip.flash.program(256, word);
      chip.die.program(0, word);
      chip.flash.erase(1);
      chip.latch.set('mesh');
    };
    const seen: { operation: Parameters<RamChip['repeat']>[0]; before: RamChip }[] = [];
    const watched = make();
    watched.watch((operation) => seen.push({ operation, before: watched.clone() }));
    run(watched);
    expect(seen.map(({ operation }) => operation.kind)).toEqual(['program', 'program', 'erase', 'latch']);
    for (const [at, { operation, before }] of seen.entries()) {
      for (const where of ['before', 'during', 'after'] as const) {
        const cut = make();
        cut.cutAt({ at, where, seed: at });
        expect(() => run(cut)).toThrow(PowerCutError);
        const repeated = before.clone();
        repeated.cutAt({ at: 0, where, seed: at });
        expect(() => repeated.repeat(operation)).toThrow(PowerCutError);
        for (const chip of [cut, repeated]) chip.powerOn();
        expect(repeated.flash.read(0, 1024)).toEqual(cut.flash.read(0, 1024));
        expect(repeated.die.read(0, 1024)).toEqual(cut.die.read(0, 1024));
        expect(repeated.latch.read()).toBe(cut.latch.read());
      }
    }
  });
});
