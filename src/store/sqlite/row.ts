/** The rows of the database as the rest of the program holds them, and as the journal has them. */
import type { EntryContent, JournalEntry } from '../../journal/chain.ts';
import { encodeCbor } from '../../kit/encoding.ts';
import { assertConserved, type QuotaPosition } from '../../quota/bucket.ts';
import type { Intent, IntentKind, NewIntent } from '../store.ts';

export interface IntentRow {
  kind: IntentKind;
  id: Buffer;
  issuer: string;
  body_hash: Buffer;
  sequence: bigint;
  created_ms: bigint;
  context: Buffer;
  to_be_signed: Buffer;
  signed: Buffer | null;
  take_currency: string | null;
  take_amount: bigint | null;
  take_day: string | null;
  spends: Buffer | null;
}

export interface JournalRow {
  sequence: bigint;
  bytes: Buffer;
  hash: Buffer;
}

export interface QuotaRow {
  issuer: string;
  currency: string;
  allocated: bigint;
  reserved: bigint;
  issued: bigint;
  day_limit: bigint;
  used: bigint;
}

export function intentOf(row: IntentRow): Intent {
  return {
    kind: row.kind,
    id: bytesOf(row.id),
    issuer: row.issuer,
    bodyHash: bytesOf(row.body_hash),
    sequence: Number(row.sequence),
    createdMs: Number(row.created_ms),
    context: bytesOf(row.context),
    toBeSigned: bytesOf(row.to_be_signed),
    signed: row.signed === null ? null : bytesOf(row.signed),
  };
}

export function newIntentOf(row: IntentRow): NewIntent {
  const { take_currency: currency, take_amount: amount, take_day: day, spends, issuer } = row;
  return {
    ...intentOf(row),
    ...(spends === null ? {} : { spends: bytesOf(spends) }),
    ...(currency === null || amount === null || day === null
      ? {}
      : { take: { issuer, currency, amount, day } }),
  };
}

/** The journal tells all that an intent says, so that nothing of it can be altered unseen; only `signed` comes later. */
export function entryOfIntent(intent: NewIntent): EntryContent {
  const {
    sequence,
    kind,
    id,
    createdMs,
    issuer,
    bodyHash,
    context,
    toBeSigned,
    spends = null,
    take,
  } = intent;
  const taken = take === undefined ? null : [take.currency, take.amount, take.day];
  const content = encodeCbor([issuer, bodyHash, context, toBeSigned, spends, taken]);
  return { sequence, kind, subject: id, createdMs, content };
}

export function positionOf(row: QuotaRow, day: string): QuotaPosition {
  return assertConserved({
    issuer: row.issuer,
    currency: row.currency,
    allocated: row.allocated,
    reserved: row.reserved,
    issued: row.issued,
    available: row.allocated - row.reserved - row.issued,
    day,
    dayLimit: row.day_limit,
    dayUsed: row.used,
  });
}

export function entryOf(row: JournalRow): JournalEntry {
  return { sequence: Number(row.sequence), bytes: bytesOf(row.bytes), hash: bytesOf(row.hash) };
}

/** A plain Uint8Array: a Buffer compares and prints otherwise than what the rest of the program holds. */
export function bytesOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}
