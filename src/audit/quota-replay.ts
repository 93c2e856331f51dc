/**
 * Every quota made anew from the first allocation on: what was allocated, changed and stopped by whom, and whether each take fitted when it
 * was taken. Entries come in the order in which quota control wrote them.
 */
import { toHex } from '../kit/bytes.ts';
import { quote } from '../kit/result.ts';
import { addUse, chargesOf, part, positionOf, type SlotUse } from '../quota/bucket.ts';
import { checkChangeTime, checkStart, checkTerms } from '../quota/change.ts';
import { accountName } from '../quota/history.ts';
import { type ClockReset, makeTally } from '../quota/tally.ts';
import { type QuotaChange, type TermsAction, termsActionsOf } from '../records/quota-change.ts';
import type { QuotaTerms } from '../records/quota-terms.ts';
import { isStopProven } from './approval-check.ts';
import { checkChangeEntry } from './change-entry-check.ts';
import type { AllocationEntry, ChangeEntry, IntentEntry, ReservationEndEntry, StopEntry } from './entry.ts';
import type { FindingCode } from './finding.ts';
import { ReservationReplay } from './reservation-replay.ts';
import { type AuditContext, report, type System } from './system.ts';
import { TakeLog } from './take-log.ts';

/** A quota as the journal of quota control makes it. */
export interface ReplayedAccount {
  readonly issuer: string;
  readonly currency: string;
  readonly version: number;
  readonly terms: QuotaTerms;
  /** What was allocated at first, by whoever made the system: no signature shows it. */
  readonly first: bigint;
  readonly taken: bigint;
  /** Retired for good, and what of it came back to the quota. */
  readonly retired: bigint;
  readonly returned: bigint;
  /** In accounts: their units are spent, and it is outstanding still. */
  readonly credited: bigint;
}

interface Account {
  readonly issuer: string;
  readonly currency: string;
  readonly first: bigint;
  version: number;
  terms: QuotaTerms;
  taken: bigint;
  retired: bigint;
  returned: bigint;
  credited: bigint;
  /** What is left of its reservations that are open. */
  held: bigint;
  clockMs: number;
  uses: readonly SlotUse[];
  readonly takes: TakeLog;
  readonly resets: ClockReset[];
}

export class QuotaReplay {
  private readonly context: AuditContext;
  private readonly system: System;
  private readonly accountsByName = new Map<string, Account>();
  /** Minor units, by account, issuer and currency. */
  private readonly balances = new Map<string, bigint>();
  private readonly changes = new Set<string>();
  private readonly stops = new Set<string>();
  private readonly reservations: ReservationReplay;
  /** Ordinal of the stop in force. */
  private stop: number | undefined;
  /** Quotas are allocated before anything else. */
  private isOpen = true;

  constructor(context: AuditContext, system: System) {
    this.context = context;
    this.system = system;
    this.reservations = new ReservationReplay(context, system);
  }

  accounts(): readonly ReplayedAccount[] {
    return [...this.accountsByName.values()].map(
      ({ issuer, currency, version, terms, first, ...sums }): ReplayedAccount => ({
        issuer,
        currency,
        version,
        terms,
        first,
        taken: sums.taken,
        retired: sums.retired,
        returned: sums.returned,
        credited: sums.credited,
      }),
    );
  }

  allocate({ account: name, terms, sequence }: AllocationEntry): void {
    if (!this.isOpen || this.accountsByName.has(name)) {
      this.find(
        sequence,
        'allocation_unapproved',
        `a quota ${name} of ${terms.allocated} minor units is allocated with nobody's approval, after the system was made`,
        'allocations when the system is made, and changes that two people approve from then on',
      );
      if (this.accountsByName.has(name)) return;
    }
    const known = checkTerms(terms);
    if (!known.ok)
      this.find(sequence, 'change_invalid', known.message, 'limits in time zones that are known here');
    const [issuer = '', currency = ''] = name.split('/');
    this.accountsByName.set(name, {
      issuer,
      currency,
      first: terms.allocated,
      version: 1,
      terms: known.ok ? terms : { ...terms, limits: [] },
      taken: 0n,
      retired: 0n,
      returned: 0n,
      credited: 0n,
      held: 0n,
      clockMs: 0,
      uses: [],
      takes: new TakeLog(),
      resets: [],
    });
  }

