/**
 * A device's files: made once and whole, and opened as a chip.
 *
 * ```
 * making/  flash.bin  die.bin  latch  device.json     a device is made here, and put on the disk; then its files are moved one level up,
 * ├─ moved: flash.bin, die.bin, latch                 device.json last
 * └─ moved: device.json                               from now on it is a device
 * ```
 *
 * A crash leaves a folder without device.json but with `making`, whose files are removed when a device is made there again.
 * INVARIANT: where there is device.json, flash.bin and die.bin are whole.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { quote, type Result, refuse, succeed } from '../src/kit/result.ts';
import type { Chip } from './chip/chip.ts';
import { steadyCpu } from './chip/cpu.ts';
import { makeFileMedium, openFileMedium, replaceFile } from './chip/file-medium.ts';
import { Flash } from './chip/flash.ts';
import { openFileLatch } from './chip/latch.ts';
import { Power } from './chip/power.ts';
import { DeviceError } from './device-error.ts';
import { manufacture } from './firmware/manufacture.ts';
import { isLockFile, lockFolder } from './folder-lock.ts';
import type { Profile } from './profile.ts';
import { findProfile, profiles } from './profiles.ts';

const files = { description: 'device.json', flash: 'flash.bin', die: 'die.bin', latch: 'latch' } as const;
const making = 'making';

export interface OpenedChip {
  readonly chip: Chip;
  readonly profile: Profile;
  readonly close: () => void;
}

/** The chip whose files are in the folder. Throws DeviceError where it is no device, and MediumError where a file of it is not as it should be. */
export function openChip(folder: string): OpenedChip {
  const profile = readDescription(folder);
  return openFiles(folder, profile);
}

function openFiles(folder: string, profile: Profile): OpenedChip {
  const power = new Power();
  const flashFile = openFileMedium(join(folder, files.flash), profile.flash);
  const dieFile = openFileMedium(join(folder, files.die), profile.die);
  // Always of the same seed: which bits stick follows from it and from the wear, and they are to be the same after each power-on.
  const chip: Chip = {
    flash: new Flash({ geometry: profile.flash, power, medium: flashFile, name: 'flash' }),
    die: new Flash({ geometry: profile.die, power, medium: dieFile, name: 'die' }),
    latch: openFileLatch(join(folder, files.latch), power),
    cpu: steadyCpu((length) => new Uint8Array(randomBytes(length))),
  };
  return {
    chip,
    profile,
    close: () => {
      flashFile.close();
      dieFile.close();
    },
  };
}

function readDescription(folder: string): Profile {
  const path = join(folder, files.description);
  let name: unknown;
  try {
    const read: unknown = JSON.parse(readFileSync(path, 'utf8'));
    name = typeof read === 'object' && read !== null && 'profile' in read ? read.profile : undefined;
  } catch (error) {
    throw new DeviceError(
      'device_lost',
      `there is no device in \`${folder}\`: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
  const profile = typeof name === 'string' ? findProfile(name) : undefined;
  if (profile === undefined)
    throw new DeviceError(
      'device_lost',
      `\`${path}\` names the profile ${quote(name)}: ${known()} are known`,
    );
  return profile;
}

function known(): string {
  return profiles.map(({ name }) => `\`${name}\``).join(', ');
}

export type DeviceFolderCode =
  | 'profile_unknown'
  /** There is a device in the folder, and it stays. */
  | 'device_exists'
  /** There is something else in it. */
  | 'folder_foreign'
  /** Another process makes or serves a device there. */
  | 'device_in_use'
  | 'device_defective';

export interface ManufactureDeviceOptions {
  /** Made where it is not there; may hold nothing but a file `pin`. */
  readonly folder: string;
  /** Name of a profile. */
  readonly profile: string;
}

/**
 * Makes a blank device in a folder, on the disk when it returns; a crash on the way leaves none. Throws errors of the file system.
 *
 * @example
 * const made = await manufactureDevice({ folder, profile: 'aster-1' });
 */
export async function manufactureDevice({
  folder,
  profile: name,
}: ManufactureDeviceOptions): Promise<Result<{ serial: string }, DeviceFolderCode>> {
  const profile = findProfile(name);
  if (profile === undefined)
    return refuse('profile_unknown', `${quote(name)} is no profile: ${known()} are`, 'profile');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Before anything is written to it: a folder with something of somebody's else is left as it is.
  const before = inspect(folder);
  if (!before.ok) return before;
  const lock = await lockFolder(folder);
  if (lock === undefined)
    return refuse('device_in_use', `another process is making or serving a device in \`${folder}\``);
  try {
    const free = inspect(folder);
    if (!free.ok) return free;
    chmodSync(folder, 0o700);
    return make(folder, profile);
  } finally {
    await lock.release();
  }
}

/** Whether a device may be made there. */
function inspect(folder: string): Result<undefined, DeviceFolderCode> {
  const found = readdirSync(folder);
  if (found.includes(files.description))
    return refuse('device_exists', `there is a device in \`${folder}\`: an empty folder is accepted`);
  const unfinished: readonly string[] = found.includes(making) ? [making, ...Object.values(files)] : [];
  const foreign = found.find((name) => name !== 'pin' && !isLockFile(name) && !unfinished.includes(name));
  if (foreign !== undefined) {
    return refuse(
      'folder_foreign',
      `there is ${quote(foreign)} in \`${folder}\`: a folder with nothing in it, or a file \`pin\`, is accepted`,
    );
  }
  return succeed(undefined);
}

function make(folder: string, profile: Profile): Result<{ serial: string }, DeviceFolderCode> {
  const place = join(folder, making);
  // What a crash left; `making` goes last, so that a crash in here leaves what is known to be unfinished.
  for (const name of Object.values(files)) rmSync(join(folder, name), { force: true });
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { mode: 0o700 });
  synchroniseFolder(folder);
  makeFileMedium(join(place, files.flash), profile.flash);
  makeFileMedium(join(place, files.die), profile.die);
  const { chip, close } = openFiles(place, profile);
  let serial: string;
  try {
    const made = manufacture({ chip, profile });
    if (!made.ok) return refuse('device_defective', made.message);
    serial = Buffer.from(made.value.serial).toString('hex');
    chip.flash.settle();
    chip.die.settle();
  } finally {
    close();
  }
  replaceFile(
    join(place, files.description),
    Buffer.from(`${JSON.stringify({ profile: profile.name }, undefined, 2)}\n`),
  );
  for (const name of [files.flash, files.die]) renameSync(join(place, name), join(folder, name));
  synchroniseFolder(folder);
  // From here on it is a device.
  renameSync(join(place, files.description), join(folder, files.description));
  synchroniseFolder(folder);
  rmSync(place, { recursive: true, force: true });
  return succeed({ serial });
}

/** Waits until the names in a folder are on the disk. */
function synchroniseFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether there is a device in the folder. */
export function hasDevice(folder: string): boolean {
  return existsSync(join(folder, files.description));
}
