import { describe, expect, it } from 'vitest';
import { tamperEvents } from '../../../firmware-sim/chip/chip.ts';
import { GlitchCpu, glitchesOf } from '../../../firmware-sim/chip/glitch.ts';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { burnOut, fuseMap, isBlank, isBurnt } from '../../../firmware-sim/firmware/fuses.ts';
import { Lifecycle } from '../../../firmware-sim/firmware/zeroise.ts';
import type { Profile } from '../../../firmware-sim/profile.ts';
import { assert } from '../../../src/kit/result.ts';
import { aster, bootCore, makeChip, profileOf, stateOf } from './chips.ts';

const delphin = profileOf('delphin-t');

/** A device with a state. */
function furnished(profile: Profile): RamChip {
  const chip = makeChip(profile);
  const { store, permit } = bootCore(chip, profile);
  store.begin(Uint8Array.of(1, 2, 3), permit, []);
  return chip;
}

const device = furnished(delphin);

/** Whether no secret is left, and nothing of the state. */
function isGone({ die, flash }: RamChip, { layout }: Profile): boolean {
  const { sectorBytes, sectors } = flash.geometry;
  const first = layout.certificate + layout.image;
  const slots = flash.read(first * sectorBytes, (sectors - first) * sectorBytes);
  return (
    fuseMap(die).rows.every(({ uds }) => isBurnt(die, uds)) &&
    isBurnt(die, fuseMap(die).zeroised) &&
    slots.every((byte) => byte === 0xff)
  );
}

describe('zeroise', () => {
  it('leaves no secret and no state, for good', () => {
    const chip = device.clone();
    expect(isGone(chip, delphin)).toBe(false);
    new Lifecycle(chip, delphin).zeroise();
    expect(isGone(chip, delphin)).toBe(true);
    for (let time = 0; time < 3; time++) expect(stateOf(chip, delphin)).toBe('zeroised: command');
    const wear = chip.flash.wear(delphin.layout.certificate + delphin.layout.image);
    for (let time = 0; time < 3; time++) boot(chip, delphin);
    expect(chip.flash.wear(delphin.layout.certificate + delphin.layout.image)).toBe(wear);
  });

  it('does not come back with the flash of before', () => {
    const chip = device.clone();
    new Lifecycle(chip, delphin).zeroise();
    chip.fitFlash(device);
    expect(stateOf(chip, delphin)).toBe('zeroised: command');
    expect(isBurnt(chip.die, fuseMap(chip.die).zeroised)).toBe(true);
  });

  it('goes by the fuses too: a latch whose battery is dead does not bring the device back', () => {
    const watched = device.clone();
    watched.cutAt();
    new Lifecycle(watched, delphin).zeroise();
    // The latch is set three times; the first fuse comes next.
    for (let at = 4; at <= watched.operations; at += 5) {
      const chip = device.clone();
      chip.cutAt({ at, where: 'before', seed: 1 });
      try {
        new Lifecycle(chip, delphin).zeroise();
      } catch (error) {
        expect(error).toBeInstanceOf(PowerCutError);
      }
      chip.powerOn();
      const { flash, die, cpu } = chip;
      const dead = { read: () => undefined, set: () => undefined };
      expect(boot({ flash, die, cpu, latch: dead }, delphin).kind, `operation ${at}`).toBe('zeroised');
      expect(isGone(chip, delphin)).toBe(true);
    }
    // Only the last of its fuses.
    const last = device.clone();
    burnOut(last.die, fuseMap(last.die).zeroised);
    expect(stateOf(last, delphin)).toBe('zeroised: command');
  });

  it.each(tamperEvents)('is what a boot after `%s` comes to', (event) => {
    const chip = device.clone();
    chip.latch.set(event);
    expect(stateOf(chip, delphin)).toBe(`zeroised: ${event}`);
    expect(isGone(chip, delphin)).toBe(true);
  });

  it('goes on wherever it was cut, and wherever going on was cut: the device never serves again', () => {
    const watched = device.clone();
    watched.cutAt();
    new Lifecycle(watched, delphin).zeroise();
    const operations = watched.operations;
    expect(operations).toBeGreaterThan(2 * delphin.layout.slot);
    let cuts = 0;
    for (let at = 0; at < operations; at++) {
      for (const where of ['before', 'during', 'after'] as const) {
        const chip = device.clone();
        chip.cutAt({ at, where, seed: at });
        expect(() => new Lifecycle(chip, delphin).zeroise()).toThrow('power was cut');
        cuts++;
        chip.powerOn();
        // Only what was cut before the latch never happened.
        if (chip.latch.read() === undefined) {
          expect(at).toBe(0);
          continue;
        }
        const again = chip.clone();
        again.cutAt({ at: (7 * at) % operations, where: 'during', seed: at });
        try {
          expect(boot(again, delphin).kind).toBe('zeroised');
        } catch (error) {
          expect(error).toBeInstanceOf(PowerCutError);
          cuts++;
        }
        again.powerOn();
        for (const one of [chip, again]) {
          expect(stateOf(one, delphin)).toBe('zeroised: command');
          expect(isGone(one, delphin)).toBe(true);
        }
      }
    }
    expect(cuts).toBeGreaterThan(3 * operations);
  });

  it('destroys the secret whatever one glitch or two of them leave out', () => {
    const watched = new GlitchCpu((length) => new Uint8Array(length), 1);
    const template = device.clone();
    template.cpu = watched;
    new Lifecycle(template, delphin).zeroise();
    // What concerns a sector of a slot comes by for each; the first two stand for all.
    const singles = watched.passes.filter(({ time }) => time <= 2).flatMap(glitchesOf);
    expect(singles.length).toBeGreaterThan(15);
    for (const [index, first] of singles.entries()) {
      for (const second of [undefined, ...singles.slice(index + 1)]) {
        const chip = device.clone();
        const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
        cpu.plan(second === undefined ? [first] : [first, second]);
        chip.cpu = cpu;
        new Lifecycle(chip, delphin).zeroise();
        const { die } = chip;
        const name = JSON.stringify([first, second]);
        expect(
          fuseMap(die).rows.every(({ uds }) => isBurnt(die, uds)),
          name,
        ).toBe(true);
        expect(new Lifecycle(chip, delphin).isCondemned(), name).toBe(true);
      }
    }
  });
});

