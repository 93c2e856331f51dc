/**
 * The sealed store: state as a log of sealed records in two slots of the flash, held to the die by its monotonic counter. docs/DEVICE.md, "The
 * store", says what each cut leaves.
 */
import { equalBytes } from '../../src/kit/bytes.ts';
import { assert } from '../../src/kit/result.ts';
import type { Chip } from '../chip/chip.ts';
import { MonotonicCounter } from './counter.ts';
import { gate } from './gate.ts';
import type { Guard, Permit } from './guard.ts';
import { firstTag, Sealer, type Sealing, tagOf } from './seal.ts';
import { findLog, type Log, type PlacedRecord, placeOf, type Slot } from './slot.ts';
import { DeviceStoreError } from './store-error.ts';
import { StoreWriter } from './store-writer.ts';

export { DeviceStoreError, type StoreCode } from './store-error.ts';

export interface StoreOptions {
  readonly chip: Chip;
  /** Of the flash: two slots, each `sectors` long. */
  readonly slots: readonly [Slot, Slot];
  /** 32 bytes; what was sealed with another cannot be read. */
  readonly key: Uint8Array;
}

/** What is kept: a snapshot, and changes after it, each as bytes that the caller encodes. */
export interface StoredLog {
  readonly snapshot: Uint8Array;
  readonly changes: readonly Uint8Array[];
}

export interface SealedStore {
  /** As it was found at power-on; undefined for a chip that nothing was ever committed to. */
  readonly found: StoredLog | undefined;
  /**
   * Writes what was found, or the first state of all, as a fresh snapshot into the other slot: once, before anybody is answered and before any
   * commit. A cut in it leaves `found` as it is.
   */
  begin(snapshot: Uint8Array, permit: Permit, needed: readonly Guard[]): void;
  /** Of the last commit; never goes down, and skips numbers. */
  readonly version: bigint;
  /**
   * Appends a change; when it returns it is on the medium, whatever cut comes after, and no older state is ever taken again. `snapshot` gives the
   * whole state after the change, for when the slot is full. `needed` are guards that `permit` has to have passed: what is sealed
   * without them cannot be read back, and throws GlitchError with nothing committed. After `store_full` nothing was written, and the store is as it was;
   * after any other error it takes nothing more.
   */
  commit(change: Uint8Array, snapshot: () => Uint8Array, permit: Permit, needed: readonly Guard[]): void;
}

/**
 * Finds the state and makes solid what was found. Throws DeviceStoreError `store_rolled_back` and `store_unreadable`; what is worn out is said by
 * `begin`, so that what is there can be read.
 */
export function openStore({ chip, slots, key }: StoreOptions): SealedStore {
  const sealer = new Sealer(chip.cpu, key);
  const counter = new MonotonicCounter(chip.die, chip.cpu);
  const log = findState({ chip, slots, sealer, counter });
  return new Store(chip, slots, sealer, counter, log);
}

interface Finding {
  readonly chip: Chip;
  readonly slots: readonly [Slot, Slot];
  readonly sealer: Sealer;
  readonly counter: MonotonicCounter;
}

/** So often is a record above the counter read. */
const marginReadings = 16;

function findState({ chip: { flash, cpu }, slots, sealer, counter }: Finding): Log | undefined {
  const { sectorBytes, wordBytes } = flash.geometry;
  const read = (slot: 0 | 1): Uint8Array =>
    cpu.value(
      `store.open.slot.${slot + 1}`,
      flash.read(slots[slot].first * sectorBytes, slots[slot].sectors * sectorBytes),
    );
  const bytes = [read(0), read(1)] as const;
  // A record that was committed is solid. One that reads otherwise another time lies in a slot that was being erased when power went, or was not
  // finished; it is above the counter, for nobody was told of it, and could not be made solid.
  const mayEnd = (slot: 0 | 1, { at, end, version }: PlacedRecord): boolean => {
    if (version <= counter.bound) return true;
    const address = slots[slot].first * sectorBytes + at;
    for (let time = 1; time < marginReadings; time++)
      if (!equalBytes(flash.read(address, end - at), bytes[slot].subarray(at, end))) return false;
    return true;
  };
  const log = findLog({ slots: bytes, sectorBytes, wordBytes, sealer, mayEnd });
  const version = log?.records.at(-1)?.version;
  if (log === undefined || version === undefined) {
    if (gate(cpu, 'store.open.blank', () => counter.bound === 0)) return undefined;
    throw new DeviceStoreError('store_unreadable', 'no record of this device is in its flash');
  }
  if (!gate(cpu, 'store.open.fresh', () => version >= counter.bound))
    throw new DeviceStoreError(
      'store_rolled_back',
      `the flash ends at version ${version}, and the counter is at ${counter.bound}`,
    );
  return log;
}

class Store implements SealedStore {
  readonly found: StoredLog | undefined;
  private readonly sealer: Sealer;
  private readonly counter: MonotonicCounter;
  private readonly writer: StoreWriter;
  private readonly wordBytes: number;
  private readonly slots: readonly [Slot, Slot];
  private readonly chip: Chip;
  /** Of what was found, and then of what was committed last. */
  private reached: number;
  private live: 0 | 1;
  /** In the flash: where the next record goes, and where the place for records ends. */
  private next = 0;
  private end = 0;
  private tagBefore = firstTag;
  private state: 'found' | 'begun' | 'broken' = 'found';

