/** The spent units and the accounts as they become while a group of intents is decided. */
import { toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { serialName } from '../records/unit.ts';
import type { CommitCode, Settlement, UnitSerial } from './store.ts';

export interface SpentUnit {
  readonly unit: UnitSerial;
  /** Id of the retirement that spent it. */
  readonly by: Uint8Array;
}

/** What an account has of one currency of one issuer. */
export interface AccountBalance {
  readonly account: Uint8Array;
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
}

export class SettlementPlan {
  private readonly spentBy: Map<string, Uint8Array>;
  private readonly known: Map<string, AccountBalance>;
  private readonly newUnits: SpentUnit[] = [];
  private readonly changed = new Set<string>();

  constructor(spent: readonly SpentUnit[], balances: readonly AccountBalance[]) {
    this.spentBy = new Map(spent.map(({ unit, by }) => [serialName(unit), by]));
    this.known = new Map(balances.map((balance) => [balanceName(balance), balance]));
  }

  /** Whether none of the units was spent, and the account that is debited has enough. */
  check({ issuer, currency, amount, units, from }: Settlement): Result<null, CommitCode> {
    for (const unit of units) {
      const by = this.spentBy.get(serialName(unit));
      if (by !== undefined)
        return refuse(
          'unit_spent',
          `unit ${serialName(unit)} was spent before, by retirement ${toHex(by)}: each is spent once; units that are not spent are accepted`,
          'units',
        );
    }
    if (from === null) return succeed(null);
    const balance = this.amountOf(from, issuer, currency);
    if (amount <= balance) return succeed(null);
    return refuse(
      'balance_too_low',
      `${amount} minor units of ${currency} are to leave account ${toHex(from)}, which has ${balance}: at most that is accepted`,
      'total',
    );
  }

  /** Spends and moves what was checked; `id` of the intent. */
  apply(id: Uint8Array, { issuer, currency, amount, units, from, to }: Settlement): void {
    for (const unit of units) {
      this.spentBy.set(serialName(unit), id);
      this.newUnits.push({ unit, by: id });
    }
    for (const [account, by] of [
      [from, -amount],
      [to, amount],
    ] as const) {
      if (account === null) continue;
      const balance = { account, issuer, currency, amount: this.amountOf(account, issuer, currency) + by };
      this.known.set(balanceName(balance), balance);
      this.changed.add(balanceName(balance));
    }
  }

  /** Units that the group spends. */
  get units(): readonly SpentUnit[] {
    return this.newUnits;
  }

  /** Balances that the group changes, as they are then. */
  get balances(): readonly AccountBalance[] {
    return [...this.known].filter(([name]) => this.changed.has(name)).map(([, balance]) => balance);
  }

  private amountOf(account: Uint8Array, issuer: string, currency: string): bigint {
    return this.known.get(balanceName({ account, issuer, currency }))?.amount ?? 0n;
  }
}

/** Names a balance among others. */
export function balanceName({ account, issuer, currency }: Omit<AccountBalance, 'amount'>): string {
  return `${toHex(account)} ${issuer}/${currency}`;
}
