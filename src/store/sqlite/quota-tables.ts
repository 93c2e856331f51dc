/** The quota tables: what is taken, allocated, changed and stopped. Each method runs inside of a transaction of the store's. */
import type Database from 'better-sqlite3';
import type { EntryContent } from '../../journal/chain.ts';
import { assert, type Result, succeed } from '../../kit/result.ts';
import { positionOf, type QuotaAccount, type QuotaPosition, type SlotUse } from '../../quota/bucket.ts';
import type { ChangeCode } from '../../quota/change.ts';
import {
  accountName,
  encodeAllocationContent,
  encodeChangeContent,
  encodeStopContent,
  type LedgerRole,
} from '../../quota/history.ts';
import { type Reservation, refuseUnknownReservation, standingOf } from '../../quota/reservation.ts';
import { type ClockReset, makeTally, tallyStart } from '../../quota/tally.ts';
import { changeId, decodeChange, termsActionsOf } from '../../records/quota-change.ts';
import { decideChange } from '../change-decision.ts';
import type { Added, FoundQuota, Taken } from '../quota-plan.ts';
import { checkAllocation, checkSameAllocation } from '../refusal.ts';
import { type EndedReservation, endReservations, entryOfEnd } from '../reservation-end.ts';
import {
  accountOf,
  clockResetOf,
  type QuotaRow,
  type SlotRow,
  type StopRow,
  stopOf,
  type TakeRow,
  takeOf,
  termsRowOf,
  useOf,
} from '../row.ts';
import type { Allocation, ApprovedChange, NewRelease, NewStop, Stop, Store } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';
import { ReservationTable } from './reservation-table.ts';

/** Appends an entry with the next number, which it gives. */
export type AppendEntry = (entry: Omit<EntryContent, 'sequence'>) => number;

const sql = {
  quota: 'SELECT * FROM quota WHERE issuer = ? AND currency = ?',
  quotas: 'SELECT * FROM quota ORDER BY issuer, currency',
  slots: 'SELECT name, slot, used FROM quota_slot WHERE issuer = ? AND currency = ?',
  insertQuota: `INSERT INTO quota (issuer, currency, version, allocated, reserved, issued, frozen, limits, clock_ms, returns)
      VALUES (:issuer, :currency, 1, :allocated, 0, 0, :frozen, :limits, 0, :returns)`,
  changeQuota: `UPDATE quota SET version = :version, allocated = :allocated, frozen = :frozen,
        limits = :limits, returns = :returns, issued = :issued, voided = :voided, clock_ms = :clockMs WHERE issuer = :issuer AND currency = :currency`,
  takeTotal: `UPDATE quota SET reserved = reserved + :amount, held = held + :held, clock_ms = :atMs
      WHERE issuer = :issuer AND currency = :currency AND allocated - reserved - held - issued + voided + returned >= :amount + :held`,
  add: `UPDATE quota SET issued = issued + :approved, retired = retired + :retired,
        returned = returned + :returned, credited = credited + :credited WHERE issuer = :issuer AND currency = :currency`,
  takeSlot: `INSERT INTO quota_slot (issuer, currency, name, slot, used) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (issuer, currency, name, slot) DO UPDATE SET used = used + excluded.used`,
  pruneSlots: 'DELETE FROM quota_slot WHERE issuer = ? AND currency = ? AND name = ? AND slot < ?',
  clearSlots: 'DELETE FROM quota_slot WHERE issuer = ? AND currency = ?',
  issue: `UPDATE quota SET reserved = reserved - :amount, issued = issued + :amount
      WHERE issuer = :issuer AND currency = :currency AND reserved >= :amount`,
  giveBack: `UPDATE quota SET held = held - :amount
      WHERE issuer = :issuer AND currency = :currency AND held >= :amount`,
  takes: `SELECT sequence, take_amount, take_orders, take_ms FROM intent
      WHERE issuer = ? AND take_currency = ? AND take_ms IS NOT NULL AND take_ms >= ?`,
  recent: `SELECT take_amount, take_orders FROM intent
      WHERE issuer = ? AND take_currency = ? AND take_ms IS NOT NULL ORDER BY take_ms DESC LIMIT ?`,
  findChange: 'SELECT sequence FROM quota_change WHERE id = ?',
  insertChange: `INSERT INTO quota_change (id, sequence, issuer, currency, reset_ms)
      VALUES (:id, :sequence, :issuer, :currency, :resetMs)`,
  resets:
    'SELECT sequence, reset_ms FROM quota_change WHERE issuer = ? AND currency = ? AND reset_ms IS NOT NULL',
  findStop: 'SELECT * FROM quota_stop WHERE id = ?',
  insertStop: `INSERT INTO quota_stop (id, sequence, reason, author, created_ms, lifted)
      VALUES (:id, :sequence, :reason, :author, :createdMs, NULL)`,
  stopInForce: 'SELECT * FROM quota_stop WHERE lifted IS NULL ORDER BY sequence DESC LIMIT 1',
  liftStops: 'UPDATE quota_stop SET lifted = ? WHERE lifted IS NULL',
} as const;

