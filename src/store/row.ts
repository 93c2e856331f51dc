/** The rows of either database as the rest of the program holds them, and as the journal has them. Both drivers give bigint for integers and a Buffer for bytes. */
import type { EntryContent, JournalEntry } from '../journal/chain.ts';
import { decodeEntry, orderBytes } from '../journal/entry.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import type { QuotaAccount, SlotUse } from '../quota/bucket.ts';
import type { Reservation, ReservationState } from '../quota/reservation.ts';
import type { CountedTake } from '../quota/tally.ts';
import { ClaimReader } from '../records/claims.ts';
import type { QuotaAction } from '../records/quota-change.ts';
import { encodeLimits, type Limit, type QuotaTerms, readLimits } from '../records/quota-terms.ts';
import { decodeReserve, reserveValue } from './reservation.ts';
import { decodeSettlement, settlementValue } from './settlement.ts';
import type { AccountBalance, SpentUnit } from './settlement-plan.ts';
import {
  type ApprovedChange,
  type Intent,
  type IntentKind,
  type NewIntent,
  type Order,
  type PlacedOrder,
  type QuotaTake,
  type Stop,
  StoreError,
} from './store.ts';

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
  decides: bigint;
  take_currency: string | null;
  take_amount: bigint | null;
  take_orders: bigint | null;
  take_ms: bigint | null;
  spends: Uint8Array | null;
  settles: Uint8Array | null;
  take_reservation: Uint8Array | null;
  reserves: Uint8Array | null;
  approve_currency: string | null;
  approve_amount: bigint | null;
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
  version: bigint;
  allocated: bigint;
  reserved: bigint;
  issued: bigint;
  returns: bigint;
  retired: bigint;
  returned: bigint;
  credited: bigint;
  held: bigint;
  voided: bigint;
  frozen: bigint;
  limits: Uint8Array;
  clock_ms: bigint;
}

export interface SpentUnitRow {
  epoch: bigint;
  serial: bigint;
  position: bigint;
  intent_id: Uint8Array;
}

export interface AccountRow {
  id: Uint8Array;
  issuer: string;
  currency: string;
  amount: bigint;
}

export interface SlotRow {
  name: string;
  slot: bigint;
  used: bigint;
}

/** An intent by which central management approved. */
export interface ApprovalRow {
  sequence: bigint;
  approve_amount: bigint;
}

export interface ResolutionRow {
  id: Uint8Array;
  sequence: bigint;
  issuer: string;
  currency: string;
  freed: bigint;
}

export interface TakeRow {
  sequence: bigint;
  take_amount: bigint;
  take_orders: bigint;
  take_ms: bigint;
  take_reservation: Uint8Array | null;
}

export interface ReservationRow {
  id: Uint8Array;
  issuer: string;
  currency: string;
  amount: bigint;
  used: bigint;
  expires_ms: bigint;
  state: ReservationState;
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
    ...(row.settles === null ? {} : { settles: decodeSettlement(row.settles, row.issuer) }),
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
  const { take_currency: currency, take_amount: amount, take_orders: orderCount, take_ms: atMs } = row;
  const { epoch, serial, orders, spends, issuer, take_reservation: reservation } = row;
  const ofReservation = reservation === null ? {} : { reservation: bytesOf(reservation) };
  return {
    ...intentOf(row),
    ...(epoch === null || serial === null
      ? {}
      : { serial: { epoch: Number(epoch), number: Number(serial) } }),
    ...(orders === null ? {} : { orders: decodeOrders(orders) }),
    decides: Number(row.decides),
    ...(spends === null ? {} : { spends: bytesOf(spends) }),
    ...(currency === null || amount === null || orderCount === null || atMs === null
      ? {}
      : {
          take: {
            issuer,
            currency,
            amount,
            orders: Number(orderCount),
            atMs: Number(atMs),
            ...ofReservation,
          },
        }),
    ...(row.reserves === null ? {} : { reserves: decodeReserve(row.reserves, issuer) }),
    ...(row.approve_currency === null || row.approve_amount === null
      ? {}
      : { approves: { issuer, currency: row.approve_currency, amount: row.approve_amount } }),
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
    decides = 0,
    spends = null,
    take,
    settles,
    reserves,
    approves,
  } = intent;
  const said = [
    issuer,
    bodyHash,
    context,
    toBeSigned,
    serial === undefined ? null : [serial.epoch, serial.number],
    orders === undefined ? null : encodeOrders(orders),
    decides,
    spends,
    take === undefined ? null : takeValue(take),
  ];
  const later = [
    settles === undefined ? null : settlementValue(settles),
    reserves === undefined ? null : reserveValue(reserves),
    approves === undefined ? null : [approves.currency, approves.amount],
  ];
  // Only up to the last that there is: entries of before there was such a thing stay what they are, byte for byte.
  const content = encodeCbor([...said, ...later.slice(0, later.findLastIndex((one) => one !== null) + 1)]);
  return { sequence, kind, subject: id, createdMs, content };
}

