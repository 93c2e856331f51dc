/** What an entry of a journal is of, as a person reads it. */
import { toHex } from '../kit/bytes.ts';
import { formatUuid } from '../records/request-id.ts';

/** An id as a UUID or, where it is longer, in hex; text as it is. */
export function nameSubject(subject: Uint8Array | string): string {
  if (typeof subject === 'string') return subject;
  return subject.length === 16 ? formatUuid(subject) : toHex(subject);
}
