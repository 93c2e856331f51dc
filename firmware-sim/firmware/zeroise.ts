/**
 * The end of a device: alarms that are counted, and the destruction of its secrets, which a cut stops only until the next power-on.
 *
 * ```
 * latch ── fuse `zeroising` ── UDS all 0 ── slots erased ── fuse `zeroised`
 * ```
 * A cut after the first leaves a device that goes on with it at the next boot, before anything else. With the UDS goes every key, so that what
 * a slot still holds cannot be read.
 */
import type { Chip } from '../chip/chip.ts';
import { isErased } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import { burn, burnOut, countBits, fuseMap, isBlank, isBurnt, readFuse, unary } from './fuses.ts';

/** What is to happen is done three times, at three places: two glitches leave out two of them. */
const times = [1, 2, 3] as const;

export class Lifecycle {
  private readonly chip: Chip;
  private readonly profile: Profile;

  constructor(chip: Chip, profile: Profile) {
    this.chip = chip;
    this.profile = profile;
  }

  /** Glitches that were seen, as the fuses have it; one that was cut off may be counted or not. */
  alarms(): number {
    const { die } = this.chip;
    return countBits(readFuse(die, fuseMap(die).alarms));
  }

  /** Whether latch, fuses or alarms say that it is to be zeroised, or is; asked anew each time. */
  isCondemned(): boolean {
    const { die, latch } = this.chip;
    const { zeroising, zeroised } = fuseMap(die);
    return (
      latch.read() !== undefined ||
      !isBlank(die, zeroising) ||
      !isBlank(die, zeroised) ||
      this.alarms() >= this.profile.alarmLimit
    );
  }

  /** Why it is zeroised, or about to be. */
  reason(): string {
    if (this.alarms() >= this.profile.alarmLimit) return 'alarms';
    return this.chip.latch.read() ?? 'command';
  }

  /** Counts a glitch that was seen, and zeroises where that was one too many. */
  raiseAlarm(): 'failed' | 'zeroised' {
    const { die, cpu } = this.chip;
    const place = fuseMap(die).alarms;
    // The bits before it too: one of them may be half burnt.
    const counted = unary(place.length, Math.min(this.alarms() + 1, 8 * place.length));
    for (const time of times) cpu.run(`alarm.${time}`, () => burn(die, place, counted));
    die.settle();
    // Where this is flipped, the next command or boot asks again.
    if (!cpu.branch('alarm.limit', this.alarms() >= this.profile.alarmLimit)) return 'failed';
    this.zeroise();
    return 'zeroised';
  }

  /** Destroys the secrets, from wherever it was cut. */
  zeroise(): void {
    const { chip, profile } = this;
    const { die, flash, latch, cpu } = chip;
    const fuses = fuseMap(die);
    for (const time of times) cpu.run(`zeroise.latch.${time}`, () => latch.set('command'));
    for (const time of times) cpu.run(`zeroise.begin.${time}`, () => burnOut(die, fuses.zeroising));
    for (const time of times)
      for (const row of fuses.rows)
        cpu.run(`zeroise.uds.${time}`, () => burn(die, row.uds, new Uint8Array(row.uds.length)));
    die.settle();
    // At each boot of a device that is zeroised all of this is done again but the erasing, which would wear it out.
    if (cpu.branch('zeroise.done', isBurnt(die, fuses.zeroised))) return;
    const { sectorBytes } = flash.geometry;
    const { certificate, image, slot } = profile.layout;
    const first = certificate + image;
    for (let sector = first; sector < first + 2 * slot; sector++) {
      cpu.run('zeroise.erase.1', () => flash.erase(sector));
      // A sector that is worn keeps its bits; what they sealed nobody opens.
      const blank = isErased(flash.read(sector * sectorBytes, sectorBytes));
      if (cpu.branch('zeroise.erased', !blank)) cpu.run('zeroise.erase.2', () => flash.erase(sector));
    }
    flash.settle();
    for (const time of times) cpu.run(`zeroise.end.${time}`, () => burnOut(die, fuses.zeroised));
  }
}
