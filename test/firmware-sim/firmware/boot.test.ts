import { describe, expect, it } from 'vitest';
import { GlitchCpu, glitchesOf } from '../../../firmware-sim/chip/glitch.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { makeCertificate } from '../../../firmware-sim/firmware/certificate.ts';
import { deriveSecrets, sealingKey } from '../../../firmware-sim/firmware/device-secret.ts';
import { finishedRow, readSerial } from '../../../firmware-sim/firmware/fuses.ts';
import { expectedMask, Permit } from '../../../firmware-sim/firmware/guard.ts';
import { decodeImage, standardImage } from '../../../firmware-sim/firmware/image.ts';
import { imageSigner } from '../../../firmware-sim/firmware/vendor.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { equalBytes, toHex } from '../../../src/kit/bytes.ts';
import { assert } from '../../../src/kit/result.ts';
import {
  aster,
  blankChip,
  bootCore,
  imageAddress,
  imageWith,
  makeChip,
  overwrite,
  profileOf,
  stateOf,
} from './chips.ts';

const corvus = profileOf('corvus-e');
const yes = (): boolean => true;

/** Commits something, so that there is a state to be lost. */
function furnish(chip: RamChip): void {
  const { store, permit } = bootCore(chip);
  store.begin(Uint8Array.of(1, 2, 3), permit, []);
}

describe('a boot', () => {
  it('comes up blank, again and again, with the same root', () => {
    const chip = makeChip();
    const roots = [1, 2, 3].map(() => toHex(bootCore(chip).maskedRoot));
    expect(new Set(roots).size).toBe(1);
    expect(bootCore(chip).alarms()).toBe(0);
    expect(bootCore(chip).isCondemned()).toBe(false);
  });

  it('says of a chip that was never made that it is not finished', () => {
    for (const profile of profiles)
      expect(stateOf(blankChip(profile), profile)).toBe('failed: manufacture_unfinished');
  });

  it('says who it is: number, version, measurement', () => {
    const chip = makeChip();
    const { serial, firmware } = bootCore(chip);
    expect(toHex(serial)).toBe(toHex(readSerial(chip.die)));
    const image = decodeImage(standardImage(aster).subarray(4));
    expect(firmware).toEqual({ version: '1.0.0', measurement: image.ok && image.value.measurement });
  });

  it('says who it is where it failed, too', () => {
    const chip = makeChip();
    overwrite(chip, 0, new Uint8Array(64));
    const booted = boot(chip, aster);
    expect(booted).toMatchObject({ kind: 'failed', reason: 'certificate_refused' });
    assert(booted.kind === 'failed', 'it failed');
    expect(toHex(booted.serial)).toBe(toHex(readSerial(chip.die)));
    expect(booted.firmware.version).toBe('1.0.0');
    booted.zeroise();
    expect(stateOf(chip)).toBe('zeroised: command');
  });

  it('is not taken in by a profile of another name: nothing of it boots as something else', () => {
    const renamed = { ...aster, name: 'aster-2' };
    expect(stateOf(makeChip(), renamed)).toBe('failed: image_refused');
  });
});

