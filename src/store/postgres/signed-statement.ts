/** What is handed out for intents, stored: the statements of transaction B. */
import { equalBytes } from '../../kit/bytes.ts';
import { assert } from '../../kit/result.ts';
import { refuseStopped } from '../../quota/bucket.ts';
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
  const rowOf = ({ kind, id }: SignedIntent): SeriesIntentRow => {
    const row = rows.find((one) => one.kind === kind && equalBytes(one.id, id));
    assert(row !== undefined, 'only a committed intent is signed');
    assert(row.signed !== null || row.series === series, 'only an intent of this series is signed');
    return row;
  };
  const stored = signed.map(rowOf);
  // The first of two for one intent stays, in one group as in two.
  const fresh = signed.filter((one, i) => stored[i]?.signed === null && stored.indexOf(rowOf(one)) === i);
  const taken = fresh.flatMap((one) => {
    const { issuer, take_currency: currency, take_amount: amount } = rowOf(one);
    return currency === null || amount === null ? [] : [{ issuer, currency, amount }];
  });
  if (taken.length > 0) {
    await lockQuotas(ask, taken);
    if ((await readStop(ask)) !== undefined)
      throw new StoreError('issuance_stopped', refuseStopped().message);
  }
  if (fresh.length > 0)
    await Promise.all([
      ask(
        `UPDATE intent i SET signed = g.signed FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS g (kind, id, signed)
          WHERE i.kind = g.kind AND i.id = g.id AND i.signed IS NULL`,
        [fresh.map(({ kind }) => kind), fresh.map(({ id }) => id), fresh.map((one) => one.signed)],
      ),
      issueQuotas(ask, taken),
    ]);
  return stored.map((row) => {
    const now = fresh.find((one) => rowOf(one) === row);
    return now === undefined ? row : { ...row, signed: now.signed };
  });
}
