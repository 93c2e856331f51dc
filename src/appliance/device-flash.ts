/** A map of a device's flash, read through the device: regions, wear, and the records of its store by their headers, which nobody authenticates. */

import { walkRecords } from '../../firmware-sim/firmware/slot.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { findProfile } from '../../firmware-sim/profiles.ts';
import type { DevicePlace, FlashDump, FlashRecord, FlashSector } from '../cli/device-administration.ts';
import { assert } from '../kit/result.ts';
import { withDevice } from './device-opening.ts';

/** A device that is in use goes on between one sector and the next, so that a record may be there twice, or half. */
export function dumpDeviceFlash(place: DevicePlace): Promise<FlashDump> {
  return withDevice(place, async (client, folder) => {
    const { profile: name } = await client.call('info', {});
    const profile = findProfile(name);
    assert(profile !== undefined, 'a device is of a profile that this program has');
    const { sectors: count, sectorBytes, endurance } = profile.flash;
    const bytes = new Uint8Array(count * sectorBytes);
    const sectors: FlashSector[] = [];
    for (let sector = 0; sector < count; sector++) {
      const read = await client.call('dump-flash', { sector });
      bytes.set(read.bytes, sector * sectorBytes);
      const used = read.bytes.reduce((sum, byte) => sum + (byte === 0xff ? 0 : 1), 0);
      sectors.push({ sector, holds: read.holds, wear: read.wear, used });
    }
    return {
      folder,
      profile: name,
      sectorBytes,
      endurance,
      sectors,
      records: recordsIn(bytes, sectors, profile),
      bytes,
    };
  });
}

function recordsIn(
  bytes: Uint8Array,
  sectors: readonly FlashSector[],
  { flash, layout }: Profile,
): FlashDump['records'] {
  const { sectorBytes, wordBytes } = flash;
  const found: (FlashRecord & { slot: string; address: number })[] = [];
  const first = layout.certificate + layout.image;
  for (const begin of [first, first + layout.slot]) {
    const start = begin * sectorBytes;
    const slot = bytes.subarray(start, start + layout.slot * sectorBytes);
    // A snapshot begins with a sector; where that is worn, with a later one.
    for (let at = 0; at < slot.length; ) {
      const records = walkRecords(slot, at, wordBytes);
      for (const { kind, version, committed, at: place, next } of records)
        found.push({
          slot: sectors[begin]?.holds ?? '',
          address: start + place,
          kind,
          version: BigInt(version),
          length: next - place,
          committed,
        });
      const end = records.at(-1)?.next ?? at + 1;
      at = Math.ceil(end / sectorBytes) * sectorBytes;
    }
  }
  return found;
}
