/**
 * The store on PostgreSQL: the same as on SQLite, for several processes on one database.
 *
 * Each process serves a series of its own, under a lock that the server holds for its one connection. Its journal's chain is read
 * and written by nobody else, so that no process waits for another's; what they share are the quotas' rows, the ids of intents and
 * orders, and spent credentials, which the server keeps unique. A quota's row is locked from the moment it is read to the commit,
 * once for a whole group of intents.
 *
 * What a crash leaves: of this process, of the connection or of the server, a transaction that was committed, or none of it. Where the
 * connection broke in the middle of COMMIT, the store connects again, waits for the lock, which the server gives back when the broken
 * connection's transaction has ended, and looks whether the entry with the hash that was planned is there. It never writes
 * again without having looked.
 */
import type { JournalEntry, JournalHead } from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import { assert, type Result, succeed } from '../../kit/result.ts';
import { positionOf, type QuotaPosition } from '../../quota/bucket.ts';
import type { ChangeCode } from '../../quota/change.ts';
import {
  accountName,
  encodeAllocationContent,
  encodeChangeContent,
  encodeStopContent,
  type LedgerRole,
  stopEvidence,
} from '../../quota/history.ts';
import { changeId, decodeChange, termsActionsOf } from '../../records/quota-change.ts';
import { decideChange } from '../change-decision.ts';
import { assertIntents, planCommit } from '../commit-plan.ts';
import { checkAllocation, checkSameAllocation } from '../refusal.ts';
import {
  bytesOf,
  clockResetOf,
  entryOf,
  intentOf,
  type JournalRow,
  type OrderRow,
  placedOrderOf,
} from '../row.ts';
import type {
  Allocation,
  ApprovedChange,
  ApprovedOrders,
  Balance,
  Committed,
  HeadHolding,
  HeldHead,
  Intent,
  IntentKind,
  NewIntent,
  NewRelease,
  NewStop,
  PlacedOrder,
  Reservation,
  SeriesHead,
  SignedIntent,
  Stop,
  Store,
  UnitSerial,
} from '../store.ts';
import { readAddress } from './address.ts';
import { type DatabaseOptions, findSeries, migrate, type Series } from './database.ts';
import { holdHead, readHeldHeads, releaseHead } from './held-heads.ts';
import { HeldSeries, lockSeries, type Outcome } from './held-series.ts';
import { verifyLedger } from './integrity.ts';
import { asStoreError } from './postgres-error.ts';
import { QuotaPart } from './quota-part.ts';
import {
  closeGate,
  findChange,
  findStop,
  insertQuota,
  lockQuotas,
  readAccounts,
  readChangeable,
  readStop,
  writeAccount,
} from './quota-statement.ts';
import { endInJournal, findStanding, listStandings, releaseReservation } from './reservation-end.ts';
import { readJournals, readSeriesOf } from './series-heads.ts';
import { type Ask, causeOf, Session } from './session.ts';
import { findSpent, readBalances } from './settlement-statement.ts';
import { storeSigned } from './signed-statement.ts';
import {
  appendEntry,
  readApproved,
  readFirstSignedAfter,
  readFound,
  readHash,
  readLastSerial,
  type SeriesIntentRow,
  writePlan,
} from './statement.ts';

export interface PostgresStoreOptions extends DatabaseOptions {
  /** See `readAddress`. */
  readonly url: string;
  /** How long a lost connection is tried again, in ms, before the caller hears of it. */
  readonly reconnectMs?: number;
}

/** Opens the store, checks that it is durable, whole and served by nobody else in this series, or throws a StoreError. */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const address = readAddress(options.url);
  const session = await Session.open(address);
  try {
    await migrate(session, options);
    const series = await findSeries(session, options);
    // The server misses a process that was killed in the middle of a statement within 2 seconds (client_connection_check_interval).
    await lockSeries(session, series, 3_000);
    await verifyLedger(session, options.role);
    return new PostgresStore(await HeldSeries.begin(session, series, options), options.role as LedgerRole);
  } catch (error) {
    await session.close();
    throw asStoreError(causeOf(error), address.shown);
  }
}

class PostgresStore extends QuotaPart implements Store {
  readonly reads = () => this.held.reads();
  readonly seriesOf: Store['seriesOf'] = (kind, id) => this.read((ask) => readSeriesOf(ask, kind, id));
  private readonly held: HeldSeries;
  private readonly role: LedgerRole;

  constructor(held: HeldSeries, role: LedgerRole) {
    super();
    this.held = held;
    this.role = role;
  }

  journalId(): Promise<Uint8Array> {
    return Promise.resolve(this.series.id);
  }

  head(): Promise<JournalHead> {
    return this.held.head();
  }

  findIntent(kind: IntentKind, id: Uint8Array): Promise<Intent | undefined> {
    return this.findOne('kind = $1 AND id = $2', [kind, id]);
  }

