/**
 * The store on SQLite: WAL with synchronous=FULL, one writer, each method one transaction.
 *
 * What a crash leaves: SQLite undoes a transaction that was not committed, and FULL keeps one that was
 * through a power cut. So after a crash there is an intent with its quota and its journal entry, or none
 * of the three.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { type EntryContent, genesisHash, type JournalEntry, type JournalHead } from '../../journal/chain.ts';
import { assert, quote, type Result } from '../../kit/result.ts';
import { type QuotaPosition, refuseStopped } from '../../quota/bucket.ts';
import type { ChangeCode } from '../../quota/change.ts';
import { stopEvidence } from '../../quota/history.ts';
import { assertIntents, type CommitPlan, type Found, nextEntry, planCommit } from '../commit-plan.ts';
import type { LedgerReads } from '../ledger-reads.ts';
import {
  bytesOf,
  entryOf,
  type IntentRow,
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
import { StoreError } from '../store.ts';
import { CentralTables } from './central-tables.ts';
import { type DatabaseOptions, movedFile, openDatabase } from './database.ts';
import { lockFile } from './file-lock.ts';
import { HeldHeads } from './held-heads.ts';
import { verifyWhole } from './integrity.ts';
import { makeLedgerReads } from './ledger-reads.ts';
import { QuotaPart } from './quota-part.ts';
import { type AppendEntry, QuotaTables } from './quota-tables.ts';
import { SettlementTables } from './settlement-tables.ts';
import { withStoreErrors } from './sqlite-error.ts';
import { intentParameters, prepareStatements, type Statements } from './statements.ts';

/** Opens the store, checks that it is durable, whole and nobody else's, or throws a StoreError. */
export function openSqliteStore(options: DatabaseOptions): Store {
  if (!options.create && !existsSync(options.path)) {
    throw new StoreError(
      'store_missing',
      `no database at \`${options.path}\`: restore it, or make a new appliance with \`ringmint init\``,
    );
  }
  if (existsSync(movedFile(options.path))) {
    throw new StoreError(
      'store_foreign',
      `the ledger of \`${options.path}\` was moved to ${quote(readFileSync(movedFile(options.path), 'utf8').trim())}: serve that one; two at once could issue twice`,
    );
  }
  if (!existsSync(dirname(options.path))) {
    throw new StoreError('store_missing', `no folder \`${dirname(options.path)}\` to make a database in`);
  }
  return withStoreErrors(options.path, () => new SqliteStore(options));
}

class SqliteStore extends QuotaPart implements Store {
  private readonly path: string;
  private readonly db: Database.Database;
  private readonly unlock: () => void;
  private readonly statements: Statements;
  protected readonly quotas: QuotaTables;
  private readonly settlements: SettlementTables;
  protected readonly central: CentralTables;
  private readonly genesis: Uint8Array;
  private readonly storeId: Uint8Array;
  private readonly heads: HeldHeads;
  private readonly pages: LedgerReads;
  /** Made once: better-sqlite3 makes four functions for each. */
  private readonly transaction: Database.Transaction<(work: () => unknown) => unknown>;

  constructor(options: DatabaseOptions) {
    super();
    this.path = options.path;
    const release = lockFile(`${options.path}.lock`);
    if (release === undefined)
      throw new StoreError(
        'store_in_use',
        `another process serves \`${options.path}\`: stop it first; two at once could issue twice`,
      );
    this.unlock = release;
    try {
      const { db, storeId } = openDatabase(options);
      this.db = db;
      this.genesis = genesisHash(options.role, storeId);
      this.storeId = storeId;
    } catch (error) {
      release();
      throw error;
    }
    try {
      this.statements = prepareStatements(this.db);
      this.transaction = this.db.transaction((work) => work());
      const append: AppendEntry = (content) => this.append(content);
      this.quotas = new QuotaTables(this.db, options.role, append);
      this.central = new CentralTables(this.db, append);
      this.settlements = new SettlementTables(this.db);
      verifyWhole(this.db, { role: options.role, storeId: this.storeId, path: options.path });
      this.heads = new HeldHeads(this.db, options.path);
      this.pages = makeLedgerReads(this.db, this.storeId, (read) => this.run(read));
    } catch (error) {
      this.db.close();
      release();
      throw error;
    }
  }

  journalId(): Promise<Uint8Array> {
    return Promise.resolve(this.storeId);
  }

  head(): Promise<JournalHead> {
    return this.run(() => this.readHead());
  }

  private readHead(): JournalHead {
    const row = this.statements.head.get() as { sequence: bigint; hash: Buffer } | undefined;
    return row === undefined
      ? { sequence: 0, hash: this.genesis }
      : { sequence: Number(row.sequence), hash: bytesOf(row.hash) };
  }

