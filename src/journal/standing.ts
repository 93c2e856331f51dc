/** How a head of a journal stands to another one that its system is said to have signed. */
import { equalBytes } from '../kit/bytes.ts';
import type { JournalHeadRecord } from '../records/journal-head.ts';

export type Place = Pick<JournalHeadRecord, 'journalId' | 'sequence' | 'hash'>;

/**
 * `ahead` where `shown` has more entries than `held`, `behind` where it has fewer. `forked`: no one journal has both. Whether a head
 * of another number continues the same entries, only the journal itself tells.
 */
export function standingOf(held: Place, shown: Place): 'same' | 'ahead' | 'behind' | 'forked' {
  if (!equalBytes(held.journalId, shown.journalId)) return 'forked';
  if (shown.sequence !== held.sequence) return shown.sequence > held.sequence ? 'ahead' : 'behind';
  return equalBytes(held.hash, shown.hash) ? 'same' : 'forked';
}
