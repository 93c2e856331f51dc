/**
 * Fills an empty PostgreSQL database with the rows of another ledger, all its series, in one transaction that also checks them: a copy
 * that is interrupted leaves tables without a series, which are not served.
 */
import { toHex } from '../../kit/bytes.ts';
import { assert, quote } from '../../kit/result.ts';
import { bytesOf } from '../row.ts';
import { StoreError } from '../store.ts';
import { readAddress } from './address.ts';
import { type DatabaseOptions, findSeries, migrate, type Series } from './database.ts';
import { verifyRows } from './integrity.ts';
import { asStoreError } from './postgres-error.ts';
import { type Ask, causeOf, Session, type Written } from './session.ts';

export interface LedgerRows {
  /** Each has a journal. */
  readonly series: readonly Series[];
  /** A row of an entry or an intent says of which `series` it is, or is of the first; an entry says its `ordinal`, or it is its number. */
  rows(table: string): Iterable<Readonly<Record<string, string | bigint | Uint8Array | null>>>;
}

export interface LoadOptions extends Omit<DatabaseOptions, 'create' | 'series'> {
  readonly url: string;
  /** Called now and then with how many rows are written. */
  readonly progress: (rows: number) => void;
}

export interface Column {
  readonly name: string;
  readonly type: 'text' | 'bytea' | 'bigint';
  /** Of the row that is copied, where it has another name there. */
  readonly from?: string;
  /** The place of an entry among those of all series, where SQLite has its number. */
  readonly ordinal?: true;
}

const text = (name: string): Column => ({ name, type: 'text' });
const bytea = (name: string): Column => ({ name, type: 'bytea' });
const bigint = (name: string): Column => ({ name, type: 'bigint' });
const ordinal = (name: string, from = name): Column => ({ name, type: 'bigint', from, ordinal: true });

/** What is in one series is in its order: the number of an entry is its ordinal too, where nothing else is said. */
export const ledgerColumns: readonly {
  readonly name: string;
  readonly series: boolean;
  readonly columns: readonly Column[];
}[] = [
  {
    name: 'journal',
    series: true,
    columns: [bigint('sequence'), bytea('bytes'), bytea('hash'), ordinal('ordinal', 'sequence')],
  },
  {
    name: 'intent',
    series: true,
    columns: [
      text('kind'),
      bytea('id'),
      text('issuer'),
      bytea('body_hash'),
      bigint('sequence'),
      bigint('created_ms'),
      bytea('context'),
      bytea('to_be_signed'),
      bytea('signed'),
      bigint('epoch'),
      bigint('serial'),
      bytea('orders'),
      bigint('decides'),
      bytea('spends'),
      text('take_currency'),
      bigint('take_amount'),
      bigint('take_orders'),
      bigint('take_ms'),
      bytea('settles'),
      bytea('take_reservation'),
      bytea('reserves'),
      text('approve_currency'),
      bigint('approve_amount'),
    ],
  },
  {
    name: 'caller_order',
    series: false,
    columns: [bytea('id'), bytea('body_hash'), bytea('intent_id'), bigint('position')],
  },
  {
    name: 'quota',
    series: false,
    columns: [
      text('issuer'),
      text('currency'),
      bigint('version'),
      bigint('allocated'),
      bigint('reserved'),
      bigint('issued'),
      bigint('frozen'),
      bytea('limits'),
      bigint('clock_ms'),
      bigint('returns'),
      bigint('retired'),
      bigint('returned'),
      bigint('credited'),
      bigint('held'),
      bigint('voided'),
    ],
  },
  {
    name: 'quota_slot',
    series: false,
    columns: [text('issuer'), text('currency'), text('name'), bigint('slot'), bigint('used')],
  },
  {
    name: 'quota_change',
    series: false,
    columns: [
      bytea('id'),
      ordinal('ordinal', 'sequence'),
      text('issuer'),
      text('currency'),
      bigint('reset_ms'),
    ],
  },
  {
    name: 'quota_stop',
    series: false,
    columns: [
      bytea('id'),
      ordinal('ordinal', 'sequence'),
      text('reason'),
      text('author'),
      bigint('created_ms'),
      ordinal('lifted'),
    ],
  },
  {
    name: 'held_head',
    series: false,
    columns: [
      text('role'),
      text('name'),
      bytea('journal'),
      bytea('signed'),
      bigint('held_ms'),
      bytea('contradiction'),
    ],
  },
  {
    name: 'spent_unit',
    series: false,
    columns: [bigint('epoch'), bigint('serial'), bigint('position'), bytea('intent_id')],
  },
  {
    name: 'account',
    series: false,
    columns: [bytea('id'), text('issuer'), text('currency'), bigint('amount')],
  },
  {
    name: 'reservation',
    series: false,
    columns: [
      bytea('id'),
      text('issuer'),
      text('currency'),
      bigint('amount'),
      bigint('used'),
      bigint('expires_ms'),
      text('state'),
    ],
  },
  {
    name: 'resolution',
    series: false,
    columns: [bytea('id'), ordinal('ordinal', 'sequence'), text('issuer'), text('currency'), bigint('freed')],
  },
];

