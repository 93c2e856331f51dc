/** Chips as the factory delivers them, and what whoever opens the case does to them. */
import { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import type { Core } from '../../../firmware-sim/firmware/core.ts';
import {
  decodeImage,
  type ImageContent,
  signImage,
  standardImage,
} from '../../../firmware-sim/firmware/image.ts';
import { manufacture } from '../../../firmware-sim/firmware/manufacture.ts';
import { imageSigner } from '../../../firmware-sim/firmware/vendor.ts';
import type { Profile } from '../../../firmware-sim/profile.ts';
import { findProfile } from '../../../firmware-sim/profiles.ts';
import { sha256, toHex } from '../../../src/kit/bytes.ts';
import { assert } from '../../../src/kit/result.ts';

export function profileOf(name: string): Profile {
  const profile = findProfile(name);
  assert(profile !== undefined, 'a profile of this name');
  return profile;
}

export const aster = profileOf('aster-1');

export function blankChip(profile: Profile, seed = 1): RamChip {
  return RamChip.make({ flash: profile.flash, die: profile.die, seed });
}

const made = new Map<string, RamChip>();

/** Manufactured, never booted; the same for the same seed. */
export function makeChip(profile = aster, { seed = 1, image = standardImage(profile) } = {}): RamChip {
  const name = `${profile.name} ${seed} ${toHex(sha256(image))}`;
  let chip = made.get(name);
  if (chip === undefined) {
    chip = blankChip(profile, seed);
    const answer = manufacture({ chip, profile, image });
    assert(answer.ok, `a chip is made: ${answer.ok ? '' : answer.message}`);
    made.set(name, chip);
  }
  return chip.clone();
}

/** Boots a chip that has to come up. */
export function bootCore(chip: RamChip, profile = aster): Core {
  const booted = boot(chip, profile);
  assert(booted.kind === 'running', `it boots: ${booted.kind === 'running' ? '' : booted.reason}`);
  return booted.core;
}

/** What a boot comes to, in a word: `running`, `zeroised: mesh`, `failed: image_refused`. */
export function stateOf(chip: RamChip, profile = aster): string {
  const booted = boot(chip, profile);
  return booted.kind === 'running' ? booted.kind : `${booted.kind}: ${booted.reason}`;
}

/** With another flash programmer: erases the sectors that these bytes lie in, and writes them. */
export function overwrite({ flash }: RamChip, address: number, bytes: Uint8Array): void {
  const { sectorBytes, pageBytes } = flash.geometry;
  const first = Math.floor(address / sectorBytes);
  const last = Math.floor((address + bytes.length - 1) / sectorBytes);
  const all = flash.read(first * sectorBytes, (last - first + 1) * sectorBytes);
  all.set(bytes, address - first * sectorBytes);
  for (let sector = first; sector <= last; sector++) flash.erase(sector);
  for (let at = 0; at < all.length; at += pageBytes)
    flash.program(first * sectorBytes + at, all.subarray(at, at + pageBytes));
}

export function imageAddress({ layout, flash }: Profile): number {
  return layout.certificate * flash.sectorBytes;
}

/** The content of the vendor's image, with what is given in place of it. */
export function imageWith(
  profile: Profile,
  changed: Partial<ImageContent>,
  signer = imageSigner(profile),
): Uint8Array {
  const standard = decodeImage(standardImage(profile).subarray(4));
  assert(standard.ok, 'the image of the vendor');
  const { profile: name, version, floor, wasm } = standard.value;
  return signImage({ profile: name, version, floor, wasm, ...changed }, signer);
}
