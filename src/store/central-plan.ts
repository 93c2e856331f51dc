/** What is freed in central management's account, decided from what the database held of it and nothing else. */
import type { EntryContent } from '../journal/chain.ts';
import { decodeEntry } from '../journal/entry.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { decodeResolution, encodeAdoption, encodeReturn } from '../quota/central-account.ts';
import { accountName } from '../quota/history.ts';
import { least } from '../quota/sum.ts';
import type { NewAdoption, NewResolution } from './store.ts';

/** What a request leaves free. Never more than what is approved and not void: what was written off is void already. */
export function freedOf(
  { issued, voided }: Pick<QuotaAccount, 'issued' | 'voided'>,
  approved: bigint,
  { used }: NewResolution,
): bigint {
  return least(approved > used ? approved - used : 0n, issued - voided);
}

/** What takes a quota over, in the journal: what came back before is an entry of its own. */
export function entriesOfAdoption(adoption: NewAdoption): readonly Omit<EntryContent, 'sequence'>[] {
  const { issuer, currency, createdMs, returned } = adoption;
  const subject = accountName(issuer, currency);
  const entry = { kind: 'adoption', subject, createdMs, content: encodeAdoption(adoption) } as const;
  if (returned === 0n) return [entry];
  return [entry, { kind: 'return', subject, createdMs, content: encodeReturn(returned) }];
}

/** Of a resolution's entry: up to where all is resolved. */
export function markOf(entry: Uint8Array): number {
  const decoded = decodeEntry(entry);
  const content = decoded.ok ? decodeCbor(decoded.value.content) : decoded;
  const resolution = content.ok ? decodeResolution(content.value) : undefined;
  assert(resolution !== undefined, 'a resolution of a checked journal can be read');
  return resolution.mark;
}
