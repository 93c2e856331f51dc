import { describe, expect, it } from 'vitest';
import { deriveChannel, pinKeyOf } from '../../../firmware-sim/channel.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { equalBytes, toHex } from '../../../src/kit/bytes.ts';
import { channelKeyOf, otherPin, pinOf, proofOf, rightPin } from '../fixtures.ts';
import { firmware } from '../parts.ts';
import { Bench } from '../workbench.ts';
import { codeOf, furnishedBench, servingBench } from './serving.ts';

const wrong = pinOf('wrong');

function triesLeft(bench: Bench): number {
  return bench.tell('counters', {}).triesLeft;
}

describe('the PIN', () => {
  it.each(profiles.map(({ name }) => name))('of %s locks for good when every try is used up', (name) => {
    const bench = furnishedBench(name);
    const { pinTries } = bench.profile.limits;
    bench.powerOn();
    for (let left = pinTries - 1; left >= 0; left--) {
      const refused = bench.login(wrong);
      expect(refused).toMatchObject({ ok: false, code: 'pin_incorrect' });
      expect(triesLeft(bench)).toBe(left);
    }
    expect(bench.running.state).toBe('locked');
    expect(bench.login(rightPin)).toMatchObject({ ok: false, code: 'pin_locked' });
    bench.powerOff();
    bench.powerOn();
    expect(bench.running.state).toBe('locked');
    expect(bench.login(rightPin)).toMatchObject({ ok: false, code: 'pin_locked' });
    expect(codeOf(bench, 'initialise', otherPin)).toBe('command_refused');
    expect(codeOf(bench, 'dump-flash', { sector: 0 })).toBe('accepted');
  });

  it('gives back all tries for the right one, the last try included', () => {
    const bench = furnishedBench();
    const { pinTries } = bench.profile.limits;
    bench.powerOn();
    for (let at = 1; at < pinTries; at++) bench.login(wrong);
    expect(triesLeft(bench)).toBe(1);
    expect(bench.login(rightPin).ok).toBe(true);
    expect(triesLeft(bench)).toBe(pinTries);
  });

  it('costs a try of all connections together', () => {
    const bench = furnishedBench();
    bench.powerOn();
    for (const place of [0, 1, 2]) bench.login(wrong, place);
    expect(triesLeft(bench)).toBe(bench.profile.limits.pinTries - 3);
  });

  it('is written off before it is compared: a cut behind the write-off has cost it', () => {
    const bench = furnishedBench();
    const { pinTries } = bench.profile.limits;
    bench.powerOn();
    const session = bench.session();
    const nonce = new Uint8Array(16).fill(1);
    const given = { nonce, proof: proofOf(rightPin, session.nonce, nonce) };
    // The write-off is one commit, and the restoring the second: the cut falls on its first operation.
    bench.chip.cutAt();
    const before = bench.chip.operations;
    const probe = furnishedBench();
    probe.powerOn();
    probe.chip.cutAt();
    probe.login(wrong);
    const writeOff = probe.chip.operations;
    bench.chip.cutAt({ at: before + writeOff, where: 'before', seed: 1 });
    expect(() => bench.running.handle(session, 'login', given)).toThrow('power was cut');
    bench.powerOff();
    bench.powerOn();
    expect(triesLeft(bench)).toBe(pinTries - 1);
    expect(bench.login(rightPin).ok).toBe(true);
  });

  it('is proven for one connection alone: what was heard on another is worth nothing', () => {
    const bench = furnishedBench();
    bench.powerOn();
    const nonce = new Uint8Array(16).fill(1);
    const heard = { nonce, proof: proofOf(rightPin, bench.session(0).nonce, nonce) };
    expect(bench.ask('login', heard, 0).ok).toBe(true);
    expect(codeOf(bench, 'login', heard, 1)).toBe('pin_incorrect');
    bench.powerOff();
    bench.powerOn();
    expect(codeOf(bench, 'login', heard, 0)).toBe('pin_incorrect');
  });

  it('has another nonce for each connection, also where random numbers are all the same', () => {
    const bench = furnishedBench();
    const { cpu } = bench.chip;
    bench.chip.cpu = { ...cpu, random: (_site, length) => new Uint8Array(length) };
    const nonces = new Set<string>();
    for (let power = 0; power < 3; power++) {
      bench.powerOn();
      for (let place = 0; place < 3; place++) nonces.add(toHex(bench.session(place).nonce));
      bench.powerOff();
    }
    expect(nonces.size).toBe(9);
  });

  it('makes the channel of client and device, and none before the login', () => {
    const bench = furnishedBench();
    bench.powerOn();
    const session = bench.session();
    expect(session.channelKey).toBeUndefined();
    const nonce = new Uint8Array(16).fill(9);
    bench.tell('login', { nonce, proof: proofOf(rightPin, session.nonce, nonce) });
    expect(session.channelKey).toEqual(channelKeyOf(rightPin, session.nonce, nonce));
    expect(session.channelKey).toEqual(
      deriveChannel(rightPin.pinKey, { device: session.nonce, client: nonce }),
    );
  });

  it('is stretched as PBKDF2-HMAC-SHA-256 is (RFC 7914 §11)', async () => {
    const salt = new TextEncoder().encode('salt');
    expect(toHex(await pinKeyOf('passwd', salt, 1))).toBe(
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc',
    );
  });

  it('is changed by whoever has logged in; the old one is wrong from then on', () => {
    const bench = servingBench();
    expect(bench.login(rightPin, 1).ok).toBe(true);
    bench.tell('change-pin', otherPin);
    // Both stay: an appliance at work is not stopped by it.
    expect(codeOf(bench, 'keys', {}, 0)).toBe('accepted');
    expect(codeOf(bench, 'keys', {}, 1)).toBe('accepted');
    expect(bench.login(rightPin, 2)).toMatchObject({ code: 'pin_incorrect' });
    bench.powerOff();
    bench.powerOn();
    expect(bench.login(otherPin).ok).toBe(true);
    const { pin } = bench.session(1);
    expect(pin).toEqual({ salt: otherPin.salt, iterations: bench.profile.pinIterations });
  });

  it('is set once by whoever comes first', () => {
    const bench = Bench.blank(firmware, furnishedBench().profile);
    bench.powerOn();
    expect(bench.running.state).toBe('blank');
    expect(bench.session().pin).toBeUndefined();
    expect(codeOf(bench, 'login', { nonce: new Uint8Array(16), proof: new Uint8Array(32) })).toBe(
      'device_blank',
    );
    expect(codeOf(bench, 'initialise', { ...rightPin, salt: new Uint8Array(15) })).toBe('argument_invalid');
    expect(codeOf(bench, 'initialise', { ...rightPin, pinKey: new Uint8Array(33) })).toBe('argument_invalid');
    expect(codeOf(bench, 'initialise', rightPin)).toBe('accepted');
    expect(codeOf(bench, 'initialise', rightPin)).toBe('command_refused');
    expect(codeOf(bench, 'keys', {})).toBe('login_required');
  });

  it('is in nothing that can be read from outside', () => {
    const bench = servingBench();
    const seen: Uint8Array[] = [];
    const { sectors } = bench.chip.flash.geometry;
    for (let sector = 0; sector < sectors; sector++) seen.push(bench.tell('dump-flash', { sector }).bytes);
    const secret = Buffer.from(rightPin.pinKey);
    expect(seen.some((bytes) => Buffer.from(bytes).includes(secret.subarray(0, 8)))).toBe(false);
    // It would be found, if it were there.
    expect(Buffer.concat([Buffer.alloc(9), secret]).includes(secret.subarray(0, 8))).toBe(true);
    expect(equalBytes(rightPin.pinKey, secret)).toBe(true);
  });
});
