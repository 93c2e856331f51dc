/** What a store throws where the database cannot be worked with; refusals are values (src/store/refusal.ts). */
export type StoreErrorCode =
  | 'store_in_use'
  | 'store_older'
  | 'store_unreachable'
  | 'store_denied'
  | 'store_read_only'
  | 'store_busy'
  | 'store_rewound'
  | 'store_unsupported'
  | 'store_several_series'
  | 'store_address_invalid'
  | 'epoch_in_use'
  | 'in_progress'
  | 'store_corrupt'
  | 'store_foreign'
  | 'store_newer'
  | 'store_not_durable'
  | 'store_missing'
  | 'store_full'
  | 'store_io'
  | 'issuance_stopped';

/** A broken or unusable database: nothing was decided, so it is thrown and not a refusal. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
  }
}
