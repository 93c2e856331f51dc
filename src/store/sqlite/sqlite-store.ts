/**
 * The store on SQLite: WAL with synchronous=FULL, one writer, each method one transaction.
 *
 * What a crash leaves: SQLite undoes a transaction that was not committed, and FULL keeps one that was
 * through a power cut. So after a crash there is an intent with its quota and its journal entry, or none
 * of the three.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import {
  chainHash,
  type EntryContent,
  encodeEntry,
  genesisHash,
  type JournalEntry,
  type JournalHead,
} from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import { encodeCbor } from '../../kit/encoding.ts';
import { assert, quote, type Refusal, type Result, refuse, succeed } from '../../kit/result.ts';
import { checkTake, type QuotaPosition } from '../../quota/bucket.ts';
import {
  bytesOf,
  encodeOrders,
  entryOf,
  entryOfIntent,
  type IntentRow,
  intentOf,
  type OrderRow,
  placedOrderOf,
  positionOf,
  type QuotaRow,
} from '../row.ts';
import type {
  Allocation,
  CommitCode,
  Committed,
  Intent,
  IntentKind,
  NewIntent,
  PlacedOrder,
  QuotaTake,
  SignedIntent,
  Store,
} from '../store.ts';
import { StoreError } from '../store.ts';
import { type DatabaseOptions, openDatabase } from './database.ts';
import { lockFile } from './file-lock.ts';
import { verifyWhole } from './integrity.ts';
import { withStoreErrors } from './sqlite-error.ts';

/** Opens the store, checks that it is durable, whole and nobody else's, or throws a StoreError. */
export function openSqliteStore(options: DatabaseOptions): Store {
  if (!options.create && !existsSync(options.path)) {
    throw new StoreError(
      'store_missing',
      `no database at \`${options.path}\`: restore it, or make a new appliance with \`ringmint init\``,
    );
  }
  if (!existsSync(dirname(options.path))) {
    throw new StoreError('store_missing', `no folder \`${dirname(options.path)}\` to make a database in`);
  }
  return withStoreErrors(options.path, () => new SqliteStore(options));
}

class SqliteStore implements Store {
  private readonly path: string;
  private readonly db: Database.Database;
  private readonly release: () => void;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly genesis: Uint8Array;

  constructor(options: DatabaseOptions) {
    this.path = options.path;
    const release = lockFile(`${options.path}.lock`);
    if (release === undefined)
      throw new StoreError(
        'store_in_use',
        `another process serves \`${options.path}\`: stop it first; two at once could issue twice`,
      );
    this.release = release;
    try {
      const { db, storeId } = openDatabase(options);
      this.db = db;
      this.genesis = genesisHash(options.role, storeId);
    } catch (error) {
      release();
      throw error;
    }
    try {
      this.statements = prepare(this.db);
      verifyWhole(this.db, this.genesis, options.path);
    } catch (error) {
      this.db.close();
      release();
      throw error;
    }
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
    return this.run(() =>
      ids.map((id) => {
        const row = this.statements.findOrder.get(id) as OrderRow | undefined;
        return row === undefined ? undefined : placedOrderOf(row);
      }),
    );
  }

  lastSerial(epoch: number): Promise<number> {
    return this.run(() => Number((this.statements.lastSerial.get(epoch) as { last: bigint }).last));
  }

  commit(intents: readonly NewIntent[]): Promise<readonly Committed[]> {
    for (const { id, bodyHash, issuer, take } of intents) {
      assert(
        id.length === 16 && bodyHash.length === 32,
        'an intent has an id of 16 and a body hash of 32 bytes',
      );
      assert(take === undefined || take.issuer === issuer, 'an intent takes the quota of its own issuer');
    }
    return this.transact(() => {
      let head = this.readHead();
      return intents.map((intent) => {
        const { committed, head: next } = this.commitOne(intent, head);
        head = next;
        return committed;
      });
    });
  }

