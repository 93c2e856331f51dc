/** Where a role's ledger is, by its config.json: the SQLite file of its folder, or a PostgreSQL database. */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { StoreMigrationReport } from '../cli/store-administration.ts';
import { systemRandom } from '../kit/clock.ts';
import { assert } from '../kit/result.ts';
import { addSeries, loadLedger } from '../store/postgres/load.ts';
import { openPostgresStore } from '../store/postgres/postgres-store.ts';
import { whileHeld } from '../store/postgres/series-list.ts';
import { ledgerTables, openDump } from '../store/sqlite/dump.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { ApplianceError } from './appliance-error.ts';
import { type QuotaProcess, readConfiguration, storeChoice } from './configuration.ts';
import type { Home, Role } from './home.ts';
import { findQuotaProcess } from './quota-processes.ts';

/** The anchor of a SQLite ledger in its role's token, where config.json names none; a ledger that moves keeps it. */
export const firstAnchor = 'journal';

/** Where a ledger is, and the name of its journal's anchor in the role's token. */
export type LedgerPlace =
  | { readonly kind: 'sqlite'; readonly path: string; readonly anchor: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly series: string; readonly anchor: string };

/**
 * The place that the role's configuration names, of the process with this series where it has several, else of the first. The anchor's name, of which processes of one role that share a token have one each, does
 * not come from the database, which is what the anchor is held against.
 */
export async function readLedgerPlace(home: Home, role: Role, series?: string | null): Promise<LedgerPlace> {
  const { store } = await readConfiguration(home.config(role), Type.Object({ store: storeChoice }));
  if (store === undefined || store.kind === 'sqlite')
    return { kind: 'sqlite', path: home.ledger(role), anchor: store?.anchor ?? firstAnchor };
  const url = await readAddressFile(store.urlFile);
  const process = role === 'quota' ? await findQuotaProcess(home, series) : undefined;
  if (process !== undefined) return { kind: 'postgres', url, series: process.series, anchor: process.anchor };
  return { kind: 'postgres', url, series: store.series, anchor: store.anchor ?? store.series };
}

/** Opens the ledger that the role's configuration names, for the process that is named; throws a StoreError where it cannot be served. */
export async function openRoleStore(home: Home, role: Role, series?: string | null): Promise<Store> {
  const place = await readLedgerPlace(home, role, series);
  const common = { role, create: false, random: systemRandom };
  if (place.kind === 'sqlite') return openSqliteStore({ ...common, path: place.path });
  return openPostgresStore({ ...common, url: place.url, series: place.series });
}

/** Calls `work` while none of these processes of quota control can be served; throws `store_in_use` where one is. */
export async function whileProcessesHeld<T>(
  home: Home,
  [first, ...rest]: readonly QuotaProcess[],
  work: () => Promise<T>,
): Promise<T> {
  if (first === undefined) return work();
  const place = await readLedgerPlace(home, 'quota', first.series);
  assert(place.kind === 'postgres', 'several processes are on PostgreSQL');
  const { url, series } = place;
  return whileHeld({ url, role: 'quota', series, patienceMs: 3_000 }, () =>
    whileProcessesHeld(home, rest, work),
  );
}

export interface StoreMigration {
  readonly home: Home;
  readonly role: Role;
  /** File that holds the address of the destination, with its password. */
  readonly urlFile: string;
  readonly series: string;
  readonly progress: (written: number, all: number) => void;
}

/**
 * Copies the role's SQLite ledger to PostgreSQL, checks it there, and marks the file as moved.
 *
 * A crash before the copy's one commit leaves the source as it was; one after it leaves a source that is not marked yet: the same
 * command again finds the same ledger there, and marks it.
 */
export async function migrateStore(options: StoreMigration): Promise<StoreMigrationReport> {
  const { home, role, urlFile, series, progress } = options;
  const url = await readAddressFile(urlFile);
  const { anchor } = await readLedgerPlace(home, role);
  const dump = openDump(home.ledger(role), role);
  try {
    let all = 0;
    for (const table of ledgerTables) all += dump.count(table);
    const to = await loadLedger(
      {
        series: [{ number: 1, name: series, id: dump.storeId }],
        rows: (table) => dump.rows(table as Parameters<typeof dump.rows>[0]),
      },
      { url, role, random: systemRandom, progress: (written) => progress(written, all) },
    );
    dump.markMoved(to);
    return { role, to, series, anchor, rows: all };
  } finally {
    dump.close();
  }
}

/** Gives where the ledger is, without the password. */
export async function addStoreSeries(
  options: Pick<StoreMigration, 'role' | 'urlFile' | 'series'>,
): Promise<string> {
  const { role, urlFile, series } = options;
  return addSeries({ url: await readAddressFile(urlFile), role, series, random: systemRandom });
}

export async function readAddressFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new ApplianceError(
      'configuration_invalid',
      `cannot read \`${path}\` (${(error as NodeJS.ErrnoException).code}): a file with the database's address, \`postgres://USER:PASSWORD@HOST/DATABASE\`, is accepted`,
    );
  }
}
