import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../src/kit/bytes.ts';
import {
  moduleKey,
  moduleKeyOf,
  rightPin,
  signedModuleOf,
  strangeModule,
  strangeModuleKey,
  trustedModule,
} from '../fixtures.ts';
import { firmware } from '../parts.ts';
import { Bench } from '../workbench.ts';
import { codeOf, profileOf, refusalOf, servingBench } from './serving.ts';

const input = { segment: 0, index: 0, value: 1n };

describe('a module', () => {
  it('is run where a trusted key has signed it', () => {
    const bench = servingBench();
    const { hash, fuelBound } = bench.tell('load', { module: trustedModule.signed });
    expect(hash).toEqual(trustedModule.hash);
    const result = bench.tell('run', { hash, inputs: [input], fuel: null });
    expect(result.outcome).toBe('finished');
    expect(result.ports).toEqual([[0, 42n]]);
    expect(result.fuelUsed).toBeLessThanOrEqual(fuelBound);
  });

  it('is refused with another signature, an altered byte, or none', () => {
    const bench = servingBench();
    const { signed } = trustedModule;
    const refused = [
      strangeModule.signed,
      signed.with(100, (signed[100] ?? 0) ^ 1),
      signed.with(signed.length - 1, (signed.at(-1) ?? 0) ^ 1),
      signed.slice(0, -1),
      concatBytes(signed, Uint8Array.of(0)),
      new Uint8Array(),
    ];
    for (const module of refused) expect(codeOf(bench, 'load', { module })).toBe('module_refused');
    expect(codeOf(bench, 'run', { hash: strangeModule.hash, inputs: [], fuel: null })).toBe('module_unknown');
    expect(codeOf(bench, 'load', { module: signed })).toBe('accepted');
  });

  it('is refused where no key is trusted yet; keys are trusted once, and the same again', () => {
    const bench = Bench.blank(firmware, profileOf('aster-1'));
    bench.powerOn();
    bench.tell('initialise', rightPin);
    bench.login(rightPin);
    expect(refusalOf(bench, 'load', { module: trustedModule.signed }).message).toContain('`trust`');
    const points = [moduleKey.point, moduleKeyOf('third').point];
    expect(codeOf(bench, 'trust', { points })).toBe('accepted');
    expect(codeOf(bench, 'trust', { points })).toBe('accepted');
    expect(codeOf(bench, 'trust', { points: [...points].reverse() })).toBe('trust_set');
    expect(codeOf(bench, 'trust', { points: [...points, strangeModuleKey.point] })).toBe('trust_set');
    bench.powerOff();
    bench.powerOn();
    bench.login(rightPin);
    expect(codeOf(bench, 'trust', { points: [strangeModuleKey.point] })).toBe('trust_set');
    expect(codeOf(bench, 'load', { module: strangeModule.signed })).toBe('module_refused');
    expect(codeOf(bench, 'load', { module: trustedModule.signed })).toBe('accepted');
  });

  it('that was used longest ago makes room', () => {
    const bench = servingBench('corvus-e');
    expect(bench.profile.limits.modules).toBe(2);
    const [a, b, c] = [
      signedModuleOf(1, moduleKey),
      signedModuleOf(2, moduleKey),
      signedModuleOf(3, moduleKey),
    ];
    const run = (hash: Uint8Array) => codeOf(bench, 'run', { hash, inputs: [input], fuel: null });
    for (const { signed } of [a, b]) bench.tell('load', { module: signed });
    expect(run(a.hash)).toBe('accepted');
    bench.tell('load', { module: c.signed });
    expect([run(a.hash), run(b.hash), run(c.hash)]).toEqual(['accepted', 'module_unknown', 'accepted']);
  });

  it('is unloaded with the power', () => {
    const bench = servingBench();
    bench.tell('load', { module: trustedModule.signed });
    bench.powerOff();
    bench.powerOn();
    bench.login(rightPin);
    expect(codeOf(bench, 'run', { hash: trustedModule.hash, inputs: [], fuel: null })).toBe('module_unknown');
  });

  it('stops where its fuel is used up, and is given no input that it has no word for', () => {
    const bench = servingBench();
    const { hash } = bench.tell('load', { module: trustedModule.signed });
    expect(bench.tell('run', { hash, inputs: [], fuel: 1n })).toEqual({
      outcome: 'trapped',
      fuelUsed: 0n,
      ports: [],
    });
    for (const wrong of [
      { segment: 1, index: 0, value: 1n },
      { segment: 0, index: 2, value: 1n },
      { segment: 0, index: -1, value: 1n },
      { segment: 0, index: 0.5, value: 1n },
      { segment: 0, index: 0, value: 2n ** 63n },
    ])
      expect(codeOf(bench, 'run', { hash, inputs: [wrong], fuel: null })).toBe('argument_invalid');
    expect(bench.tell('run', { hash, inputs: [input], fuel: 2n ** 64n - 1n }).outcome).toBe('finished');
    expect(bench.running.state).toBe('ready');
  });
});
