/** What is wrong with the file that a memory is. */
import { PowerCutError } from './memory.ts';

export type MediumErrorCode =
  | 'medium_missing'
  /** Shorter or longer than in the geometry of the profile, or no latch. */
  | 'medium_misshapen'
  | 'medium_unreadable'
  /** While it ran: the disk is full or broken. The chip is without power from then on. */
  | 'medium_unwritable';

/** To the firmware a power cut: nothing runs after it. To whoever holds the chip, what to say. */
export class MediumError extends PowerCutError {
  readonly code: MediumErrorCode;
  constructor(code: MediumErrorCode, message: string, options?: ErrorOptions) {
    super(reasonOf(message, options?.cause), options);
    this.name = 'MediumError';
    this.code = code;
  }
}

function reasonOf(message: string, cause: unknown): string {
  if (!(cause instanceof Error)) return message;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return `${message}: ${code}`;
}
