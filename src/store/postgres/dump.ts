/** A PostgreSQL ledger as the rows of a SQLite ledger file: for a backup, while it is served, and for a move, when it is not. */
import { genesisHash, type JournalHead } from '../../journal/chain.ts';
import { assert, quote } from '../../kit/result.ts';
import { bytesOf } from '../row.ts';
import { type HeldHead, StoreError } from '../store.ts';
import { readAddress } from './address.ts';
import { readStore, type Series } from './database.ts';
import { readHeldHeads } from './held-heads.ts';
import { lockSeries } from './held-series.ts';
import { verifyRows } from './integrity.ts';
import { type Column, ledgerColumns } from './load.ts';
import { asStoreError } from './postgres-error.ts';
import { migrations } from './schema.ts';
import { type Ask, Session } from './session.ts';
import { readHead } from './statement.ts';

export interface PostgresDump {
  /** Where it is, without the password. */
  readonly shown: string;
  /** Of the series that is named. */
  readonly storeId: Uint8Array;
  /** Where its journal ends. */
  head(): Promise<JournalHead>;
  /** Where it was moved to before. */
  readonly movedTo: string | null;
  /**
   * What it holds at this moment, checked in the same transaction before the first row comes. Of several series those of the table `series`
   * come first, and at the end, as `place`, which entry of which series each entry is; its number is then that of the order of all.
   */
  pages(): AsyncGenerator<{ readonly table: string; readonly rows: readonly SqliteRow[] }>;
  /** From now on the database is refused, with where the ledger is. */
  markMoved(to: string): Promise<void>;
  close(): Promise<void>;
}

export interface DumpOptions {
  readonly url: string;
  readonly role: string;
  readonly series: string;
  /** Holds the series' lock, so that nobody serves it meanwhile. */
  readonly exclusive: boolean;
  /** Takes a ledger with several series too; else `pages` throws `store_several_series`. */
  readonly several: boolean;
}

type SqliteRow = Readonly<Record<string, string | bigint | Uint8Array | null>>;

/** Rows of one page: what is held in memory at once. */
const pageSize = 2_000;