  take(entry: IntentEntry, ordinal: number): void {
    this.isOpen = false;
    const { sequence, take, issuer, createdMs } = entry;
    if (take === null) {
      this.find(sequence, 'take_mismatch', 'a control bit that takes no quota', 'a take of its total');
      return;
    }
    const name = accountName(issuer, take.currency);
    const account = this.accountsByName.get(name);
    if (account === undefined) {
      this.find(sequence, 'quota_missing', `it takes of a quota ${name}`, 'a quota that was allocated');
      return;
    }
    const { terms } = account;
    this.checkGoing(sequence, name, account, 'taken');
    const due = Math.max(createdMs, account.clockMs);
    if (take.atMs !== due)
      this.find(
        sequence,
        'take_time',
        `it counts at ${take.atMs} ms`,
        `${due} ms: when it was made, or where the quota's clock was`,
      );
    const atMs = Math.max(take.atMs, account.clockMs);
    const asked = { amount: take.amount, orders: take.orders };
    const use = this.reservations.use(sequence, account, take);
    account.held -= use;
    account.taken += take.amount;
    const kept = this.checkTotal(sequence, name, account);
    // What was exceeded before does not keep the limits from being looked at.
    const allocated = kept > terms.allocated ? kept : terms.allocated;
    const still = { reserved: kept - take.amount < 0n ? 0n : kept - take.amount, issued: 0n };
    const gone = { held: 0n, voided: 0n, retired: 0n, returned: 0n, credited: 0n };
    const position = positionOf({ ...account, ...terms, allocated, ...still, ...gone }, account.uses, {
      nowMs: atMs,
      stopped: false,
    });
    for (const limit of position.limits) {
      const needed = part(limit, asked);
      if (needed > limit.remaining)
        this.find(
          sequence,
          'limit_exceeded',
          `it takes ${needed} of the limit \`${limit.name}\` of ${name} (${limit.maximum} ${limit.counts})`,
          `at most ${limit.remaining}, which were left`,
        );
    }
    account.uses = chargesOf(position, asked).reduce<readonly SlotUse[]>(addUse, account.uses);
    account.clockMs = atMs;
    account.takes.add({ sequence: ordinal, atMs, ...asked });
  }

  private checkGoing(sequence: number, name: string, { terms }: Account, what: 'taken' | 'reserved'): void {
    if (this.stop !== undefined)
      this.find(
        sequence,
        'issuance_stopped',
        `quota is ${what} while issuing is stopped`,
        'a start before it, which two people approve',
      );
    if (terms.frozen)
      this.find(sequence, 'quota_frozen', `it is ${what} of ${name}, which is frozen`, 'a quota that is not');
  }

  /** Gives what is taken and held, less what came back. */
  private checkTotal(sequence: number, name: string, { terms, taken, returned, held }: Account): bigint {
    const kept = taken - returned + held;
    if (kept > terms.allocated)
      this.find(
        sequence,
        'quota_exceeded',
        `with it ${kept} minor units are taken and held of ${name}, less what came back`,
        `at most ${terms.allocated}, which are allocated`,
      );
    return kept;
  }

  /** What is kept for orders to come. */
  reserve(entry: IntentEntry): void {
    this.isOpen = false;
    const { sequence, reserves, issuer, createdMs } = entry;
    if (reserves === null) {
      this.find(sequence, 'reservation_mismatch', 'a reservation that keeps nothing', 'what it keeps');
      return;
    }
    const name = accountName(issuer, reserves.currency);
    const account = this.accountsByName.get(name);
    if (account === undefined) {
      this.find(sequence, 'quota_missing', `it reserves of a quota ${name}`, 'a quota that was allocated');
      return;
    }
    this.checkGoing(sequence, name, account, 'reserved');
    const due = Math.max(createdMs, account.clockMs);
    if (reserves.atMs !== due)
      this.find(
        sequence,
        'take_time',
        `it counts at ${reserves.atMs} ms`,
        `${due} ms: when it was made, or where the quota's clock was`,
      );
    account.held += reserves.amount;
    this.checkTotal(sequence, name, account);
    this.reservations.add(entry, reserves);
  }

  endReservation(entry: ReservationEndEntry): void {
    this.isOpen = false;
    const ended = this.reservations.end(entry, (name) => this.accountsByName.get(name)?.clockMs ?? 0);
    const account = ended === undefined ? undefined : this.accountsByName.get(ended.account);
    if (account !== undefined && ended !== undefined) account.held -= ended.amount;
  }

