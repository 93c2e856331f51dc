/** A PostgreSQL ledger, all its series, as one moment has it, for an auditor: read beside the processes that serve it. */
import type { ExtractedEntry, ExtractedHead, LedgerContent } from '../../journal/extract.ts';
import { bytesOf } from '../row.ts';
import { StoreError } from '../store.ts';
import { readAddress } from './address.ts';
import { readStore } from './database.ts';
import { asStoreError } from './postgres-error.ts';
import { migrations } from './schema.ts';
import { type Ask, Session } from './session.ts';

/** Entries of one page; an entry may have some megabytes. */
const pageSize = 200;

interface EntryRow {
  series: number;
  ordinal: bigint;
  sequence: bigint;
  bytes: Uint8Array;
  hash: Uint8Array;
  signed: Uint8Array | null;
}

/** Gives `use` the ledger as it is now; it takes no lock of a series, so that nothing waits for it. */
export async function readPostgresLedger<T>(
  { url, role }: { readonly url: string; readonly role: string },
  use: (content: LedgerContent) => Promise<T>,
): Promise<T> {
  const address = readAddress(url);
  const session = await Session.open(address);
  try {
    return await session.transact('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (ask) =>
      use(await readContent(ask, address.shown, role)),
    );
  } catch (error) {
    throw asStoreError(error, address.shown);
  } finally {
    await session.close();
  }
}

async function readContent(ask: Ask, shown: string, role: string): Promise<LedgerContent> {
  const store = await readStore(ask, shown);
  if (store?.role !== role || store.moved_to !== null)
    throw new StoreError(
      'store_foreign',
      `\`${shown}\` is no ledger of role \`${role}\` that is served: it is of another one, or was moved`,
    );
  if (store.version > migrations.length)
    throw new StoreError('store_newer', `\`${shown}\` has schema ${store.version}: use the newer program`);
  const series = await ask<{ number: number; name: string; id: Uint8Array }>(
    'SELECT number, name, id FROM series ORDER BY number',
  );
  const heads = await ask<{ signed: Uint8Array; contradiction: Uint8Array | null }>(
    'SELECT signed, contradiction FROM held_head ORDER BY role, name, journal',
  );
  return {
    journals: series.map(({ name, id }) => ({ series: name, id: bytesOf(id) })),
    heads: heads.map(
      ({ signed, contradiction }): ExtractedHead => ({
        signed: bytesOf(signed),
        contradiction: contradiction === null ? null : bytesOf(contradiction),
      }),
    ),
    entries: readEntries(
      ask,
      series.map(({ number }) => number),
    ),
  };
}

/** In the order that the database gave to the entries of all series. */
async function* readEntries(ask: Ask, numbers: readonly number[]): AsyncGenerator<ExtractedEntry> {
  let from = 0n;
  for (;;) {
    const page = await ask<EntryRow>(
      `SELECT j.series, j.ordinal, j.sequence, j.bytes, j.hash, i.signed
        FROM (SELECT * FROM journal WHERE ordinal > $1 ORDER BY ordinal LIMIT $2) j
        LEFT JOIN intent i ON i.series = j.series AND i.sequence = j.sequence ORDER BY j.ordinal`,
      [from, pageSize],
    );
    for (const { series, ordinal, sequence, bytes, hash, signed } of page) {
      from = ordinal;
      yield {
        journal: numbers.indexOf(series),
        ordinal: Number(ordinal),
        sequence: Number(sequence),
        bytes: bytesOf(bytes),
        hash: bytesOf(hash),
        signed: signed === null ? null : bytesOf(signed),
      };
    }
    if (page.length < pageSize) return;
  }
}
