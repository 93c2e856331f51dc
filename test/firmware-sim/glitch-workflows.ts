/** What the sweep of glitches does with a device beside what other sweeps do: devices that are to refuse everything, and to stay so. */

import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { decodeImage, signImage, standardImage } from '../../firmware-sim/firmware/image.ts';
import { imageSigner } from '../../firmware-sim/firmware/vendor.ts';
import type { Profile } from '../../firmware-sim/profile.ts';
import { profiles } from '../../firmware-sim/profiles.ts';
import { assert } from '../../src/kit/result.ts';
import {
  boundType,
  freeType,
  headAt,
  journal,
  messageOf,
  otherPin,
  rightPin,
  strangeModule,
  trustedModule,
} from './fixtures.ts';
import type { Reference } from './reference.ts';
import { zeroised } from './reference-commands.ts';
import { type Bench, keyLabels, plainMessage } from './workbench.ts';
import { type Workflow, workflows } from './workflows.ts';

export interface GlitchWorkflow extends Workflow {
  /** What the device is once `prepare` did to it what no command does. */
  becomes?(before: Reference): Reference;
  /** Hardware that computes this answer wrong, glitch or none: a site of the self-test. */
  readonly broken?: string;
}

const failed = (before: Reference): Reference => ({ ...before, lifecycle: 'failed' });