export class QuotaTables {
  private readonly statements: Prepared<typeof sql>;
  readonly role: LedgerRole;
  private readonly append: AppendEntry;
  readonly reservations: ReservationTable;

  constructor(db: Database.Database, role: string, append: AppendEntry) {
    this.statements = prepareWhenUsed(db, sql);
    this.role = role as LedgerRole;
    this.reservations = new ReservationTable(db);
    this.append = append;
  }

  /** The quotas that are named, each once, with what is in their slots. */
  quotas(named: readonly Pick<QuotaAccount, 'issuer' | 'currency'>[]): readonly FoundQuota[] {
    const found = new Map<string, FoundQuota>();
    for (const { issuer, currency } of named) {
      const name = accountName(issuer, currency);
      const account = found.has(name) ? undefined : this.account(issuer, currency);
      if (account !== undefined) found.set(name, { account, uses: this.uses(account) });
    }
    return [...found.values()];
  }

  /** Writes what a group takes: the table's own check holds the total once more. */
  take(taken: readonly Taken[]): void {
    for (const { issuer, currency, amount, held, clockMs, charges } of taken) {
      const total = this.statements.takeTotal.run({ amount, held, atMs: clockMs, issuer, currency });
      assert(total.changes === 1, 'what was checked fits, in the same transaction');
      for (const { limit, slot, oldest, by } of charges) {
        this.statements.pruneSlots.run(issuer, currency, limit, oldest);
        this.statements.takeSlot.run(issuer, currency, limit, slot, by);
      }
    }
  }

  /** Writes what a group approves and settles: the table's own checks hold the total, and that what is settled was issued. */
  add(added: readonly Added[]): void {
    for (const one of added) {
      const written = this.statements.add.run({ ...one });
      assert(written.changes === 1, 'what is approved or settled is of a quota');
    }
  }

  /** Turns reserved quota into issued. */
  issue(issuer: string, currency: string, amount: bigint): void {
    const moved = this.statements.issue.run({ amount, issuer, currency });
    assert(moved.changes === 1, 'what was reserved is there to be issued');
  }

  allocate(allocation: Allocation): Result<QuotaPosition, 'allocation_exists' | 'allocation_invalid'> {
    const invalid = checkAllocation(allocation);
    if (invalid !== undefined) return invalid;
    const { issuer, currency, terms, createdMs } = allocation;
    const known = this.account(issuer, currency);
    if (known !== undefined) {
      const same = checkSameAllocation(known, allocation);
      if (!same.ok) return same;
    } else {
      this.statements.insertQuota.run({ issuer, currency, ...termsRowOf(terms) });
      this.append({
        kind: 'allocation',
        subject: accountName(issuer, currency),
        createdMs,
        content: encodeAllocationContent(terms),
      });
    }
    const position = this.position(issuer, currency, createdMs);
    assert(position !== undefined, 'an inserted quota is there');
    return succeed(position);
  }

  position(issuer: string, currency: string, nowMs: number): QuotaPosition | undefined {
    const account = this.account(issuer, currency);
    return account === undefined ? undefined : this.positionOf(account, nowMs);
  }

  positions(nowMs: number): readonly QuotaPosition[] {
    return (this.statements.quotas.all() as QuotaRow[]).map((row) => this.positionOf(accountOf(row), nowMs));
  }

  recentAmounts(issuer: string, currency: string, most: number): readonly bigint[] {
    const rows = this.statements.recent.all(issuer, currency, most) as Pick<
      TakeRow,
      'take_amount' | 'take_orders'
    >[];
    return rows.map((row) => row.take_amount / row.take_orders);
  }

  private positionOf(account: QuotaAccount, nowMs: number): QuotaPosition {
    const lapsed = this.reservations.lapsed(account, Math.max(nowMs, account.clockMs));
    return positionOf(account, this.uses(account), { nowMs, stopped: this.stopped() !== undefined, lapsed });
  }

  private uses({ issuer, currency }: QuotaAccount): SlotUse[] {
    return (this.statements.slots.all(issuer, currency) as SlotRow[]).map(useOf);
  }

  private account(issuer: string, currency: string): QuotaAccount | undefined {
    const row = this.statements.quota.get(issuer, currency) as QuotaRow | undefined;
    return row === undefined ? undefined : accountOf(row);
  }

