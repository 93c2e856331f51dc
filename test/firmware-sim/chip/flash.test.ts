/** NOR flash: what it does to bits, at a cut and as it wears. */
import { describe, expect, it } from 'vitest';
import { Flash } from '../../../firmware-sim/chip/flash.ts';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import { type Cut, Power } from '../../../firmware-sim/chip/power.ts';
import { geometry } from './geometry.ts';

const size = geometry.sectorBytes * geometry.sectors;
const sectorAt = geometry.sectorBytes;
const of = (byte: number, length = 4): Uint8Array => new Uint8Array(length).fill(byte);

function make(seed = 1): { flash: Flash; power: Power } {
  const power = new Power();
  return { flash: new Flash({ geometry, power, seed }), power };
}

/** What the operation leaves when power is cut there; power is on again. */
function cut(
  { flash, power }: { flash: Flash; power: Power },
  plan: Omit<Cut, 'at'> & { at?: number },
  run: (flash: Flash) => void,
): void {
  power.plan({ at: 0, ...plan });
  expect(() => run(flash)).toThrow(PowerCutError);
  expect(() => flash.read(0, 1)).toThrow(PowerCutError);
  expect(() => flash.wear(0)).toThrow(PowerCutError);
  expect(() => flash.settle()).toThrow(PowerCutError);
  expect(() => flash.program(0, of(0))).toThrow(PowerCutError);
  power.plan();
  power.turnOn();
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('flash', () => {
  it('is blank when it is made, ANDs what is programmed, and erases whole sectors only', () => {
    const { flash } = make();
    expect(flash.read(0, size)).toEqual(of(0xff, size));
    flash.program(sectorAt, of(0b1010_1111));
    flash.program(sectorAt, of(0b1111_1010));
    expect(flash.read(sectorAt, 5)).toEqual(new Uint8Array([0xaa, 0xaa, 0xaa, 0xaa, 0xff]));
    flash.program(2 * sectorAt, of(0));
    flash.erase(1);
    expect(flash.read(sectorAt, 5)).toEqual(of(0xff, 5));
    expect(flash.read(2 * sectorAt, 4)).toEqual(of(0));
    expect([0, 1, 2, 3].map((sector) => flash.wear(sector))).toEqual([0, 1, 0, 0]);
  });

  it('reads across sectors, and gives a copy', () => {
    const { flash } = make();
    flash.program(2 * sectorAt - 4, of(1));
    flash.program(2 * sectorAt, of(2));
    const read = flash.read(2 * sectorAt - 4, 8);
    expect(read).toEqual(new Uint8Array([1, 1, 1, 1, 2, 2, 2, 2]));
    read.fill(9);
    expect(flash.read(2 * sectorAt - 4, 4)).toEqual(of(1));
    expect(flash.read(size, 0)).toEqual(new Uint8Array());
  });

  it('refuses to erase fuses, and what is no sector', () => {
    const { flash } = make();
    flash.program(0, of(0));
    for (const sector of [0, -1, 4, 1.5, Number.NaN]) expect(() => flash.erase(sector)).toThrow(RangeError);
    expect(flash.read(0, 4)).toEqual(of(0));
  });

  it('refuses what is no whole words, not within a page, or outside', () => {
    const { flash } = make();
    const { pageBytes, wordBytes } = geometry;
    flash.program(pageBytes - wordBytes, of(0));
    flash.program(0, of(0, pageBytes));
    for (const [address, length] of [
      [1, 4],
      [0, 3],
      [0, 0],
      [pageBytes - wordBytes, 2 * wordBytes],
      [0, pageBytes + wordBytes],
      [size - 4, 8],
      [size, 4],
      [-4, 4],
      [0.5, 4],
    ] as const)
      expect(() => flash.program(address, of(0, length)), `${length} at ${address}`).toThrow(RangeError);
    for (const [address, length] of [
      [0, size + 1],
      [size, 1],
      [-1, 1],
      [0, -1],
      [Number.NaN, 1],
    ] as const)
      expect(() => flash.read(address, length)).toThrow(RangeError);
    expect(flash.read(pageBytes, size - pageBytes)).toEqual(of(0xff, size - pageBytes));
  });
});

describe('a cut', () => {
  it('before an operation leaves what was, after it what was asked for', () => {
    for (const where of ['before', 'after'] as const) {
      const chip = make();
      cut(chip, { where, seed: 1 }, (flash) => flash.program(sectorAt, of(0)));
      expect(chip.flash.read(sectorAt, 4)).toEqual(of(where === 'after' ? 0 : 0xff));
      chip.flash.program(sectorAt, of(0));
      cut(chip, { where, seed: 1 }, (flash) => flash.erase(1));
      expect(chip.flash.read(sectorAt, 4)).toEqual(of(where === 'after' ? 0xff : 0));
      expect(chip.flash.wear(1)).toBe(where === 'after' ? 1 : 0);
      expect(chip.flash.looseBits).toBe(0);
    }
  });

  it('falls on the operation that it is planned for, counted over all memories of the power', () => {
    const power = new Power();
    const flash = new Flash({ geometry, power });
    const die = new Flash({ geometry, power });
    power.plan({ at: 2, where: 'before', seed: 1 });
    flash.program(0, of(0));
    die.program(0, of(0));
    expect(() => flash.program(4, of(0))).toThrow(PowerCutError);
    expect(power.operations).toBe(3);
    expect(() => die.read(0, 4)).toThrow(PowerCutError);
  });

  it('in a program touches only bits that are to become 0, and leaves done, half done and untouched ones', () => {
    const seen = { done: 0, loose: 0, untouched: 0, whole: 0 };
    for (const seed of seeds) {
      const chip = make(seed);
      chip.flash.program(sectorAt + 4, of(0x0f));
      cut(chip, { where: 'during', seed }, (flash) => flash.program(sectorAt, of(0x55, 16)));
      const loose = chip.flash.looseBits;
      const readings = Array.from({ length: 32 }, () => chip.flash.read(sectorAt, 16));
      const was = (index: number): number => (index >= 4 && index < 8 ? 0x0f : 0xff);
      const wrong = readings.flatMap((reading) =>
        [...reading].filter((byte, index) => (byte & ~was(index)) !== 0 || (~byte & 0x55 & was(index)) !== 0),
      );
      expect(wrong, 'bits that rose, or were programmed to 1 and fell').toEqual([]);
      expect(chip.flash.read(sectorAt + 16, 48), 'what was not programmed').toEqual(of(0xff, 48));
      const differ = readings.some((reading) => reading.some((byte, at) => byte !== readings[0]?.[at]));
      if (loose === 0) expect(differ).toBe(false);
      if (loose > 4) expect(differ).toBe(true);
      const zeros = readings[0]?.filter((byte) => (byte & 0xaa) === 0).length ?? 0;
      if (loose > 0) seen.loose++;
      else if (zeros === 16) seen.whole++;
      else if (zeros <= 4) seen.untouched++;
      else seen.done++;
    }
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0);
  });

  it('in a program may stop after any word, in the middle of one', () => {
    const stops = new Set<number>();
    for (const seed of seeds) {
      const chip = make(seed);
      cut(chip, { where: 'during', seed }, (flash) => flash.program(sectorAt, of(0, 16)));
      const read = chip.flash.read(sectorAt, 16);
      if (chip.flash.looseBits === 0) stops.add(read.findIndex((byte) => byte !== 0));
    }
    for (const word of [0, 4, 8, 12]) expect([...stops]).toContain(word);
  });

  it('in an erase leaves any bits between, some of them metastable, until the sector is erased whole', () => {
    let [loose, blankAtFirst, lowered] = [0, 0, 0];
    for (const seed of seeds) {
      const chip = make(seed);
      chip.flash.program(sectorAt, of(0x0f, 64));
      cut(chip, { where: 'during', seed }, (flash) => flash.erase(1));
      expect(chip.flash.wear(1)).toBe(1);
      const first = chip.flash.read(sectorAt, 256);
      if (chip.flash.looseBits > 0) loose++;
      if (chip.flash.looseBits > 0 && first.every((byte) => byte === 0xff)) blankAtFirst++;
      if (first.subarray(64).some((byte) => byte !== 0xff)) lowered++;
      expect(chip.flash.read(2 * sectorAt, 256)).toEqual(of(0xff, 256));
      chip.flash.erase(1);
      expect(chip.flash.looseBits).toBe(0);
      expect(chip.flash.read(sectorAt, 256)).toEqual(of(0xff, 256));
    }
    expect(loose).toBeGreaterThan(20);
    expect(blankAtFirst, 'a sector that reads as blank and is not').toBeGreaterThan(0);
    expect(lowered, 'bits that were 1 read 0').toBeGreaterThan(0);
  });

  it('that forgets leaves of each block one of the states since the last settle, and all that was settled', () => {
    const states = new Set<string>();
    for (const seed of seeds) {
      const chip = make();
      chip.power.forgetful = true;
      chip.power.plan({ at: 4, where: 'before', seed, forgets: true });
      chip.flash.program(sectorAt, of(0x7f));
      chip.flash.settle();
      chip.flash.program(sectorAt + 4, of(1));
      chip.flash.program(sectorAt + 8, of(2));
      chip.flash.program(2 * sectorAt, of(3));
      expect(() => chip.flash.erase(3)).toThrow(PowerCutError);
      chip.power.turnOn();
      expect(chip.flash.read(sectorAt, 4)).toEqual(of(0x7f));
      const [one, two, three] = [4, 8, 256].map((at) => chip.flash.read(sectorAt + at, 1)[0]);
      states.add(`${one === 1} ${two === 2} ${three === 3}`);
    }
    expect([...states].sort()).toEqual([
      'false false false',
      'false false true',
      'true false false',
      'true false true',
      'true true false',
      'true true true',
    ]);
  });
});

