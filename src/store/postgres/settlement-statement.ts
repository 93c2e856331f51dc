/** The statements on PostgreSQL's spent log and accounts; whoever writes them holds the rows of the quotas that they belong to. */

import { serialName } from '../../records/unit.ts';
import type { CommitPlan } from '../commit-plan.ts';
import { type AccountRow, balanceOf, bytesOf, type SpentUnitRow, spentUnitOf } from '../row.ts';
import type { AccountBalance, SpentUnit } from '../settlement-plan.ts';
import type { Balance, Settlement, UnitSerial } from '../store.ts';
import type { Ask } from './session.ts';

const unitColumns = (units: readonly UnitSerial[]): [number[], number[], number[]] => [
  units.map(({ epoch }) => epoch),
  units.map(({ sequence }) => sequence),
  units.map(({ index }) => index),
];

/** Of `units` those that are spent. */
export async function readSpent(ask: Ask, units: readonly UnitSerial[]): Promise<readonly SpentUnit[]> {
  if (units.length === 0) return [];
  const rows = await ask<SpentUnitRow>(
    `SELECT s.* FROM spent_unit s JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS g (epoch, serial, position)
      USING (epoch, serial, position)`,
    unitColumns(units),
  );
  return rows.map(spentUnitOf);
}

/** Of each of `units`, in their order, the id of what spent it. */
export async function findSpent(
  ask: Ask,
  units: readonly UnitSerial[],
): Promise<readonly (Uint8Array | undefined)[]> {
  const spent = new Map((await readSpent(ask, units)).map(({ unit, by }) => [serialName(unit), by]));
  return units.map((unit) => spent.get(serialName(unit)));
}

/** Of the accounts that are debited or credited what they have. */
export async function readTouched(
  ask: Ask,
  settlements: readonly Settlement[],
): Promise<readonly AccountBalance[]> {
  const touched = settlements.flatMap(({ issuer, currency, from, to }) =>
    [from, to].flatMap((account) => (account === null ? [] : [{ account, issuer, currency }])),
  );
  if (touched.length === 0) return [];
  const rows = await ask<AccountRow>(
    `SELECT * FROM account
      WHERE (id, issuer, currency) IN (SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[]))`,
    [
      touched.map(({ account }) => account),
      touched.map(({ issuer }) => issuer),
      touched.map(({ currency }) => currency),
    ],
  );
  return rows.map(balanceOf);
}

export async function readBalances(ask: Ask, account: Uint8Array): Promise<readonly Balance[]> {
  const rows = await ask<AccountRow>(
    'SELECT * FROM account WHERE id = $1 AND amount > 0 ORDER BY issuer, currency',
    [bytesOf(account)],
  );
  return rows.map(({ issuer, currency, amount }) => ({ issuer, currency, amount }));
}

/** In the order of their keys, as every transaction does, so that no two of them wait for each other. */
export async function writeSettled(
  ask: Ask,
  { units, balances }: Pick<CommitPlan, 'units' | 'balances'>,
): Promise<void> {
  await Promise.all([
    units.length === 0
      ? undefined
      : ask(
          `INSERT INTO spent_unit (epoch, serial, position, intent_id)
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS g (epoch, serial, position, intent_id)
            ORDER BY epoch, serial, position`,
          [...unitColumns(units.map(({ unit }) => unit)), units.map(({ by }) => by)],
        ),
    balances.length === 0
      ? undefined
      : ask(
          `INSERT INTO account (id, issuer, currency, amount)
            SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) AS g (id, issuer, currency, amount)
            ORDER BY id, issuer, currency
            ON CONFLICT (id, issuer, currency) DO UPDATE SET amount = excluded.amount`,
          [
            balances.map(({ account }) => account),
            balances.map(({ issuer }) => issuer),
            balances.map(({ currency }) => currency),
            balances.map(({ amount }) => amount),
          ],
        ),
  ]);
}
