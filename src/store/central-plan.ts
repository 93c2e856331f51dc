/** What is freed and comes back in central management's account, decided from what the database held of it and nothing else. */
import { decodeEntry } from '../journal/entry.ts';
import { decodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import type { QuotaAccount } from '../quota/bucket.ts';
import { decodeResolution } from '../quota/central-account.ts';
import type { NewResolution, NewReturn } from './store.ts';

/** What a request leaves free. Never more than what is approved and not void: what was written off is void already. */
export function freedOf(
  { issued, voided }: Pick<QuotaAccount, 'issued' | 'voided'>,
  approved: bigint,
  { used }: NewResolution,
): bigint {
  return least(approved > used ? approved - used : 0n, issued - voided);
}

/** What has come back by then: never less than before, and never more than what was approved. */
export function returnedOf(
  { returned, issued, credited }: Pick<QuotaAccount, 'returned' | 'issued' | 'credited'>,
  { total }: NewReturn,
): bigint {
  const most = least(total, issued - credited);
  return most > returned ? most : returned;
}

/** Of a resolution's entry: up to where all is resolved. */
export function markOf(entry: Uint8Array): number {
  const decoded = decodeEntry(entry);
  const content = decoded.ok ? decodeCbor(decoded.value.content) : decoded;
  const resolution = content.ok ? decodeResolution(content.value) : undefined;
  assert(resolution !== undefined, 'a resolution of a checked journal can be read');
  return resolution.mark;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
