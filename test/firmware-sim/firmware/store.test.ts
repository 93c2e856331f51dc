import { describe, expect, it, vi } from 'vitest';
import type { Chip } from '../../../firmware-sim/chip/chip.ts';
import { GlitchError } from '../../../firmware-sim/chip/cpu.ts';
import { type Guard, Permit } from '../../../firmware-sim/firmware/guard.ts';
import { placeOf, walkRecords } from '../../../firmware-sim/firmware/slot.ts';
import { toHex, utf8 } from '../../../src/kit/bytes.ts';
import {
  chipWith,
  flashGeometry,
  makeChip,
  needed,
  openTallyStore,
  permit,
  readTally,
  Tally,
} from './store-bench.ts';

describe('a store', () => {
  it('has nothing on a chip to which nothing was committed', () => {
    const chip = makeChip();
    expect(openTallyStore(chip).found).toBeUndefined();
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
    expect(() => openTallyStore(chip)).toThrow(expect.objectContaining({ code: 'store_rolled_back' }));
  });

  it('takes two operations of the flash and one of the die for a commit, and waits for each of them once', () => {
    const chip = makeChip(2, { ...flashGeometry, pageBytes: 256 });
    const tally = Tally.open(chip);
    const operations: string[] = [];
    chip.watch((operation) => operations.push(operation.kind === 'latch' ? 'latch' : operation.memory));
    const settled: string[] = [];
    vi.spyOn(chip.flash, 'settle').mockImplementation(
      () => void settled.push(`flash after ${operations.length}`),
    );
    vi.spyOn(chip.die, 'settle').mockImplementation(
      () => void settled.push(`die after ${operations.length}`),
    );
    tally.add(1);
    expect(operations).toEqual(['flash', 'flash', 'die']);
    expect(settled).toEqual(['flash after 2', 'die after 3']);
  });

  it('commits nothing without one of the guards that are needed, and takes nothing more until power-on', () => {
    const chip = chipWith(3, [1]);
    const tally = Tally.open(chip);
    for (const passed of [new Permit(chip.cpu), permitOf(chip, 'login'), permitOf(chip, 'step')]) {
      const copy = chip.clone();
      const other = Tally.open(copy);
      expect(() => other.add(2, passed)).toThrow(GlitchError);
      expect(() => other.add(3)).toThrow('a commit follows the beginning, and no failure');
      expect(readTally(copy)).toEqual([1]);
      expect(Tally.open(copy).store.version).toBeGreaterThan(tally.store.version);
    }
    tally.add(2, permitOf(chip, 'login', 'step'));
    expect(readTally(chip)).toEqual([1, 2]);
  });

  it('seals a snapshot no less: where the slot is full, and where the store begins', () => {
    const chip = makeChip(4);
    const store = openTallyStore(chip);
    expect(() => store.begin(new Uint8Array(4), permitOf(chip, 'login'), needed)).toThrow(GlitchError);
    expect(openTallyStore(chip).found).toBeUndefined();
    const tally = Tally.open(chip, { fill: 400 });
    expect(() => tally.add(1, permitOf(chip, 'login'))).toThrow(GlitchError);
    expect(readTally(chip)).toEqual([]);
  });

  it('refuses a snapshot that does not fit before it writes anything, and goes on', () => {
    const chip = chipWith(5, [1]);
    const store = openTallyStore(chip);
    store.begin(new Uint8Array(8), permit, needed);
    const { version } = store;
    chip.cutAt();
    const large = new Uint8Array(512);
    expect(() => store.commit(large, () => large, permit, needed)).toThrow(
      expect.objectContaining({ code: 'store_full' }),
    );
    expect(chip.operations).toBe(0);
    store.commit(new Uint8Array(2), () => large, permit, needed);
    expect(store.version).toBe(version + 1n);
  });

  it('takes a snapshot that fits to the last byte, and none that is one word longer', () => {
    const most = 2 * flashGeometry.sectorBytes - placeOf(0, flashGeometry.wordBytes);
    const exact = makeChip(6);
    openTallyStore(exact).begin(new Uint8Array(most).fill(1), permit, needed);
    expect(openTallyStore(exact).found?.snapshot).toEqual(new Uint8Array(most).fill(1));
    expect(() => openTallyStore(makeChip(6)).begin(new Uint8Array(most + 1), permit, needed)).toThrow(
      expect.objectContaining({ code: 'store_full' }),
    );
  });

  it('keeps contents of any length, none among them, as they are', () => {
    const chip = makeChip(7);
    const store = openTallyStore(chip);
    store.begin(new Uint8Array(), permit, needed);
    const changes = [0, 1, 3, 4, 60].map((length) => new Uint8Array(length).fill(length));
    for (const change of changes) store.commit(change, () => new Uint8Array(), permit, needed);
    expect(openTallyStore(chip).found).toEqual({ snapshot: new Uint8Array(), changes });
  });

  it('does not show in its flash what it keeps, nor the same for the same', () => {
    const chip = makeChip(8);
    const store = openTallyStore(chip);
    const content = utf8('a secret of 24 characters');
    store.begin(content, permit, needed);
    store.commit(content, () => content, permit, needed);
    store.commit(content, () => content, permit, needed);
    const flash = chip.flash.read(0, flashGeometry.sectors * flashGeometry.sectorBytes);
    const records = walkRecords(flash, 0, flashGeometry.wordBytes);
    expect(records.map(({ kind, version, committed }) => [kind, version, committed])).toEqual([
      ['snapshot', 2, true],
      ['change', 3, true],
      ['change', 4, true],
    ]);
    expect(Buffer.from(flash).includes('secret')).toBe(false);
    const sealed = records.map(({ at, end }) => toHex(flash.slice(at + 16, end)));
    expect(new Set(sealed).size).toBe(3);
  });
});

function permitOf(chip: Chip, ...guards: readonly Guard[]): Permit {
  const passed = new Permit(chip.cpu);
  for (const guard of guards) passed.pass(guard, [() => true, () => true, () => true]);
  return passed;
}
