import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeImage,
  isImageSigned,
  readFramed,
  standardImage,
} from '../../../firmware-sim/firmware/image.ts';
import { imageSigner } from '../../../firmware-sim/firmware/vendor.ts';
import { equalBytes, sha256, toHex } from '../../../src/kit/bytes.ts';
import { assert } from '../../../src/kit/result.ts';
import { moduleKey, signedModuleOf } from '../fixtures.ts';
import {
  aster,
  bootCore,
  imageAddress,
  imageWith,
  makeChip,
  overwrite,
  profileOf,
  stateOf,
} from './chips.ts';

const standard = standardImage(aster);

function decoded(bytes: Uint8Array) {
  const image = decodeImage(bytes.subarray(4));
  assert(image.ok, 'an image');
  return image.value;
}

describe('an image', () => {
  it('holds the machine that ships, signed by the vendor, and is measured by its payload', () => {
    const image = decoded(standard);
    expect(equalBytes(image.wasm, readFileSync('vm/machine.wasm'))).toBe(true);
    expect(image).toMatchObject({ profile: 'aster-1', version: '1.0.0', floor: 1 });
    expect(toHex(image.signer)).toBe(toHex(imageSigner(aster).point));
    expect(toHex(image.measurement)).toBe(toHex(sha256(image.signed.payload)));
    expect(isImageSigned(image)).toBe(true);
  });

  it('is no image, or not signed, with any bit of it flipped', () => {
    fc.assert(
      fc.property(fc.nat(standard.length - 5), fc.nat(7), (at, bit) => {
        const bytes = standard.slice(4);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);
        const image = decodeImage(bytes);
        return !image.ok || !isImageSigned(image.value);
      }),
      { numRuns: 400 },
    );
  });

  it('is not signed by a key that is written another way', () => {
    const bytes = standard.slice(4);
    const signer = imageSigner(aster).point;
    const at = bytes.findIndex((_, index) => equalBytes(bytes.subarray(index, index + 65), signer));
    // The hybrid form of X9.62 §4.3.6, which OpenSSL takes.
    bytes[at] = 0x06 | ((signer[64] as number) & 1);
    const image = decodeImage(bytes);
    assert(image.ok, 'an image');
    expect(isImageSigned(image.value)).toBe(false);
  });

  it('is refused as `image_malformed` for any bytes that are none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const image = decodeImage(bytes);
        return !image.ok && image.code === 'image_malformed';
      }),
    );
  });

  it('has a floor from 0 to 32', () => {
    expect(decodeImage(imageWith(aster, { floor: 0 }).subarray(4)).ok).toBe(true);
    expect(decodeImage(imageWith(aster, { floor: 32 }).subarray(4)).ok).toBe(true);
    expect(decodeImage(imageWith(aster, { floor: 33 }).subarray(4))).toMatchObject({
      code: 'image_malformed',
    });
  });

  it('is not looked for beyond its sectors', () => {
    const chip = makeChip();
    overwrite(chip, imageAddress(aster), Uint8Array.of(0xff, 0xff, 0xff, 0xf0));
    expect(readFramed(chip.flash, aster.layout.certificate, aster.layout.image)).toBeUndefined();
    expect(stateOf(chip)).toBe('failed: image_refused');
  });
});

describe('what runs', () => {
  const module = signedModuleOf(40, moduleKey);

  function run(image: Uint8Array): string {
    const chip = makeChip(aster, { image });
    const state = stateOf(chip);
    if (state !== 'running') return state;
    const machine = bootCore(chip).startMachine([moduleKey.point]);
    const loaded = machine.load(module.signed);
    if (!loaded.ok) return loaded.reason;
    const inputs = [
      { segment: 0, index: 0, value: 2n },
      { segment: 0, index: 1, value: 0n },
    ];
    const ran = loaded.program.run({ inputs });
    return ran.ok ? String(ran.ports.get(0)) : ran.code;
  }

  it('is the machine of the image: one whose code is another gives other answers, or does not pass its known answers', () => {
    const right = run(standard);
    expect(right).toBe('42');
    const { wasm } = decoded(standard);
    const answers = new Set<string>();
    const isBehind = (answer: string): boolean => !answer.startsWith('failed');
    // i64.add becomes i64.sub, one place after the other; most are found out before anything is answered.
    for (let at = 0; at < wasm.length && ![...answers].some(isBehind); at++) {
      if (wasm[at] !== 0x7c) continue;
      const other = wasm.slice();
      other[at] = 0x7d;
      const answer = run(imageWith(aster, { wasm: other }));
      if (answer !== right) answers.add(answer);
    }
    expect(answers).toContain('failed: self_test_failed: label-machine');
    expect([...answers].some(isBehind)).toBe(true);
  });

  it('is no module that nobody trusts', () => {
    const machine = bootCore(makeChip()).startMachine([]);
    expect(machine.load(module.signed)).toMatchObject({ ok: false, reason: 'signature' });
  });

  it('is refused, and no fault, where the vendor signed what is no program', () => {
    const chip = makeChip(aster, { image: imageWith(aster, { wasm: Uint8Array.of(0, 1, 2) }) });
    expect(stateOf(chip)).toBe('failed: image_refused');
    expect(bootCore(makeChip()).alarms()).toBe(0);
  });

  it('differs by vendor: one image for each model', () => {
    const measurements = ['aster-1', 'borealis-s', 'corvus-e', 'delphin-t'].map((name) =>
      toHex(decoded(standardImage(profileOf(name))).measurement),
    );
    expect(new Set(measurements).size).toBe(4);
  });
});
