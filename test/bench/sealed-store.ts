/** The device's sealed store on files: commits of 60 bytes, durable one by one, and how soon it is open again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Chip } from '../../firmware-sim/chip/chip.ts';
import { steadyCpu } from '../../firmware-sim/chip/cpu.ts';
import { type FileMedium, makeFileMedium, openFileMedium } from '../../firmware-sim/chip/file-medium.ts';
import { Flash } from '../../firmware-sim/chip/flash.ts';
import { RamLatch } from '../../firmware-sim/chip/latch.ts';
import { Power } from '../../firmware-sim/chip/power.ts';
import { Permit } from '../../firmware-sim/firmware/guard.ts';
import { openStore } from '../../firmware-sim/firmware/store.ts';
import { findProfile } from '../../firmware-sim/profiles.ts';
import { assert } from '../../src/kit/result.ts';
import { median, percentile, type Row } from './figure.ts';

const seconds = 4;
const boots = 50;

export async function benchSealedStore(): Promise<Row[]> {
  const profile = findProfile('aster-1');
  assert(profile !== undefined, 'the default profile');
  const folder = mkdtempSync(join(tmpdir(), 'ringmint-bench-'));
  const media: FileMedium[] = [];
  try {
    const power = new Power();
    const cpu = steadyCpu((length) => new Uint8Array(length));
    const memory = (name: 'flash' | 'die'): Flash => {
      const path = join(folder, name);
      makeFileMedium(path, profile[name]);
      const medium = openFileMedium(path, profile[name]);
      media.push(medium);
      return new Flash({ geometry: profile[name], power, medium, name });
    };
    const chip: Chip = { flash: memory('flash'), die: memory('die'), latch: new RamLatch(power), cpu };
    const first = profile.layout.certificate + profile.layout.image;
    const sectors = profile.layout.slot;
    const slots = [
      { first, sectors },
      { first: first + sectors, sectors },
    ] as const;
    const state = new Uint8Array(2_000);
    const permit = new Permit(cpu);
    const open = () => {
      const store = openStore({ chip, slots, key: new Uint8Array(32) });
      store.begin(state, permit, []);
      return store;
    };
    const store = open();
    const change = new Uint8Array(60);
    const commits = timeEach(seconds, () => store.commit(change, () => state, permit, []));
    const opened = Array.from({ length: boots }, () => timeOnce(open));
    const perSecond = Math.round(commits.length / seconds).toLocaleString('en-US');
    const slowest = percentile(commits, 0.99).toFixed(2);
    return [
      {
        what: 'commits/s of 60 bytes to a sealed store, one after the other; median and 99th percentile',
        figure: `${perSecond}; ${median(commits).toFixed(2)} ms, ${slowest} ms`,
      },
      { what: 'the same store opened and begun', figure: `${median(opened).toFixed(1)} ms` },
    ];
  } finally {
    for (const medium of media) medium.close();
    rmSync(folder, { recursive: true });
  }
}

function timeOnce(step: () => unknown): number {
  const begun = performance.now();
  step();
  return performance.now() - begun;
}

function timeEach(forSeconds: number, step: () => void): number[] {
  const times: number[] = [];
  for (const until = performance.now() + forSeconds * 1_000; performance.now() < until; )
    times.push(timeOnce(step));
  return times;
}
