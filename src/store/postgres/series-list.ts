/** The series of a PostgreSQL ledger, looked at or held by who does not serve them. */
import { quote } from '../../kit/result.ts';
import { bytesOf } from '../row.ts';
import { StoreError } from '../store.ts';
import { readAddress } from './address.ts';
import { readStore, type Series } from './database.ts';
import { lockSeries } from './held-series.ts';
import { asStoreError } from './postgres-error.ts';
import { migrations } from './schema.ts';
import { causeOf, Session } from './session.ts';

export interface SeriesPlace {
  readonly url: string;
  readonly role: string;
}

/** Every series, in the order in which they were made, and the highest epoch of which a serial was given out; 0 where none was. */
export async function readSeriesList(
  place: SeriesPlace,
): Promise<{ readonly series: readonly Series[]; readonly lastEpoch: number }> {
  return withSession(place, async (session) => {
    const series = await readAll(session);
    const [row] = await session.ask<{ last: bigint }>(
      'SELECT coalesce(max(epoch), 0) AS last FROM intent WHERE serial IS NOT NULL',
    );
    return { series, lastEpoch: Number(row?.last ?? 0n) };
  });
}

/** Calls `work` while nobody serves the series; throws `store_in_use` where somebody still does after `patienceMs`. */
export async function whileHeld<T>(
  {
    series: name,
    patienceMs,
    ...place
  }: SeriesPlace & { readonly series: string; readonly patienceMs: number },
  work: (held: { unsigned(): Promise<number> }) => Promise<T>,
): Promise<T> {
  // What `work` throws is no fault of this database.
  const outcome = await withSession(place, async (session) => {
    const series = (await readAll(session)).find((one) => one.name === name);
    const { shown } = session.address;
    if (series === undefined)
      throw new StoreError(
        'store_missing',
        `\`${shown}\` has no series ${quote(name)}: where it was restored from before that process was added, \`ringmint process add --series ${name}\` puts its journal there, without an entry`,
      );
    await lockSeries(session, series, patienceMs);
    try {
      return { done: await work({ unsigned: () => countUnsigned(session, series.number) }) };
    } catch (thrown) {
      return { thrown };
    }
  });
  if ('thrown' in outcome) throw outcome.thrown;
  return outcome.done;
}

async function countUnsigned(session: Session, series: number): Promise<number> {
  try {
    const [row] = await session.ask<{ count: bigint }>(
      'SELECT count(*) AS count FROM intent WHERE series = $1 AND signed IS NULL',
      [series],
    );
    return Number(row?.count ?? 0n);
  } catch (error) {
    throw asStoreError(causeOf(error), session.address.shown);
  }
}

async function readAll(session: Session): Promise<readonly Series[]> {
  const rows = await session.ask<Series>('SELECT number, name, id FROM series ORDER BY number');
  return rows.map(({ number, name, id }) => ({ number, name, id: bytesOf(id) }));
}

async function withSession<T>(
  { url, role }: SeriesPlace,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(readAddress(url));
  const { shown } = session.address;
  try {
    const store = await readStore(session.ask, shown);
    if (store?.role !== role)
      throw new StoreError(
        'store_foreign',
        `\`${shown}\` is of role ${quote(store?.role ?? '')}, not ${quote(role)}`,
      );
    if (store.version !== migrations.length)
      throw new StoreError(
        store.version < migrations.length ? 'store_older' : 'store_newer',
        `\`${shown}\` has schema ${store.version}, and this program knows ${migrations.length}: start the system once with this program, or use the newer one`,
      );
    return await work(session);
  } catch (error) {
    throw asStoreError(causeOf(error), shown);
  } finally {
    await session.close();
  }
}
