/** Flash that was taken off and put back, exchanged, mixed or forged: never an older state, never another's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { walkRecords } from '../../../firmware-sim/firmware/slot.ts';
import { DeviceStoreError } from '../../../firmware-sim/firmware/store.ts';
import { sha256, utf8 } from '../../../src/kit/bytes.ts';
import { nightly } from '../../nightly.ts';
import { chipWith, flashGeometry, makeChip, openTallyStore, readTally, slots, Tally } from './store-bench.ts';

/** A run over several slots full and a few boots: the chip after each acknowledgement. */
function snapshotsOf(seed: number): RamChip[] {
  const chip = makeChip(seed);
  const snapshots: RamChip[] = [];
  for (let boot = 0, number = 1; boot < 5; boot++) {
    const tally = Tally.open(chip);
    snapshots.push(chip.clone());
    for (const end = number + 2 + boot * 3; number < end; number++) {
      tally.add(number);
      snapshots.push(chip.clone());
    }
  }
  return snapshots;
}

/** The die of one with the flash of another. */
function fitted(die: RamChip, flash: RamChip): RamChip {
  const chip = die.clone();
  chip.fitFlash(flash);
  return chip;
}

/** The bytes of these sectors are another's from now on. */
function copySectors(from: RamChip, to: RamChip, first: number, count: number): void {
  const { sectorBytes, pageBytes } = flashGeometry;
  for (let sector = first; sector < first + count; sector++) {
    to.flash.erase(sector);
    for (let at = sector * sectorBytes; at < (sector + 1) * sectorBytes; at += pageBytes)
      to.flash.program(at, from.flash.read(at, pageBytes));
  }
}

