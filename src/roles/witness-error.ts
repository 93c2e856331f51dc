/** What keeps a system from signing because of its witnesses: thrown like the fault of a device, since nothing was decided. */
export type WitnessErrorCode =
  /** No witness could be asked yet, or none has taken a head for too long: the same call may be made again. */
  | 'witness_unavailable'
  /** A witness holds a later head: the database is an older copy. */
  | 'journal_behind_witness'
  /** A witness holds a head that this journal does not have, signed by the key of this very system. */
  | 'journal_forked';

export class WitnessError extends Error {
  readonly code: WitnessErrorCode;
  constructor(code: WitnessErrorCode, message: string) {
    super(message);
    this.name = 'WitnessError';
    this.code = code;
  }
}
