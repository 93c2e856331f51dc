/**
 * The series that this process serves, held by the lock of its session: where its journal ends is known here, and is what the database
 * says, or nothing is written.
 */
import { genesisHash, type JournalHead } from '../../journal/chain.ts';
import { equalBytes } from '../../kit/bytes.ts';
import { assert, quote } from '../../kit/result.ts';
import { type LedgerReads, StoreError } from '../store.ts';
import type { Series } from './database.ts';
import { makeLedgerReads } from './ledger-reads.ts';
import { asStoreError, isLost, isRetryable } from './postgres-error.ts';
import { seriesLock } from './schema.ts';
import { type Ask, CommitUnknown, causeOf, Session } from './session.ts';
import { readHead } from './statement.ts';
import { Turns } from './turns.ts';

/** What a transaction gives, and where the journal ends with it. */
export interface Outcome<T> {
  readonly value: T;
  readonly head: JournalHead;
}

/** How often a transaction is tried whose connection broke, or which others were in the way of. */
const tries = 5;

export class HeldSeries {
  readonly series: Series;
  private session: Session;
  readonly genesis: Uint8Array;
  private readonly reconnectMs: number;
  private readonly turns = new Turns();
  private known: JournalHead;
  /** Where the journal ends if the transaction whose outcome is not known was committed. */
  private planned: JournalHead | undefined;
  private closed = false;

  private constructor(
    session: Session,
    series: Series,
    genesis: Uint8Array,
    known: JournalHead,
    reconnectMs: number,
  ) {
    this.session = session;
    this.series = series;
    this.genesis = genesis;
    this.known = known;
    this.reconnectMs = reconnectMs;
  }

  /** `session` holds the lock of the series. */
  static async begin(
    session: Session,
    series: Series,
    { role, reconnectMs = 5_000 }: { readonly role: string; readonly reconnectMs?: number },
  ): Promise<HeldSeries> {
    const genesis = genesisHash(role, series.id);
    const { head } = await readHead(session.ask, series.number, genesis);
    return new HeldSeries(session, series, genesis, head, reconnectMs);
  }

  /** Where the database is: for messages. */
  get shown(): string {
    return this.session.address.shown;
  }

  head(): Promise<JournalHead> {
    return this.read(() => Promise.resolve(this.known));
  }

  async close(): Promise<void> {
    await this.turns.run(false, async () => {
      this.closed = true;
      await this.session.close();
    });
  }

  /** Pages of the series' ledger. */
  reads(): LedgerReads {
    return makeLedgerReads(this.series.number, (work) => this.read(work));
  }

