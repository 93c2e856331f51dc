/** Whether the spent log, the accounts and what is retired of each quota follow from the journal, whatever database they are in. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { quote } from '../kit/result.ts';
import { accountName, type QuotaHistory, type RecordedAccount } from '../quota/history.ts';
import { serialName } from '../records/unit.ts';
import type { Corrupt } from './quota-check.ts';
import { type AccountRow, balanceOf, bytesOf, type QuotaRow } from './row.ts';
import { decodeSettlement } from './settlement.ts';
import { balanceName } from './settlement-plan.ts';
import type { Settlement, UnitSerial } from './store.ts';

/** An intent that settles, with its number in the order in which they were written. */
export interface SettlingRow {
  sequence: bigint;
  id: Uint8Array;
  issuer: string;
  settles: Uint8Array;
}

interface Sums {
  retired: bigint;
  returned: bigint;
  credited: bigint;
}

export class SettlementCheck {
  private readonly history: QuotaHistory;
  private readonly corrupt: Corrupt;
  private readonly quotas = new Map<string, Sums>();
  /** Memory grows with the number of balances, by some 200 bytes each. */
  private readonly balances = new Map<string, bigint>();
  private units = 0n;

  constructor(history: QuotaHistory, corrupt: Corrupt) {
    this.history = history;
    this.corrupt = corrupt;
  }

  /** The next settlement, in the order in which they were written; gives the units that have to be in the spent log. */
  add({ sequence, issuer, settles: bytes }: SettlingRow): readonly UnitSerial[] {
    const settles = decodeSettlement(bytes, issuer);
    const { currency, amount, from, to, returned, units } = settles;
    const name = accountName(issuer, currency);
    const recorded = this.history.accounts.get(name);
    if (recorded === undefined) throw this.corrupt(`entry ${sequence} settles of a quota that is not there`);
    const due = to === null && returnsAt(recorded, Number(sequence)) ? amount : 0n;
    // Central management follows what was settled by earlier terms: by those nothing may have come back.
    const isFollowed = this.history.role === 'central' && returned === 0n;
    if (returned !== due && !isFollowed)
      throw this.corrupt(
        `entry ${sequence} gives ${returned} back to the quota ${quote(name)}, where its terms give ${due}`,
      );
    const sums = this.quotas.get(name) ?? this.begin(name, recorded);
    if (to === null) sums.retired += amount;
    sums.returned += returned;
    if (from !== null) {
      sums.credited -= amount;
      const balance = this.move(settles, from, -amount);
      if (balance < 0n)
        throw this.corrupt(`entry ${sequence} takes more from account ${toHex(from)} than it had`);
    }
    if (to !== null) {
      sums.credited += amount;
      this.move(settles, to, amount);
    }
    this.units += BigInt(units.length);
    return units;
  }

  /** That the spent log has the unit as spent by the intent; `by` is what the log has. */
  spent({ sequence, id }: SettlingRow, unit: UnitSerial, by: Uint8Array | undefined): void {
    if (by === undefined || !equalBytes(bytesOf(by), bytesOf(id)))
      throw this.corrupt(`unit ${serialName(unit)} of entry ${sequence} is not spent by it`);
  }

  /** One row of the accounts, each once. */
  account(row: AccountRow): void {
    const name = balanceName(balanceOf(row));
    const known = this.balances.get(name) ?? 0n;
    if (known !== row.amount || !this.balances.delete(name))
      throw this.corrupt(`account ${name} has ${row.amount}, where the journal has ${known}`);
  }

  /** After all of the accounts; `units`: how many the spent log has, so that one that no entry tells of is found too. */
  finish(quotas: readonly QuotaRow[], units: bigint): void {
    if (units !== this.units)
      throw this.corrupt(`${units} units are spent, where the journal has ${this.units}`);
    for (const row of quotas) {
      const name = accountName(row.issuer, row.currency);
      const told = toldReturn(this.history.accounts.get(name));
      const sums = this.quotas.get(name) ?? { retired: told, returned: told, credited: 0n };
      for (const what of ['retired', 'returned', 'credited'] as const)
        if (row[what] !== sums[what])
          throw this.corrupt(
            `${row[what]} of the quota ${quote(name)} are ${what}, where the journal has ${sums[what]}`,
          );
    }
    const [gone] = this.balances.keys();
    if (gone !== undefined) throw this.corrupt(`account ${gone} is gone`);
  }

  /** With its first settlement. */
  private begin(name: string, recorded: RecordedAccount): Sums {
    if (toldReturn(recorded) !== 0n)
      throw this.corrupt(
        `the quota ${quote(name)} has settlements, and was told what came back: it would count twice`,
      );
    const sums = { retired: 0n, returned: 0n, credited: 0n };
    this.quotas.set(name, sums);
    return sums;
  }

  private move({ issuer, currency }: Settlement, account: Uint8Array, by: bigint): bigint {
    const name = balanceName({ account, issuer, currency });
    const amount = (this.balances.get(name) ?? 0n) + by;
    this.balances.set(name, amount);
    return amount;
  }
}

/** Whether what was retired came back by the terms that were in force when the entry was written. */
function returnsAt({ returns }: RecordedAccount, sequence: number): boolean {
  return returns.findLast((one) => one.sequence < sequence)?.returns ?? false;
}

/** In a ledger of central management's that followed no settlements yet: what quota control last said that came back, else 0. */
function toldReturn(recorded: RecordedAccount | undefined): bigint {
  const last = recorded?.events.findLast(({ event }) => event.kind === 'returned')?.event;
  return last?.kind === 'returned' ? last.total : 0n;
}