  /** INVARIANT: what refuses comes before what writes, so that a refused intent leaves nothing in the transaction of the others. */
  private commitOne(intent: NewIntent, head: JournalHead): { committed: Committed; head: JournalHead } {
    const known = this.readIntent(intent.kind, intent.id);
    if (known !== undefined) {
      const committed = equalBytes(known.body_hash, intent.bodyHash)
        ? succeed({ intent: intentOf(known), created: false })
        : refuseConflict();
      return { committed, head };
    }
    if (intent.orders?.some(({ id }) => this.statements.findOrder.get(id) !== undefined) === true)
      return { committed: refuseConflict(), head };
    if (intent.spends !== undefined && this.statements.findSpent.get(intent.spends) !== undefined) {
      const committed = refuse(
        'credential_spent',
        'the credential was used before: each works once; send a new request',
      );
      return { committed, head };
    }
    if (intent.take !== undefined) {
      const taken = this.take(intent.take);
      if (!taken.ok) return { committed: taken, head };
    }
    const sequence = head.sequence + 1;
    const hash = this.append(head.hash, entryOfIntent(intent, sequence));
    this.statements.insertIntent.run({
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
      spends: intent.spends ?? null,
      takeCurrency: intent.take?.currency ?? null,
      takeAmount: intent.take?.amount ?? null,
      takeDay: intent.take?.day ?? null,
    });
    for (const [index, { id, bodyHash }] of (intent.orders ?? []).entries())
      this.statements.insertOrder.run(id, bodyHash, intent.id, index);
    const stored = this.readIntent(intent.kind, intent.id);
    assert(stored !== undefined, 'an inserted intent is there');
    return { committed: succeed({ intent: intentOf(stored), created: true }), head: { sequence, hash } };
  }

  /** The conditional updates; the check before them only makes the message. */
  private take(take: QuotaTake): Result<null, CommitCode> {
    assert(take.amount > 0n, 'quota is taken in amounts above zero');
    const position = this.readPosition(take.issuer, take.currency, take.day);
    if (position === undefined) {
      return refuse(
        'quota_missing',
        `issuer ${quote(take.issuer)} has no quota in ${quote(take.currency)}`,
        'currency',
      );
    }
    const fits = checkTake(position, take.amount);
    if (!fits.ok) return fits;
    const { amount, issuer, currency, day } = take;
    const total = this.statements.takeTotal.run({ amount, issuer, currency });
    const today = this.statements.takeDay.run({ amount, issuer, currency, day, dayLimit: position.dayLimit });
    assert(total.changes === 1 && today.changes === 1, 'what was checked fits, in the same transaction');
    return succeed(null);
  }

  private append(previous: Uint8Array, entry: EntryContent): Uint8Array {
    const bytes = encodeEntry(entry);
    const hash = chainHash(previous, bytes);
    this.statements.insertJournal.run(entry.sequence, bytes, hash);
    return hash;
  }

  recordSigned(signed: readonly SignedIntent[]): Promise<readonly Intent[]> {
    return this.transact(() => signed.map((one) => this.recordOne(one)));
  }

  private recordOne({ kind, id, signed }: SignedIntent): Intent {
    const row = this.readIntent(kind, id);
    assert(row !== undefined, 'only a committed intent is signed');
    if (row.signed !== null) return intentOf(row);
    this.statements.recordSigned.run(signed, kind, id);
    if (row.take_currency !== null && row.take_amount !== null) {
      const moved = this.statements.settle.run({
        amount: row.take_amount,
        issuer: row.issuer,
        currency: row.take_currency,
      });
      assert(moved.changes === 1, 'what was reserved is there to be issued');
    }
    return intentOf({ ...row, signed: signed });
  }

  unsigned(): Promise<readonly Intent[]> {
    return this.run(() => (this.statements.unsigned.all() as IntentRow[]).map((row) => intentOf(row)));
  }

  allocate(
    allocation: Allocation,
  ): Promise<Result<QuotaPosition, 'allocation_exists' | 'allocation_invalid'>> {
    const { issuer, currency, total, dayLimit, createdMs } = allocation;
    if (total < 0n || dayLimit < 0n || total > 10n ** 15n || dayLimit > 10n ** 15n) {
      return Promise.resolve(
        refuse(
          'allocation_invalid',
          `a quota of ${total} minor units with ${dayLimit} a day: 0 to 10^15 are accepted`,
        ),
      );
    }
    return this.transact(() => {
      const known = this.readPosition(issuer, currency, '');
      if (known !== undefined) {
        if (known.allocated === total && known.dayLimit === dayLimit) return succeed(known);
        return refuse(
          'allocation_exists',
          `issuer ${quote(issuer)} has ${known.allocated} minor units of ${currency} with ${known.dayLimit} a day, where ${total} with ${dayLimit} are asked for: a change needs two people, and is not built yet`,
        );
      }
      this.statements.insertQuota.run({ issuer, currency, allocated: total, dayLimit });
      const head = this.readHead();
      this.append(head.hash, {
        sequence: head.sequence + 1,
        kind: 'allocation',
        subject: `${issuer}/${currency}`,
        createdMs,
        content: encodeCbor([total, dayLimit]),
      });
      const position = this.readPosition(issuer, currency, '');
      assert(position !== undefined, 'an inserted quota is there');
      return succeed(position);
    });
  }

  position(issuer: string, currency: string, day: string): Promise<QuotaPosition | undefined> {
    return this.run(() => this.readPosition(issuer, currency, day));
  }

