/** A journal's entries read back, for whoever lists or follows them: what is there was written by this program, or is refused. */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { type EntryContent, type EntryKind, encodeEntry } from './chain.ts';

/** What the entry of an intent says; src/store/row.ts writes it. */
export interface IntentContent {
  readonly issuer: string;
  readonly context: Uint8Array;
  readonly toBeSigned: Uint8Array;
  /** How many callers' orders it stands for. */
  readonly orders: number;
  /** How many orders it decides on. */
  readonly decides: number;
  readonly take: { readonly currency: string; readonly amount: bigint; readonly orders: number } | null;
  /** What is retired or leaves an account. */
  readonly settles: { readonly currency: string; readonly amount: bigint } | null;
}

/** Of one order: its id (16 bytes), and then its body hash (32 bytes). */
export const orderBytes = 48;

/** Decodes an entry's bytes; `journal_malformed` for what no version of this program has written. */
export function decodeEntry(bytes: Uint8Array): Result<EntryContent, 'journal_malformed'> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length !== 5)
    return malformed('an array of five');
  const [sequence, kind, subject, createdMs, content] = decoded.value as readonly CborValue[];
  if (
    typeof sequence !== 'number' ||
    typeof kind !== 'string' ||
    !(typeof subject === 'string' || subject instanceof Uint8Array) ||
    typeof createdMs !== 'number' ||
    !(content instanceof Uint8Array)
  )
    return malformed('number, kind, subject, time and content');
  return succeed({ sequence, kind: kind as EntryKind, subject, createdMs, content });
}

/** Decodes the content of an entry that is of an intent. */
export function decodeIntentContent(content: Uint8Array): Result<IntentContent, 'journal_malformed'> {
  const decoded = decodeCbor(content);
  const items: readonly CborValue[] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const [issuer, , context, toBeSigned, , orders, decides, , take, settles] = items;
  if (
    typeof issuer !== 'string' ||
    !(context instanceof Uint8Array) ||
    !(toBeSigned instanceof Uint8Array) ||
    typeof decides !== 'number'
  )
    return malformed('what an intent says');
  return succeed({
    issuer,
    context,
    toBeSigned,
    orders: orders instanceof Uint8Array ? orders.length / orderBytes : 0,
    decides,
    take: readTake(take),
    settles: readAmount(settles),
  });
}

/**
 * Of which entries the context is not for whoever may only look at a journal: a request's is the seed of its units' salts, from which all
 * of them can be derived, and a retirement's opens the commitments of its units' owner.
 */
const confidentialKinds: readonly EntryKind[] = ['request', 'retirement'];

/** The entry's bytes without what opens commitments, or `undefined` where there is nothing of that kind in them. */
export function withoutOpenings(entry: EntryContent): Uint8Array | undefined {
  if (!confidentialKinds.includes(entry.kind)) return undefined;
  const decoded = decodeCbor(entry.content);
  const items: readonly CborValue[] = decoded.ok && Array.isArray(decoded.value) ? decoded.value : [];
  const shown = items.map((item, place) => (place === contextPlace ? new Uint8Array() : item));
  return encodeEntry({ ...entry, content: encodeCbor(shown) });
}

/** In the content of an intent's entry. */
const contextPlace = 2;

function readTake(value: CborValue | undefined): IntentContent['take'] {
  const taken = readAmount(value);
  const [, , orders] = Array.isArray(value) ? (value as readonly CborValue[]) : [];
  return taken === null || typeof orders !== 'number' ? null : { ...taken, orders };
}

/** What begins with a currency and an amount. */
function readAmount(value: CborValue | undefined): IntentContent['settles'] {
  if (!Array.isArray(value)) return null;
  const [currency, amount] = value as readonly CborValue[];
  if (typeof currency !== 'string' || (typeof amount !== 'number' && typeof amount !== 'bigint')) return null;
  return { currency, amount: BigInt(amount) };
}

function malformed(expected: string) {
  return refuse('journal_malformed', `an entry of the journal cannot be read: ${expected} is expected`);
}
