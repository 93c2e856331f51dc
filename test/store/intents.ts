/** Intents for the tests of stores. */
import { createHash } from 'node:crypto';
import { attachSignature } from '../../src/records/cose.ts';
import { encodeJournalHead, type JournalHeadRecord } from '../../src/records/journal-head.ts';
import { encodeChange, type QuotaAction } from '../../src/records/quota-change.ts';
import type { QuotaTerms } from '../../src/records/quota-terms.ts';
import type {
  ApprovedChange,
  Committed,
  Intent,
  NewIntent,
  NewRelease,
  NewStop,
  Reserve,
  Settlement,
  Store,
  UnitSerial,
} from '../../src/store/store.ts';

export const day = '2026-11-20';
export const issuer = 'demo-issuer';

export function bytes(length: number, of: string | number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: length }).update(String(of)).digest());
}

/** The same `name` has the same id. */
export function newIntent(name: string | number, changed: Partial<NewIntent> = {}): NewIntent {
  return {
    kind: 'control-bit',
    id: bytes(16, `id ${name}`),
    issuer,
    bodyHash: bytes(32, `body ${name}`),
    createdMs: 1_795_000_000_000,
    context: bytes(5, name),
    toBeSigned: bytes(40, `sign ${name}`),
    ...changed,
  };
}

/** A journal head, well-formed: whether the signature is right, is not a store's business. */
export function signedHead(changed: Partial<JournalHeadRecord>): Uint8Array {
  const record: JournalHeadRecord = {
    role: 'quota',
    name: 'quota',
    issuedAt: 1_000,
    journalId: bytes(16, 'a'),
    epoch: 1,
    sequence: 0,
    hash: bytes(32, 0),
    ...changed,
  };
  return attachSignature(encodeJournalHead(record, bytes(32, 'key')), bytes(64, 'signature'));
}

/** A total and a limit a day in UTC. */
export function terms(allocated: bigint, dayLimit: bigint): QuotaTerms {
  const window = { kind: 'day', timeZone: 'Etc/UTC' } as const;
  return {
    allocated,
    frozen: false,
    limits: [{ name: 'day', counts: 'amount', window, maximum: dayLimit }],
    returns: false,
  };
}

export function changeOf(action: QuotaAction, nowMs: number, reason = 'because'): ApprovedChange {
  const madeAt = Math.floor(nowMs / 1000);
  const change = encodeChange({ madeAt, expiresAt: madeAt + 3600, reason, action });
  return { change, approvals: [bytes(80, 'first approval'), bytes(80, 'second')], createdMs: nowMs };
}

export function termsAction(
  version: number,
  changed: Partial<QuotaTerms>,
  clock: number | null = null,
): QuotaAction {
  const to = { ...terms(1_000n, 600n), ...changed };
  return { kind: 'terms', issuer, currency: 'EUR', version, terms: to, clock };
}

export function stopOf(name: string, createdMs = noon(day)): NewStop {
  return { id: bytes(16, name), reason: name, by: 'operator operator', createdMs, evidence: null };
}

/** In ms. */
export function noon(on: string): number {
  return Date.parse(`${on}T12:00:00Z`);
}

export async function allocated(store: Store, total = 1_000n, dayLimit = 600n): Promise<Store> {
  const made = await store.allocate({
    issuer,
    currency: 'EUR',
    terms: terms(total, dayLimit),
    createdMs: 1_795_000_000_000,
  });
  if (!made.ok) throw new Error(made.message);
  return store;
}

export function take(amount: bigint, on = day): { take: NonNullable<NewIntent['take']> } {
  return { take: { issuer, currency: 'EUR', amount, orders: 1, atMs: noon(on) } };
}

export async function commitOne(store: Store, intent: NewIntent): Promise<Committed> {
  const [committed] = await store.commit([intent]);
  if (committed === undefined) throw new Error('one intent has one outcome');
  return committed;
}

export async function recordOne(store: Store, id: Uint8Array, signed: Uint8Array): Promise<Intent> {
  const [intent] = await store.recordSigned([{ kind: 'control-bit', id, signed }]);
  if (intent === undefined) throw new Error('one record has one outcome');
  return intent;
}

/** An account, by a name. */
export function account(name: string): Uint8Array {
  return bytes(32, `account ${name}`);
}

/** Units of the control bit with this number, in epoch 1. */
export function units(sequence: number, ...indexes: readonly number[]): readonly UnitSerial[] {
  return indexes.map((index) => ({ epoch: 1, sequence, index }));
}

/** An intent that settles: of units where there are any, else of the account `from`. */
export function settling(
  name: string | number,
  amount: bigint,
  changed: Partial<Settlement>,
): NewIntent & { readonly settles: Settlement } {
  const settles = {
    issuer,
    currency: 'EUR',
    amount,
    units: [],
    from: null,
    to: null,
    returned: 0n,
    ...changed,
  };
  const kind = settles.units.length > 0 ? 'retirement' : 'transfer';
  return { ...newIntent(name, { kind, createdMs: noon(day) }), settles };
}

/** Issues a control bit with this number, whose units come to `amount`. */
export async function issue(store: Store, number: number, amount: bigint, on = day): Promise<void> {
  const intent = newIntent(`issue ${number}`, { ...take(amount, on), serial: { epoch: 1, number } });
  const committed = await commitOne(store, intent);
  if (!committed.ok) throw new Error(committed.message);
  await recordOne(store, intent.id, bytes(64, number));
}

/** An intent that reserves, for an hour from `start` where nothing else is said. */
export function reserving(
  name: string | number,
  amount: bigint,
  changed: Partial<Reserve> = {},
): NewIntent & { readonly reserves: Reserve } {
  const atMs = noon(day);
  const reserves = { issuer, currency: 'EUR', amount, expiresMs: atMs + 3_600_000, atMs, ...changed };
  return { ...newIntent(`reservation ${name}`, { kind: 'reservation', createdMs: reserves.atMs }), reserves };
}

/** An intent that takes, of the reservation of that name where there is one. */
export function taking(
  name: string | number,
  amount: bigint,
  { of, atMs = noon(day) }: { readonly of?: string | number; readonly atMs?: number } = {},
): NewIntent {
  const reservation = of === undefined ? {} : { reservation: bytes(16, `id reservation ${of}`) };
  return newIntent(`take ${name}`, {
    createdMs: atMs,
    take: { issuer, currency: 'EUR', amount, orders: 1, atMs, ...reservation },
  });
}

export function releaseOf(name: string | number): NewRelease {
  return {
    id: bytes(16, `id reservation ${name}`),
    by: 'operator operator',
    evidence: null,
    createdMs: noon(day),
  };
}
