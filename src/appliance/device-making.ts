/**
 * Makes a device with its first PIN.
 *
 * ```
 * pin (a system's device only) ── the chip, blank ── the PIN in it
 * ```
 * A crash leaves a folder that the same call makes ready: nothing is in a device before it has a PIN.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DeviceError, openDevice } from '../../firmware-sim/client.ts';
import { manufactureDevice } from '../../firmware-sim/device-folder.ts';
import { findProfile, profiles } from '../../firmware-sim/profiles.ts';
import type { DeviceInformation, DeviceLimits } from '../../firmware-sim/protocol.ts';
import { readPin } from '../../hsm/pin-source.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { ApplianceError } from './appliance-error.ts';
import { makePrivateFolder, writeFileDurably } from './private-file.ts';

export interface DeviceMaking {
  readonly folder: string;
  /** Name of a profile. */
  readonly profile: string;
  /** The first PIN; one is made and written into the folder where it is not given. */
  readonly pin: string | undefined;
}

/** The file in its folder with the PIN of a device that an appliance made. */
export function pinFileIn(folder: string): string {
  return join(folder, 'pin');
}

/** Makes the device, or ends what was begun. Gives where its PIN was written; throws DeviceError, and `folder_unwritable`. */
export async function makeDevice({
  folder,
  profile: name,
  pin: given,
}: DeviceMaking): Promise<
  Result<{ readonly pinFile: string | null; readonly information: DeviceInformation }>
> {
  const profile = findProfile(name);
  if (profile === undefined)
    return refuse(
      'profile_unknown',
      `${quote(name)} is no model: ${profiles.map((one) => `\`${one.name}\``).join(', ')} are accepted`,
    );
  // Before anything is made: what cannot be its PIN is no reason for a device without one.
  if (given !== undefined) assertPinLength(given, profile.limits);
  if (!existsSync(folder)) await makePrivateFolder(folder);
  if (!statSync(folder).isDirectory())
    throw new ApplianceError(
      'folder_unwritable',
      `\`${folder}\` is no folder: the path of a new or an empty one is accepted`,
    );
  const pin = given ?? (await firstPin(folder, profile.limits));
  const made = await manufactureDevice({ folder, profile: name });
  if (!made.ok && made.code !== 'device_exists') return made;
  const client = await openDevice({ folder });
  try {
    const { state, profile: found } = await client.call('info', {});
    if (!made.ok && (state !== 'blank' || found !== name)) return made;
    await client.initialise(pin);
    const information = await client.call('info', {});
    return succeed({ pinFile: given === undefined ? pinFileIn(folder) : null, information });
  } finally {
    await client.close();
  }
}

/** That of an earlier run that was cut, or a new one, on the disk before the device has it: one whose PIN nobody has is of no use. */
export async function firstPin(folder: string, limits: DeviceLimits): Promise<string> {
  const path = pinFileIn(folder);
  if (existsSync(path)) return readPin({ kind: 'file', path }, { environment: {}, ask: undefined });
  const pin = newPin(limits);
  await writeFileDurably(path, pin, 0o600);
  return pin;
}

/** Random, of 128 bits or as long as the device takes it. */
export function newPin({ pinLength }: Pick<DeviceLimits, 'pinLength'>): string {
  return randomBytes(16).toString('hex').slice(0, pinLength.most);
}

/** Throws `argument_invalid`. A device takes what was derived from a PIN, and cannot tell how long that was. */
export function assertPinLength(
  pin: string,
  { pinLength: { least, most } }: Pick<DeviceLimits, 'pinLength'>,
): void {
  const length = Buffer.byteLength(pin);
  if (length < least || length > most)
    throw new DeviceError(
      'argument_invalid',
      `the PIN has ${length} bytes: ${least} to ${most} are accepted`,
    );
}
