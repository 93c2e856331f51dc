/**
 * The one connection of a store: it holds the lock of its series for as long as it lives, and everything goes through it.
 *
 * The server gives the lock back when the connection's backend ends. So whoever gets the lock knows that no transaction of an
 * earlier connection is still under way: what that one was committing is committed, or never will be.
 */
import postgres from 'postgres';
import { assert } from '../../kit/result.ts';
import { StoreError } from '../store.ts';
import type { Address } from './address.ts';
import { asStoreError } from './postgres-error.ts';

export type Row = Record<string, unknown>;
export type Ask = <R = Row>(text: string, parameters?: readonly unknown[]) => Promise<readonly R[]>;

/** How many rows the statement wrote. */
export type Written = readonly unknown[] & { readonly count: number };

/** A connection that broke while COMMIT was under way: only the database can tell what became of it. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('the connection was lost while a transaction was committed', { cause });
    this.name = 'CommitUnknown';
  }
}

/** What broke, where it broke a commit: told to who opens a store, and does not ask what became of it. */
export function causeOf(error: unknown): unknown {
  return error instanceof CommitUnknown ? error.cause : error;
}

export class Session {
  readonly address: Address;
  private readonly pool: postgres.Sql;
  private connection: postgres.ReservedSql | undefined;
  private readonly lost: Promise<never>;
  private readonly lose: (error: Error) => void;
  private isLost = false;
  /** The server's process for this connection: another one means that a pooler has put another connection in its place. */
  backend: { readonly pid: number; readonly startedAt: string } = { pid: 0, startedAt: '' };

  private constructor(address: Address) {
    this.address = address;
    let reject: (error: Error) => void = () => undefined;
    this.lost = new Promise((_, rejectLost) => {
      reject = rejectLost;
    });
    // Nobody may be asking when the connection breaks.
    this.lost.catch(() => undefined);
    this.lose = reject;
    this.pool = postgres(
      poolOptions(address, () => {
        this.isLost = true;
        this.lose(brokenConnection('CONNECTION_CLOSED', 'the server closed the connection'));
      }),
    );
  }

  /** Connects, and checks that what this session commits stays committed. */
  static async open(address: Address): Promise<Session> {
    const session = new Session(address);
    try {
      // Connects: what `reserve` itself would connect for, the driver waits for in a promise that nobody holds, whose failure ends the process.
      await session.inTime(session.pool.unsafe('SELECT 1').simple());
      session.connection = await session.inTime(session.pool.reserve());
      await session.checkServer();
      return session;
    } catch (error) {
      await session.close();
      throw asStoreError(error, address.shown);
    }
  }

  get usable(): boolean {
    return !this.isLost;
  }

  /** INVARIANT: nothing is sent on a connection that is gone: the driver would open another one, which holds no lock. */
  readonly ask: Ask = <R>(text: string, parameters: readonly unknown[] = []): Promise<readonly R[]> => {
    if (this.isLost || this.connection === undefined) return this.lost;
    const query = this.connection.unsafe(text, parameters.map(encodeParameter) as never[], { prepare: true });
    return this.inTime(query as unknown as Promise<readonly R[]>);
  };

  /** Runs statements that take no parameters, one after another. */
  async run(text: string): Promise<void> {
    if (this.isLost || this.connection === undefined) return this.lost;
    await this.inTime(this.connection.unsafe(text).simple());
  }

