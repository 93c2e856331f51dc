/** The quotas as they become while a group of intents is decided: what it takes from them, reserves and retires. */
import { toHex } from '../kit/bytes.ts';
import { assert, quote, type Result, refuse, succeed } from '../kit/result.ts';
import {
  addUse,
  type Charge,
  chargesOf,
  checkApproval,
  checkGoing,
  checkLimits,
  checkRoom,
  checkTake,
  positionOf,
  type QuotaAccount,
  type QuotaPosition,
  type SlotUse,
} from '../quota/bucket.ts';
import { accountName } from '../quota/history.ts';
import {
  checkUse,
  openReservationLimit,
  type Reservation,
  refuseUnknownReservation,
  useReservation,
} from '../quota/reservation.ts';
import { refuseQuotaMissing } from './refusal.ts';
import { type EndedReservation, endReservations, sumEnded } from './reservation-end.ts';
import type { Approval, CommitCode, QuotaTake, Reserve, Settlement } from './store.ts';

/** A quota as the database holds it, with what is in its slots. */
export interface FoundQuota {
  readonly account: QuotaAccount;
  readonly uses: readonly SlotUse[];
}

/** Of the quotas that a group takes or reserves of. */
export interface FoundReservations {
  /** Those that the group names, and of those that are open all that have expired at the latest moment of the group. */
  readonly reservations: readonly Reservation[];
  /** How many are open, by `issuer/currency`; none where there is no number. */
  readonly open: ReadonlyMap<string, number>;
}

/** What a group takes and reserves of one quota: one row is written for it, and one for each slot. */
export interface Taken {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
  /** By how much more is held; below zero where more is used, or ended, than reserved. */
  readonly held: bigint;
  /** Where the quota's clock is after the last take. */
  readonly clockMs: number;
  readonly charges: readonly Charge[];
}

/** What a group approves and settles of one quota: one row is written for it, since what it settles may be what it approves. */
export interface Added {
  readonly issuer: string;
  readonly currency: string;
  /** In central management's account. */
  readonly approved: bigint;
  readonly retired: bigint;
  readonly returned: bigint;
  /** Below zero where more leaves the accounts than goes into them. */
  readonly credited: bigint;
}

/** When a take or a reservation counts, and what expired before it. */
export interface Counted {
  readonly atMs: number;
  readonly ended: readonly EndedReservation[];
}

interface Planned {
  account: QuotaAccount;
  uses: readonly SlotUse[];
  taken: bigint;
  open: number;
  touched: boolean;
  charges: readonly Charge[];
  added: boolean;
  readonly before: QuotaAccount;
}

export class QuotaPlan {
  private readonly stopped: boolean;
  private readonly quotas: ReadonlyMap<string, Planned>;
  private readonly reservations: Map<string, Reservation>;
  private readonly written = new Set<string>();

  constructor(found: readonly FoundQuota[], { reservations, open }: FoundReservations, stopped: boolean) {
    this.stopped = stopped;
    this.reservations = new Map(reservations.map((one) => [toHex(one.id), one]));
    this.quotas = new Map(
      found.map(({ account, uses }) => {
        const name = accountName(account.issuer, account.currency);
        const planned: Planned = {
          account,
          uses,
          taken: 0n,
          open: open.get(name) ?? 0,
          touched: false,
          charges: [],
          added: false,
          before: account,
        };
        return [name, planned];
      }),
    );
  }

  take(take: QuotaTake): Result<Counted, CommitCode> {
    const { issuer, currency, amount, atMs: nowMs } = take;
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const { position, ended } = this.look(known, nowMs);
    const fits = take.reservation === undefined ? checkTake(position, take) : this.checkUse(position, take);
    if (!fits.ok) return fits;
    const { atMs } = position;
    this.end(known, ended);
    if (take.reservation !== undefined) this.use(known, take.reservation, amount);
    known.account = { ...known.account, reserved: known.account.reserved + amount, clockMs: atMs };
    known.taken += amount;
    known.touched = true;
    for (const charge of chargesOf(position, take)) {
      known.uses = addUse(known.uses, charge);
      known.charges = addCharge(known.charges, charge);
    }
    return succeed({ atMs, ended });
  }