  /** What is retired, and what moves between accounts. */
  settle({ sequence, issuer, settles }: IntentEntry): void {
    this.isOpen = false;
    if (settles === null) return;
    const { currency, amount, from, to, returned } = settles;
    const name = accountName(issuer, currency);
    const account = this.accountsByName.get(name);
    if (account === undefined) {
      this.find(
        sequence,
        'quota_missing',
        `it settles currency of a quota ${name}`,
        'a quota that was allocated',
      );
      return;
    }
    const due = to === null && account.terms.returns ? amount : 0n;
    if (returned !== due)
      this.find(
        sequence,
        'returned_mismatch',
        `${returned} minor units come back to ${name}`,
        `${due}, by the terms of the quota`,
      );
    if (from !== null && this.move(from, name, -amount) < 0n)
      this.find(
        sequence,
        'balance_too_low',
        `${amount} minor units leave the account ${toHex(from).slice(0, 16)}, which has less of ${name}`,
        'at most what it was credited and not debited since',
      );
    if (to !== null) this.move(to, name, amount);
    account.credited += (to === null ? 0n : amount) - (from === null ? 0n : amount);
    if (to === null) account.retired += amount;
    account.returned += due;
    if (account.retired + account.credited > account.taken)
      this.find(
        sequence,
        'unit_unknown',
        `with it ${account.retired + account.credited} minor units of ${name} are retired or in accounts`,
        `at most ${account.taken}, which were ever taken`,
      );
  }

  /** Gives what the account has then. */
  private move(account: Uint8Array, name: string, by: bigint): bigint {
    const key = `${toHex(account)} ${name}`;
    const has = (this.balances.get(key) ?? 0n) + by;
    this.balances.set(key, has);
    return has;
  }

  change(entry: ChangeEntry, ordinal: number): void {
    const { sequence, createdMs } = entry;
    this.isOpen = false;
    const checked = checkChangeEntry(this.context, this.system, entry, this.changes);
    if (checked === undefined) return;
    const { change, approved } = checked;
    const timely = checkChangeTime(change, createdMs);
    if (!timely.ok) this.find(sequence, 'change_invalid', timely.message, 'a change within its time');
    const { action } = change;
    if (action.kind === 'start') {
      const due = checkStart(action, this.stop);
      if (!due.ok) this.find(sequence, 'change_invalid', due.message, 'a start of the stop in force');
      if (approved) this.stop = undefined;
      return;
    }
    for (const terms of termsActionsOf(action))
      this.changeTerms(terms, change, { sequence, ordinal, approved });
  }

  private changeTerms(
    action: TermsAction,
    { reason }: QuotaChange,
    { sequence, ordinal, approved }: { sequence: number; ordinal: number; approved: boolean },
  ): void {
    const name = accountName(action.issuer, action.currency);
    const account = this.accountsByName.get(name);
    if (account === undefined) {
      this.find(sequence, 'quota_missing', `a change of a quota ${name}`, 'a quota that was allocated');
      return;
    }
    const { terms, version, clock } = action;
    const known = checkTerms(terms);
    const fault =
      version !== account.version
        ? `it starts from version ${version} of ${name}, which is at version ${account.version}`
        : terms.allocated < account.taken - account.returned + account.held
          ? `it allocates ${terms.allocated} to ${name}, of which ${account.taken - account.returned + account.held} are taken or held and did not come back`
          : known.ok
            ? undefined
            : known.message;
    if (fault !== undefined)
      this.find(
        sequence,
        'change_invalid',
        `${fault} (\`${reason}\`)`,
        'a change that fits the quota as it was',
      );
    account.version = version + 1;
    // What nobody approved changes nothing here: what is taken by it is found as taken beyond the quota.
    if (!approved || !known.ok) return;
    account.terms = terms;
    if (clock !== null) {
      account.resets.push({ sequence: ordinal, atMs: clock * 1000 });
      account.clockMs = Math.min(account.clockMs, clock * 1000);
    }
    // A limit counts what was taken before it was there, too.
    const tally = makeTally(terms.limits, account.clockMs, account.resets);
    for (const taken of account.takes.all()) tally.add(taken);
    account.uses = tally.uses();
  }

  stopIssuing(entry: StopEntry, ordinal: number): void {
    const { id, by, sequence } = entry;
    this.isOpen = false;
    const name = toHex(id);
    if (this.stops.has(name))
      this.find(sequence, 'entry_repeated', 'a stop that is there already', 'each stop once');
    this.stops.add(name);
    this.stop = ordinal;
    if (!isStopProven(this.context, entry))
      this.find(
        sequence,
        'stop_invalid',
        `a stop in the name of ${quote(by)} that no signed stop in it shows`,
        'a stop that an approver signed',
      );
  }

  private find(sequence: number, code: FindingCode, found: string, expected: string): void {
    report(this.context, this.system, sequence, code, found, expected);
  }
}
