/** Power cut at every operation of a run of the store, and cut again at every operation of the boot that follows. */
import { describe, expect, it } from 'vitest';
import { PowerCutError } from '../../../firmware-sim/chip/memory.ts';
import type { CutPlace, Operation } from '../../../firmware-sim/chip/power.ts';
import type { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { nightly } from '../../nightly.ts';
import { chipWith, makeChip, openTallyStore, readTally, Tally } from './store-bench.ts';

/** A chip as it is before an operation, and what may be found after it: what was acknowledged, or that and what was under way. */
interface Step {
  readonly chip: RamChip;
  readonly operation: Operation;
  readonly allowed: readonly (readonly number[])[];
}

/** Each operation of a run from power-on that adds these numbers. */
function stepsOf(start: RamChip, numbers: readonly number[]): Step[] {
  const chip = start.clone();
  const steps: Step[] = [];
  let allowed: number[][] = [readTally(chip.clone())];
  chip.watch((operation) => steps.push({ chip: chip.clone(), operation, allowed }));
  const tally = Tally.open(chip);
  for (const number of numbers) {
    allowed = [tally.numbers, tally.with(number)];
    tally.add(number);
  }
  return steps;
}

/** The chip of this step, cut at the operation. */
function cutAt({ chip, operation }: Step, seed: number, where: CutPlace, forgets: boolean): RamChip {
  const cut = chip.clone();
  cut.cutAt({ at: 0, where, seed, forgets });
  expect(() => cut.repeat(operation)).toThrow(PowerCutError);
  cut.powerOn();
  return cut;
}

/** Boots to the end; what was found is allowed, is found again however the bits read, and can be gone on with. */
function expectSound(chip: RamChip, allowed: Step['allowed'], what: string): void {
  const tally = Tally.open(chip);
  const found = tally.numbers;
  expect(allowed.map(String), what).toContain(String(found));
  expect(String(readTally(chip.clone())), what).toBe(String(found));
  const more = tally.with(9_999);
  tally.add(9_999);
  expect(String(readTally(chip)), what).toBe(String(more));
}

interface Sweep {
  readonly numbers: readonly number[];
  /** How many cuts within each operation are drawn, and of each operation of the boot after it. */
  readonly draws: number;
  readonly again: number;
  readonly forgets?: boolean;
}

/** Gives how many cuts there were. */
function sweep(start: RamChip, { numbers, draws, again, forgets = false }: Sweep): number {
  if (forgets) start.makeForgetful();
  const places: CutPlace[] = forgets ? ['before', 'during', 'after'] : ['during'];
  let cuts = 0;
  for (const [index, step] of stepsOf(start, numbers).entries())
    for (let seed = 0; seed < draws; seed++) {
      const where = places[seed % places.length] as CutPlace;
      // Of a memory that forgets nothing, after an operation is before the next.
      const once = seed === 0 ? step.chip : cutAt(step, seed + 1_000 * index, where, forgets);
      const what = `operation ${index}, draw ${seed}`;
      expectSound(once.clone(), step.allowed, what);
      cuts++;
      const recovery: Step[] = [];
      const watched = once.clone();
      watched.watch((operation) =>
        recovery.push({ chip: watched.clone(), operation, allowed: step.allowed }),
      );
      Tally.open(watched);
      for (const [second, inner] of recovery.entries())
        for (let draw = 0; draw < again; draw++) {
          const twice = cutAt(inner, draw + 7 * seed, places[draw % places.length] as CutPlace, forgets);
          expectSound(twice, step.allowed, `${what}, then ${second}, draw ${draw}`);
          cuts++;
        }
    }
  return cuts;
}

const draws = nightly ? 24 : 4;
const again = nightly ? 6 : 2;

/** The counter's bank has three steps left. */
function chipWithFullBank(): RamChip {
  const chip = makeChip(13);
  const tally = Tally.open(chip);
  while (tally.store.version < 8 * 32 - 3) tally.add(Number(tally.store.version));
  return chip;
}

describe('power cuts in the store', () => {
  it('leave what was acknowledged, and at most what was under way, from the first commit on', () => {
    expect(sweep(makeChip(11), { numbers: [1, 2], draws, again })).toBeGreaterThan(500);
  });

  it('leave it where a slot is full and the state moves to the other', () => {
    const chip = chipWith(12, [1, 2, 3]);
    expect(sweep(chip, { numbers: [4, 5, 6, 7, 8, 9, 10], draws, again })).toBeGreaterThan(2_000);
  });

  it('leave it where a bank of the counter is full', () => {
    expect(sweep(chipWithFullBank(), { numbers: [1, 2, 3], draws, again })).toBeGreaterThan(1_000);
  });

  it('leave it where the host forgets what was not settled', () => {
    const numbers = [4, 5, 6, 7, 8, 9, 10];
    expect(sweep(chipWith(14, [1, 2, 3]), { numbers, draws, again, forgets: true })).toBeGreaterThan(2_000);
    expect(sweep(chipWithFullBank(), { numbers: [1, 2, 3], draws, again, forgets: true })).toBeGreaterThan(
      1_000,
    );
  });

  it('do not let a record be taken whose bits do not read the same each time', () => {
    // Above the counter, committed, in the slot that is erased next: cut before the counter is raised.
    const chip = chipWith(15, [1, 2, 3]);
    const before = openTallyStore(chip.clone()).version;
    const steps = stepsOf(chip, []);
    const raise = steps.findLast(
      ({ operation }) => operation.kind === 'program' && operation.memory === 'die',
    );
    const first = steps.find((one) => one.operation === raise?.operation);
    const at = steps.indexOf(first as Step) - 1;
    const above = (steps[at] as Step).chip;
    expect(openTallyStore(above.clone()).version).toBe(before + 2n);
    let taken = 0;
    for (let bit = 0; bit < 8 * 40; bit++) {
      const erased = above.clone();
      // An erase of that slot that was cut as soon as it began.
      erased.flash.loosen(2 * 256 + (bit >> 3), bit & 7);
      const store = openTallyStore(erased);
      if (store.version !== before) taken++;
    }
    expect(taken).toBe(0);
  });
});