describe('attacks on the flash', () => {
  it('run no image of which a bit was altered', () => {
    const chip = makeChip();
    const image = standardImage(aster);
    for (let at = 0; at < image.length; at += 151) {
      const attacked = chip.clone();
      const altered = image.slice();
      altered[at] = (altered[at] as number) ^ (1 << (at & 7));
      overwrite(attacked, imageAddress(aster), altered);
      expect(stateOf(attacked), `byte ${at}`).toBe('failed: image_refused');
    }
  });

  it('run no image that another vendor signed for this model, nor one that this vendor signed for another', () => {
    const strange = makeChip();
    overwrite(strange, imageAddress(aster), imageWith(aster, {}, imageSigner(corvus)));
    expect(stateOf(strange)).toBe('failed: image_refused');
    const model = makeChip();
    overwrite(model, imageAddress(aster), imageWith(aster, { profile: 'aster-0' }));
    expect(stateOf(model)).toBe('failed: image_refused');
  });

  it('run no image that is older than the fuses allow', () => {
    const chip = makeChip();
    overwrite(chip, imageAddress(aster), imageWith(aster, { floor: 0, version: '0.9.0' }));
    expect(stateOf(chip)).toBe('failed: image_refused');
  });

  it('run no image, however well signed, that the vendor has not endorsed for this device', () => {
    const chip = makeChip();
    const image = imageWith(aster, { floor: 2, version: '2.0.0' });
    overwrite(chip, imageAddress(aster), image);
    expect(stateOf(chip)).toBe('failed: certificate_refused');
  });

  it('get nothing from the flash of a sibling: neither whole nor with the own certificate on it', () => {
    const [own, sibling] = [makeChip(aster, { seed: 1 }), makeChip(aster, { seed: 2 })];
    furnish(own);
    furnish(sibling);
    const whole = own.clone();
    whole.fitFlash(sibling);
    expect(stateOf(whole)).toBe('failed: certificate_refused');
    overwrite(whole, 0, own.flash.read(0, aster.flash.sectorBytes));
    expect(stateOf(whole)).toMatch(/^failed: store_/);
    // It is not harmed by it.
    whole.fitFlash(own);
    expect(stateOf(whole)).toBe('running');
  });

  it('change no certificate: altered, of a sibling, by another root, of another image', () => {
    const [own, sibling] = [makeChip(aster, { seed: 1 }), makeChip(aster, { seed: 2 })];
    const certificate = own.flash.read(0, 400);
    for (let at = 0; at < 350; at += 7) {
      const attacked = own.clone();
      const altered = certificate.slice();
      altered[at] = (altered[at] as number) ^ (1 << (at % 8));
      overwrite(attacked, 0, altered);
      expect(stateOf(attacked), `byte ${at}`).toBe('failed: certificate_refused');
    }
    const { serial, firmware } = bootCore(own);
    const { point } = imageSigner(aster);
    const { measurement } = firmware;
    const others = [
      sibling.flash.read(0, 400),
      // The root of a vendor of the same algorithm.
      makeCertificate({
        profile: { ...profileOf('delphin-t'), name: aster.name },
        serial,
        measurement,
        point,
      }),
      makeCertificate({ profile: aster, serial, measurement: new Uint8Array(32), point }),
      makeCertificate({ profile: aster, serial: new Uint8Array(16), measurement, point }),
      makeCertificate({ profile: { ...aster, name: 'aster-2' }, serial, measurement, point }),
      new Uint8Array(400),
    ];
    for (const other of others) {
      const attacked = own.clone();
      overwrite(attacked, 0, other);
      expect(stateOf(attacked)).toBe('failed: certificate_refused');
    }
  });

  it('cannot have a slot of one vendor be read by the chip of another', () => {
    const chip = makeChip(corvus);
    chip.flash.erase(0);
    expect(stateOf(chip, corvus)).toBe('failed: certificate_refused');
  });
});

describe('keys', () => {
  const chip = makeChip();
  const row = finishedRow(chip.die);
  assert(row !== undefined, 'it was made');
  const image = decodeImage(standardImage(aster).subarray(4));
  assert(image.ok, 'an image');
  const { signer, measurement } = image.value;
  const origin = { chip, profile: aster, row, signer, measurement };
  const secrets = deriveSecrets(origin);
  const passed = new Permit(chip.cpu);
  for (const guard of ['image', 'self-test', 'lifecycle'] as const) passed.pass(guard, [yes, yes, yes]);

  it('are those of the device only where every guard of the boot was passed', () => {
    const right = toHex(sealingKey(secrets, passed));
    for (const missing of ['image', 'self-test', 'lifecycle'] as const) {
      const permit = new Permit(chip.cpu);
      for (const guard of ['image', 'self-test', 'lifecycle'] as const)
        if (guard !== missing) permit.pass(guard, [yes, yes, yes]);
      expect(toHex(sealingKey(secrets, permit)), missing).not.toBe(right);
    }
    expect(equalBytes(passed.mask(['image', 'self-test']), expectedMask(['image', 'self-test']))).toBe(true);
  });

  it('are others where a glitch had the image pass that is signed by nobody', () => {
    const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
    const glitched = new Permit(cpu);
    cpu.plan([{ site: 'image.all', time: 1, effect: 'flip' }]);
    expect(glitched.pass('image', [() => false, () => false, () => false])).toBe(true);
    for (const guard of ['self-test', 'lifecycle'] as const) glitched.pass(guard, [yes, yes, yes]);
    expect(toHex(sealingKey(secrets, glitched))).not.toBe(toHex(sealingKey(secrets, passed)));
  });

  it('are others under another signer, another model, and in another device', () => {
    const mine = toHex(secrets.maskedRoot);
    const of = (changed: Partial<typeof origin>): string =>
      toHex(deriveSecrets({ ...origin, ...changed }).maskedRoot);
    expect(of({})).toBe(mine);
    expect(of({ signer: imageSigner(corvus).point })).not.toBe(mine);
    expect(of({ profile: { ...aster, name: 'aster-2' } })).not.toBe(mine);
    expect(of({ chip: makeChip(aster, { seed: 9 }) })).not.toBe(mine);
    // The next image of the vendor still reads the store, and attests with another key.
    const next = deriveSecrets({ ...origin, measurement: new Uint8Array(32) });
    expect(toHex(next.maskedRoot)).toBe(mine);
    expect(toHex(next.maskedAttestation)).not.toBe(toHex(secrets.maskedAttestation));
  });

  it('are not made of a unique secret that a glitch made known: the device latches', () => {
    const attacked = chip.clone();
    for (const effect of ['zeros', 'ones'] as const) {
      const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
      cpu.plan([{ site: 'boot.uds.2', time: 1, effect }]);
      attacked.cpu = cpu;
      expect(stateOf(attacked)).toBe('failed: glitch_seen');
    }
  });
});

