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
export function permitFor(chip: Chip): Permit {
  const permit = new Permit(steadyCpu(() => new Uint8Array()));
  for (const guard of needed) permit.pass(guard, [() => true, () => true, () => true]);
  void chip;
  return permit;
}

export function makeChip(seed = 1, flash = flashGeometry, die = dieGeometry): RamChip {
  return RamChip.make({ flash, die, seed });
}

/** Numbers, in the order in which they were added: a change is one, a snapshot all of them. */
export class Tally {
  readonly store: SealedStore;
  readonly added: number[];
  private readonly permit: Permit;
  private readonly fill: number;

  private constructor(store: SealedStore, added: number[], permit: Permit, fill: number) {
    this.store = store;
    this.added = added;
    this.permit = permit;
    this.fill = fill;
  }

  /** Powers on: `fill` is how many bytes a change has besides its number. */
  static open(chip: Chip, { key = storeKey, fill = 8, places = slots as Places } = {}): Tally {
    const store = openStore({ chip, slots: places, key });
    const permit = permitFor(chip);
    const tally = new Tally(store, readTally(store.found) ?? [], permit, fill);
    store.begin(tally.snapshot(), permit, needed);
    return tally;
  }

  add(number: number): void {
    const after = [...this.added, number];
    const change = new Uint8Array(2 + this.fill);
    new DataView(change.buffer).setUint16(0, number);
    this.store.commit(change, () => snapshotOf(after), this.permit, needed);
    this.added.push(number);
  }

  private snapshot(): Uint8Array {
    return snapshotOf(this.added);
  }
}

type Places = Parameters<typeof openStore>[0]['slots'];

/** The last 20, after how many there were: a snapshot that does not grow. */
export function snapshotOf(added: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 * Math.min(added.length, 20));
  const view = new DataView(bytes.buffer);
  for (const [index, number] of added.slice(-20).entries()) view.setUint16(2 * index, number);
  return bytes;
}

export function readTally(found: StoredLog | undefined): number[] | undefined {
  if (found === undefined) return undefined;
  const view = new DataView(found.snapshot.buffer, found.snapshot.byteOffset, found.snapshot.length);
  const added = Array.from({ length: found.snapshot.length / 2 }, (_, index) => view.getUint16(2 * index));
  for (const change of found.changes) added.push(new DataView(change.buffer, change.byteOffset).getUint16(0));
  return added;
}