function takeValue({ currency, amount, orders, atMs, reservation }: QuotaTake): CborValue {
  const value = [currency, amount, orders, atMs];
  return reservation === undefined ? value : [...value, reservation];
}

/** Id and body hash of each order, one after another. */
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

export function accountOf(row: QuotaRow): QuotaAccount {
  const { issuer, currency, allocated, reserved, issued, retired, returned, credited, held, voided } = row;
  return {
    issuer,
    currency,
    version: Number(row.version),
    allocated,
    reserved,
    issued,
    frozen: row.frozen === 1n,
    returns: row.returns === 1n,
    retired,
    returned,
    credited,
    held,
    voided,
    limits: limitsOf(row.limits),
    clockMs: Number(row.clock_ms),
  };
}

/** The columns of a quota's terms. */
export function termsRowOf({
  allocated,
  frozen,
  limits,
  returns,
}: QuotaTerms): Pick<QuotaRow, 'allocated' | 'frozen' | 'limits' | 'returns'> {
  return {
    allocated,
    frozen: frozen ? 1n : 0n,
    limits: encodeCbor(encodeLimits(limits)),
    returns: returns ? 1n : 0n,
  };
}

function limitsOf(bytes: Uint8Array): readonly Limit[] {
  const decoded = decodeCbor(bytesOf(bytes));
  const reader = new ClaimReader(new Map());
  const limits = decoded.ok ? readLimits(reader, decoded.value, 'limits') : [];
  if (!decoded.ok || reader.refusal !== undefined)
    throw new StoreError('store_corrupt', 'the limits of a quota cannot be read: restore a backup');
  return limits;
}

export function spentUnitOf({ epoch, serial, position, intent_id }: SpentUnitRow): SpentUnit {
  return {
    unit: { epoch: Number(epoch), sequence: Number(serial), index: Number(position) },
    by: bytesOf(intent_id),
  };
}

export function balanceOf({ id, issuer, currency, amount }: AccountRow): AccountBalance {
  return { account: bytesOf(id), issuer, currency, amount };
}

export function reservationOf({ id, expires_ms, ...row }: ReservationRow): Reservation {
  const { issuer, currency, amount, used, state } = row;
  return { id: bytesOf(id), issuer, currency, amount, used, expiresMs: Number(expires_ms), state };
}

export function useOf(row: SlotRow): SlotUse {
  return { limit: row.name, slot: Number(row.slot), used: row.used };
}

export function takeOf(row: TakeRow): CountedTake {
  return {
    sequence: Number(row.sequence),
    amount: row.take_amount,
    orders: Number(row.take_orders),
    atMs: Number(row.take_ms),
  };
}

export function entryOf(row: JournalRow): JournalEntry {
  return { sequence: Number(row.sequence), bytes: bytesOf(row.bytes), hash: bytesOf(row.hash) };
}

/** A plain Uint8Array: a Buffer compares and prints otherwise than what the rest of the program holds. */
export function bytesOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}

/** The change of a journal's entry, as it was approved. */
export function changeOf(entry: Uint8Array): ApprovedChange {
  const decoded = decodeEntry(bytesOf(entry));
  const content = decoded.ok ? decodeCbor(decoded.value.content) : decoded;
  const [change, approvals] = content.ok && Array.isArray(content.value) ? content.value : [];
  assert(
    decoded.ok && change instanceof Uint8Array && Array.isArray(approvals),
    'the entry of a change has it, with its approvals',
  );
  const { createdMs } = decoded.value;
  return { change, approvals: approvals.filter((one) => one instanceof Uint8Array), createdMs };
}

export interface StopRow {
  sequence: bigint;
  reason: string;
  author: string;
  created_ms: bigint;
}

export function stopOf({ sequence, reason, author, created_ms }: StopRow): Stop {
  return { sequence: Number(sequence), reason, by: author, createdMs: Number(created_ms) };
}

/** The columns of a change that puts the clock of a quota back; nulls for another. */
export function clockResetOf(
  action: QuotaAction,
): Record<'issuer' | 'currency' | 'resetMs', string | number | null> {
  if (action.kind !== 'terms' || action.clock === null)
    return { issuer: null, currency: null, resetMs: null };
  return { issuer: action.issuer, currency: action.currency, resetMs: action.clock * 1000 };
}