/** Throws `store_missing`, `store_several_series`, `store_in_use` where it is to be exclusive and is served, and what a store throws. */
export async function openPostgresDump({
  url,
  role,
  series,
  exclusive,
  several,
}: DumpOptions): Promise<PostgresDump> {
  const address = readAddress(url);
  const { shown } = address;
  const session = await Session.open(address);
  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw asStoreError(error, shown);
    }
  };
  try {
    const found = await failing(() => findLedger(session, { role, series, several }));
    if (exclusive) await failing(() => lockSeries(session, { ...found, name: series }, 3_000));
    return {
      shown,
      storeId: found.id,
      movedTo: found.movedTo,
      head: () =>
        failing(async () => {
          const { head } = await readHead(session.ask, found.number, genesisHash(role, found.id));
          return head;
        }),
      async *pages() {
        // Not in `transact`: the rows go out while it lasts. It writes nothing, so that whatever ends it ends nothing else.
        try {
          await session.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
          await verifyRows(session.ask, role, shown);
          // As the snapshot has them: one may have been added since the ledger was opened.
          const all = await readSeries(session, several);
          if (all.length > 1) yield { table: 'series', rows: await session.ask<SqliteRow>(seriesSql) };
          for (const { name, columns } of ledgerColumns)
            yield* readTable(session.ask, name, columns, all.length > 1);
          if (all.length > 1) yield* readCursor(session.ask, 'place', placeSql);
          await session.run('COMMIT');
        } catch (error) {
          throw asStoreError(error, shown);
        }
      },
      markMoved: (to) =>
        failing(() =>
          session.transact('', async (ask) => {
            await ask('UPDATE store SET moved_to = $1', [to]);
          }),
        ),
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function findStore(session: Session, role: string): Promise<{ readonly movedTo: string | null }> {
  const { shown } = session.address;
  const store = await readStore(session.ask, shown);
  if (store?.role !== role)
    throw new StoreError(
      'store_foreign',
      `the database is of role ${quote(store?.role ?? '')}, not ${quote(role)}`,
    );
  if (store.version !== migrations.length)
    throw new StoreError(
      store.version < migrations.length ? 'store_older' : 'store_newer',
      `\`${shown}\` has schema ${store.version}, and this program knows ${migrations.length}: the program that serves it is accepted, or, where it is older, start the system once with this one`,
    );
  return { movedTo: store.moved_to };
}

async function findLedger(
  session: Session,
  { role, series, several }: Pick<DumpOptions, 'role' | 'series' | 'several'>,
): Promise<{ number: number; id: Uint8Array; movedTo: string | null }> {
  const { movedTo } = await findStore(session, role);
  const all = await readSeries(session, several);
  const found = all.find(({ name }) => name === series);
  if (found === undefined)
    throw new StoreError(
      'store_missing',
      `\`${session.address.shown}\` has no series ${quote(series)}: it has ${all.map(({ name }) => quote(name)).join(', ')}`,
    );
  return { number: found.number, id: bytesOf(found.id), movedTo };
}

async function readSeries(session: Session, several: boolean): Promise<readonly Series[]> {
  const { shown } = session.address;
  const all = await session.ask<Series>('SELECT number, name, id FROM series ORDER BY number');
  if (all.length === 0) throw new StoreError('store_missing', `\`${shown}\` has no series`);
  if (all.length > 1 && !several)
    throw new StoreError(
      'store_several_series',
      `\`${shown}\` has the series ${all.map(({ name }) => quote(name)).join(', ')}, a journal each, and a SQLite ledger has one: it stays on PostgreSQL, where one process can serve it too (\`ringmint process take-out\`)`,
    );
  return all;
}

const seriesSql = 'SELECT number::bigint AS number, name, id FROM series ORDER BY number';
const placeSql = 'SELECT t.ordinal, t.series::bigint AS series, t.sequence FROM journal t ORDER BY t.ordinal';

function readTable(
  ask: Ask,
  table: string,
  columns: readonly Column[],
  several: boolean,
): ReturnType<typeof readCursor> {
  const listed = columns.filter(
    ({ name, from = name }) => from === name || !columns.some((other) => other.name === from),
  );
  const selected = listed.map((column) => (several ? placedOf(table, column) : selectOf(column))).join(', ');
  const numbered = table === 'journal' || table === 'intent';
  const order = numbered ? ` ORDER BY ${several ? 'sequence' : 't.sequence'}` : '';
  return readCursor(ask, table, `SELECT ${selected} FROM ${table} t${order}`);
}

/** By a cursor: whatever a table's key is, and whatever is in it, one page is in memory at a time. */
async function* readCursor(
  ask: Ask,
  table: string,
  sql: string,
): AsyncGenerator<{ table: string; rows: readonly SqliteRow[] }> {
  const cursor = `dump_${table}`;
  await ask(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await ask<SqliteRow>(`FETCH ${pageSize} FROM ${cursor}`);
    if (rows.length > 0) yield { table, rows };
    if (rows.length < pageSize) break;
  }
  await ask(`CLOSE ${cursor}`);
}

/** Of one series the order of entries is that of their numbers, which is what a SQLite ledger has. */
function selectOf({ name, ordinal, from }: Column): string {
  if (ordinal !== true) return `t.${name}`;
  assert(/^[a-z_]+$/.test(name), 'a column is named here, and nowhere else');
  return `(SELECT j.sequence FROM journal j WHERE j.ordinal = t.${name}) AS ${from ?? name}`;
}

/** Of several it is that of ordinals. */
function placedOf(table: string, { name, from = name }: Column): string {
  if (name === 'sequence' && table === 'journal') return 't.ordinal AS sequence';
  if (name === 'sequence' && table === 'intent')
    return '(SELECT j.ordinal FROM journal j WHERE j.series = t.series AND j.sequence = t.sequence) AS sequence';
  return `t.${name} AS ${from}`;
}

/** What the system whose ledger is at `url` holds of the others' journals, also while it is served. */
export async function readPostgresHeldHeads({
  url,
  role,
}: Pick<DumpOptions, 'url' | 'role'>): Promise<readonly HeldHead[]> {
  const address = readAddress(url);
  const session = await Session.open(address);
  try {
    await findStore(session, role);
    return await readHeldHeads(session.ask, address.shown);
  } catch (error) {
    throw asStoreError(error, address.shown);
  } finally {
    await session.close();
  }
}

/** Throws `store_several_series` where the database has more than the one that is named. */
export async function assertOneSeries({
  url,
  role,
  series,
}: Pick<DumpOptions, 'url' | 'role' | 'series'>): Promise<void> {
  await (await openPostgresDump({ url, role, series, exclusive: false, several: false })).close();
}