  constructor(
    chip: Chip,
    slots: readonly [Slot, Slot],
    sealer: Sealer,
    counter: MonotonicCounter,
    log: Log | undefined,
  ) {
    this.chip = chip;
    this.slots = slots;
    this.sealer = sealer;
    this.counter = counter;
    this.writer = new StoreWriter(chip, sealer);
    this.wordBytes = chip.flash.geometry.wordBytes;
    this.live = log?.slot ?? 1;
    const [snapshot, ...changes] = log?.contents ?? [];
    this.found = snapshot === undefined ? undefined : { snapshot, changes };
    const last = log?.records.at(-1);
    this.reached = last?.version ?? 0;
    if (last !== undefined && last.version > counter.value) this.makeSolid(last);
  }

  get version(): bigint {
    return BigInt(this.reached);
  }

  begin(snapshot: Uint8Array, permit: Permit, needed: readonly Guard[]): void {
    assert(this.state === 'found', 'a store begins once');
    // One number is left out: of a commit that was cut before the counter was raised, which may lie in a flash that was put aside.
    this.run(() => this.compact(Math.max(this.reached, this.counter.value) + 2, snapshot, permit, needed));
  }

  commit(change: Uint8Array, snapshot: () => Uint8Array, permit: Permit, needed: readonly Guard[]): void {
    assert(this.state === 'begun', 'a commit follows the beginning, and no failure');
    this.run(() => {
      const version = this.reached + 1;
      if (!this.append(version, change, permit, needed)) this.compact(version, snapshot(), permit, needed);
    });
  }

  /**
   * The record that was found above the counter is there for good from here on: its commit word may be half programmed. Without this it could be gone at
   * the next boot, when the other slot, which has the state before it, is erased already.
   */
  private makeSolid({ commitWord }: PlacedRecord): void {
    const { flash, cpu } = this.chip;
    const address = this.slots[this.live].first * flash.geometry.sectorBytes + commitWord;
    cpu.run('store.open.solidify', () => flash.program(address, new Uint8Array(this.wordBytes)));
    flash.settle();
  }

  /** False where it has no place behind the last record: none is left, or the place is worn. */
  private append(version: number, content: Uint8Array, permit: Permit, needed: readonly Guard[]): boolean {
    if (this.next + placeOf(content.length, this.wordBytes) > this.end) return false;
    const sealing = { kind: 'change', version, tagBefore: this.tagBefore, content } as const;
    this.reserveStep();
    const record = this.sealer.seal(sealing, permit, needed);
    if (this.writer.write(this.next, record, sealing) !== undefined) return false;
    this.finish(sealing, record);
    return true;
  }

  /**
   * Writes a snapshot into the other slot, which holds nothing that is still to be taken: what it holds is below the counter, or was found absent
   * when the counter stood where it stands. A cut leaves the live slot as it is.
   */
  private compact(version: number, content: Uint8Array, permit: Permit, needed: readonly Guard[]): void {
    const target = this.live === 0 ? 1 : 0;
    const slot = this.slots[target];
    const place = placeOf(content.length, this.wordBytes);
    const most = slot.sectors * this.chip.flash.geometry.sectorBytes;
    if (place > most)
      throw new DeviceStoreError('store_full', `a snapshot takes ${place} bytes, and a slot has ${most}`);
    this.reserveStep();
    const sealing = { kind: 'snapshot', version, tagBefore: firstTag, content } as const;
    const record = this.sealer.seal(sealing, permit, needed);
    const written = this.writer.writeFirst(slot, record, sealing);
    if (written === undefined) throw wornOut(`no place of slot ${target + 1} takes a snapshot`);
    this.live = target;
    this.next = written.at;
    this.end = written.end;
    this.finish(sealing, record);
  }

  private reserveStep(): void {
    if (!this.counter.reserve()) throw wornOut('no bit of the counter is left');
  }

  /**
   * Record and commit word settle together: of a file whose pages reach the disk in another order the commit word may be there without its record, which
   * then does not open and was told to nobody. The counter follows when both are there; nobody is answered before it is.
   */
  private finish({ version, content }: Sealing, record: Uint8Array): void {
    this.chip.flash.settle();
    if (!this.counter.raise(version)) throw wornOut('no bit of the counter is left');
    this.reached = version;
    this.next += placeOf(content.length, this.wordBytes);
    this.tagBefore = tagOf(record);
  }

  /** What throws may have left half a record where the next one would go: nothing is appended behind it. */
  private run(step: () => void): void {
    const before = this.state;
    this.state = 'broken';
    try {
      step();
    } catch (error) {
      if (error instanceof DeviceStoreError && error.code === 'store_full') this.state = before;
      throw error;
    }
    this.state = 'begun';
  }
}

function wornOut(what: string): DeviceStoreError {
  return new DeviceStoreError('flash_worn', `the memory is worn out: ${what}`);
}
