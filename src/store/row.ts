/** The rows of either database as the rest of the program holds them, and as the journal has them. Both drivers give bigint for integers and a Buffer for bytes. */
import type { EntryContent, JournalEntry } from '../journal/chain.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { assertConserved, type QuotaPosition } from '../quota/bucket.ts';
import type { Intent, IntentKind, NewIntent, Order, PlacedOrder } from './store.ts';

export interface IntentRow {
  kind: IntentKind;
  id: Uint8Array;
  issuer: string;
  body_hash: Uint8Array;
  sequence: bigint;
  created_ms: bigint;
  context: Uint8Array;
  to_be_signed: Uint8Array;
  signed: Uint8Array | null;
  epoch: bigint | null;
  serial: bigint | null;
  orders: Uint8Array | null;
  take_currency: string | null;
  take_amount: bigint | null;
  take_day: string | null;
  spends: Uint8Array | null;
}

export interface JournalRow {
  sequence: bigint;
  bytes: Uint8Array;
  hash: Uint8Array;
}

export interface OrderRow {
  id: Uint8Array;
  body_hash: Uint8Array;
  intent_id: Uint8Array;
  position: bigint;
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

/** `own`: of the series that this store serves. */
export function intentOf(row: IntentRow, own = true): Intent {
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
    own,
  };
}

export function placedOrderOf(row: OrderRow): PlacedOrder {
  return {
    id: bytesOf(row.id),
    bodyHash: bytesOf(row.body_hash),
    intentId: bytesOf(row.intent_id),
    index: Number(row.position),
  };
}

export function newIntentOf(row: IntentRow): NewIntent {
  const { take_currency: currency, take_amount: amount, take_day: day, spends, issuer } = row;
  const { epoch, serial, orders } = row;
  return {
    ...intentOf(row),
    ...(epoch === null || serial === null
      ? {}
      : { serial: { epoch: Number(epoch), number: Number(serial) } }),
    ...(orders === null ? {} : { orders: decodeOrders(orders) }),
    ...(spends === null ? {} : { spends: bytesOf(spends) }),
    ...(currency === null || amount === null || day === null
      ? {}
      : { take: { issuer, currency, amount, day } }),
  };
}

/** The journal tells all that an intent says, so that nothing of it can be altered unseen; only `signed` comes later. */
export function entryOfIntent(intent: NewIntent, sequence: number): EntryContent {
  const {
    kind,
    id,
    createdMs,
    issuer,
    bodyHash,
    context,
    toBeSigned,
    serial,
    orders,
    spends = null,
    take,
  } = intent;
  const content = encodeCbor([
    issuer,
    bodyHash,
    context,
    toBeSigned,
    serial === undefined ? null : [serial.epoch, serial.number],
    orders === undefined ? null : encodeOrders(orders),
    spends,
    take === undefined ? null : [take.currency, take.amount, take.day],
  ]);
  return { sequence, kind, subject: id, createdMs, content };
}

const orderBytes = 48;

/** Id and body hash of each order, one after another: 48 bytes each. */
export function encodeOrders(orders: readonly Order[]): Uint8Array {
  const bytes = new Uint8Array(orderBytes * orders.length);
  for (const [i, { id, bodyHash }] of orders.entries()) {
    assert(
      id.length === 16 && bodyHash.length === 32,
      'an order has an id of 16 and a body hash of 32 bytes',
    );
    bytes.set(id, orderBytes * i);
    bytes.set(bodyHash, orderBytes * i + 16);
  }
  return bytes;
}

export function decodeOrders(bytes: Uint8Array): Order[] {
  const orders: Order[] = [];
  for (let at = 0; at + orderBytes <= bytes.length; at += orderBytes)
    orders.push({ id: bytes.slice(at, at + 16), bodyHash: bytes.slice(at + 16, at + orderBytes) });
  return orders;
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
export function bytesOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}