  private readPosition(issuer: string, currency: string, day: string): QuotaPosition | undefined {
    const row = this.statements.position.get({ issuer, currency, day }) as QuotaRow | undefined;
    return row === undefined ? undefined : positionOf(row, day);
  }

  positions(day: string): Promise<readonly QuotaPosition[]> {
    return this.run(() =>
      (this.statements.positions.all({ day }) as QuotaRow[]).map((row) => positionOf(row, day)),
    );
  }

  countSince(kind: IntentKind, issuer: string, sinceMs: number): Promise<number> {
    return this.run(() =>
      Number((this.statements.countSince.get(kind, issuer, sinceMs) as { count: bigint }).count),
    );
  }

  journal(fromSequence: number, limit: number): Promise<readonly JournalEntry[]> {
    return this.run(() =>
      (
        this.statements.journal.all(fromSequence, limit) as {
          sequence: bigint;
          bytes: Buffer;
          hash: Buffer;
        }[]
      ).map(entryOf),
    );
  }

  close(): Promise<void> {
    this.db.close();
    this.release();
    return Promise.resolve();
  }

  private run<T>(read: () => T): Promise<T> {
    return new Promise((resolve) => {
      resolve(withStoreErrors(this.path, read));
    });
  }

  private transact<T>(write: () => T): Promise<T> {
    const transaction = this.db.transaction(write);
    return this.run(() => transaction.immediate());
  }
}

function refuseConflict(): Refusal<'request_id_conflict'> {
  return refuse(
    'request_id_conflict',
    'this request id was used before with other content: send the first content again, or take a new id',
    'id',
  );
}

function prepare(db: Database.Database) {
  const position = `SELECT q.*, coalesce(d.used, 0) AS used FROM quota q
    LEFT JOIN quota_day d ON d.issuer = q.issuer AND d.currency = q.currency AND d.day = :day`;
  return {
    journal: db.prepare(
      'SELECT sequence, bytes, hash FROM journal WHERE sequence >= ? ORDER BY sequence LIMIT ?',
    ),
    head: db.prepare('SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1'),
    insertJournal: db.prepare('INSERT INTO journal (sequence, bytes, hash) VALUES (?, ?, ?)'),
    findIntent: db.prepare('SELECT * FROM intent WHERE kind = ? AND id = ?'),
    findSpent: db.prepare('SELECT 1 FROM intent WHERE spends = ?'),
    insertIntent: db.prepare(`INSERT INTO intent (kind, id, issuer, body_hash, sequence, created_ms, context,
        to_be_signed, epoch, serial, orders, spends, take_currency, take_amount, take_day)
      VALUES (:kind, :id, :issuer, :bodyHash, :sequence, :createdMs, :context,
        :toBeSigned, :epoch, :serial, :orders, :spends, :takeCurrency, :takeAmount, :takeDay)`),
    findOrder: db.prepare('SELECT * FROM caller_order WHERE id = ?'),
    insertOrder: db.prepare(
      'INSERT INTO caller_order (id, body_hash, intent_id, position) VALUES (?, ?, ?, ?)',
    ),
    lastSerial: db.prepare('SELECT coalesce(max(serial), 0) AS last FROM intent WHERE epoch = ?'),
    recordSigned: db.prepare('UPDATE intent SET signed = ? WHERE kind = ? AND id = ? AND signed IS NULL'),
    unsigned: db.prepare('SELECT * FROM intent WHERE signed IS NULL ORDER BY sequence'),
    countSince: db.prepare(
      'SELECT count(*) AS count FROM intent WHERE kind = ? AND issuer = ? AND created_ms >= ?',
    ),
    position: db.prepare(`${position} WHERE q.issuer = :issuer AND q.currency = :currency`),
    positions: db.prepare(`${position} ORDER BY q.issuer, q.currency`),
    insertQuota: db.prepare(
      'INSERT INTO quota (issuer, currency, allocated, reserved, issued, day_limit) VALUES (:issuer, :currency, :allocated, 0, 0, :dayLimit)',
    ),
    takeTotal: db.prepare(`UPDATE quota SET reserved = reserved + :amount
      WHERE issuer = :issuer AND currency = :currency AND allocated - reserved - issued >= :amount`),
    takeDay:
      db.prepare(`INSERT INTO quota_day (issuer, currency, day, used) SELECT :issuer, :currency, :day, :amount
      WHERE :amount <= :dayLimit ON CONFLICT (issuer, currency, day)
      DO UPDATE SET used = used + excluded.used WHERE used + excluded.used <= :dayLimit`),
    settle: db.prepare(`UPDATE quota SET reserved = reserved - :amount, issued = issued + :amount
      WHERE issuer = :issuer AND currency = :currency AND reserved >= :amount`),
  };
}
