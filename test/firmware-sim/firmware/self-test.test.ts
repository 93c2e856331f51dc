import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { steadyCpu } from '../../../firmware-sim/chip/cpu.ts';
import { GlitchCpu } from '../../../firmware-sim/chip/glitch.ts';
import { conformanceModule, knownAnswers } from '../../../firmware-sim/firmware/known-answers.ts';
import { runSelfTest } from '../../../firmware-sim/firmware/self-test.ts';
import { profiles } from '../../../firmware-sim/profiles.ts';
import { toHex } from '../../../src/kit/bytes.ts';
import { startMachine } from '../../../vm/host.ts';
import { makeChip, profileOf, stateOf } from './chips.ts';

const machine = await startMachine(new Uint8Array(readFileSync('vm/machine.wasm')));
const steady = steadyCpu((length) => new Uint8Array(length));
const all = profiles.map((profile) => [profile.name, profile] as const);

describe('known answers', () => {
  it.each(all)('come out right on %s', (_name, profile) => {
    for (const { name, work, expected } of knownAnswers(profile, machine))
      expect(toHex(work()), name).toBe(toHex(expected));
    const test = runSelfTest(steady, profile, machine);
    expect(test.wrong).toEqual([]);
    expect(test.isRight()).toBe(true);
  });

  it('cover what each profile signs with', () => {
    for (const profile of profiles) {
      const names = knownAnswers(profile, machine).map(({ name }) => name);
      for (const algorithm of [...profile.algorithms, profile.attestation])
        expect(names, profile.name).toContain(`verify-${algorithm}`);
      for (const name of ['sha-256', 'hmac-sha-256', 'aes-256-gcm', 'pbkdf2-sha-256', 'label-machine'])
        expect(names).toContain(name);
    }
  });

  it('have the program of the label machine from its conformance suite', () => {
    const suite = readFileSync('vm/conformance.txt', 'utf8');
    expect(suite).toContain(`case if_taken\nmodule ${toHex(conformanceModule)}\n`);
  });

  const delphin = profileOf('delphin-t');
  const chip = makeChip(delphin);
  const names = knownAnswers(delphin, machine).map(({ name }) => name);

  it.each(names)('latch the device where `%s` comes out wrong, or is left out', (name) => {
    for (const glitch of [
      { site: `self-test.${name}.answer`, time: 1, effect: 'bit' },
      { site: `self-test.${name}.answer`, time: 1, effect: 'zeros' },
      { site: `self-test.${name}`, time: 1, effect: 'skip' },
    ] as const) {
      const cpu = new GlitchCpu((length) => new Uint8Array(length), 3);
      cpu.plan([glitch]);
      const attacked = chip.clone();
      attacked.cpu = cpu;
      expect(stateOf(attacked, delphin)).toBe(`failed: self_test_failed: ${name}`);
    }
    // It is no alarm: powered on anew it is as it was.
    expect(stateOf(chip.clone(), delphin)).toBe('running');
  });
});