  private findOne(where: string, values: readonly unknown[]): Promise<Intent | undefined> {
    return this.read(async (ask) => {
      const [row] = await ask<SeriesIntentRow>(`SELECT * FROM intent WHERE ${where}`, [...values]);
      return row === undefined ? undefined : this.intentOf(row);
    });
  }

  findOrders(ids: readonly Uint8Array[]): Promise<readonly (PlacedOrder | undefined)[]> {
    return this.read(async (ask) => {
      const rows = await ask<OrderRow>('SELECT * FROM caller_order WHERE id = ANY ($1::bytea[])', [ids]);
      const placed = rows.map(placedOrderOf);
      return ids.map((id) => placed.find((order) => equalBytes(order.id, id)));
    });
  }

  findSerial(epoch: number, number: number): Promise<Intent | undefined> {
    return this.findOne('epoch = $1 AND serial = $2', [epoch, number]);
  }

  findSpent(units: readonly UnitSerial[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.read((ask) => findSpent(ask, units));
  }

  balances(account: Uint8Array): Promise<readonly Balance[]> {
    return this.read((ask) => readBalances(ask, account));
  }

  lastSerial(epoch: number): Promise<number> {
    return this.read((ask) => readLastSerial(ask, epoch));
  }

  commit(intents: readonly NewIntent[]): Promise<readonly Committed[]> {
    assertIntents(intents, this.role);
    return this.write(async (ask, head) => {
      const found = await readFound(ask, this.series.number, intents);
      const plan = planCommit(intents, { ...found, head: await head });
      if (plan.entries.length > 0) await writePlan(ask, this.series.number, plan);
      return { value: plan.committed, head: plan.head };
    });
  }

  recordSigned(signed: readonly SignedIntent[]): Promise<readonly Intent[]> {
    return this.write(async (ask, head) => {
      const rows = await storeSigned(ask, this.series.number, signed);
      return { value: rows.map((row) => this.intentOf(row)), head: await head };
    });
  }

  unsigned(): Promise<readonly Intent[]> {
    return this.read(async (ask) => {
      const rows = await ask<SeriesIntentRow>(
        'SELECT * FROM intent WHERE series = $1 AND signed IS NULL ORDER BY sequence',
        [this.series.number],
      );
      return rows.map((row) => this.intentOf(row));
    });
  }

  allocate(
    allocation: Allocation,
  ): Promise<Result<QuotaPosition, 'allocation_exists' | 'allocation_invalid'>> {
    const invalid = checkAllocation(allocation);
    if (invalid !== undefined) return Promise.resolve(invalid);
    const { issuer, currency, terms, createdMs } = allocation;
    return this.write<Awaited<ReturnType<Store['allocate']>>>(async (ask, readingHead) => {
      let head = await readingHead;
      const created = await insertQuota(ask, { ...terms, issuer, currency });
      const { quotas, stopped } = await readAccounts(ask, [{ issuer, currency }]);
      const [known] = quotas;
      assert(known !== undefined, 'a quota that is inserted or was there is there');
      if (created) {
        const content = encodeAllocationContent(terms);
        const subject = accountName(issuer, currency);
        ({ head } = await appendEntry(ask, this.series.number, head, {
          kind: 'allocation',
          subject,
          createdMs,
          content,
        }));
      } else {
        const same = checkSameAllocation(known.account, allocation);
        if (!same.ok) return { value: same, head };
      }
      return { value: succeed(positionOf(known.account, known.uses, { nowMs: createdMs, stopped })), head };
    });
  }

  applyChange({
    change: bytes,
    approvals,
    createdMs,
    followed,
  }: ApprovedChange): Promise<Result<number, ChangeCode>> {
    const id = changeId(bytes);
    const decoded = decodeChange(bytes);
    assert(decoded.ok, 'a change that was approved can be read');
    const change = decoded.value;
    const { action } = change;
    return this.write<Result<number, ChangeCode>>(async (ask, readingHead) => {
      const head = await readingHead;
      // Of two processes with the same change the second waits here, and then finds it done.
      if (action.kind === 'start') await closeGate(ask);
      else await lockQuotas(ask, termsActionsOf(action));
      const known = await findChange(ask, id);
      if (known !== undefined) return { value: succeed(known), head };
      const moment = { nowMs: createdMs, role: this.role, followed: followed === true };
      const decided = decideChange(change, moment, await readChangeable(ask, action));
      if (!decided.ok) return { value: decided, head };
      const content = encodeChangeContent(bytes, approvals);
      const ended = await endInJournal(ask, this.series.number, head, decided.value.ended, createdMs);
      const appended = await appendEntry(ask, this.series.number, ended, {
        kind: 'quota-change',
        subject: id,
        createdMs,
        content,
      });
      const { issuer, currency, resetMs } = clockResetOf(action);
      await ask(
        'INSERT INTO quota_change (id, ordinal, issuer, currency, reset_ms) VALUES ($1, $2, $3, $4, $5)',
        [id, appended.ordinal, issuer, currency, resetMs],
      );
      if (action.kind === 'start')
        await ask('UPDATE quota_stop SET lifted = $1 WHERE lifted IS NULL', [appended.ordinal]);
      for (const account of decided.value.accounts) await writeAccount(ask, account);
      return { value: succeed(appended.ordinal), head: appended.head };
    });
  }

  release(release: NewRelease): Promise<Result<Reservation, 'reservation_unknown'>> {
    return this.write((ask, head) => releaseReservation(ask, this.series.number, head, release));
  }

  findReservation(id: Uint8Array, nowMs: number): Promise<Reservation | undefined> {
    return this.read((ask) => findStanding(ask, id, nowMs));
  }

  reservations(page: Parameters<Store['reservations']>[0]): Promise<readonly Reservation[]> {
    return this.read((ask) => listStandings(ask, page));
  }

  stop({ id, reason, by, createdMs, evidence }: NewStop): Promise<Stop> {
    return this.write(async (ask, readingHead) => {
      const head = await readingHead;
      await closeGate(ask);
      const known = await findStop(ask, id);
      if (known !== undefined) return { value: known, head };
      const content = encodeStopContent({ reason, by, evidence });
      const appended = await appendEntry(ask, this.series.number, head, {
        kind: 'stop',
        subject: id,
        createdMs,
        content,
      });
      const { ordinal } = appended;
      await ask(
        'INSERT INTO quota_stop (id, ordinal, reason, author, created_ms, lifted) VALUES ($1, $2, $3, $4, $5, NULL)',
        [id, ordinal, reason, by, createdMs],
      );
      return { value: { sequence: ordinal, reason, by, createdMs }, head: appended.head };
    });
  }

  stopped(): Promise<Stop | undefined> {
    return this.read((ask) => readStop(ask));
  }

  evidenceOf({ sequence }: Stop): Promise<Uint8Array | null> {
    return this.read(async (ask) => {
      const [row] = await ask<{ bytes: Uint8Array }>('SELECT bytes FROM journal WHERE ordinal = $1', [
        sequence,
      ]);
      return row === undefined ? null : stopEvidence(bytesOf(row.bytes));
    });
  }

  countDecided(issuer: string, sinceMs: number): Promise<number> {
    return this.read(async (ask) => {
      const [row] = await ask<{ count: bigint }>(
        'SELECT coalesce(sum(decides), 0)::bigint AS count FROM intent WHERE issuer = $1 AND created_ms >= $2 AND decides > 0',
        [issuer, sinceMs],
      );
      return Number(row?.count ?? 0n);
    });
  }

  approvedSince(issuer: string, currency: string, sinceMs: number): Promise<ApprovedOrders> {
    return this.read((ask) => readApproved(ask, issuer, currency, sinceMs));
  }

  hashAt(sequence: number): Promise<Uint8Array | undefined> {
    if (sequence === 0) return Promise.resolve(this.held.genesis);
    return this.read((ask) => readHash(ask, this.series.number, sequence));
  }

  firstSignedAfter(sequence: number): Promise<number | undefined> {
    return this.read((ask) => readFirstSignedAfter(ask, this.series.number, sequence));
  }

  journal(fromSequence: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.read(async (ask) => {
      const rows = await ask<JournalRow>(
        'SELECT sequence, bytes, hash FROM journal WHERE series = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3',
        [this.series.number, fromSequence, limit],
      );
      return rows.map(entryOf);
    });
  }

  journals(): Promise<readonly SeriesHead[]> {
    return readJournals(this.role, (work) => this.read(work));
  }

  holdHead(signed: Uint8Array, heldMs: number, several?: readonly Uint8Array[]): Promise<HeadHolding> {
    return this.write(async (ask, head) => ({
      value: await holdHead(ask, signed, heldMs, { address: this.held.shown, several }),
      head: await head,
    }));
  }

  heldHeads(): Promise<readonly HeldHead[]> {
    return this.read((ask) => readHeldHeads(ask, this.held.shown));
  }

  releaseHead(role: string, name: string, journal?: Uint8Array): Promise<boolean> {
    let released = false;
    return this.write(async (ask, head) => {
      // Done again where a commit was cut, it finds nothing that the first time has released.
      released = (await releaseHead(ask, { role, name, journal })) || released;
      return { value: released, head: await head };
    });
  }

  close(): Promise<void> {
    return this.held.close();
  }

  protected get seriesNumber(): number {
    return this.series.number;
  }

  private get series(): Series {
    return this.held.series;
  }

  protected read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.held.read(work);
  }

  protected write<T>(work: (ask: Ask, head: Promise<JournalHead>) => Promise<Outcome<T>>): Promise<T> {
    return this.held.write(work);
  }

  private intentOf(row: SeriesIntentRow): Intent {
    return intentOf(row, row.series === this.series.number);
  }
}