  findChange(id: Uint8Array): number | undefined {
    const row = this.statements.findChange.get(id) as { sequence: bigint } | undefined;
    return row === undefined ? undefined : Number(row.sequence);
  }

  applyChange({ change: bytes, approvals, createdMs, followed }: ApprovedChange): Result<number, ChangeCode> {
    const id = changeId(bytes);
    const known = this.findChange(id);
    if (known !== undefined) return succeed(known);
    const decoded = decodeChange(bytes);
    assert(decoded.ok, 'a change that was approved can be read');
    const { action } = decoded.value;
    const accounts = termsActionsOf(action).flatMap((one) => this.account(one.issuer, one.currency) ?? []);
    const moment = { nowMs: createdMs, role: this.role, followed: followed === true };
    const decided = decideChange(decoded.value, moment, {
      accounts,
      reservations: accounts.flatMap((account) => this.reservations.open(account)),
      stop: this.stopped(),
    });
    if (!decided.ok) return decided;
    this.end(decided.value.ended, createdMs);
    const content = encodeChangeContent(bytes, approvals);
    const sequence = this.append({ kind: 'quota-change', subject: id, createdMs, content });
    this.statements.insertChange.run({ id, sequence, ...clockResetOf(action) });
    if (action.kind === 'start') this.statements.liftStops.run(sequence);
    for (const account of decided.value.accounts) this.write(account);
    return succeed(sequence);
  }

  release({ id, by, evidence, createdMs }: NewRelease): Result<Reservation, 'reservation_unknown'> {
    const known = this.reservations.find(id);
    if (known === undefined) return refuseUnknownReservation(id);
    const atMs = Math.max(createdMs, this.account(known.issuer, known.currency)?.clockMs ?? 0);
    const ended = endReservations([known], { atMs, releasedBy: by, evidence });
    this.end(ended, createdMs);
    return succeed(ended[0]?.reservation ?? known);
  }

  findReservation(id: Uint8Array, nowMs: number): Reservation | undefined {
    const known = this.reservations.find(id);
    return known === undefined ? undefined : this.standing(known, nowMs);
  }

  reservationsAfter(page: Parameters<Store['reservations']>[0]): readonly Reservation[] {
    return this.reservations.page(page).map((one) => this.standing(one, page.nowMs));
  }

  private standing(reservation: Reservation, nowMs: number): Reservation {
    const account = this.account(reservation.issuer, reservation.currency);
    return standingOf(reservation, Math.max(nowMs, account?.clockMs ?? 0));
  }

  /** Each with its entry; what was left is available from then on. */
  private end(ended: readonly EndedReservation[], createdMs: number): void {
    for (const one of ended) {
      this.append(entryOfEnd(one, createdMs));
      const { issuer, currency } = one.reservation;
      const given = this.statements.giveBack.run({ issuer, currency, amount: one.end.amount });
      assert(given.changes === 1, 'what was held is there to be given back');
    }
    this.reservations.write(ended.map(({ reservation }) => reservation));
  }

  /** The quota's new terms, and its slots anew from what was taken. */
  private write(account: QuotaAccount): void {
    const { issuer, currency, version, limits, clockMs, issued, voided } = account;
    this.statements.changeQuota.run({
      ...{ issuer, currency, version, issued, voided, clockMs },
      ...termsRowOf(account),
    });
    // A limit counts what was taken before it was there, too.
    const tally = makeTally(limits, clockMs, this.clockResets(issuer, currency));
    const takes = this.statements.takes.iterate(issuer, currency, tallyStart(limits, clockMs));
    for (const row of takes as IterableIterator<TakeRow>) tally.add(takeOf(row));
    this.statements.clearSlots.run(issuer, currency);
    for (const { limit, slot, used } of tally.uses())
      this.statements.takeSlot.run(issuer, currency, limit, slot, used);
  }

  private clockResets(issuer: string, currency: string): readonly ClockReset[] {
    const rows = this.statements.resets.all(issuer, currency) as { sequence: bigint; reset_ms: bigint }[];
    return rows.map((row) => ({ sequence: Number(row.sequence), atMs: Number(row.reset_ms) }));
  }

  stop({ id, reason, by, createdMs, evidence }: NewStop): Stop {
    const known = this.statements.findStop.get(id) as StopRow | undefined;
    if (known !== undefined) return stopOf(known);
    const content = encodeStopContent({ reason, by, evidence });
    const sequence = this.append({ kind: 'stop', subject: id, createdMs, content });
    this.statements.insertStop.run({ id, sequence, reason, author: by, createdMs });
    return { sequence, reason, by, createdMs };
  }

  /** The last stop, where it is not lifted. */
  stopped(): Stop | undefined {
    const row = this.statements.stopInForce.get() as StopRow | undefined;
    return row === undefined ? undefined : stopOf(row);
  }
}
