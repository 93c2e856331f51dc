/** Glitches at every place of the store where one can act, one and two at a time. */
import { describe, expect, it } from 'vitest';
import { GlitchError } from '../../../firmware-sim/chip/cpu.ts';
import { type Glitch, GlitchCpu, glitchesOf } from '../../../firmware-sim/chip/glitch.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { Permit } from '../../../firmware-sim/firmware/guard.ts';
import { DeviceStoreError } from '../../../firmware-sim/firmware/store.ts';
import { nightly } from '../../nightly.ts';
import { chipWith, makeChip, openTallyStore, permit, readTally, Tally } from './store-bench.ts';

/** Work on a copy of a chip; `prepare` is not glitched, `run` is. */
interface Work {
  readonly chip: RamChip;
  prepare?(chip: RamChip): Tally;
  run(chip: RamChip, tally: Tally | undefined): void;
}

interface Run {
  readonly chip: RamChip;
  /** Whether it came to its end: the firmware saw no fault. */
  readonly finished: boolean;
  /** Those that can meet what came by after the last of the planned. */
  readonly following: readonly Glitch[];
}

function runWith(work: Work, glitches: readonly Glitch[]): Run {
  const chip = work.chip.clone();
  const cpu = new GlitchCpu((length) => new Uint8Array(length).fill(7), 5);
  chip.cpu = cpu;
  const tally = work.prepare?.(chip);
  cpu.plan(glitches);
  let finished = true;
  try {
    work.run(chip, tally);
  } catch (error) {
    if (!(error instanceof GlitchError || error instanceof DeviceStoreError)) throw error;
    finished = false;
  }
  const last = glitches.at(-1);
  const from = cpu.passes.findIndex((pass) => pass.site === last?.site && pass.time === last.time);
  return { chip, finished, following: cpu.passes.slice(from + 1).flatMap(glitchesOf) };
}

/** Every single glitch, and every so manieth pair; gives how many there were. */
function sweep(work: Work, everyPair: number, check: (run: Run, what: string) => void): number {
  let count = 0;
  let pairs = 0;
  for (const first of runWith(work, []).following) {
    const single = runWith(work, [first]);
    check(single, JSON.stringify(first));
    count++;
    for (const second of single.following) {
      if (pairs++ % everyPair !== 0) continue;
      check(runWith(work, [first, second]), JSON.stringify([first, second]));
      count++;
    }
  }
  return count;
}

describe('glitches in the store', () => {
  /** Adds these: what was acknowledged is there afterwards, and no flash from before it is taken. */
  function sweepAdding(
    start: RamChip,
    numbers: readonly number[],
    { everyPair = 1, boot = true }: { everyPair?: number; boot?: boolean },
  ): number {
    const found = readTally(start.clone());
    // Of the run that is on.
    let allowed: (readonly number[])[] = [];
    let old: RamChip | undefined;
    const work: Work = {
      chip: start,
      ...(boot ? {} : { prepare: (chip) => Tally.open(chip) }),
      run: (chip, begun) => {
        allowed = [found];
        old = undefined;
        const tally = begun ?? Tally.open(chip);
        for (const number of numbers) {
          allowed = [tally.numbers, tally.with(number)];
          const before = chip.clone();
          tally.add(number);
          old = before;
          allowed = [tally.numbers];
        }
      },
    };
    return sweep(work, everyPair, ({ chip }, what) => {
      const booted = chip.clone();
      const { numbers: after } = Tally.open(booted);
      expect(allowed.map(String), what).toContain(String(after));
      expect(String(readTally(booted)), what).toBe(String(after));
      if (old === undefined) return;
      const rolledBack = chip.clone();
      rolledBack.fitFlash(old);
      expect(() => readTally(rolledBack), what).toThrow(DeviceStoreError);
    });
  }

  it('lose nothing that was acknowledged, and have no older flash taken, one at a time', () => {
    expect(sweepAdding(chipWith(21, [1, 2, 3]), [4, 5, 6, 7, 8], { everyPair: 1e9 })).toBeGreaterThan(200);
  });

  it('lose nothing that was acknowledged, and have no older flash taken, two at a time', () => {
    const start = chipWith(22, [1, 2, 3]);
    expect(sweepAdding(start, [4], { everyPair: nightly ? 1 : 13 })).toBeGreaterThan(300);
    expect(sweepAdding(start, [4], { boot: false })).toBeGreaterThan(300);
  });

  const refusals: readonly (readonly [string, Work])[] = [
    ['a flash that was put back', { chip: putBack(), run: (chip) => void openTallyStore(chip) }],
    ['a flash that was erased', { chip: erased(), run: (chip) => void openTallyStore(chip) }],
    [
      'a commit without one of its guards',
      {
        chip: chipWith(25, [1, 2, 3]),
        prepare: (chip) => Tally.open(chip),
        run: (chip, tally) => {
          const half = new Permit(chip.cpu, permit);
          half.pass('step', [() => false, () => false, () => false]);
          tally?.add(4, half);
        },
      },
    ],
  ];

  it.each(refusals)('do not have %s taken, one and two at a time', (_what, work) => {
    const before = runWith(work, []);
    expect(before.finished).toBe(false);
    const count = sweep(work, 1, ({ finished }, what) => expect(finished, what).toBe(false));
    expect(count).toBeGreaterThan(100);
  });
});

function putBack(): RamChip {
  const chip = chipWith(23, [1, 2, 3]);
  const old = chip.clone();
  Tally.open(chip).add(4);
  chip.fitFlash(old);
  return chip;
}

function erased(): RamChip {
  const chip = chipWith(24, [1, 2, 3]);
  chip.fitFlash(makeChip(24));
  return chip;
}