describe('a flash that was put back', () => {
  const snapshots = snapshotsOf(41);

  it('is taken only where it is the last, of every pair of a run', () => {
    for (const [now, die] of snapshots.entries())
      for (const [then, flash] of snapshots.entries()) {
        if (then > now) continue;
        const chip = fitted(die, flash);
        if (then === now) expect(readTally(chip)).toEqual(readTally(die.clone()));
        else
          expect(() => readTally(chip), `${then} at ${now}`).toThrow(
            expect.objectContaining({ code: 'store_rolled_back' }),
          );
      }
  });

  it('is not taken where each slot is of another time, unless one of them is the last', () => {
    for (const [now, die] of snapshots.entries()) {
      const last = readTally(die.clone());
      for (let first = 0; first <= now; first++)
        for (const second of [now, now - 1, now - 2, now - 5]) {
          if (second < 0) continue;
          const chip = fitted(die, snapshots[first] as RamChip);
          copySectors(snapshots[second] as RamChip, chip, slots[1].first, slots[1].sectors);
          expect(['store_rolled_back', String(last)], `${first} and ${second} at ${now}`).toContain(
            outcome(chip),
          );
        }
    }
  });

  it('is not taken where sectors of one slot are of another time', () => {
    for (const [now, die] of snapshots.entries()) {
      if (now === 0) continue;
      const last = readTally(die.clone());
      for (let sector = 0; sector < flashGeometry.sectors; sector++) {
        const chip = die.clone();
        copySectors(snapshots[now - 1] as RamChip, chip, sector, 1);
        expect(['store_rolled_back', 'store_unreadable', String(last)]).toContain(outcome(chip));
      }
    }
  });

  it('is not taken from another device, nor from this one under another key', () => {
    const chip = fitted(chipWith(42, [1, 2]), chipWith(43, [1, 2, 3]));
    expect(readTally(chip)).toEqual([1, 2, 3]);
    expect(() => openTallyStore(chip, { key: sha256(utf8('another')) })).toThrow(
      expect.objectContaining({ code: 'store_unreadable' }),
    );
  });

  it('is not taken where it was erased', () => {
    expect(outcome(fitted(chipWith(44, [1, 2]), makeChip(44)))).toBe('store_unreadable');
  });

  it('is not taken where records of two logs of the same numbers are put together', () => {
    const one = chipWith(48, [1]);
    const other = one.clone();
    const [tally, otherTally] = [Tally.open(one), Tally.open(other)];
    for (const number of [2, 3]) tally.add(number);
    for (const number of [12, 13]) otherTally.add(number);
    // Which slot both have begun, and where their last records are: of the same length, one as the other.
    const { sectorBytes, wordBytes, sectors } = flashGeometry;
    const bytes = one.flash.read(0, sectors * sectorBytes);
    const logs = slots.map(({ first }) => walkRecords(bytes, first * sectorBytes, wordBytes));
    const last = logs.map((log) => log.at(-1)).sort((a, b) => (b?.version ?? 0) - (a?.version ?? 0))[0];
    if (last === undefined) throw new Error('the store has records');
    const mixed = one.clone();
    mixed.fitFlash(other);
    expect(readTally(mixed.clone())).toEqual([1, 12, 13]);
    const page = mixed.flash.read(last.at, last.next - last.at);
    const theirs = one.flash.read(last.at, last.next - last.at);
    for (const [index, byte] of page.entries())
      for (let bit = 0; bit < 8; bit++)
        if ((byte ^ (theirs[index] as number)) & (1 << bit))
          mixed.flash.stick(last.at + index, bit, ((theirs[index] as number) >> bit) & 1 ? 1 : 0);
    expect(outcome(mixed)).toBe('store_rolled_back');
  });

  it('does not bring back what a boot did not find, of a commit that was cut before the counter was raised', () => {
    const chip = chipWith(45, [1, 2]);
    const before = chip.clone();
    const tally = Tally.open(chip);
    let above: RamChip | undefined;
    chip.watch((operation) => {
      if (operation.kind === 'program' && operation.memory === 'die') above ??= chip.clone();
    });
    before.fitFlash(chip);
    const without = chip.clone();
    tally.add(3);
    // The same die twice: with the flash that has 3, and with the one that was put aside before.
    const cut = above as unknown as RamChip;
    expect(readTally(cut.clone())).toEqual([1, 2, 3]);
    const other = fitted(cut, without);
    expect(Tally.open(other).numbers).toEqual([1, 2]);
    expect(outcome(fitted(other, cut))).toBe('store_rolled_back');
  });
});

describe('a flash that was forged', () => {
  it('gives the state that was committed, or none, whatever bits of it are others', () => {
    const start = chipWith(46, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const last = readTally(start.clone());
    const places = fc.integer({ min: 0, max: flashGeometry.sectors * flashGeometry.sectorBytes - 1 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(places, fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
        (changes) => {
          const chip = start.clone();
          for (const [at, byte] of changes)
            for (let bit = 0; bit < 8; bit++) chip.flash.stick(at, bit, ((byte >> bit) & 1) as 0 | 1);
          expect(['store_rolled_back', 'store_unreadable', String(last)]).toContain(outcome(chip));
        },
      ),
      { numRuns: nightly ? 20_000 : 400 },
    );
  });

  it('gives the state that was committed, or none, whatever lies in one byte of it', () => {
    const start = chipWith(47, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const last = readTally(start.clone());
    for (let at = 0; at < flashGeometry.sectors * flashGeometry.sectorBytes; at += nightly ? 1 : 7) {
      const chip = start.clone();
      const [byte = 0] = chip.flash.read(at, 1);
      for (let bit = 0; bit < 8; bit++) chip.flash.stick(at, bit, (byte >> bit) & 1 ? 0 : 1);
      expect(['store_rolled_back', 'store_unreadable', String(last)]).toContain(outcome(chip));
    }
  });
});

/** What is found, or why nothing is. */
function outcome(chip: RamChip): string {
  try {
    return String(readTally(chip));
  } catch (error) {
    if (!(error instanceof DeviceStoreError)) throw error;
    return error.code;
  }
}
