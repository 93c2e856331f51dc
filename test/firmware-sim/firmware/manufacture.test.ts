import { describe, expect, it } from 'vitest';
import {
  finishedRow,
  fuseMap,
  isBlank,
  isBurnt,
  readFuse,
  readSerial,
} from '../../../firmware-sim/firmware/fuses.ts';
import { standardImage } from '../../../firmware-sim/firmware/image.ts';
import { manufacture } from '../../../firmware-sim/firmware/manufacture.ts';
import { toHex } from '../../../src/kit/bytes.ts';
import { assert } from '../../../src/kit/result.ts';
import {
  aster,
  blankChip,
  imageAddress,
  imageWith,
  makeChip,
  overwrite,
  profileOf,
  stateOf,
} from './chips.ts';

describe('the factory', () => {
  it('makes a device of a blank chip, with a number and a secret of its own', () => {
    const [first, second] = [makeChip(aster, { seed: 1 }), makeChip(aster, { seed: 2 })];
    expect(stateOf(first)).toBe('running');
    expect(stateOf(second)).toBe('running');
    const serial = toHex(readSerial(first.die));
    expect(serial).toMatch(/^[0-9a-f]{32}$/);
    expect(serial).not.toBe(toHex(readSerial(second.die)));
    const secrets = [first, second].map(({ die }) => {
      const row = finishedRow(die);
      return row === undefined ? '' : toHex(readFuse(die, row.uds));
    });
    expect(secrets[0]).not.toBe(secrets[1]);
    expect(secrets[0]).not.toBe('');
  });

  it('leaves a device alone that is made, and says so', () => {
    const chip = makeChip();
    const before = toHex(readSerial(chip.die));
    expect(manufacture({ chip, profile: aster })).toMatchObject({ ok: false, code: 'already_made' });
    expect(toHex(readSerial(chip.die))).toBe(before);
    expect(stateOf(chip)).toBe('running');
  });

  it('gives nothing to a chip that was tampered with, blank or made', () => {
    const blank = blankChip(aster);
    blank.latch.set('mesh');
    expect(manufacture({ chip: blank, profile: aster })).toMatchObject({ ok: false, code: 'chip_condemned' });
    const made = makeChip();
    made.latch.set('mesh');
    expect(stateOf(made)).toBe('zeroised: mesh');
    expect(manufacture({ chip: made, profile: aster })).toMatchObject({ ok: false, code: 'chip_condemned' });
  });

  it('takes no image that is not for this model, or not signed', () => {
    const chip = blankChip(aster);
    const other = standardImage(profileOf('corvus-e'));
    expect(manufacture({ chip, profile: aster, image: other })).toMatchObject({
      ok: false,
      code: 'image_malformed',
    });
    const altered = standardImage(aster).slice();
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    expect(manufacture({ chip, profile: aster, image: altered })).toMatchObject({
      ok: false,
      code: 'image_malformed',
    });
    expect(chip.operations).toBe(0);
  });

  it('finds a bit of the flash that sticks, and one of the fuses', () => {
    const flash = blankChip(aster);
    flash.flash.stick(imageAddress(aster) + 100, 0, (standardImage(aster)[100] ?? 0) & 1 ? 0 : 1);
    expect(manufacture({ chip: flash, profile: aster })).toMatchObject({ ok: false, code: 'chip_defective' });
    expect(stateOf(flash)).toBe('failed: manufacture_unfinished');

    const fuses = blankChip(aster);
    const [row] = fuseMap(fuses.die).rows;
    // The hash of the signer is the same in every chip; one of its bits is 0.
    const signer = fuseMap(fuses.die).rows[0]?.signer.at ?? 0;
    const made = makeChip();
    const bit =
      [0, 1, 2, 3, 4, 5, 6, 7].find((one) => (((made.die.read(signer, 1)[0] ?? 0) >> one) & 1) === 0) ?? 0;
    fuses.die.stick(row?.signer.at ?? 0, bit, 1);
    expect(manufacture({ chip: fuses, profile: aster })).toMatchObject({ ok: false, code: 'chip_defective' });
    // Another row of fuses has no such bit.
    expect(manufacture({ chip: fuses, profile: aster }).ok).toBe(true);
    expect(stateOf(fuses)).toBe('running');
  });

  it('gives up after four rows of fuses', () => {
    const chip = blankChip(aster);
    for (let row = 0; row < 4; row++) chip.die.stick(fuseMap(chip.die).rows[row]?.floor.at ?? 0, 0, 1);
    for (let time = 0; time < 5; time++)
      expect(manufacture({ chip, profile: aster })).toMatchObject({ ok: false, code: 'chip_defective' });
    expect(stateOf(chip)).toBe('failed: manufacture_unfinished');
  });

  it('makes a chip that was cut, under another secret, however often: with the bits of the first try as they like to read', () => {
    for (let operation = 0; operation < 70; operation += 5) {
      const chip = blankChip(aster, operation);
      chip.cutAt({ at: operation, where: 'during', seed: operation });
      expect(() => manufacture({ chip, profile: aster })).toThrow('power was cut');
      chip.powerOn();
      const state = stateOf(chip);
      expect(['running', 'failed: manufacture_unfinished']).toContain(state);
      if (state !== 'running') {
        expect(manufacture({ chip, profile: aster }).ok).toBe(true);
        expect(stateOf(chip)).toBe('running');
      }
      const serial = toHex(readSerial(chip.die));
      for (let time = 0; time < 3; time++) {
        expect(stateOf(chip)).toBe('running');
        expect(toHex(readSerial(chip.die))).toBe(serial);
      }
    }
  });

  /** What it does last is `made`, then `confirmed`. */
  const last = (() => {
    const chip = blankChip(aster);
    chip.cutAt();
    manufacture({ chip, profile: aster });
    return chip.operations - 1;
  })();

  it('is solid once it came up: a cut in the last fuse is seen as finished at every later boot, or at none before', () => {
    let cameUp = 0;
    for (let seed = 0; seed < 12; seed++) {
      const chip = blankChip(aster, seed);
      chip.cutAt({ at: last, where: 'during', seed });
      expect(() => manufacture({ chip, profile: aster })).toThrow('power was cut');
      chip.powerOn();
      if (stateOf(chip) !== 'running') continue;
      cameUp++;
      const row = finishedRow(chip.die);
      expect(row !== undefined && isBurnt(chip.die, row.confirmed)).toBe(true);
      expect(chip.die.looseBits).toBe(0);
    }
    expect(cameUp).toBeGreaterThan(0);
  });

  it('only ends what was whole: a chip that was cut after `made` keeps its number', () => {
    const chip = blankChip(aster);
    chip.cutAt({ at: last, where: 'before', seed: 1 });
    expect(() => manufacture({ chip, profile: aster })).toThrow('power was cut');
    chip.powerOn();
    expect(stateOf(chip)).toBe('failed: manufacture_unfinished');
    const serial = toHex(readSerial(chip.die));
    chip.cutAt();
    expect(manufacture({ chip, profile: aster }).ok).toBe(true);
    expect(chip.operations).toBe(2);
    expect(toHex(readSerial(chip.die))).toBe(serial);
    expect(stateOf(chip)).toBe('running');
  });

  it('abandons no row before it is sure that the row was begun: it would be taken again', () => {
    let abandoned = 0;
    for (let seed = 0; seed < 20; seed++) {
      const chip = blankChip(aster, seed);
      const [row] = fuseMap(chip.die).rows;
      assert(row !== undefined, 'a row');
      // As a cut in the first operation of all leaves it.
      chip.die.loosen(row.begun.at, 0);
      chip.cutAt({ at: 1, where: 'during', seed });
      expect(() => manufacture({ chip, profile: aster })).toThrow('power was cut');
      chip.powerOn();
      if (isBlank(chip.die, row.abandoned)) continue;
      abandoned++;
      for (let time = 0; time < 20; time++) expect(isBurnt(chip.die, row.begun)).toBe(true);
    }
    expect(abandoned).toBeGreaterThan(0);
  });

  it('burns the floor of its image, so that an older one is not run', () => {
    const chip = makeChip(aster, { image: imageWith(aster, { floor: 3, version: '3.0.0' }) });
    expect(stateOf(chip)).toBe('running');
    overwrite(chip, imageAddress(aster), standardImage(aster));
    expect(stateOf(chip)).toBe('failed: image_refused');
  });
});
