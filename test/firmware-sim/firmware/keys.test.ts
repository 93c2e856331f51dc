import { describe, expect, it } from 'vitest';
import { boot } from '../../../firmware-sim/firmware/boot.ts';
import { makeFirmware } from '../../../firmware-sim/firmware/commands.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import type { DeviceKey } from '../../../firmware-sim/protocol.ts';
import { sha256, toHex, utf8 } from '../../../src/kit/bytes.ts';
import { boundType, freeType, messageOf, peerPoint, peerSecret, rightPin } from '../fixtures.ts';
import { digestLength, hasLowS, isSignature, readPoint, readSignature, sharedWith } from '../outside.ts';
import { firmware } from '../parts.ts';
import { Bench, keyLabels } from '../workbench.ts';
import { codeOf, furnishedBench, profileOf, refusalOf, servingBench } from './serving.ts';

/** With the PIN, and nothing else. */
function bareBench(name: string): Bench {
  const bench = Bench.blank(firmware, profileOf(name));
  bench.powerOn();
  bench.tell('initialise', rightPin);
  bench.login(rightPin);
  return bench;
}

const pairs = profiles.flatMap(({ name, algorithms }) =>
  algorithms.map((algorithm) => ({ name, algorithm })),
);

describe('a key', () => {
  it.each(pairs)('of $name signs by $algorithm in the vendor’s own form', ({ name, algorithm }) => {
    const bench = bareBench(name);
    const { quirks } = bench.profile;
    const made = bench.tell('generate', { label: 'a', algorithm, use: 'sign', anchored: false, free: [] });
    expect(bench.tell('keys', {})).toEqual({ keys: [made] });
    const point = readPoint(algorithm, made.point, quirks);
    expect(point).toBeDefined();
    const isDigest = quirks.takes === 'digest' && digestLength(algorithm) !== undefined;
    for (let at = 0; at < 4; at++) {
      const message = isDigest
        ? new Uint8Array(digestLength(algorithm) ?? 0).fill(at)
        : utf8(`message ${at}`);
      const { signature } = bench.tell('sign', { label: 'a', message });
      const own = readSignature(algorithm, signature, quirks) ?? new Uint8Array();
      const key = { algorithm, point: point ?? new Uint8Array() };
      expect(isSignature(key, message, own, isDigest)).toBe(true);
      expect(
        isSignature(
          key,
          message.map((byte) => byte ^ 1),
          own,
          isDigest,
        ),
      ).toBe(false);
      if (quirks.lowS) expect(hasLowS(algorithm, own)).toBe(true);
      // Nonces are derived: a random number that a glitch has corrupted gives no key away.
      const again = bench.tell('sign', { label: 'a', message }).signature;
      expect(toHex(again) === toHex(signature)).toBe(algorithm !== 'PS256');
    }
    if (isDigest)
      expect(refusalOf(bench, 'sign', { label: 'a', message: utf8('message') }).message).toContain(
        `${digestLength(algorithm)}`,
      );
  });

  it('has high s about as often as low where the vendor does not mind', () => {
    const bench = bareBench('aster-1');
    bench.tell('generate', { label: 'a', algorithm: 'ES256', use: 'sign', anchored: false, free: [] });
    const low = Array.from({ length: 24 }, (_, at) =>
      hasLowS('ES256', bench.tell('sign', { label: 'a', message: utf8(`${at}`) }).signature),
    );
    expect(new Set(low).size).toBe(2);
  });

  it('is the same after power-off, and another one on another device', () => {
    const points = (['aster-1', 'corvus-e'] as const).map((name) => {
      const bench = servingBench(name);
      const before = bench.tell('keys', {});
      bench.powerOff();
      bench.powerOn();
      bench.login(rightPin);
      expect(bench.tell('keys', {})).toEqual(before);
      return before.keys.map(({ point }) => toHex(point));
    });
    const all = points.flat();
    expect(new Set(all).size).toBe(all.length);
  });

  it('is another one for each label and policy, also where random numbers are all the same', () => {
    const bench = bareBench('aster-1');
    const { cpu } = bench.chip;
    bench.chip.cpu = { ...cpu, random: (_site, length) => new Uint8Array(length) };
    bench.powerOff();
    bench.powerOn();
    bench.login(rightPin);
    const made: DeviceKey[] = [];
    for (const label of ['a', 'b'])
      made.push(
        bench.tell('generate', { label, algorithm: 'ES256', use: 'sign', anchored: false, free: [] }),
      );
    made.push(
      bench.tell('generate', {
        label: 'c',
        algorithm: 'ES256',
        use: 'sign',
        anchored: true,
        free: [freeType],
      }),
    );
    expect(new Set(made.map(({ point }) => toHex(point))).size).toBe(3);
    // And no key that a device would have whose root were zeros, too.
    const other = Bench.blank(firmware, profileOf('delphin-t'));
    other.chip.cpu = bench.chip.cpu;
    other.powerOn();
    other.tell('initialise', rightPin);
    other.login(rightPin);
    const { point } = other.tell('generate', {
      label: 'a',
      algorithm: 'ES256',
      use: 'sign',
      anchored: false,
      free: [],
    });
    expect(made.some((one) => toHex(one.point) === toHex(point))).toBe(false);
  });

  it.each(profiles.map(({ name }) => name))('of %s is one of as many as fit', (name) => {
    const bench = bareBench(name);
    const { limits } = bench.profile;
    const free = Array.from({ length: 8 }, (_, at) => `${at}${'x'.repeat(63)}`);
    const generate = (label: string) =>
      codeOf(bench, 'generate', { label, algorithm: 'ES256', use: 'sign', anchored: true, free });
    for (let at = 0; at < limits.keys; at++) expect(generate(`k${at}`.padEnd(32, 'x'))).toBe('accepted');
    expect(generate('one-more')).toBe('keys_full');
    expect(generate('k0'.padEnd(32, 'x'))).toBe('key_exists');
    expect(bench.tell('keys', {}).keys.length).toBe(limits.keys);
    bench.powerOff();
    expect(bench.powerOn().state).toBe('ready');
  });

  it('is made by algorithms of the vendor', () => {
    const bench = bareBench('corvus-e');
    const given = { label: 'a', use: 'sign', anchored: false, free: [] } as const;
    expect(codeOf(bench, 'generate', { ...given, algorithm: 'ES384' })).toBe('algorithm_unsupported');
    expect(codeOf(bench, 'generate', { ...given, algorithm: 'PS256' })).toBe('algorithm_unsupported');
    expect(codeOf(bench, 'generate', { ...given, use: 'agree', algorithm: 'EdDSA' })).toBe(
      'algorithm_unsupported',
    );
  });

  it('of RSA casts no ballot, for its signatures are not the same each time', () => {
    const bench = bareBench('delphin-t');
    expect(
      codeOf(bench, 'generate', { label: 'a', algorithm: 'PS256', use: 'vote', anchored: false, free: [] }),
    ).toBe('algorithm_unsupported');
  });

  it('is used for what it was made', () => {
    const bench = servingBench();
    const { anchored, plain, vote, agree } = keyLabels;
    const message = messageOf(boundType, 'a record');
    expect(codeOf(bench, 'sign', { label: vote, message })).toBe('use_mismatch');
    expect(codeOf(bench, 'sign', { label: agree, message })).toBe('use_mismatch');
    expect(codeOf(bench, 'sign', { label: 'none', message })).toBe('key_missing');
    expect(codeOf(bench, 'derive', { label: plain, point: peerPoint })).toBe('use_mismatch');
    expect(codeOf(bench, 'derive', { label: anchored, point: peerPoint })).toBe('use_mismatch');
    expect(codeOf(bench, 'vote', { label: plain, proposal: new Uint8Array(32), choice: 'approve' })).toBe(
      'use_mismatch',
    );
    expect(codeOf(bench, 'sign', { label: plain, message })).toBe('accepted');
  });

  it('agrees with whoever has the other half, and takes no point that is none', () => {
    const bench = servingBench();
    const { keys } = bench.tell('keys', {});
    const own = keys.find(({ label }) => label === keyLabels.agree);
    const { secret } = bench.tell('derive', { label: keyLabels.agree, point: peerPoint });
    expect(secret).toEqual(sharedWith(peerSecret, own?.point ?? new Uint8Array()));
    const offCurve = peerPoint.with(64, (peerPoint[64] ?? 0) ^ 1);
    const hybrid = peerPoint.with(0, 6 + ((peerPoint[64] ?? 0) & 1));
    for (const point of [offCurve, hybrid, new Uint8Array(65), new Uint8Array(1), peerPoint.slice(0, 64)])
      expect(codeOf(bench, 'derive', { label: keyLabels.agree, point })).toBe('point_invalid');
  });

  it('signs as often as the vendor’s chip can, and says when again', () => {
    const profile = profileOf('corvus-e');
    let nowMs = 5_000;
    const parts = {
      ...firmware,
      boot,
      makeFirmware: (booted: Parameters<typeof makeFirmware>[0]) => makeFirmware(booted, () => nowMs),
    };
    const bench = new Bench(parts, profile, furnishedBench('corvus-e').chip);
    bench.powerOn();
    bench.login(rightPin);
    const sign = () => bench.ask('sign', { label: keyLabels.plain, message: sha256(utf8('x')) });
    const perSecond = profile.quirks.signaturesPerSecond ?? 0;
    for (let at = 0; at < perSecond; at++) {
      expect(sign().ok).toBe(true);
      nowMs += 10;
    }
    const refused = sign();
    expect(refused).toMatchObject({ ok: false, code: 'device_busy', retryAfterSeconds: 1 });
    expect(refused.ok ? '' : refused.message).toContain(`in ${1000 - 10 * perSecond} ms`);
    nowMs += 1000 - 10 * perSecond;
    expect(sign().ok).toBe(true);
    expect(sign().ok).toBe(false);
    nowMs += 10;
    expect(sign().ok).toBe(true);
  });

  it('leaves the device in no answer and in no dump', () => {
    const bench = servingBench();
    const { sectors } = bench.chip.flash.geometry;
    const dumps = Array.from({ length: sectors }, (_, sector) => bench.tell('dump-flash', { sector }).bytes);
    // Seeds and PIN are sealed, and with them the labels.
    const text = Buffer.concat(dumps).toString('latin1');
    for (const label of Object.values(keyLabels)) expect(text.includes(`d${label}`)).toBe(false);
    expect(text.includes(freeType)).toBe(false);
  });
});
