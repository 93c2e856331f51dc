/** The database itself: of one role, with the schema of this program, and with the series that is served. */
import type { RandomBytes } from '../../kit/clock.ts';
import { quote } from '../../kit/result.ts';
import { StoreError } from '../store.ts';
import { verifyRows } from './integrity.ts';
import { migrationLock, migrations, seriesLock } from './schema.ts';
import type { Ask, Session } from './session.ts';

export interface DatabaseOptions {
  readonly role: string;
  /** The series that this process writes, by name; no other process may serve it at the same time. */
  readonly series: string;
  /** Makes the tables and the series where there are none; without it they are `store_missing`, so that a lost one is not silently begun anew. */
  readonly create: boolean;
  readonly random: RandomBytes;
}

export interface Series {
  readonly number: number;
  readonly name: string;
  readonly id: Uint8Array;
}

/**
 * Brings the tables to this program's version, in one transaction which also checks the ledger where there is one: a crash, a full disk
 * or a ledger that is not whole leaves the version before as it was.
 */
export async function migrate(
  session: Session,
  { role, create }: Pick<DatabaseOptions, 'role' | 'create'>,
): Promise<void> {
  const { shown } = session.address;
  await session.transact('', async (ask) => {
    // Of two that start at once one waits here, and then finds everything done.
    await ask('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
    const version = await readVersion(ask, shown);
    if (version > migrations.length)
      throw new StoreError(
        'store_newer',
        `\`${shown}\` has schema ${version}; this program knows ${migrations.length}: use the newer program`,
      );
    if (version === migrations.length) return;
    if (version === 0) {
      if (!create)
        throw new StoreError(
          'store_missing',
          `\`${shown}\` holds no ledger: restore it, or move one there with \`ringmint store migrate\``,
        );
      await session.run('CREATE SCHEMA ringmint');
    } else {
      await checkOwner(ask, role, shown);
      await holdAllSeries(ask, shown);
    }
    for (const step of migrations.slice(version)) await session.run(step);
    if (version === 0)
      await ask('INSERT INTO store (one, role, version) VALUES (true, $1, $2)', [role, migrations.length]);
    else {
      await ask('UPDATE store SET version = $1', [migrations.length]);
      await verifyRows(ask, role, shown);
    }
  });
  await checkOwner(session.ask, role, shown);
}

/** Refuses a ledger of another role, and one that is elsewhere now. */
async function checkOwner(ask: Ask, role: string, shown: string): Promise<void> {
  const [store] = await ask<{ role: string; moved_to: string | null }>('SELECT role, moved_to FROM store');
  if (store?.role !== role)
    throw new StoreError(
      'store_foreign',
      `the database is of role \`${store?.role ?? 'none'}\`, not \`${role}\``,
    );
  if (store.moved_to !== null)
    throw new StoreError(
      'store_foreign',
      `\`${shown}\` was moved to ${quote(store.moved_to)}: serve that one`,
    );
}

/**
 * Keeps every series from being served until the transaction ends; throws `store_in_use` where one is: a process of the version before
 * would write what this one does not expect.
 */
async function holdAllSeries(ask: Ask, shown: string): Promise<void> {
  // As long as the server may take to miss a process that was killed (client_connection_check_interval).
  for (const deadline = Date.now() + 3_000; ; ) {
    const series = await ask<{ name: string; held: boolean }>(
      'SELECT name, pg_try_advisory_xact_lock($1, number) AS held FROM series ORDER BY number',
      [seriesLock],
    );
    const served = series.filter(({ held }) => !held).map(({ name }) => quote(name));
    if (served.length === 0) return;
    if (Date.now() > deadline)
      throw new StoreError(
        'store_in_use',
        `\`${shown}\` is to be brought up to this program's version, and another process serves series ${served.join(', ')}: stop all of them first`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function readVersion(ask: Ask, shown: string): Promise<number> {
  const [found] = await ask<{ schema: boolean; store: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ringmint') AS schema, to_regclass('ringmint.store') IS NOT NULL AS store`,
  );
  if (found?.store === true) {
    const [row] = await ask<{ version: number }>('SELECT version FROM store');
    return row?.version ?? 0;
  }
  if (found?.schema === true)
    throw new StoreError(
      'store_foreign',
      `\`${shown}\` has a schema \`ringmint\` that is not of this program`,
    );
  return 0;
}

interface StoreRow {
  readonly role: string;
  readonly version: number;
  readonly moved_to: string | null;
}

/** What a ledger says of itself, for whoever only reads it; throws `store_missing` where there is none. */
export async function readStore(ask: Ask, shown: string): Promise<StoreRow | undefined> {
  const [found] = await ask<{ store: boolean }>(`SELECT to_regclass('ringmint.store') IS NOT NULL AS store`);
  if (found?.store !== true) throw new StoreError('store_missing', `\`${shown}\` holds no ledger`);
  const [store] = await ask<StoreRow>('SELECT role, version, moved_to FROM store');
  return store;
}

/** The series by its name, made where it may be. */
export async function findSeries(session: Session, options: DatabaseOptions): Promise<Series> {
  const { series: name, create, random } = options;
  const found = await session.transact('', async (ask) => {
    await ask('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
    if (create)
      await ask(
        `INSERT INTO series (number, name, id) SELECT coalesce(max(number), 0) + 1, $1, $2 FROM series ON CONFLICT (name) DO NOTHING`,
        [name, random(16)],
      );
    return ask<{ number: number; name: string; id: Uint8Array }>(
      'SELECT number, name, id FROM series ORDER BY number',
    );
  });
  const series = found.find((one) => one.name === name);
  if (series === undefined)
    throw new StoreError(
      'store_missing',
      `\`${session.address.shown}\` has no series ${quote(name)}: it has ${found.map((one) => quote(one.name)).join(', ')}`,
    );
  return { number: series.number, name, id: new Uint8Array(series.id) };
}
