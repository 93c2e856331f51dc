/** What is read of the chip itself, whatever runs on it. */
import { type Result, succeed } from '../../src/kit/result.ts';
import type { Chip } from '../chip/chip.ts';
import type { Memory } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import type { Commands, DeviceCounters, DeviceErrorCode } from '../protocol.ts';
import { invalid } from './argument.ts';

/** Of the sector of flash or die that is nearest to what it is made for. */
export function readWear({ flash, die }: Chip): Pick<DeviceCounters, 'wear' | 'endurance'> {
  const [one, other] = [wearOf(flash), wearOf(die)];
  return one.wear * other.endurance >= other.wear * one.endurance ? one : other;
}

function wearOf(memory: Memory): Pick<DeviceCounters, 'wear' | 'endurance'> {
  const { sectors, endurance } = memory.geometry;
  let wear = 0;
  for (let sector = 0; sector < sectors; sector++) wear = Math.max(wear, memory.wear(sector));
  return { wear, endurance };
}

/** One sector of the flash, as whoever takes it off reads it; of the die there is no such command. */
export function readFlash(
  { flash }: Chip,
  { layout }: Profile,
  { sector }: Commands['dump-flash']['arguments'],
): Result<Commands['dump-flash']['result'], DeviceErrorCode> {
  const { sectors, sectorBytes } = flash.geometry;
  if (!Number.isSafeInteger(sector) || sector < 0 || sector >= sectors)
    return invalid('sector', `${sector}`, `0 to ${sectors - 1}`);
  return succeed({
    bytes: flash.read(sector * sectorBytes, sectorBytes),
    wear: flash.wear(sector),
    holds: regionOf(sector, layout),
  });
}

function regionOf(sector: number, { certificate, image, slot }: Profile['layout']): string {
  const regions = [
    ['certificate', certificate],
    ['image', image],
    ['slot A', slot],
    ['slot B', slot],
  ] as const;
  let end = 0;
  for (const [name, sectors] of regions) {
    end += sectors;
    if (sector < end) return name;
  }
  return 'nothing';
}
