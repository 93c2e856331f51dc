/** The spent log and the accounts. Each method runs inside of a transaction of the store's. */
import type Database from 'better-sqlite3';
import type { CommitPlan } from '../commit-plan.ts';
import { type AccountRow, balanceOf, bytesOf } from '../row.ts';
import type { AccountBalance, SpentUnit } from '../settlement-plan.ts';
import type { Balance, Settlement, UnitSerial } from '../store.ts';
import { type Prepared, prepareWhenUsed } from './prepared.ts';

const sql = {
  spent: 'SELECT intent_id FROM spent_unit WHERE epoch = ? AND serial = ? AND position = ?',
  spend: 'INSERT INTO spent_unit (epoch, serial, position, intent_id) VALUES (?, ?, ?, ?)',
  balance: 'SELECT * FROM account WHERE id = ? AND issuer = ? AND currency = ?',
  balances: 'SELECT * FROM account WHERE id = ? AND amount > 0 ORDER BY issuer, currency',
  put: `INSERT INTO account (id, issuer, currency, amount) VALUES (?, ?, ?, ?)
      ON CONFLICT (id, issuer, currency) DO UPDATE SET amount = excluded.amount`,
} as const;

export class SettlementTables {
  private readonly statements: Prepared<typeof sql>;

  constructor(db: Database.Database) {
    this.statements = prepareWhenUsed(db, sql);
  }

  /** Of the units that are settled those that are spent. */
  spent(settlements: readonly Settlement[]): readonly SpentUnit[] {
    return settlements.flatMap(({ units }) =>
      units.flatMap((unit) => {
        const by = this.spentBy(unit);
        return by === undefined ? [] : [{ unit, by }];
      }),
    );
  }

  /** Of the accounts that are debited or credited what they have. */
  found(settlements: readonly Settlement[]): readonly AccountBalance[] {
    return settlements.flatMap(({ issuer, currency, from, to }) =>
      [from, to].flatMap((account) => {
        if (account === null) return [];
        const row = this.statements.balance.get(account, issuer, currency) as AccountRow | undefined;
        return row === undefined ? [] : [balanceOf(row)];
      }),
    );
  }

  write({ units, balances }: Pick<CommitPlan, 'units' | 'balances'>): void {
    for (const { unit, by } of units) this.statements.spend.run(unit.epoch, unit.sequence, unit.index, by);
    for (const { account, issuer, currency, amount } of balances)
      this.statements.put.run(account, issuer, currency, amount);
  }

  spentBy({ epoch, sequence, index }: UnitSerial): Uint8Array | undefined {
    const row = this.statements.spent.get(epoch, sequence, index) as { intent_id: Buffer } | undefined;
    return row === undefined ? undefined : bytesOf(row.intent_id);
  }

  balances(account: Uint8Array): readonly Balance[] {
    return (this.statements.balances.all(account) as AccountRow[]).map(({ issuer, currency, amount }) => ({
      issuer,
      currency,
      amount,
    }));
  }
}
