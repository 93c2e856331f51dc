/** Feeds what a PostgreSQL database holds to the check of a ledger, as it is at one moment: other processes may be writing. */
import { LedgerCheck, type QuotaDayRow } from '../ledger-check.ts';
import type { JournalRow, QuotaRow } from '../row.ts';
import type { Ask, Session } from './session.ts';
import type { SeriesIntentRow } from './statement.ts';

/** Rows of one page: what is held in memory at once. */
const pageSize = 1_000;

/** Checks all series, since their intents take from the same quotas; throws `store_corrupt` with the first thing at fault. */
export async function verifyLedger(session: Session, role: string): Promise<void> {
  const check = new LedgerCheck(session.address.shown);
  await session.transact('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (ask) => {
    const all = await ask<{ number: number; id: Uint8Array }>(
      'SELECT number, id FROM series ORDER BY number',
    );
    for (const series of all) {
      check.series(role, series.id);
      for await (const { entry, intent } of readEntries(ask, series.number)) check.entry(entry, intent);
    }
    for (const row of await ask<Omit<QuotaRow, 'used'>>('SELECT * FROM quota')) check.quota(row);
    for (const row of await ask<QuotaDayRow>('SELECT * FROM quota_day')) check.quotaDay(row);
    const [lost] = await ask<{ sequence: bigint; position: number }>(lostOrder);
    if (lost !== undefined)
      throw check.corrupt(`order ${lost.position} of entry ${lost.sequence} is not found by its id`);
    const [counted] = await ask<{ intents: bigint; orders: bigint }>(
      'SELECT (SELECT count(*) FROM intent) AS intents, (SELECT count(*) FROM caller_order) AS orders',
    );
    check.finish(counted ?? { intents: -1n, orders: -1n });
  });
}

export async function* readEntries(
  ask: Ask,
  series: number,
): AsyncGenerator<{ entry: JournalRow; intent: SeriesIntentRow | undefined }> {
  let from = 0n;
  for (;;) {
    const page = await ask<JournalRow & { intent_kind: string | null } & SeriesIntentRow>(
      `SELECT i.*, i.kind AS intent_kind, j.series, j.sequence, j.bytes, j.hash
        FROM (SELECT * FROM journal WHERE series = $1 AND sequence > $2 ORDER BY sequence LIMIT $3) j
        LEFT JOIN intent i ON i.series = j.series AND i.sequence = j.sequence ORDER BY j.sequence`,
      [series, from, pageSize],
    );
    for (const row of page) {
      yield { entry: row, intent: row.intent_kind === null ? undefined : row };
      from = row.sequence;
    }
    if (page.length < pageSize) return;
  }
}

/** An order of an intent that cannot be found by its id as what it is: it could be issued again. */
const lostOrder = `SELECT i.sequence, k AS position FROM intent i, generate_series(0, length(i.orders) / 48 - 1) k
  WHERE NOT EXISTS (SELECT FROM caller_order o WHERE o.id = substring(i.orders FROM k * 48 + 1 FOR 16)
    AND o.body_hash = substring(i.orders FROM k * 48 + 17 FOR 32) AND o.intent_id = i.id AND o.position = k) LIMIT 1`;
