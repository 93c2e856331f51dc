/** Intents for the tests of stores. */
import { createHash } from 'node:crypto';
import type { NewIntent, Store } from '../../src/store/store.ts';

export const day = '2026-11-20';
export const issuer = 'demo-issuer';

export function bytes(length: number, of: string | number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(String(of)).digest());
}

/** The next intent of `store`; the same `name` has the same id. */
export async function nextIntent(
  store: Store,
  name: string | number,
  changed: Partial<NewIntent> = {},
): Promise<NewIntent> {
  return {
    kind: 'control-bit',
    id: bytes(16, `id ${name}`),
    issuer,
    bodyHash: bytes(32, `body ${name}`),
    sequence: (await store.head()).sequence + 1,
    createdMs: 1_795_000_000_000,
    context: bytes(5, name),
    toBeSigned: bytes(40, `sign ${name}`),
    ...changed,
  };
}

export async function allocated(store: Store, total = 1_000n, dayLimit = 600n): Promise<Store> {
  const made = await store.allocate({
    issuer,
    currency: 'EUR',
    total,
    dayLimit,
    createdMs: 1_795_000_000_000,
  });
  if (!made.ok) throw new Error(made.message);
  return store;
}

export function take(amount: bigint, on = day): { take: NonNullable<NewIntent['take']> } {
  return { take: { issuer, currency: 'EUR', amount, day: on } };
}
