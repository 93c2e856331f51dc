import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attestationClaim } from '../../../firmware-sim/firmware/attestation-claims.ts';
import { standardImage } from '../../../firmware-sim/firmware/image.ts';
import { blankMemory, encodeSnapshot } from '../../../firmware-sim/firmware/state.ts';
import { imageSigner, vendorRoot } from '../../../firmware-sim/firmware/vendor.ts';
import type { Profile } from '../../../firmware-sim/profile.ts';
import { findProfile, profiles } from '../../../firmware-sim/profiles.ts';
import { toHex } from '../../../src/kit/bytes.ts';
import { bootCore, makeChip } from './chips.ts';

const differ = (values: readonly unknown[]): boolean =>
  new Set(values.map((value) => JSON.stringify(value))).size === values.length;

describe('profiles', () => {
  it('are of at least four vendors, found by name', () => {
    expect(profiles.length).toBeGreaterThanOrEqual(4);
    expect(differ(profiles.map(({ name }) => name))).toBe(true);
    expect(differ(profiles.map(({ vendor }) => vendor))).toBe(true);
    for (const profile of profiles) expect(findProfile(profile.name)).toBe(profile);
    expect(findProfile('aster-2')).toBeUndefined();
  });

  it('differ in algorithms, limits, memories and roots', () => {
    expect(differ(profiles.map(({ algorithms }) => algorithms))).toBe(true);
    expect(differ(profiles.map(({ limits }) => limits))).toBe(true);
    expect(differ(profiles.map(({ flash }) => flash))).toBe(true);
    expect(differ(profiles.map(({ quirks }) => quirks))).toBe(true);
    expect(differ(profiles.map(({ root }) => toHex(root)))).toBe(true);
    expect(differ(profiles.map((profile) => toHex(imageSigner(profile).point)))).toBe(true);
    expect(new Set(profiles.map(({ attestation }) => attestation))).toEqual(
      new Set(['ES256', 'ES384', 'EdDSA']),
    );
    expect(new Set(profiles.flatMap(({ algorithms }) => algorithms))).toEqual(
      new Set(['ES256', 'ES384', 'EdDSA', 'PS256']),
    );
    expect(new Set(profiles.map(({ flash }) => flash.wordBytes))).toEqual(new Set([4, 8, 16]));
  });

  it('have every quirk at one vendor at least, and are without it at another', () => {
    for (const quirk of ['signature', 'publicKey', 'takes', 'lowS'] as const)
      expect(new Set(profiles.map(({ quirks }) => quirks[quirk])).size, quirk).toBe(2);
    expect(profiles.map(({ quirks }) => quirks.signaturesPerSecond)).toContain(20);
    expect(profiles.map(({ quirks }) => quirks.signaturesPerSecond)).toContain(null);
  });

  it('default to one with room for an appliance', () => {
    const limits = findProfile('aster-1')?.limits;
    expect(limits?.anchors).toBeGreaterThanOrEqual(64);
    expect(limits?.keys).toBeGreaterThanOrEqual(16);
    expect(limits?.frameBytes).toBeGreaterThanOrEqual(262_144);
  });

  describe.each(profiles.map((profile) => [profile.name, profile] as const))('%s', (_name, profile) => {
    it('has ES256, which the records need, and tries that a reader of PINs cannot use up by accident', () => {
      expect(profile.algorithms).toContain('ES256');
      expect(profile.limits.pinTries).toBeGreaterThanOrEqual(3);
      expect(profile.limits.pinTries).toBeLessThanOrEqual(10);
      expect(profile.limits.frameBytes).toBeGreaterThan(profile.limits.messageBytes);
    });

    it('has sectors for what lies in them, and a bit in the fuses for each alarm', () => {
      const { flash, die, layout, alarmLimit } = profile;
      expect(layout.certificate + layout.image + 2 * layout.slot).toBe(flash.sectors);
      expect(standardImage(profile).length).toBeLessThanOrEqual(layout.image * flash.sectorBytes);
      expect(flash.fuseSectors).toBe(0);
      expect(die.fuseSectors).toBe(1);
      expect(flash.sectorBytes % flash.pageBytes).toBe(0);
      expect(flash.pageBytes % flash.wordBytes).toBe(0);
      expect(alarmLimit).toBeLessThanOrEqual(8 * die.wordBytes);
    });

    it('has slots for all that its limits allow, each as long as it can be, with a worn sector', () => {
      const { limits, algorithms, layout, flash } = profile;
      const isRsa = algorithms.includes('PS256');
      const memory = blankMemory(limits.pinTries);
      memory.pin = { salt: new Uint8Array(16), maskedKey: new Uint8Array(32) };
      memory.trusted = Array.from({ length: 16 }, () => new Uint8Array(65));
      const name = (index: number): string => String(index).padStart(64, 'x');
      for (let index = 0; index < limits.keys; index++)
        memory.keys.set(name(index), {
          label: name(index),
          algorithm: isRsa ? 'PS256' : 'ES384',
          use: 'agree',
          anchored: true,
          free: Array.from({ length: 8 }, (_, type) => String(type).padEnd(127, 'x')),
          point: new Uint8Array(isRsa ? 294 : 97),
          seed: new Uint8Array(32),
          // PKCS #8 of 2,048 bits, and the tag.
          sealed: new Uint8Array(isRsa ? 1_220 + 16 : 0),
        });
      for (let index = 0; index < limits.anchors; index++)
        memory.anchors.set(name(index), { sequence: Number.MAX_SAFE_INTEGER, hash: new Uint8Array(32) });
      for (let index = 0; index < limits.ballots; index++) {
        const ballot = { proposal: new Uint8Array(32), label: name(index), choice: 'approve' } as const;
        memory.ballots.set(name(index), ballot);
      }
      const most = (layout.slot - 1) * flash.sectorBytes;
      // What the store writes around it takes less than 256 bytes.
      expect(encodeSnapshot(memory).length + 256).toBeLessThanOrEqual(most);
    });

    it('names the root whose key the factory has', () => {
      expect(toHex(profile.root)).toBe(toHex(vendorRoot(profile).point));
    });

    it('is made and boots', () => {
      const core = bootCore(makeChip(profile), profile);
      expect(core.profile).toBe(profile);
      expect(core.store.found).toBeUndefined();
    });
  });
});

