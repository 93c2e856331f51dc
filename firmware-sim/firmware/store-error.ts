/** Why a store cannot be read, or not be written. */
export type StoreCode =
  /** The flash is one that was put back. */
  | 'store_rolled_back'
  /** The flash is that of another device, or nothing is in it. */
  | 'store_unreadable'
  /** No place is left that holds what is written. */
  | 'flash_worn'
  /** The state is larger than a slot. */
  | 'store_full';

/** Thrown by `openStore`, `begin` and `commit`; the device latches. */
export class DeviceStoreError extends Error {
  readonly code: StoreCode;
  constructor(code: StoreCode, message: string) {
    super(message);
    this.name = 'DeviceStoreError';
    this.code = code;
  }
}