describe('glitches at a boot', () => {
  it('do not have it run, or take its keys from, another image than the one that was checked', () => {
    const chip = makeChip();
    const at = standardImage(aster).subarray(4);
    const signer = imageSigner(aster).point;
    const places = [
      at.findIndex((_, index) => equalBytes(at.subarray(index, index + 65), signer)) + 40,
      9_000,
    ];
    for (const place of places) {
      const attacked = chip.clone();
      const steady = attacked.cpu;
      attacked.cpu = {
        branch: (site, outcome) => steady.branch(site, outcome),
        run: (site, operation) => steady.run(site, operation),
        random: (site, length) => steady.random(site, length),
        // Only the reading that is run, not those that are checked.
        value: (site, bytes) =>
          site === 'boot.image' ? bytes.map((byte, i) => (i === place ? byte ^ 1 : byte)) : bytes,
      };
      expect(stateOf(attacked)).toBe('failed: image_refused');
    }
  });

  it('never make a root that somebody else can know: two of them, in two devices, give two roots', () => {
    const roots = [3, 4].map((seed) => {
      const chip = makeChip(aster, { seed });
      const cpu = new GlitchCpu((length) => new Uint8Array(length).fill(seed), 1);
      cpu.plan([
        { site: 'boot.uds.1', time: 1, effect: 'zeros' },
        { site: 'boot.uds.differs', time: 1, effect: 'flip' },
      ]);
      chip.cpu = cpu;
      return toHex(bootCore(chip).maskedRoot);
    });
    expect(roots[0]).not.toBe(roots[1]);
  });

  const wrong = makeChip();
  overwrite(wrong, imageAddress(aster), imageWith(aster, {}, imageSigner(corvus)));
  const older = makeChip();
  overwrite(older, imageAddress(aster), imageWith(aster, { floor: 0 }));
  const condemned = makeChip();
  condemned.latch.set('mesh');

  /** With these glitches; a clone, so that nothing of it stays. */
  function bootWith(chip: RamChip, glitches: Parameters<GlitchCpu['plan']>[0]) {
    const attacked = chip.clone();
    const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
    cpu.plan(glitches);
    attacked.cpu = cpu;
    return { booted: boot(attacked, aster), cpu };
  }

  it.each([
    ['an image that another vendor signed', wrong],
    ['an image that is too old', older],
    ['a chip that was tampered with', condemned],
  ])('do not bring up %s: each one alone, and each pair of flips', (_what, chip) => {
    const { cpu } = bootWith(chip, []);
    const singles = cpu.passes.flatMap(glitchesOf);
    expect(singles.length).toBeGreaterThan(5);
    const flips = new Map<string, (typeof singles)[number]>();
    for (const single of singles) {
      const { booted, cpu: after } = bootWith(chip, [single]);
      expect(booted.kind, JSON.stringify(single)).not.toBe('running');
      // What it goes on to once it is glitched has branches of its own.
      for (const glitch of after.passes.flatMap(glitchesOf))
        if (glitch.effect === 'flip' && !glitch.site.startsWith('zeroise'))
          flips.set(JSON.stringify(glitch), glitch);
    }
    const found = [...flips.values()];
    for (const [index, first] of found.entries())
      for (const second of found.slice(index + 1))
        expect(bootWith(chip, [first, second]).booted.kind, JSON.stringify([first, second])).not.toBe(
          'running',
        );
  });

  it('that are seen are counted in the fuses, and zeroise at the last', () => {
    const chip = makeChip(corvus);
    const states: string[] = [];
    for (let time = 1; time <= corvus.alarmLimit; time++) {
      const cpu = new GlitchCpu((length) => new Uint8Array(length), 1);
      cpu.plan([{ site: 'image.1', time: 1, effect: 'flip' }]);
      chip.cpu = cpu;
      const booted = boot(chip, corvus);
      assert(booted.kind !== 'running', 'it does not come up');
      states.push(booted.kind);
      expect(booted.alarms()).toBe(time);
    }
    expect(states).toEqual(['failed', 'failed', 'failed', 'zeroised']);
    chip.cpu = makeChip().cpu;
    expect(stateOf(chip, corvus)).toBe('zeroised: alarms');
  });

  it('that are not seen change nothing: a device with one glitch at its boot has the root that it has, or does not come up', () => {
    const chip = makeChip();
    const root = toHex(bootCore(chip).maskedRoot);
    const { cpu } = bootWith(chip, []);
    let up = 0;
    const singles = cpu.passes
      .flatMap(glitchesOf)
      .filter(({ effect }) => effect !== 'ones' && effect !== 'random');
    for (const single of singles) {
      const { booted } = bootWith(chip, [single]);
      if (booted.kind !== 'running') continue;
      up++;
      expect(toHex(booted.core.maskedRoot), JSON.stringify(single)).toBe(root);
    }
    expect(up).toBeLessThan(singles.length);
  });
});
