/**
 * The factory: gives a blank chip its secret, its number, its image and its vendor's endorsement.
 *
 * ```
 * row: begun ── UDS, serial, signer, floor ── flash: slots blank, image, certificate ── made ── confirmed
 * ```
 * A cut leaves a chip that says `manufacture_unfinished`. Before `made` the row is abandoned, for nobody knows how its bits will read, and the next
 * manufacture takes another one; from `made` on it only ends it. There are four rows.
 */
import { equalBytes, sha256 } from '../../src/kit/bytes.ts';
import { type Result, refuse, succeed } from '../../src/kit/result.ts';
import type { Chip } from '../chip/chip.ts';
import { isErased, type Memory, pagesOf } from '../chip/memory.ts';
import type { Profile } from '../profile.ts';
import { makeCertificate } from './certificate.ts';
import { attestationSecretAtManufacture } from './device-secret.ts';
import {
  burn,
  burnOut,
  currentRow,
  type FuseRow,
  finishedRow,
  fuseMap,
  isBlank,
  isBurnt,
  readFuse,
  unary,
} from './fuses.ts';
import { decodeImage, isImageSigned, standardImage } from './image.ts';
import { publicOf } from './signing.ts';

export type ManufactureCode =
  /** It has its secret already, and keeps it. */
  | 'already_made'
  /** Zeroised, or about to be: it is scrap. */
  | 'chip_condemned'
  /** No row of fuses is left, or a bit of flash or fuses does not become what it should be. */
  | 'chip_defective'
  | 'image_malformed';

export interface ManufactureOptions {
  readonly chip: Chip;
  readonly profile: Profile;
  /** As `signImage` makes it; the vendor's newest unless given. */
  readonly image?: Uint8Array;
}

/** Makes a device of a chip: blank, without a PIN. */
export function manufacture(options: ManufactureOptions): Result<{ serial: Uint8Array }, ManufactureCode> {
  const { chip, profile, image: given = standardImage(profile) } = options;
  const { die, latch } = chip;
  const { zeroising, zeroised } = fuseMap(die);
  if (latch.read() !== undefined || !isBlank(die, zeroising) || !isBlank(die, zeroised))
    return refuse('chip_condemned', 'the chip was tampered with or zeroised: a new one is accepted');
  if (finishedRow(die) !== undefined)
    return refuse('already_made', 'the chip was made already, and keeps its secret: a blank one is accepted');
  const image = decodeImage(given.subarray(4));
  if (!image.ok) return image;
  if (!isImageSigned(image.value) || image.value.profile !== profile.name)
    return refuse('image_malformed', `the image is not for \`${profile.name}\`, or not signed`);
  const unfinished = currentRow(die);
  // From `made` on there is nothing left to write.
  if (unfinished !== undefined && isBurnt(die, unfinished.made)) return finish(die, unfinished);
  const row = freshRow(die);
  if (row === undefined)
    return refuse('chip_defective', 'every row of fuses was begun: another chip is accepted');
  const { signer, floor, measurement } = image.value;
  const contents: [FuseRow['uds'], Uint8Array][] = [
    [row.uds, chip.cpu.random('manufacture.uds', 32)],
    [row.serial, chip.cpu.random('manufacture.serial', 16)],
    [row.signer, sha256(signer)],
    [row.floor, unary(row.floor.length, floor)],
  ];
  for (const [place, bytes] of contents) burn(die, place, bytes);
  die.settle();
  const serial = readFuse(die, row.serial);
  const secret = attestationSecretAtManufacture({ chip, profile, row, signer, measurement });
  const point = publicOf(profile.attestation, secret);
  const certificate = makeCertificate({ profile, serial, measurement, point });
  const written =
    contents.every(([place, bytes]) => equalBytes(readFuse(die, place), bytes)) &&
    writeFlash(chip.flash, profile, certificate, given);
  if (!written)
    return refuse('chip_defective', 'a bit does not become what it should be: another chip is accepted');
  return finish(die, row);
}

/** `confirmed` after `made` is on the medium: who finds the first begun knows that the second is whole. */
function finish(die: Memory, row: FuseRow): Result<{ serial: Uint8Array }, ManufactureCode> {
  burnOut(die, row.made);
  burnOut(die, row.confirmed);
  return succeed({ serial: readFuse(die, row.serial) });
}

/** A row of which nothing but `begun` was ever touched; rows before it are abandoned for good. */
function freshRow(die: Memory): FuseRow | undefined {
  for (const row of fuseMap(die).rows) {
    if (!isBlank(die, row.begun) || isBurnt(die, row.abandoned)) {
      // Both once more, since either may have been cut: a row that seems blank at the next boot would be taken again.
      burnOut(die, row.begun);
      burnOut(die, row.abandoned);
      continue;
    }
    burnOut(die, row.begun);
    return row;
  }
  return undefined;
}

/** Whether all of it reads as it was written. */
function writeFlash(flash: Memory, profile: Profile, certificate: Uint8Array, image: Uint8Array): boolean {
  const { sectorBytes, sectors } = flash.geometry;
  for (let sector = 0; sector < sectors; sector++) {
    // Also one that reads blank: it may have been erased in part.
    if (
      sector < profile.layout.certificate + profile.layout.image ||
      !isErased(flash.read(sector * sectorBytes, sectorBytes))
    )
      flash.erase(sector);
  }
  const parts: [number, Uint8Array][] = [
    [0, certificate],
    [profile.layout.certificate * sectorBytes, image],
  ];
  for (const [address, bytes] of parts)
    for (const [at, page] of pagesOf(flash.geometry, address, bytes)) flash.program(at, page);
  flash.settle();
  return parts.every(([address, bytes]) => equalBytes(flash.read(address, bytes.length), bytes));
}