  findIntent(kind: IntentKind, id: Uint8Array): Promise<Intent | undefined> {
    return this.run(() => {
      const row = this.readIntent(kind, id);
      return row === undefined ? undefined : intentOf(row);
    });
  }

  private readIntent(kind: IntentKind, id: Uint8Array): IntentRow | undefined {
    return this.statements.findIntent.get(kind, id) as IntentRow | undefined;
  }

  findOrders(ids: readonly Uint8Array[]): Promise<readonly (PlacedOrder | undefined)[]> {
    return this.run(() => {
      const found = new Array<PlacedOrder | undefined>(ids.length).fill(undefined);
      for (const row of this.readOrders(ids)) found[Number(row.number)] = placedOrderOf(row);
      return found;
    });
  }

  /** Of those that are there, with their places among `ids`. */
  private readOrders(ids: readonly Uint8Array[]): readonly (OrderRow & { number: bigint })[] {
    const joined = new Uint8Array(16 * ids.length);
    for (const [index, id] of ids.entries()) {
      assert(id.length === 16, 'an order has an id of 16 bytes');
      joined.set(id, 16 * index);
    }
    const found = this.statements.findOrders.all({ ids: joined, count: ids.length });
    return found as (OrderRow & { number: bigint })[];
  }

  findSerial(epoch: number, number: number): Promise<Intent | undefined> {
    return this.run(() => {
      const row = this.statements.findSerial.get(epoch, number) as IntentRow | undefined;
      return row === undefined ? undefined : intentOf(row);
    });
  }

