/**
 * A workflow as operations of the chip: it runs once, undisturbed, and what each cut in it would leave is made from a copy.
 *
 * Firmware has no say after a cut: the memory throws at every operation and reading. So the chip that a cut leaves is the chip as it was before
 * that operation, and the part of the operation that was done. `cutForReal` runs the workflow into the cut: a sweep holds some of one against the other.
 */
import { PowerCutError } from '../../firmware-sim/chip/memory.ts';
import type { Cut, Operation } from '../../firmware-sim/chip/power.ts';
import type { RamChip } from '../../firmware-sim/chip/ram-chip.ts';
import { assert } from '../../src/kit/result.ts';
import type { Answer, Bench } from './workbench.ts';

/** Before an operation. */
export interface Moment {
  readonly operation: Operation;
  readonly chip: RamChip;
  /** How many commands had been answered. */
  readonly answered: number;
  /** The command that it belongs to; undefined while it boots. */
  readonly command: string | undefined;
}

export interface Trace {
  readonly moments: readonly Moment[];
  readonly answers: readonly Answer[];
  /** As it was after the last answer. */
  readonly end: RamChip;
}

/** Runs it on the bench, which it leaves powered off. */
export function traceOf(bench: Bench, run: (bench: Bench) => void): Trace {
  const { chip, answers } = bench;
  const moments: Moment[] = [];
  const first = answers.length;
  chip.watch((operation) => {
    const pending = answers.length > first ? answers.at(-1) : undefined;
    const isPending = pending !== undefined && pending.result === undefined;
    moments.push({
      operation,
      chip: chip.clone(),
      answered: answers.length - first - (isPending ? 1 : 0),
      command: isPending ? pending.name : undefined,
    });
  });
  run(bench);
  chip.watch();
  bench.powerOff();
  return { moments, answers: answers.slice(first), end: chip.clone() };
}

export type Where = Omit<Cut, 'at'>;

/** The chip that a cut there leaves, with power on again. */
export function chipCutAt({ chip, operation }: Moment, where: Where): RamChip {
  const cut = chip.clone();
  cut.cutAt({ ...where, at: 0 });
  try {
    cut.repeat(operation);
    assert(false, 'a cut that is planned comes');
  } catch (error) {
    if (!isPowerCut(error)) throw error;
  }
  cut.powerOn();
  cut.reseed(where.seed);
  return cut;
}

/** The same with the firmware running into it. */
export function cutForReal(bench: Bench, run: (bench: Bench) => void, cut: Cut): RamChip {
  bench.chip.cutAt(cut);
  try {
    run(bench);
    assert(false, 'firmware does not outlive a power cut');
  } catch (error) {
    if (!isPowerCut(error)) throw error;
  }
  bench.powerOff();
  return bench.chip;
}

/** By its name: a copy of the firmware, with one place changed, has an error of its own. */
function isPowerCut(error: unknown): boolean {
  return error instanceof Error && error.name === PowerCutError.name;
}

export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case 'program':
      return `program ${operation.bytes.length} bytes at ${operation.address} of the ${operation.memory}`;
    case 'erase':
      return `erase sector ${operation.sector} of the ${operation.memory}`;
    case 'latch':
      return `latch ${operation.cause}`;
  }
}
