/**
 * The store on SQLite: WAL with synchronous=FULL, one writer, each method one transaction.
 *
 * What a crash leaves: SQLite undoes a transaction that was not committed, and FULL keeps one that was
 * through a power cut. So after a crash there is an intent with its quota and its journal entry, or none
 * of the three.
 */
import { chmodSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import {
  chainHash,
  type EntryContent,
  encodeEntry,
  genesisHash,
  type JournalEntry,
} from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import type { RandomBytes } from '../../kit/clock.ts';
import { encodeCbor } from '../../kit/encoding.ts';
import { assert, quote, type Result, refuse, succeed } from '../../kit/result.ts';
import { checkTake, type QuotaPosition } from '../../quota/bucket.ts';
import type { Allocation, CommitCode, Intent, IntentKind, NewIntent, QuotaTake, Store } from '../store.ts';
import { StoreError } from '../store.ts';
import { lockFile } from './file-lock.ts';
import { verifyWhole } from './integrity.ts';
import {
  bytesOf,
  entryOf,
  entryOfIntent,
  type IntentRow,
  intentOf,
  positionOf,
  type QuotaRow,
} from './row.ts';
import { applicationId, schema, schemaVersion } from './schema.ts';
import { withStoreErrors } from './sqlite-error.ts';

export interface SqliteStoreOptions {
  readonly path: string;
  readonly role: string;
  /** Makes the database where there is none; without it a missing file is `store_missing`, so that a lost one is not silently begun anew. */
  readonly create: boolean;
  readonly random: RandomBytes;
  /** Pages that the file may have; for the test of a full disk. */
  readonly maxPages?: number;
}

/** Opens the store, checks that it is durable, whole and nobody else's, or throws a StoreError. */
export function openSqliteStore(options: SqliteStoreOptions): Store {
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

  constructor(options: SqliteStoreOptions) {
    this.path = options.path;
    const release = lockFile(`${options.path}.lock`);
    if (release === undefined)
      throw new StoreError(
        'store_in_use',
        `another process serves \`${options.path}\`: stop it first; two at once could issue twice`,
      );
    this.release = release;
    this.db = new Database(options.path);
    // Before WAL: SQLite gives -wal and -shm the mode that the database has when they are made.
    chmodSync(options.path, 0o600);
    try {
      this.db.defaultSafeIntegers(true);
      configure(this.db, options);
      migrate(this.db, options);
      const { role, id } = this.db.prepare('SELECT role, id FROM store').get() as {
        role: string;
        id: Buffer;
      };
      if (role !== options.role)
        throw new StoreError('store_foreign', `the database is of role \`${role}\`, not \`${options.role}\``);
      this.genesis = genesisHash(role, id);
      this.statements = prepare(this.db);
      verifyWhole(this.db, this.genesis, options.path);
    } catch (error) {
      this.db.close();
      this.release();
      throw error;
    }
  }

  head(): Promise<{ sequence: number; hash: Uint8Array }> {
    return this.run(() => this.readHead());
  }

  private readHead(): { sequence: number; hash: Uint8Array } {
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

  commitIntent(intent: NewIntent): Promise<Result<{ intent: Intent; created: boolean }, CommitCode>> {
    assert(
      intent.id.length === 16 && intent.bodyHash.length === 32,
      'an intent has an id of 16 and a body hash of 32 bytes',
    );
    assert(
      intent.take === undefined || intent.take.issuer === intent.issuer,
      'an intent takes the quota of its own issuer',
    );
    return this.transact(() => {
      const known = this.readIntent(intent.kind, intent.id);
      if (known !== undefined) {
        if (equalBytes(known.body_hash, intent.bodyHash))
          return succeed({ intent: intentOf(known), created: false });
        return refuse(
          'request_id_conflict',
          'this request id was used before with other content: send the first content again, or take a new id',
          'id',
        );
      }
      const head = this.readHead();
      if (intent.sequence !== head.sequence + 1)
        return refuse('sequence_moved', `the next entry is ${head.sequence + 1}, not ${intent.sequence}`);
      if (intent.spends !== undefined && this.statements.findSpent.get(intent.spends) !== undefined) {
        return refuse(
          'credential_spent',
          'the credential was used before: each works once; send a new request',
        );
      }
      if (intent.take !== undefined) {
        const taken = this.take(intent.take);
        if (!taken.ok) return taken;
      }
      this.append(head.hash, entryOfIntent(intent));
      this.statements.insertIntent.run(
        intent.kind,
        intent.id,
        intent.issuer,
        intent.bodyHash,
        intent.sequence,
        intent.createdMs,
        intent.context,
        intent.toBeSigned,
        intent.spends ?? null,
        intent.take?.currency ?? null,
        intent.take?.amount ?? null,
        intent.take?.day ?? null,
      );
      const stored = this.readIntent(intent.kind, intent.id);
      assert(stored !== undefined, 'an inserted intent is there');
      return succeed({ intent: intentOf(stored), created: true });
    });
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

  private append(previous: Uint8Array, entry: EntryContent): void {
    const bytes = encodeEntry(entry);
    this.statements.insertJournal.run(entry.sequence, bytes, chainHash(previous, bytes));
  }

  recordSigned(kind: IntentKind, id: Uint8Array, signed: Uint8Array): Promise<Intent> {
    return this.transact(() => {
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
      return intentOf({ ...row, signed: Buffer.from(signed) });
    });
  }

  unsigned(): Promise<readonly Intent[]> {
    return this.run(() => (this.statements.unsigned.all() as IntentRow[]).map(intentOf));
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

function configure(db: Database.Database, options: SqliteStoreOptions): void {
  const set = (pragma: string, value: string, expected: unknown): void => {
    db.pragma(`${pragma} = ${value}`);
    const actual = db.pragma(pragma, { simple: true });
    if (actual !== expected) {
      throw new StoreError(
        'store_not_durable',
        `\`${options.path}\`: ${pragma} is ${String(actual)} where ${String(expected)} is needed; a file system without shared memory cannot hold a ledger`,
      );
    }
  };
  set('busy_timeout', '5000', 5000n);
  set('journal_mode', 'WAL', 'wal');
  set('synchronous', 'FULL', 2n);
  set('foreign_keys', 'ON', 1n);
  if (options.maxPages !== undefined) db.pragma(`max_page_count = ${options.maxPages}`);
}

function migrate(db: Database.Database, options: SqliteStoreOptions): void {
  const version = db.pragma('user_version', { simple: true }) as bigint;
  const owner = db.pragma('application_id', { simple: true }) as bigint;
  if (version === BigInt(schemaVersion) && owner === BigInt(applicationId)) return;
  if (owner === BigInt(applicationId)) {
    throw new StoreError(
      'store_newer',
      `\`${options.path}\` has schema ${version}; this program knows ${schemaVersion}: use the newer program`,
    );
  }
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: bigint };
  if (tables.count > 0n || version !== 0n)
    throw new StoreError('store_foreign', `\`${options.path}\` is a database of another program`);
  // One transaction: a crash leaves an empty file, which the next start takes for a new one.
  db.transaction(() => {
    db.exec(schema);
    db.prepare('INSERT INTO store (one, role, id) VALUES (1, ?, ?)').run(options.role, options.random(16));
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${schemaVersion}`);
  }).exclusive();
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
      to_be_signed, spends, take_currency, take_amount, take_day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
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