describe('a metastable bit', () => {
  it('reads as it likes, stays so when 1 is programmed over it, and is solid when 0 is', () => {
    const { flash } = make();
    flash.loosen(sectorAt, 0);
    const read = (): number => flash.read(sectorAt, 1)[0] ?? -1;
    const readings = (): Set<number> => new Set(Array.from({ length: 64 }, read));
    expect(readings()).toEqual(new Set([0xff, 0xfe]));
    flash.program(sectorAt, of(0xff));
    expect(readings()).toEqual(new Set([0xff, 0xfe]));
    flash.program(sectorAt, of(0xfe));
    expect(readings()).toEqual(new Set([0xfe]));
    expect(flash.looseBits).toBe(0);
  });

  it('draws the same for the same seed', () => {
    const read = (seed: number): Uint8Array => {
      const { flash } = make(seed);
      for (let bit = 0; bit < 8; bit++) flash.loosen(0, bit);
      return new Uint8Array(Array.from({ length: 16 }, () => flash.read(0, 1)[0] ?? 0));
    };
    expect(read(7)).toEqual(read(7));
    expect(read(7)).not.toEqual(read(8));
  });
});

describe('wear', () => {
  it('sticks no bit within the endurance, and more and more beyond it', () => {
    const { flash } = make();
    for (let erase = 0; erase < geometry.endurance; erase++) flash.erase(1);
    flash.program(sectorAt, of(0, 64));
    expect(flash.read(sectorAt, 64)).toEqual(of(0, 64));
    flash.erase(1);
    const wrong = (): number => {
      flash.erase(1);
      const erased = flash.read(sectorAt, 256).filter((byte) => byte !== 0xff).length;
      for (let page = 0; page < 256; page += 64) flash.program(sectorAt + page, of(0, 64));
      const programmed = flash.read(sectorAt, 256).filter((byte) => byte !== 0).length;
      return erased + programmed;
    };
    for (let erase = 0; erase < 20; erase++) flash.erase(1);
    const few = wrong();
    for (let erase = 0; erase < 100; erase++) flash.erase(1);
    expect(few).toBeGreaterThan(0);
    expect(wrong()).toBeGreaterThan(few);
    expect(flash.wear(1)).toBe(10 + 1 + 20 + 1 + 100 + 1);
    flash.erase(2);
    expect(flash.read(2 * sectorAt, 256)).toEqual(of(0xff, 256));
  });

  it('of a bit that is stuck: 0 whatever is erased, 1 whatever is programmed', () => {
    const { flash } = make();
    flash.stick(sectorAt, 0, 0);
    flash.stick(sectorAt + 1, 7, 1);
    flash.erase(1);
    expect(flash.read(sectorAt, 2)).toEqual(new Uint8Array([0xfe, 0xff]));
    flash.program(sectorAt, of(0));
    expect(flash.read(sectorAt, 2)).toEqual(new Uint8Array([0, 0x80]));
  });
});