  /** A server that is silent for too long is one that is gone: its locks are waited for less long than that. */
  private async inTime<T>(query: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.lose(brokenConnection('CONNECT_TIMEOUT', `no answer within ${silenceMs / 1000} seconds`));
      this.abandon();
    }, silenceMs);
    try {
      return await Promise.race([query, this.lost]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * One transaction; undone where `work` throws. A broken connection in it undoes it as well, but for a `CommitUnknown`.
   * `work` may send several statements at once: the server does them in their order.
   */
  async transact<T>(mode: string, work: (ask: Ask) => Promise<T>): Promise<T> {
    const begun = this.run(`BEGIN ${mode}`);
    let result: T;
    try {
      [, result] = await Promise.all([begun, work(this.ask)]);
    } catch (error) {
      // The session may be in the middle of it: a rollback that fails means that the connection is gone, and the transaction with it.
      await this.run('ROLLBACK').catch(() => this.abandon());
      throw error;
    }
    try {
      await this.run('COMMIT');
    } catch (error) {
      if (this.usable && !isFatal(error)) throw error;
      this.abandon();
      throw new CommitUnknown(error);
    }
    return result;
  }

  /** Ends the connection at once; whoever still waits for an answer hears that it is gone. */
  async close(): Promise<void> {
    this.isLost = true;
    this.lose(brokenConnection('CONNECTION_DESTROYED', 'the connection was ended here'));
    await this.pool.end({ timeout: 0 });
  }

  private abandon(): void {
    void this.close();
  }

  private async checkServer(): Promise<void> {
    const settings = await this.ask<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings WHERE name IN ('server_version_num', 'server_encoding', 'fsync', 'full_page_writes',
        'synchronous_commit', 'default_transaction_read_only', 'in_hot_standby')`,
    );
    const setting = (name: string): string => settings.find((one) => one.name === name)?.setting ?? '';
    const { shown } = this.address;
    if (Number(setting('server_version_num')) < 150_000)
      throw new StoreError(
        'store_unsupported',
        `\`${shown}\` is older than PostgreSQL 15: 15 and later are accepted`,
      );
    if (setting('server_encoding') !== 'UTF8')
      throw new StoreError(
        'store_unsupported',
        `\`${shown}\` has the encoding ${setting('server_encoding')}: UTF8 is accepted`,
      );
    for (const [name, accepted] of durable) {
      if (accepted.includes(setting(name))) continue;
      throw new StoreError(
        'store_not_durable',
        `\`${shown}\`: ${name} is \`${setting(name)}\` where ${accepted.join(' or ')} is needed; what was committed could be lost, and issued again`,
      );
    }
    if (setting('in_hot_standby') === 'on' || setting('default_transaction_read_only') === 'on')
      throw new StoreError(
        'store_read_only',
        `\`${shown}\` takes no writes: it is a standby, or read-only; name the primary`,
      );
    const [backend] = await this.ask<{ pid: number; started: string }>(
      'SELECT pid, backend_start::text AS started FROM pg_stat_activity WHERE pid = pg_backend_pid()',
    );
    this.backend = { pid: backend?.pid ?? 0, startedAt: backend?.started ?? '' };
  }
}

/** What must hold so that a power cut undoes nothing that was acknowledged. Weaker values of synchronous_commit reply before the disk, or before the standby's. */
const durable: readonly (readonly [string, readonly string[]])[] = [
  ['fsync', ['on']],
  ['full_page_writes', ['on']],
  ['synchronous_commit', ['on', 'remote_apply']],
];

const silenceMs = 60_000;

/** An array as PostgreSQL writes it (documentation, section 8.15): the driver would take the type of its first element for the type of all. */
function encodeParameter(parameter: unknown): unknown {
  if (!Array.isArray(parameter)) return parameter;
  return `{${parameter.map(encodeElement).join(',')}}`;
}

function encodeElement(element: unknown): string {
  if (element === null) return 'NULL';
  if (element instanceof Uint8Array)
    return `"\\\\x${Buffer.from(element.buffer, element.byteOffset, element.length).toString('hex')}"`;
  if (typeof element === 'string') return `"${element.replaceAll(/["\\]/g, '\\$&')}"`;
  assert(
    typeof element === 'number' || typeof element === 'bigint',
    'an array holds numbers, texts or bytes',
  );
  return element.toString();
}

function brokenConnection(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A server that is going away may have committed before it said so. */
function isFatal(error: unknown): boolean {
  const severity = (error as { severity?: unknown }).severity;
  return severity === 'FATAL' || severity === 'PANIC' || severity === undefined;
}

function poolOptions(
  address: Address,
  onclose: () => void,
): postgres.Options<{ bigint: postgres.PostgresType<bigint> }> {
  const socket = address.host.startsWith('/');
  return {
    // Everything said, so that nothing comes from the environment's PG… variables.
    host: socket ? 'localhost' : address.host,
    port: address.port,
    ...(socket ? { path: `${address.host}/.s.PGSQL.${address.port}` } : {}),
    user: address.user,
    password: address.password,
    database: address.database,
    ssl:
      address.tls === undefined
        ? false
        : address.tls.ca === undefined
          ? 'verify-full'
          : { ca: address.tls.ca },
    max: 1,
    // The session lives as long as the store: the driver's own limits would drop the lock unseen.
    max_lifetime: null,
    idle_timeout: 0,
    // What it asks for at each connection nobody awaits; arrays are encoded here.
    fetch_types: false,
    connect_timeout: 10,
    keep_alive: 10,
    onnotice: () => undefined,
    onclose,
    types: {
      bigint: {
        to: 20,
        from: [20],
        parse: (text: string) => BigInt(text),
        serialize: (value: bigint) => value.toString(),
      },
    },
    connection: {
      application_name: 'ringmint',
      search_path: 'ringmint',
      client_min_messages: 'warning',
      timezone: 'UTC',
      // A process that stands still while it holds a quota's row must not hold up the others; nor a connection whose other end is gone.
      idle_in_transaction_session_timeout: 10_000,
      lock_timeout: 20_000,
      client_connection_check_interval: 2_000,
      tcp_keepalives_idle: 10,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    },
  };
}
