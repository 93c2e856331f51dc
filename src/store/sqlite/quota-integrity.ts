/** Feeds SQLite's quota tables to the check of a quota. */
import type Database from 'better-sqlite3';
import type { LedgerRole } from '../../quota/history.ts';
import {
  AccountCheck,
  type ChangeRow,
  type Corrupt,
  checkChanges,
  checkResolutions,
  checkStops,
  pairAccounts,
  replayRows,
  type WholeStopRow,
} from '../quota-check.ts';
import { ReservationCheck, type ReservingRow } from '../reservation-check.ts';
import type {
  AccountRow,
  ApprovalRow,
  JournalRow,
  QuotaRow,
  ReservationRow,
  ResolutionRow,
  SlotRow,
  TakeRow,
} from '../row.ts';
import { SettlementCheck, type SettlingRow } from '../settlement-check.ts';

const sql = {
  entries: `SELECT j.sequence, j.bytes, j.hash FROM journal j
      WHERE NOT EXISTS (SELECT 1 FROM intent i WHERE i.sequence = j.sequence) ORDER BY j.sequence`,
  quotas: 'SELECT * FROM quota',
  slots: 'SELECT name, slot, used FROM quota_slot WHERE issuer = ? AND currency = ? ORDER BY name, slot',
  strangeTake: `SELECT sequence FROM intent i WHERE (take_amount IS NOT NULL OR approve_amount IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM quota q WHERE q.issuer = i.issuer AND q.currency = coalesce(i.take_currency, i.approve_currency))`,
  takes: `SELECT sequence, take_amount, take_orders, take_ms, take_reservation, signed IS NOT NULL AS done FROM intent
      WHERE issuer = ? AND take_currency = ? AND take_ms IS NOT NULL ORDER BY sequence`,
  approvals: `SELECT sequence, approve_amount FROM intent
      WHERE issuer = ? AND approve_currency = ? AND approve_amount IS NOT NULL ORDER BY sequence`,
  resolutions: 'SELECT id, sequence, issuer, currency, freed FROM resolution',
  changes: 'SELECT id, sequence, issuer, currency, reset_ms FROM quota_change',
  stops: 'SELECT * FROM quota_stop',
  settlements: 'SELECT sequence, id, issuer, settles FROM intent WHERE settles IS NOT NULL ORDER BY sequence',
  reserving: 'SELECT sequence, id, issuer, reserves FROM intent WHERE reserves IS NOT NULL ORDER BY sequence',
  reservations: 'SELECT * FROM reservation',
  accounts: 'SELECT * FROM account',
  spent: 'SELECT intent_id FROM spent_unit WHERE epoch = ? AND serial = ? AND position = ?',
  countSpent: 'SELECT count(*) AS units FROM spent_unit',
} as const;

/** Throws what `corrupt` makes of the first number that does not follow from the journal and the intents. */
export function verifyQuotas(db: Database.Database, role: LedgerRole, corrupt: Corrupt): void {
  const entries = db.prepare(sql.entries).iterate() as IterableIterator<JournalRow>;
  const history = replayRows(entries, role, corrupt);
  const strange = db.prepare(sql.strangeTake).get() as { sequence: bigint } | undefined;
  if (strange !== undefined)
    throw corrupt(`entry ${strange.sequence} takes or approves of a quota that is not there`);
  const quotas = db.prepare(sql.quotas).all() as QuotaRow[];
  const reservations = new ReservationCheck(history, corrupt);
  for (const row of db.prepare(sql.reserving).iterate() as IterableIterator<ReservingRow>)
    reservations.reserve(row);
  reservations.ends();
  for (const { row, recorded } of pairAccounts(quotas, history, corrupt)) {
    const check = new AccountCheck(row, recorded, corrupt);
    const takes = db.prepare(sql.takes).iterate(row.issuer, row.currency);
    for (const take of takes as IterableIterator<TakeRow & { done: bigint }>) {
      check.add(take, take.done === 1n);
      reservations.take(take, row);
    }
    const approvals = db.prepare(sql.approvals).iterate(row.issuer, row.currency);
    for (const approval of approvals as IterableIterator<ApprovalRow>) check.approve(approval);
    check.finish(db.prepare(sql.slots).all(row.issuer, row.currency) as SlotRow[]);
  }
  for (const row of db.prepare(sql.reservations).iterate() as IterableIterator<ReservationRow>)
    reservations.row(row);
  reservations.finish(quotas);
  checkChanges(db.prepare(sql.changes).all() as ChangeRow[], history, corrupt);
  checkResolutions(
    db.prepare(sql.resolutions).iterate() as IterableIterator<ResolutionRow>,
    history,
    corrupt,
  );
  checkStops(db.prepare(sql.stops).all() as WholeStopRow[], history, corrupt);
  verifySettlements(db, new SettlementCheck(history, corrupt), quotas);
}

function verifySettlements(db: Database.Database, check: SettlementCheck, quotas: readonly QuotaRow[]): void {
  const spent = db.prepare(sql.spent);
  for (const row of db.prepare(sql.settlements).iterate() as IterableIterator<SettlingRow>)
    for (const unit of check.add(row)) {
      const found = spent.get(unit.epoch, unit.sequence, unit.index) as { intent_id: Buffer } | undefined;
      check.spent(row, unit, found?.intent_id);
    }
  for (const row of db.prepare(sql.accounts).iterate() as IterableIterator<AccountRow>) check.account(row);
  const { units } = db.prepare(sql.countSpent).get() as { units: bigint };
  check.finish(quotas, units);
}