  findSpent(units: readonly UnitSerial[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.read(() => units.map((unit) => this.settlements.spentBy(unit)));
  }

  balances(account: Uint8Array): Promise<readonly Balance[]> {
    return this.run(() => this.settlements.balances(account));
  }

  lastSerial(epoch: number): Promise<number> {
    return this.run(() => Number((this.statements.lastSerial.get(epoch) as { last: bigint }).last));
  }

  commit(intents: readonly NewIntent[]): Promise<readonly Committed[]> {
    assertIntents(intents, this.quotas.role);
    return this.transact(() => {
      const plan = planCommit(intents, this.findForPlan(intents));
      this.writePlan(plan);
      return plan.committed;
    });
  }

  private findForPlan(intents: readonly NewIntent[]): Found {
    const rows = intents.map(({ kind, id }) => this.readIntent(kind, id));
    const orders = intents.flatMap((intent) => (intent.orders ?? []).map(({ id }) => id));
    const spends = intents.flatMap((intent) => intent.spends ?? []);
    const settlements = intents.flatMap(({ settles }) => settles ?? []);
    const quotas = this.quotas.quotas(
      intents.flatMap(
        ({ take, reserves, settles, approves }) => take ?? reserves ?? settles ?? approves ?? [],
      ),
    );
    return {
      head: this.readHead(),
      intents: rows.flatMap((row) => (row === undefined ? [] : intentOf(row))),
      orders: this.readOrders(orders).map(({ id }) => bytesOf(id)),
      spent: spends.filter((id) => this.statements.findSpent.get(id) !== undefined),
      quotas,
      reservations: this.quotas.reservations.found(
        intents,
        quotas.map(({ account }) => account),
      ),
      units: this.settlements.spent(settlements),
      balances: this.settlements.found(settlements),
      stopped: this.quotas.stopped() !== undefined,
    };
  }

  private writePlan({ entries, created, taken, added, reserved, units, balances }: CommitPlan): void {
    for (const { sequence, bytes, hash } of entries) this.statements.insertJournal.run(sequence, bytes, hash);
    for (const { intent, sequence } of created) {
      const parameters = intentParameters(intent, sequence);
      this.statements.insertIntent.run(parameters);
      const { orders } = parameters;
      const count = intent.orders?.length ?? 0;
      if (count > 0) this.statements.insertOrders.run({ orders, count, intentId: intent.id });
    }
    // First: what comes back may be taken in the same group.
    this.quotas.add(added);
    this.quotas.take(taken);
    this.quotas.reservations.write(reserved);
    this.settlements.write({ units, balances });
  }

  /** Appends an entry that is of no intent; gives its number. */
  private append(content: Omit<EntryContent, 'sequence'>): number {
    const head = this.readHead();
    const { sequence, bytes, hash } = nextEntry(head, { ...content, sequence: head.sequence + 1 });
    this.statements.insertJournal.run(sequence, bytes, hash);
    return sequence;
  }

  recordSigned(signed: readonly SignedIntent[]): Promise<readonly Intent[]> {
    return this.transact(() => signed.map((one) => this.recordOne(one)));
  }

  private recordOne({ kind, id, signed }: SignedIntent): Intent {
    const row = this.readIntent(kind, id);
    assert(row !== undefined, 'only a committed intent is signed');
    if (row.signed !== null) return intentOf(row);
    if (row.take_currency !== null && row.take_amount !== null) {
      if (this.quotas.stopped() !== undefined)
        throw new StoreError('issuance_stopped', refuseStopped().message);
      this.quotas.issue(row.issuer, row.take_currency, row.take_amount);
    }
    this.statements.recordSigned.run(signed, kind, id);
    return intentOf({ ...row, signed: signed });
  }

  unsigned(): Promise<readonly Intent[]> {
    return this.run(() => (this.statements.unsigned.all() as IntentRow[]).map((row) => intentOf(row)));
  }

  allocate(
    allocation: Allocation,
  ): Promise<Result<QuotaPosition, 'allocation_exists' | 'allocation_invalid'>> {
    return this.transact(() => this.quotas.allocate(allocation));
  }

  applyChange(change: ApprovedChange): Promise<Result<number, ChangeCode>> {
    return this.transact(() => this.quotas.applyChange(change));
  }

  stop(stop: NewStop): Promise<Stop> {
    return this.transact(() => this.quotas.stop(stop));
  }

  stopped(): Promise<Stop | undefined> {
    return this.run(() => this.quotas.stopped());
  }

  findReservation(id: Uint8Array, nowMs: number): Promise<Reservation | undefined> {
    return this.read(() => this.quotas.findReservation(id, nowMs));
  }

  reservations(page: Parameters<Store['reservations']>[0]): Promise<readonly Reservation[]> {
    return this.read(() => this.quotas.reservationsAfter(page));
  }

  release(release: NewRelease): Promise<Result<Reservation, 'reservation_unknown'>> {
    return this.transact(() => this.quotas.release(release));
  }

  evidenceOf({ sequence }: Stop): Promise<Uint8Array | null> {
    return this.run(() => {
      const [row] = this.statements.journal.all(sequence, 1) as JournalRow[];
      return row === undefined ? null : stopEvidence(row.bytes);
    });
  }

  countDecided(issuer: string, sinceMs: number): Promise<number> {
    return this.run(() =>
      Number((this.statements.countDecided.get(issuer, sinceMs) as { count: bigint }).count),
    );
  }

  approvedSince(issuer: string, currency: string, sinceMs: number): Promise<ApprovedOrders> {
    return this.run(() => this.statements.approvedSince.get(issuer, sinceMs, currency) as ApprovedOrders);
  }

  hashAt(sequence: number): Promise<Uint8Array | undefined> {
    return this.run(() => {
      if (sequence === 0) return this.genesis;
      const row = this.statements.hashAt.get(sequence) as { hash: Buffer } | undefined;
      return row === undefined ? undefined : bytesOf(row.hash);
    });
  }

  firstSignedAfter(sequence: number): Promise<number | undefined> {
    return this.run(() => {
      const row = this.statements.firstSignedAfter.get(sequence) as { sequence: bigint } | undefined;
      return row === undefined ? undefined : Number(row.sequence);
    });
  }

  journal(fromSequence: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.run(() => (this.statements.journal.all(fromSequence, limit) as JournalRow[]).map(entryOf));
  }

  reads(): LedgerReads {
    return this.pages;
  }

  async journals(): Promise<readonly SeriesHead[]> {
    const head = await this.head();
    const hashAt = (sequence: number): Promise<Uint8Array | undefined> => this.hashAt(sequence);
    const firstSignedAfter = (sequence: number): Promise<number | undefined> =>
      this.firstSignedAfter(sequence);
    return [{ series: '', journalId: await this.journalId(), head, hashAt, firstSignedAfter }];
  }

  async seriesOf(kind: IntentKind, id: Uint8Array): Promise<string | undefined> {
    return (await this.findIntent(kind, id)) === undefined ? undefined : '';
  }

  holdHead(signed: Uint8Array, heldMs: number, several?: readonly Uint8Array[]): Promise<HeadHolding> {
    return this.transact(() => this.heads.hold(signed, heldMs, several));
  }

  heldHeads(): Promise<readonly HeldHead[]> {
    return this.run(() => this.heads.all());
  }

  releaseHead(role: string, name: string, journal?: Uint8Array): Promise<boolean> {
    return this.transact(() => this.heads.release(role, name, journal));
  }

  close(): Promise<void> {
    this.db.close();
    this.unlock();
    return Promise.resolve();
  }

  protected run<T>(read: () => T): Promise<T> {
    return new Promise((resolve) => {
      resolve(withStoreErrors(this.path, read));
    });
  }

  protected read<T>(read: () => T): Promise<T> {
    return this.run(() => this.transaction.deferred(read) as T);
  }

  protected transact<T>(write: () => T): Promise<T> {
    return this.run(() => this.transaction.immediate(write) as T);
  }
}