/** Rows of one statement, which may have some 80 kB each. */
const pageSize = 250;

/** Gives where it is, without the password. The same ledger again is left as it is; any other that is there is refused. */
export async function loadLedger(source: LedgerRows, options: LoadOptions): Promise<string> {
  const address = readAddress(options.url);
  const session = await Session.open(address);
  try {
    await migrate(session, { ...options, create: true });
    await session.transact('', async (ask) => {
      // Two copies at once: the second waits, and then finds the first.
      await ask('LOCK TABLE series IN EXCLUSIVE MODE');
      const there = await ask<Series>('SELECT number, name, id FROM series');
      if (sameSeries(there, source.series)) return;
      if (there.length > 0)
        throw new StoreError(
          'store_foreign',
          `\`${address.shown}\` holds a ledger with series ${there.map(({ name }) => quote(name)).join(', ')}: an empty database is accepted`,
        );
      for (const { number, name, id } of source.series)
        await ask('INSERT INTO series (number, name, id) VALUES ($1, $2, $3)', [number, name, id]);
      let written = 0;
      for (const table of ledgerColumns)
        for (const page of pagesOf(source.rows(table.name))) {
          await insertPage(ask, table, page);
          written += page.length;
          options.progress(written);
        }
      await ask(
        `SELECT setval(pg_get_serial_sequence('journal', 'ordinal'), coalesce(max(ordinal), 0) + 1, false) FROM journal`,
      );
      await verifyRows(ask, options.role, address.shown);
    });
    return address.shown;
  } catch (error) {
    throw asStoreError(causeOf(error), address.shown);
  } finally {
    await session.close();
  }
}

export interface SeriesAddition extends Omit<LoadOptions, 'progress'> {
  readonly series: string;
}

/** Adds a series, for one more process, to a ledger that is there; the same again changes nothing. Gives where it is, without the password. */
export async function addSeries(options: SeriesAddition): Promise<string> {
  const address = readAddress(options.url);
  const session = await Session.open(address);
  try {
    await migrate(session, { ...options, create: false });
    await findSeries(session, { ...options, create: true });
    return address.shown;
  } catch (error) {
    throw asStoreError(causeOf(error), address.shown);
  } finally {
    await session.close();
  }
}

async function insertPage(
  ask: Ask,
  { name, series, columns }: (typeof ledgerColumns)[number],
  page: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  const all = series ? [bigint('series'), ...columns] : columns;
  const names = all.map((column) => column.name).join(', ');
  const arrays = all.map(({ type }, i) => `$${i + 1}::${type}[]`).join(', ');
  const valuesOf = ({ name: own, from = own }: Column): unknown[] =>
    page.map((row) => row[own] ?? row[from] ?? (own === 'series' ? 1n : null));
  const written = (await ask(
    `INSERT INTO ${name} (${names}) SELECT ${names} FROM unnest(${arrays}) AS g (${names})`,
    all.map(valuesOf),
  )) as unknown as Written;
  assert(written.count === page.length, 'every row of a page is written');
}

function* pagesOf<Row>(rows: Iterable<Row>): Iterable<Row[]> {
  let page: Row[] = [];
  for (const row of rows) {
    page.push(row);
    if (page.length < pageSize) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function sameSeries(there: readonly Series[], wanted: readonly Series[]): boolean {
  const textOf = (all: readonly Series[]): string[] =>
    all.map(({ name, id }) => `${name} ${toHex(bytesOf(id))}`).sort();
  return textOf(there).join() === textOf(wanted).join();
}
