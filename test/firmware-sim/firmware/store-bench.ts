/** A store on a chip in RAM that is large enough for a few changes, and a state that says of itself which changes it has. */

import type { Chip } from '../../../firmware-sim/chip/chip.ts';
import { steadyCpu } from '../../../firmware-sim/chip/cpu.ts';
import type { Geometry } from '../../../firmware-sim/chip/memory.ts';
import { RamChip } from '../../../firmware-sim/chip/ram-chip.ts';
import { type Guard, Permit } from '../../../firmware-sim/firmware/guard.ts';
import { openStore, type SealedStore, type StoredLog } from '../../../firmware-sim/firmware/store.ts';
import { sha256, utf8 } from '../../../src/kit/bytes.ts';

export const flashGeometry: Geometry = {
  sectorBytes: 256,
  sectors: 4,
  wordBytes: 4,
  pageBytes: 64,
  fuseSectors: 0,
  endurance: 100_000,
};

export const dieGeometry: Geometry = {
  sectorBytes: 64,
  sectors: 3,
  wordBytes: 4,
  pageBytes: 32,
  fuseSectors: 1,
  endurance: 100_000,
};

export const slots = [
  { first: 0, sectors: 2 },
  { first: 2, sectors: 2 },
] as const;

export const storeKey = sha256(utf8('key of the store'));

export const needed: readonly Guard[] = ['login', 'step'];

/** One that has passed what these tests need. */
export const permit = new Permit(steadyCpu(() => new Uint8Array()));
for (const guard of needed) permit.pass(guard, [() => true, () => true, () => true]);

export function makeChip(seed = 1, flash = flashGeometry, die = dieGeometry): RamChip {
  return RamChip.make({ flash, die, seed });
}

export type Places = Parameters<typeof openStore>[0]['slots'];

export interface TallyOptions {
  readonly key?: Uint8Array;
  /** How many bytes a change has besides its number. */
  readonly fill?: number;
  readonly places?: Places;
}

/** A state of numbers, in the order in which they were added: a change is one, a snapshot the last 20. */
export class Tally {
  readonly store: SealedStore;
  private readonly added: number[];
  private readonly fill: number;

  private constructor(store: SealedStore, added: number[], fill: number) {
    this.store = store;
    this.added = added;
    this.fill = fill;
  }

  /** Powers on. */
  static open(chip: Chip, options: TallyOptions = {}): Tally {
    const store = openTallyStore(chip, options);
    const tally = new Tally(store, tallyOf(store.found), options.fill ?? 8);
    store.begin(snapshotOf(tally.added), permit, needed);
    return tally;
  }

  /** The last 12. */
  get numbers(): number[] {
    return recent(this.added);
  }

  /** What `numbers` is when this one is added. */
  with(number: number): number[] {
    return recent([...this.added, number]);
  }

  add(number: number, passed = permit): void {
    const change = new Uint8Array(2 + this.fill);
    new DataView(change.buffer).setUint16(0, number);
    this.store.commit(change, () => snapshotOf([...this.added.slice(-20), number]), passed, needed);
    this.added.push(number);
  }
}

/** What a snapshot has for certain. */
function recent(added: readonly number[]): number[] {
  return added.slice(-12);
}

/** What is found at power-on, and nothing done with it but to make it solid. */
export function openTallyStore(
  chip: Chip,
  { key = storeKey, places = slots }: TallyOptions = {},
): SealedStore {
  return openStore({ chip, slots: places, key });
}

/** What is found at power-on: the last 12. */
export function readTally(chip: Chip, options?: TallyOptions): number[] {
  return recent(tallyOf(openTallyStore(chip, options).found));
}

function snapshotOf(added: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 * Math.min(added.length, 20));
  const view = new DataView(bytes.buffer);
  for (const [index, number] of added.slice(-20).entries()) view.setUint16(2 * index, number);
  return bytes;
}

function tallyOf(found: StoredLog | undefined): number[] {
  if (found === undefined) return [];
  const view = new DataView(found.snapshot.buffer, found.snapshot.byteOffset, found.snapshot.length);
  const added = Array.from({ length: found.snapshot.length / 2 }, (_, index) => view.getUint16(2 * index));
  for (const change of found.changes) added.push(new DataView(change.buffer, change.byteOffset).getUint16(0));
  return added;
}

/** A store that has these numbers. */
export function chipWith(seed: number, numbers: readonly number[]): RamChip {
  const chip = makeChip(seed);
  const tally = Tally.open(chip);
  for (const number of numbers) tally.add(number);
  return chip;
}