/** Everything that a device which has failed is not to do. */
function tryAll(bench: Bench): void {
  bench.powerOn();
  bench.ask('info', {});
  bench.ask('attest', { nonce: new Uint8Array(16).fill(5) });
  bench.login(rightPin);
  bench.ask('sign', {
    label: keyLabels.plain,
    message: plainMessage(bench.profile, messageOf(boundType, 'of a failed device')),
  });
  bench.ask('sign', { label: keyLabels.anchored, message: messageOf(freeType, 'of a failed device') });
  bench.ask('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) });
}

function writeImage({ flash }: RamChip, { layout }: Profile, image: Uint8Array): void {
  const { sectorBytes, pageBytes, wordBytes } = flash.geometry;
  const first = layout.certificate;
  assert(image.length <= layout.image * sectorBytes, 'the image fits into its sectors');
  for (let sector = first; sector < first + layout.image; sector++) flash.erase(sector);
  const whole = new Uint8Array(Math.ceil(image.length / wordBytes) * wordBytes).fill(0xff);
  whole.set(image);
  for (let at = 0; at < whole.length; at += pageBytes)
    flash.program(first * sectorBytes + at, whole.subarray(at, at + pageBytes));
}

/** What is in the standard image, with another version. */
function contentOf(profile: Profile) {
  const image = decodeImage(standardImage(profile).subarray(4));
  assert(image.ok, 'the standard image is one');
  const { version, floor, wasm } = image.value;
  return { profile: profile.name, version: `${version}-altered`, floor, wasm };
}

function strangerOf(profile: Profile) {
  const other = profiles.find(({ vendor }) => vendor !== profile.vendor);
  assert(other !== undefined, 'there is more than one vendor');
  return imageSigner(other);
}

const own: readonly GlitchWorkflow[] = [
  {
    name: 'boot an image of which a bit was altered',
    device: 'furnished',
    becomes: failed,
    prepare({ chip, profile }) {
      // Within the wasm: to 0, as whoever holds the chip can.
      const { sectorBytes, wordBytes } = chip.flash.geometry;
      const at = profile.layout.certificate * sectorBytes + 4_096;
      const word = chip.flash.read(at, wordBytes);
      const place = word.findIndex((byte) => byte !== 0);
      assert(place !== -1, 'there is a bit to be altered');
      const byte = word[place] as number;
      word[place] = byte & (byte - 1);
      chip.flash.program(at, word);
    },
    run: tryAll,
  },
  {
    name: 'boot an image that a stranger signed',
    device: 'furnished',
    becomes: failed,
    prepare: ({ chip, profile }) =>
      writeImage(chip, profile, signImage(contentOf(profile), strangerOf(profile))),
    run: tryAll,
  },
  {
    name: 'boot an image that is older than the fuses allow',
    device: 'furnished',
    becomes: failed,
    prepare: ({ chip, profile }) =>
      writeImage(chip, profile, signImage({ ...contentOf(profile), floor: 0 }, imageSigner(profile))),
    run: tryAll,
  },
  {
    name: 'boot with an older flash',
    device: 'furnished',
    becomes: failed,
    prepare(bench) {
      const older = bench.chip.clone();
      bench.powerOn();
      bench.login(rightPin);
      bench.tell('advance', { name: journal.name, from: headAt(journal, 3), to: headAt(journal, 4) });
      bench.powerOff();
      bench.chip.fitFlash(older);
    },
    run: tryAll,
  },
  {
    name: 'boot with an empty flash',
    device: 'furnished',
    becomes: failed,
    prepare({ chip, profile }) {
      const { certificate, image, slot } = profile.layout;
      for (let sector = certificate + image; sector < certificate + image + 2 * slot; sector++)
        chip.flash.erase(sector);
    },
    run(bench) {
      tryAll(bench);
      bench.ask('initialise', otherPin);
    },
  },
  {
    name: 'boot where sealing is broken',
    device: 'furnished',
    becomes: failed,
    broken: 'self-test.aes-256-gcm.answer',
    run: tryAll,
  },
  {
    name: 'boot after zeroise',
    device: 'furnished',
    becomes: zeroised,
    prepare(bench) {
      bench.powerOn();
      bench.tell('zeroise', { serial: bench.tell('info', {}).serial });
      bench.powerOff();
    },
    run(bench) {
      tryAll(bench);
      bench.ask('initialise', otherPin);
    },
  },
  {
    name: 'boot after zeroise, with the flash of before',
    device: 'furnished',
    becomes: zeroised,
    prepare(bench) {
      const before = bench.chip.clone();
      bench.powerOn();
      bench.tell('zeroise', { serial: bench.tell('info', {}).serial });
      bench.powerOff();
      bench.chip.fitFlash(before);
    },
    run: tryAll,
  },
  {
    name: 'boot after tamper while it was off',
    device: 'furnished',
    becomes: zeroised,
    prepare: ({ chip }) => chip.latch.set('removal'),
    run: tryAll,
  },
  {
    name: 'prove in part, and sign',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.login(rightPin);
      const entries = journal.entries.slice(0, 2);
      bench.ask('prove', { name: journal.name, from: headAt(journal, 0), entries });
      bench.ask('sign', { label: keyLabels.anchored, message: journal.messages[0] ?? new Uint8Array() });
    },
  },
  {
    name: 'a wrong PIN, and then the right one',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.login(otherPin);
      bench.login(rightPin, 1);
      bench.ask('keys', {}, 1);
    },
  },
  {
    name: 'the right PIN, locked',
    device: 'furnished',
    prepare(bench) {
      bench.powerOn();
      while (bench.tell('counters', {}).triesLeft > 0) bench.login(otherPin, bench.answers.length);
      bench.powerOff();
    },
    run(bench) {
      bench.powerOn();
      bench.login(rightPin);
      bench.ask('keys', {});
      bench.ask('sign', {
        label: keyLabels.plain,
        message: plainMessage(bench.profile, messageOf(boundType, 'locked')),
      });
    },
  },
  {
    name: 'initialise once more',
    device: 'furnished',
    run(bench) {
      bench.powerOn();
      bench.ask('initialise', otherPin);
      bench.close();
      bench.login(otherPin);
    },
  },
  {
    name: 'load without trust',
    device: 'blank',
    prepare(bench) {
      bench.powerOn();
      bench.tell('initialise', rightPin);
      bench.powerOff();
    },
    run(bench) {
      bench.powerOn();
      bench.login(rightPin);
      bench.ask('load', { module: trustedModule.signed });
      bench.ask('load', { module: strangeModule.signed });
      bench.ask('run', { hash: strangeModule.hash, inputs: [], fuel: null });
    },
  },
];

export const glitchWorkflows: readonly GlitchWorkflow[] = [...workflows, ...own];
