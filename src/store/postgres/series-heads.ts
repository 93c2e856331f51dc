/** Where the journals of a database end, and which of them an intent is in. */
import { genesisHash } from '../../journal/chain.ts';
import { bytesOf } from '../row.ts';
import type { IntentKind, SeriesHead } from '../store.ts';
import type { Ask } from './session.ts';
import { readFirstSignedAfter, readHash } from './statement.ts';

interface SeriesRow {
  number: number;
  name: string;
  id: Uint8Array;
  sequence: bigint | null;
  hash: Uint8Array | null;
}

/** Every series of the database, and its last entry. */
function readSeries(ask: Ask): Promise<readonly SeriesRow[]> {
  return ask<SeriesRow>(
    `SELECT s.number, s.name, s.id, j.sequence, j.hash FROM series s
      LEFT JOIN LATERAL (SELECT sequence, hash FROM journal WHERE series = s.number ORDER BY sequence DESC LIMIT 1) j ON true
      ORDER BY s.number`,
  );
}

/** Every journal, in the order in which their series were made; `read` is asked again for each hash. */
export async function readJournals(
  role: string,
  read: <T>(work: (ask: Ask) => Promise<T>) => Promise<T>,
): Promise<readonly SeriesHead[]> {
  const rows = await read(readSeries);
  return rows.map(({ number, name, id, sequence, hash }) => {
    const genesis = genesisHash(role, bytesOf(id));
    return {
      series: name,
      journalId: bytesOf(id),
      head:
        sequence === null || hash === null
          ? { sequence: 0, hash: genesis }
          : { sequence: Number(sequence), hash: bytesOf(hash) },
      hashAt: async (at) => (at === 0 ? genesis : read((ask) => readHash(ask, number, at))),
      firstSignedAfter: (after) => read((ask) => readFirstSignedAfter(ask, number, after)),
    };
  });
}

export async function readSeriesOf(ask: Ask, kind: IntentKind, id: Uint8Array): Promise<string | undefined> {
  const [row] = await ask<{ name: string }>(
    'SELECT s.name FROM intent i JOIN series s ON s.number = i.series WHERE i.kind = $1 AND i.id = $2',
    [kind, id],
  );
  return row?.name;
}