describe('alarms', () => {
  it('are counted one bit each, until the last zeroises', () => {
    const chip = makeChip();
    const lifecycle = new Lifecycle(chip, aster);
    expect(lifecycle.alarms()).toBe(0);
    for (let count = 1; count < aster.alarmLimit; count++) {
      expect(lifecycle.raiseAlarm()).toBe('failed');
      expect(lifecycle.alarms()).toBe(count);
      expect(stateOf(chip)).toBe('running');
    }
    expect(lifecycle.raiseAlarm()).toBe('zeroised');
    expect(isGone(chip, aster)).toBe(true);
    expect(stateOf(chip)).toBe('zeroised: alarms');
  });

  it('condemn a device that was cut between the last of them and its end', () => {
    const chip = makeChip(delphin);
    const lifecycle = new Lifecycle(chip, delphin);
    for (let count = 1; count < delphin.alarmLimit; count++) lifecycle.raiseAlarm();
    chip.cutAt({ at: 3, where: 'before', seed: 1 });
    expect(() => lifecycle.raiseAlarm()).toThrow('power was cut');
    chip.powerOn();
    expect(chip.latch.read()).toBeUndefined();
    expect(stateOf(chip, delphin)).toBe('zeroised: alarms');
  });

  it('do not get fewer, whatever is cut: a bit that was half burnt is burnt with the next', () => {
    for (let seed = 0; seed < 30; seed++) {
      const chip = makeChip(aster);
      const lifecycle = new Lifecycle(chip, aster);
      lifecycle.raiseAlarm();
      chip.cutAt({ at: seed % 3, where: 'during', seed });
      expect(() => lifecycle.raiseAlarm()).toThrow('power was cut');
      chip.powerOn();
      expect(lifecycle.alarms()).toBeGreaterThanOrEqual(1);
      lifecycle.raiseAlarm();
      const counted = lifecycle.alarms();
      expect([2, 3]).toContain(counted);
      for (let time = 0; time < 5; time++) expect(lifecycle.alarms()).toBe(counted);
    }
  });

  it('are counted although a glitch, or two of them, leave out the counting', () => {
    const sites = ['alarm.1', 'alarm.2', 'alarm.3'];
    for (const first of sites) {
      for (const second of sites) {
        const chip = makeChip();
        const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
        cpu.plan([...new Set([first, second])].map((site) => ({ site, time: 1, effect: 'skip' })));
        chip.cpu = cpu;
        const lifecycle = new Lifecycle(chip, aster);
        lifecycle.raiseAlarm();
        expect(lifecycle.alarms()).toBe(1);
      }
    }
  });

  it('leave a blank fuse blank where there was none', () => {
    const { die } = makeChip();
    const { alarms, zeroising, zeroised } = fuseMap(die);
    for (const place of [alarms, zeroising, zeroised]) expect(isBlank(die, place)).toBe(true);
    assert(alarms.length === die.geometry.wordBytes, 'one word');
  });
});
