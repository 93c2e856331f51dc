/** What is freed in central management's account, decided from what the database held of it and nothing else. */
import { decodeEntry } from '../journal/entry.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { decodeResolution } from '../quota/central-account.ts';
import { least } from '../quota/sum.ts';
import type { NewResolution } from './store.ts';

/** What a request leaves free. Never more than what is approved and not void: what was written off is void already. */
export function freedOf(
  { issued, voided }: Pick<QuotaAccount, 'issued' | 'voided'>,
  approved: bigint,
  { used }: NewResolution,
): bigint {
  return least(approved > used ? approved - used : 0n, issued - voided);
}

/** Of a resolution's entry: up to where all is resolved. */
export function markOf(entry: Uint8Array): number {
  const decoded = decodeEntry(entry);
  const content = decoded.ok ? decodeCbor(decoded.value.content) : decoded;
  const resolution = content.ok ? decodeResolution(content.value) : undefined;
  assert(resolution !== undefined, 'a resolution of a checked journal can be read');
  return resolution.mark;
}
