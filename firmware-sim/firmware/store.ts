/**
 * The sealed store: state as a log of sealed records in two slots of the flash, held to the die by its monotonic counter.
 * (Contract: docs/DEVICE.md, "The store". To be built.)
 */
import type { Chip } from '../chip/chip.ts';
import type { Guard, Permit } from './guard.ts';

export type StoreCode = 'store_rolled_back' | 'store_unreadable' | 'flash_worn' | 'store_full';

/** Thrown by `openStore` and `commit`; the device latches. */
export class DeviceStoreError extends Error {
  readonly code: StoreCode;
  constructor(code: StoreCode, message: string) {
    super(message);
    this.name = 'DeviceStoreError';
    this.code = code;
  }
}

export interface StoreOptions {
  readonly chip: Chip;
  /** Of the flash: two slots, each `sectors` long. */
  readonly slots: readonly [
    { readonly first: number; readonly sectors: number },
    { readonly first: number; readonly sectors: number },
  ];
  /** 32 bytes; what was sealed with another cannot be read. */
  readonly key: Uint8Array;
}

/** What is kept: a snapshot, and changes after it, each as bytes that the caller encodes. */
export interface StoredLog {
  readonly snapshot: Uint8Array;
  readonly changes: readonly Uint8Array[];
}

export interface SealedStore {
  /** As it was found at power-on, made solid; undefined for a chip that nothing was ever committed to. */
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
   * without them cannot be read back, and throws GlitchError with nothing committed.
   */
  commit(change: Uint8Array, snapshot: () => Uint8Array, permit: Permit, needed: readonly Guard[]): void;
}

/** Finds the state and makes solid what was found. Throws DeviceStoreError. */
export declare function openStore(options: StoreOptions): SealedStore;
