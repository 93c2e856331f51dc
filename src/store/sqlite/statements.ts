/** The SQL of the store. */
import type Database from 'better-sqlite3';
import { encodeReserve } from '../reservation.ts';
import { encodeOrders } from '../row.ts';
import { encodeSettlement } from '../settlement.ts';
import type { NewIntent } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';

const sql = {
  journal: 'SELECT sequence, bytes, hash FROM journal WHERE sequence >= ? ORDER BY sequence LIMIT ?',
  hashAt: 'SELECT hash FROM journal WHERE sequence = ?',
  head: 'SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1',
  insertJournal: 'INSERT INTO journal (sequence, bytes, hash) VALUES (?, ?, ?)',
  findIntent: 'SELECT * FROM intent WHERE kind = ? AND id = ?',
  findSpent: 'SELECT 1 FROM intent WHERE spends = ?',
  insertIntent: `INSERT INTO intent (kind, id, issuer, body_hash, sequence, created_ms, context,
        to_be_signed, epoch, serial, orders, decides, spends, take_currency, take_amount, take_orders, take_ms,
        settles, take_reservation, reserves, approve_currency, approve_amount)
      VALUES (:kind, :id, :issuer, :bodyHash, :sequence, :createdMs, :context,
        :toBeSigned, :epoch, :serial, :orders, :decides, :spends, :takeCurrency, :takeAmount, :takeOrders, :takeMs,
        :settles, :takeReservation, :reserves, :approveCurrency, :approveAmount)`,
  // Of ids that lie one after another, those that are there, with their places. One statement for all: each by itself takes ten times as long.
  findOrders: `WITH RECURSIVE place (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM place WHERE number + 1 < :count)
      SELECT place.number, caller_order.*
      FROM place CROSS JOIN caller_order ON caller_order.id = substr(:ids, 16 * place.number + 1, 16)`,
  // The orders as intent.orders has them, 48 bytes each. Row by row it takes three times as long.
  insertOrders: `INSERT INTO caller_order (id, body_hash, intent_id, position)
      WITH RECURSIVE place (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM place WHERE number + 1 < :count)
      SELECT substr(:orders, 48 * number + 1, 16), substr(:orders, 48 * number + 17, 32), :intentId, number FROM place`,
  findSerial: 'SELECT * FROM intent WHERE epoch = ? AND serial = ?',
  lastSerial: 'SELECT coalesce(max(serial), 0) AS last FROM intent WHERE epoch = ?',
  recordSigned: 'UPDATE intent SET signed = ? WHERE kind = ? AND id = ? AND signed IS NULL',
  unsigned: 'SELECT * FROM intent WHERE signed IS NULL ORDER BY sequence',
  firstSignedAfter:
    'SELECT sequence FROM intent WHERE sequence > ? AND signed IS NOT NULL ORDER BY sequence LIMIT 1',
  countDecided:
    'SELECT coalesce(sum(decides), 0) AS count FROM intent WHERE issuer = ? AND created_ms >= ? AND decides > 0',
  approvedSince:
    'SELECT coalesce(sum(approve_amount), 0) AS spent, coalesce(sum(decides), 0) AS count FROM intent INDEXED BY intent_decided WHERE issuer = ? AND created_ms >= ? AND decides > 0 AND approve_currency = ?',
} as const;

export type Statements = Prepared<typeof sql>;

export function prepareStatements(db: Database.Database): Statements {
  return prepareWhenUsed(db, sql);
}

/** What `insertIntent` is run with. */
export function intentParameters(intent: NewIntent, sequence: number): Record<string, unknown> {
  return {
    kind: intent.kind,
    id: intent.id,
    issuer: intent.issuer,
    bodyHash: intent.bodyHash,
    sequence,
    createdMs: intent.createdMs,
    context: intent.context,
    toBeSigned: intent.toBeSigned,
    epoch: intent.serial?.epoch ?? null,
    serial: intent.serial?.number ?? null,
    orders: intent.orders === undefined ? null : encodeOrders(intent.orders),
    decides: intent.decides ?? 0,
    spends: intent.spends ?? null,
    takeCurrency: intent.take?.currency ?? null,
    takeAmount: intent.take?.amount ?? null,
    takeOrders: intent.take?.orders ?? null,
    takeMs: intent.take?.atMs ?? null,
    settles: intent.settles === undefined ? null : encodeSettlement(intent.settles),
    takeReservation: intent.take?.reservation ?? null,
    reserves: intent.reserves === undefined ? null : encodeReserve(intent.reserves),
    approveCurrency: intent.approves?.currency ?? null,
    approveAmount: intent.approves?.amount ?? null,
  };
}
