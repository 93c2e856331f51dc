/**
 * What an intent reserves, as the journal and the intent's row have it.
 *
 * ```
 * reserve [ currency, amount, expiresMs, atMs ]     deterministic CBOR; the issuer is the intent's, the id is the intent's
 * ```
 */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { type NewIntent, type Reserve, StoreError } from './store.ts';

export function reserveValue({ currency, amount, expiresMs, atMs }: Reserve): CborValue {
  return [currency, amount, expiresMs, atMs];
}

export function encodeReserve(reserve: Reserve): Uint8Array {
  return encodeCbor(reserveValue(reserve));
}

/** Throws `store_corrupt` where the row is not what it was. */
export function decodeReserve(bytes: Uint8Array, issuer: string): Reserve {
  const decoded = decodeCbor(new Uint8Array(bytes));
  const [currency, amount, expiresMs, atMs] =
    decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[]) : [];
  if (typeof currency !== 'string' || !isInteger(amount) || !isInteger(expiresMs) || !isInteger(atMs))
    throw new StoreError('store_corrupt', 'what an intent reserves cannot be read: restore a backup');
  return { issuer, currency, amount: BigInt(amount), expiresMs: Number(expiresMs), atMs: Number(atMs) };
}

function isInteger(value: CborValue | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** What the role has to see to before it asks the store. */
export function assertReserve({ issuer, take, settles, reserves }: NewIntent): void {
  if (reserves === undefined) return;
  assert(take === undefined && settles === undefined, 'what reserves neither takes nor settles');
  assert(reserves.issuer === issuer, 'an intent reserves of the quota of its own issuer');
  assert(reserves.amount > 0n, 'amounts above zero are reserved');
  assert(reserves.expiresMs > reserves.atMs, 'a reservation expires after it is made');
}