  /** Keeps a part of the quota under the id; limits over windows count what is issued of it, and when. */
  reserve(id: Uint8Array, reserves: Reserve): Result<Counted, CommitCode> {
    const { issuer, currency, amount, expiresMs, atMs: nowMs } = reserves;
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const { position, ended } = this.look(known, nowMs);
    const { atMs } = position;
    const reservation: Reservation = { id, issuer, currency, amount, used: 0n, expiresMs, state: 'open' };
    const fits = checkRoom(position, amount);
    if (!fits.ok) return fits;
    const lasting = checkUse(reservation, amount, atMs);
    if (!lasting.ok) return lasting;
    if (known.open - ended.length >= openReservationLimit)
      return refuse(
        'reservations_too_many',
        `${openReservationLimit} reservations of this quota are open: one more is accepted when one of them is used up or released, or has expired`,
      );
    this.end(known, ended);
    this.write(reservation);
    known.account = { ...known.account, held: known.account.held + amount };
    known.open++;
    known.touched = true;
    return succeed({ atMs, ended });
  }

  /** The quota at the moment that counts, and what has expired by then and is yet to be ended. */
  private look(
    { account, uses }: Planned,
    nowMs: number,
  ): { readonly position: QuotaPosition; readonly ended: readonly EndedReservation[] } {
    const own = [...this.reservations.values()].filter(
      ({ issuer, currency }) => issuer === account.issuer && currency === account.currency,
    );
    const ended = endReservations(own, { atMs: Math.max(nowMs, account.clockMs) });
    const lapsed = sumEnded(ended);
    return { position: positionOf(account, uses, { nowMs, stopped: this.stopped, lapsed }), ended };
  }

  private checkUse(position: QuotaPosition, take: QuotaTake): Result<null, CommitCode> {
    const { reservation: id, issuer, currency, amount } = take;
    const reservation = id === undefined ? undefined : this.reservations.get(toHex(id));
    const going = checkGoing(position);
    if (!going.ok) return going;
    if (reservation?.issuer !== issuer || reservation.currency !== currency)
      return refuseUnknownReservation(id ?? new Uint8Array());
    const fits = checkUse(reservation, amount, position.atMs);
    return fits.ok ? checkLimits(position, take) : fits;
  }

  private use(known: Planned, id: Uint8Array, amount: bigint): void {
    const reservation = this.reservations.get(toHex(id));
    assert(reservation !== undefined, 'what is used was looked at');
    const after = useReservation(reservation, amount);
    this.write(after);
    known.account = { ...known.account, held: known.account.held - amount };
    if (after.state !== 'open') known.open--;
  }

  private end(known: Planned, ended: readonly EndedReservation[]): void {
    for (const { reservation } of ended) this.write(reservation);
    known.account = { ...known.account, held: known.account.held - sumEnded(ended) };
    known.open -= ended.length;
  }

  private write(reservation: Reservation): void {
    const name = toHex(reservation.id);
    this.reservations.set(name, reservation);
    this.written.add(name);
  }

  /** Counts what central management approves at once, whatever becomes of it: it has no windows, no stop and no clock. */
  approve({ issuer, currency, amount }: Approval): Result<null, CommitCode> {
    const known = this.quotas.get(accountName(issuer, currency));
    if (known === undefined) return refuseQuotaMissing(issuer, currency);
    const fits = checkApproval(known.account, amount);
    if (!fits.ok) return fits;
    known.account = { ...known.account, issued: known.account.issued + amount };
    known.added = true;
    return succeed(null);
  }

  /** Counts what is settled; whether its units and accounts are what they should be, is the settlement plan's. */
  settle({ issuer, currency, amount, from, to, returned, followed }: Settlement): Result<null, CommitCode> {
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
    if (returned !== due && !(followed === true && returned === 0n))
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
    known.added = true;
    return succeed(null);
  }

  get taken(): readonly Taken[] {
    return [...this.quotas.values()]
      .filter(({ touched }) => touched)
      .map(({ account: { issuer, currency, clockMs, held }, before, taken, charges }) => ({
        issuer,
        currency,
        amount: taken,
        held: held - before.held,
        clockMs,
        charges,
      }));
  }

  /** Those that are made, used or ended, as they are then. */
  get reserved(): readonly Reservation[] {
    return [...this.written].flatMap((name) => this.reservations.get(name) ?? []);
  }

  get added(): readonly Added[] {
    return [...this.quotas.values()]
      .filter(({ added }) => added)
      .map(({ account, before }) => ({
        issuer: account.issuer,
        currency: account.currency,
        approved: account.issued - before.issued,
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
