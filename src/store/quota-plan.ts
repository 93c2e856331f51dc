/** The quotas as they become while a group of intents is decided: what it takes from them, and what it retires. */
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import {
  addUse,
  type Charge,
  chargesOf,
  checkApproval,
  checkTake,
  positionOf,
  type QuotaAccount,
  type SlotUse,
} from '../quota/bucket.ts';
import { accountName } from '../quota/history.ts';
import { refuseQuotaMissing } from './refusal.ts';
import type { Approval, CommitCode, QuotaTake, Settlement } from './store.ts';

/** A quota as the database holds it, with what is in its slots. */
export interface FoundQuota {
  readonly account: QuotaAccount;
  readonly uses: readonly SlotUse[];
}

/** What a group takes from one quota: one row is written for it, and one for each slot. */
export interface Taken {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
  /** Where the quota's clock is after the last take. */
  readonly clockMs: number;
  readonly charges: readonly Charge[];
}

/** What a group approves of one quota, in central management's account. */
export interface Approved {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
}

/** What a group's settlements add to one quota. */
export interface Retired {
  readonly issuer: string;
  readonly currency: string;
  readonly retired: bigint;
  readonly returned: bigint;
  /** Below zero where more leaves the accounts than goes into them. */
  readonly credited: bigint;
}

interface Planned {
  account: QuotaAccount;
  uses: readonly SlotUse[];
  taken: bigint;
  approved: bigint;
  charges: readonly Charge[];
  settled: boolean;
  readonly before: QuotaAccount;
}

export class QuotaPlan {
  private readonly stopped: boolean;
  private readonly quotas: ReadonlyMap<string, Planned>;

  constructor(found: readonly FoundQuota[], stopped: boolean) {
    this.stopped = stopped;
    this.quotas = new Map(
      found.map(({ account, uses }) => [
        accountName(account.issuer, account.currency),
        { account, uses, taken: 0n, approved: 0n, charges: [], settled: false, before: account },
      ]),
    );
  }

  /** Gives the moment that the take counts at. */
  take(take: QuotaTake): Result<number, CommitCode> {
    const { issuer, currency, amount, atMs: nowMs } = take;
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const position = positionOf(known.account, known.uses, { nowMs, stopped: this.stopped });
    const fits = checkTake(position, take);
    if (!fits.ok) return fits;
    const { atMs } = position;
    known.account = { ...known.account, reserved: known.account.reserved + amount, clockMs: atMs };
    known.taken += amount;
    for (const charge of chargesOf(position, take)) {
      known.uses = addUse(known.uses, charge);
      known.charges = addCharge(known.charges, charge);
    }
    return succeed(atMs);
  }

  /** Counts what central management approves at once, whatever becomes of it: it has no windows, no stop and no clock. */
  approve({ issuer, currency, amount }: Approval): Result<null, CommitCode> {
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const fits = checkApproval(known.account, amount);
    if (!fits.ok) return fits;
    known.account = { ...known.account, issued: known.account.issued + amount };
    known.approved += amount;
    return succeed(null);
  }

  /** Counts what is settled; whether its units and accounts are what they should be, is the settlement plan's. */
  settle({ issuer, currency, amount, from, to, returned }: Settlement): Result<null, CommitCode> {
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const { account } = known;
    const inUnits = account.issued - account.retired - account.credited;
    if (from === null && amount > inUnits)
      return refuse(
        'outstanding_exceeded',
        `${amount} minor units of ${currency} are to be settled, and the units of ` +
          `${quote(issuer)} that are issued and not spent come to ${inUnits}: at most that is accepted`,
        'total',
      );
    const due = to === null && account.returns ? amount : 0n;
    if (returned !== due)
      return refuse(
        'quota_changed',
        `${returned} minor units of ${currency} are to come back to the quota, and by its terms it is ${due}: the same is accepted once it is made anew`,
        'returned',
      );
    known.account = {
      ...account,
      retired: account.retired + (to === null ? amount : 0n),
      returned: account.returned + returned,
      credited: account.credited + (to === null ? 0n : amount) - (from === null ? 0n : amount),
    };
    known.settled = true;
    return succeed(null);
  }

  get taken(): readonly Taken[] {
    return [...this.quotas.values()]
      .filter(({ taken }) => taken > 0n)
      .map(({ account: { issuer, currency, clockMs }, taken, charges }) => ({
        issuer,
        currency,
        amount: taken,
        clockMs,
        charges,
      }));
  }

  get approved(): readonly Approved[] {
    return [...this.quotas.values()]
      .filter(({ approved }) => approved > 0n)
      .map(({ account: { issuer, currency }, approved: amount }) => ({ issuer, currency, amount }));
  }

  get retired(): readonly Retired[] {
    return [...this.quotas.values()]
      .filter(({ settled }) => settled)
      .map(({ account, before }) => ({
        issuer: account.issuer,
        currency: account.currency,
        retired: account.retired - before.retired,
        returned: account.returned - before.returned,
        credited: account.credited - before.credited,
      }));
  }
}

/** One charge for each slot of a limit, with the last one's `oldest` for all of the limit: what is older counts no more. */
function addCharge(charges: readonly Charge[], charge: Charge): Charge[] {
  const { limit, slot, oldest, by } = charge;
  const kept = charges.filter((one) => one.limit !== limit || one.slot >= oldest);
  const index = kept.findIndex((one) => one.limit === limit && one.slot === slot);
  const known = kept[index];
  if (known === undefined) kept.push(charge);
  else kept[index] = { ...charge, by: known.by + by };
  return kept.map((one) => (one.limit === limit ? { ...one, oldest } : one));
}
