/** The SQL of the store, prepared once for each database. */
import type Database from 'better-sqlite3';

const position = `SELECT q.*, coalesce(d.used, 0) AS used FROM quota q
    LEFT JOIN quota_day d ON d.issuer = q.issuer AND d.currency = q.currency AND d.day = :day`;

const sql = {
  journal: 'SELECT sequence, bytes, hash FROM journal WHERE sequence >= ? ORDER BY sequence LIMIT ?',
  head: 'SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1',
  insertJournal: 'INSERT INTO journal (sequence, bytes, hash) VALUES (?, ?, ?)',
  findIntent: 'SELECT * FROM intent WHERE kind = ? AND id = ?',
  findSpent: 'SELECT 1 FROM intent WHERE spends = ?',
  insertIntent: `INSERT INTO intent (kind, id, issuer, body_hash, sequence, created_ms, context,
        to_be_signed, epoch, serial, orders, spends, take_currency, take_amount, take_day)
      VALUES (:kind, :id, :issuer, :bodyHash, :sequence, :createdMs, :context,
        :toBeSigned, :epoch, :serial, :orders, :spends, :takeCurrency, :takeAmount, :takeDay)`,
  findOrder: 'SELECT * FROM caller_order WHERE id = ?',
  insertOrder: 'INSERT INTO caller_order (id, body_hash, intent_id, position) VALUES (?, ?, ?, ?)',
  lastSerial: 'SELECT coalesce(max(serial), 0) AS last FROM intent WHERE epoch = ?',
  recordSigned: 'UPDATE intent SET signed = ? WHERE kind = ? AND id = ? AND signed IS NULL',
  unsigned: 'SELECT * FROM intent WHERE signed IS NULL ORDER BY sequence',
  countSince: 'SELECT count(*) AS count FROM intent WHERE kind = ? AND issuer = ? AND created_ms >= ?',
  position: `${position} WHERE q.issuer = :issuer AND q.currency = :currency`,
  positions: `${position} ORDER BY q.issuer, q.currency`,
  insertQuota:
    'INSERT INTO quota (issuer, currency, allocated, reserved, issued, day_limit) VALUES (:issuer, :currency, :allocated, 0, 0, :dayLimit)',
  takeTotal: `UPDATE quota SET reserved = reserved + :amount
      WHERE issuer = :issuer AND currency = :currency AND allocated - reserved - issued >= :amount`,
  takeDay: `INSERT INTO quota_day (issuer, currency, day, used) SELECT :issuer, :currency, :day, :amount
      WHERE :amount <= :dayLimit ON CONFLICT (issuer, currency, day)
      DO UPDATE SET used = used + excluded.used WHERE used + excluded.used <= :dayLimit`,
  settle: `UPDATE quota SET reserved = reserved - :amount, issued = issued + :amount
      WHERE issuer = :issuer AND currency = :currency AND reserved >= :amount`,
} as const;

export type Statements = Readonly<Record<keyof typeof sql, Database.Statement>>;

export function prepareStatements(db: Database.Database): Statements {
  const prepared = Object.entries(sql).map(([name, text]) => [name, db.prepare(text)] as const);
  return Object.fromEntries(prepared) as Statements;
}