describe('docs/DEVICE.md', () => {
  const document = readFileSync('docs/DEVICE.md', 'utf8');
  const number = (value: number): string => value.toLocaleString('en-GB');

  it.each<[string, (profile: Profile) => string]>([
    ['vendor', ({ vendor }) => vendor],
    ['algorithms', ({ algorithms }) => algorithms.join(', ')],
    ['attestation', ({ attestation }) => attestation],
    [
      'keys, anchors, ballots, modules',
      ({ limits }) => [limits.keys, limits.anchors, limits.ballots, limits.modules].join(', '),
    ],
    ['message (bytes, at most)', ({ limits }) => number(limits.messageBytes)],
    ['frame (bytes, at most)', ({ limits }) => number(limits.frameBytes)],
    [
      'PIN: tries, length',
      ({ limits }) => `${limits.pinTries}, ${limits.pinLength.least} to ${limits.pinLength.most}`,
    ],
    ['PBKDF2 iterations', ({ pinIterations }) => number(pinIterations)],
    ['alarms until it zeroises', ({ alarmLimit }) => String(alarmLimit)],
    [
      'ECDSA signatures',
      ({ quirks }) => (quirks.signature === 'der' ? 'DER' : 'r ‖ s') + (quirks.lowS ? ', low s' : ''),
    ],
    ['public keys', ({ quirks }) => (quirks.publicKey === 'spki' ? 'SubjectPublicKeyInfo' : 'points')],
    ['signs', ({ quirks }) => quirks.takes],
    [
      'signatures a second',
      ({ quirks }) =>
        quirks.signaturesPerSecond === null ? 'as fast as it can' : `at most ${quirks.signaturesPerSecond}`,
    ],
    ['flash: sectors of bytes', ({ flash }) => `${flash.sectors} × ${number(flash.sectorBytes)}`],
    ['die: sectors of bytes', ({ die }) => `${die.sectors} × ${number(die.sectorBytes)}`],
    ['page, word (bytes)', ({ flash }) => `${number(flash.pageBytes)}, ${flash.wordBytes}`],
    ['sectors of image, of each slot', ({ layout }) => `${layout.image}, ${layout.slot}`],
    ['erases of a sector', ({ flash }) => number(flash.endurance)],
  ])('has the row `%s` of the vendors as it is', (name, of) => {
    expect(document).toContain(`| ${name} | ${profiles.map(of).join(' | ')} |\n`);
  });

  it.each(Object.entries(attestationClaim))('lists the claim %s with its number %d', (name, claim) => {
    expect(document).toContain(`| ${claim} | ${name} |`);
  });
});