  /** Reads that come together run together; what broke with the connection is read again. */
  read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    if (this.session.usable) {
      return this.turns
        .run(true, () => work(this.session.ask))
        .catch((error: unknown) => {
          if (!isLost(error)) throw asStoreError(error, this.session.address.shown);
          return this.readAgain(work);
        });
    }
    return this.readAgain(work);
  }

  private readAgain<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.turns.run(false, async () => {
      try {
        await this.connect();
        return await work(this.session.ask);
      } catch (error) {
        throw asStoreError(error, this.session.address.shown);
      }
    });
  }

  /** One transaction at a time. `work` gets where the journal ended when it began, while that is still being read. */
  write<T>(work: (ask: Ask, head: Promise<JournalHead>) => Promise<Outcome<T>>): Promise<T> {
    return this.turns.run(false, async () => {
      for (let n = 1; ; n++) {
        let outcome: Outcome<T> | undefined;
        const before = this.known;
        try {
          await this.connect();
          await this.session.transact('ISOLATION LEVEL READ COMMITTED', async (ask) => {
            const head = this.checkHead(ask);
            // `work` waits for it last, or never, where something else fails first.
            head.catch(() => undefined);
            outcome = await work(ask, head);
            await head;
          });
          assert(outcome !== undefined, 'a transaction that was committed has its outcome');
          this.known = outcome.head;
          return outcome.value;
        } catch (error) {
          if (error instanceof CommitUnknown) {
            // What wrote no entry comes out the same when it is done twice; what did is known by its entry.
            if (outcome !== undefined && !sameHead(outcome.head, before)) {
              this.planned = outcome.head;
              await this.connect();
              if (sameHead(this.known, outcome.head)) return outcome.value;
            }
          } else if (!isLost(error) && !isRetryable(error))
            throw asStoreError(error, this.session.address.shown);
          if (n === tries) throw asStoreError(causeOf(error), this.session.address.shown);
        }
      }
    });
  }

  /** INVARIANT: this process alone writes the series, so its journal ends where this process has left it. */
  private async checkHead(ask: Ask): Promise<JournalHead> {
    const { backend, head } = await readHead(ask, this.series.number, this.genesis);
    if (backend !== this.session.backend.pid)
      throw new StoreError(
        'store_unsupported',
        `\`${this.session.address.shown}\`: something between this process and the server changes the connection, and so loses the lock; a pooler has to be in session mode, or left out`,
      );
    if (!sameHead(head, this.known)) throw this.overtaken(head);
    return this.known;
  }

  /**
   * Gets the series' lock again where the connection is gone, and finds out what became of the transaction that was being
   * committed; nothing is answered before that.
   */
  private async connect(): Promise<void> {
    if (this.closed) throw new StoreError('store_unreachable', 'the store is closed');
    const { address, backend } = this.session;
    const deadline = Date.now() + this.reconnectMs;
    while (!this.session.usable) {
      let session: Session | undefined;
      try {
        session = await Session.open(address);
        await lockSeries(session, this.series, Math.max(1_000, deadline - Date.now()), backend);
        await this.findOutcome(session);
        this.session = session;
      } catch (error) {
        await session?.close();
        const known = asStoreError(error, address.shown);
        if (!(known instanceof StoreError) || known.code !== 'store_unreachable' || Date.now() > deadline)
          throw known;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  private async findOutcome(session: Session): Promise<void> {
    const { head } = await readHead(session.ask, this.series.number, this.genesis);
    const expected = this.planned === undefined ? [this.known] : [this.known, this.planned];
    if (!expected.some((one) => sameHead(one, head))) throw this.overtaken(head);
    this.known = head;
    this.planned = undefined;
  }

  private overtaken({ sequence: found }: JournalHead): StoreError {
    const { shown } = this.session.address;
    const { sequence } = this.known;
    const name = quote(this.series.name);
    return found < sequence
      ? new StoreError(
          'store_rewound',
          `\`${shown}\`: the journal of series ${name} ends at ${found}, where it had ${sequence}: the database was restored, or the server that took over lacks what was committed; do not go on before it is back`,
        )
      : new StoreError(
          'store_in_use',
          `\`${shown}\`: another process has written series ${name} to entry ${found} while the connection was gone, where this one knows ${sequence}: start this one again, when that one is stopped`,
        );
  }
}

/** Takes the lock of the series, or throws `store_in_use`; `previous` is this process's own session before. */
export async function lockSeries(
  session: Session,
  { number, name }: Series,
  waitMs: number,
  previous?: Session['backend'],
): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const [locked] = await session.ask<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
      seriesLock,
      number,
    ]);
    if (locked?.locked === true) return;
    if (Date.now() > deadline)
      throw new StoreError(
        'store_in_use',
        `another process serves series ${quote(name)} of \`${session.address.shown}\`: stop it first, or give this one a series of its own; two at once could issue twice`,
      );
    // The connection that was lost here may not have been missed there yet.
    if (previous !== undefined)
      await session.ask(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE pid = $1 AND backend_start::text = $2 AND datname = current_database() AND usename = current_user`,
        [previous.pid, previous.startedAt],
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function sameHead(a: JournalHead, b: JournalHead): boolean {
  return a.sequence === b.sequence && equalBytes(a.hash, b.hash);
}
