/** What is handed out for intents, stored: the statements of transaction B. */
import { assert } from '../../kit/result.ts';
import { refuseStopped } from '../../quota/bucket.ts';
import { intentKey } from '../commit-plan.ts';
import { type SignedIntent, StoreError } from '../store.ts';
import { issueQuotas, lockQuotas, readStop } from './quota-statement.ts';
import type { Ask } from './session.ts';
import { intentsSql, type SeriesIntentRow } from './statement.ts';

/** Gives the intents of `signed` as they are then; throws `issuance_stopped`, with nothing stored. */
export async function storeSigned(
  ask: Ask,
  series: number,
  signed: readonly SignedIntent[],
): Promise<readonly SeriesIntentRow[]> {
  const rows = await ask<SeriesIntentRow>(intentsSql, [
    signed.map(({ kind }) => kind),
    signed.map(({ id }) => id),
  ]);
  const found = new Map(rows.map((row) => [intentKey(row.kind, row.id), row]));
  const fresh = new Map<SeriesIntentRow, SignedIntent>();
  const stored = signed.map((one) => {
    const row = found.get(intentKey(one.kind, one.id));
    assert(row !== undefined, 'only a committed intent is signed');
    assert(row.signed !== null || row.series === series, 'only an intent of this series is signed');
    // The first of two for one intent stays, in one group as in two.
    if (row.signed === null && !fresh.has(row)) fresh.set(row, one);
    return row;
  });
  const written = [...fresh.values()];
  const taken = [...fresh.keys()].flatMap(({ issuer, take_currency: currency, take_amount: amount }) =>
    currency === null || amount === null ? [] : [{ issuer, currency, amount }],
  );
  if (taken.length > 0) {
    await lockQuotas(ask, taken);
    if ((await readStop(ask)) !== undefined)
      throw new StoreError('issuance_stopped', refuseStopped().message);
  }
  if (written.length > 0)
    await Promise.all([
      ask(
        `UPDATE intent i SET signed = g.signed FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS g (kind, id, signed)
          WHERE i.kind = g.kind AND i.id = g.id AND i.signed IS NULL`,
        [written.map(({ kind }) => kind), written.map(({ id }) => id), written.map((one) => one.signed)],
      ),
      issueQuotas(ask, taken),
    ]);
  return stored.map((row) => {
    const now = fresh.get(row);
    return now === undefined ? row : { ...row, signed: now.signed };
  });
}
