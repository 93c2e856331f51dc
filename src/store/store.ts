/**
 * What a role stores, as one narrow interface: intents with the quota they take and the journal they are
 * written to, all in one transaction. One schema serves the three roles, each in a database of its own.
 *
 * Several processes of one role may share a database (PostgreSQL): each has a series, which is a journal with its own chain and
 * anchor and its own epoch of serials. Intents' ids, orders, spent credentials and quotas are shared. `head`, `journal`, `unsigned`
 * and what is written are of the series that the store serves; what is looked up is of all.
 *
 * src/store/ may import kit, records, quota and journal; roles import this file only.
 */

import type { JournalEntry, JournalHead } from '../journal/chain.ts';
import type { Result } from '../kit/result.ts';
import type { QuotaCode, QuotaPosition } from '../quota/bucket.ts';
import type { Adoption, Resolution } from '../quota/central-account.ts';
import type { ChangeCode } from '../quota/change.ts';
import type { Reservation, ReservationCode } from '../quota/reservation.ts';
import type { JournalHeadRecord } from '../records/journal-head.ts';
import type { QuotaTerms } from '../records/quota-terms.ts';
import type { LedgerReads } from './ledger-reads.ts';

export type { QuotaPosition } from '../quota/bucket.ts';
export type { Reservation, ReservationState } from '../quota/reservation.ts';
export type { LedgerReads, Mark, PageSize, ReadEntry, SettledPage } from './ledger-reads.ts';
export { StoreError, type StoreErrorCode } from './store-error.ts';

export type IntentKind =
  | 'request'
  | 'credential'
  | 'denial'
  | 'control-bit'
  | 'currency'
  | 'retirement'
  | 'transfer'
  | 'reservation'
  | 'release'
  | 'closing';

export interface Intent {
  readonly kind: IntentKind;
  /** The request id, 16 bytes. */
  readonly id: Uint8Array;
  readonly issuer: string;
  /** SHA-256 of what the caller sent: the same id with other content is refused for ever. */
  readonly bodyHash: Uint8Array;
  /** Number of its journal entry; dense, from 1; the store gives it. */
  readonly sequence: number;
  readonly createdMs: number;
  /** What the role needs to go on after a crash; opaque here. */
  readonly context: Uint8Array;
  readonly toBeSigned: Uint8Array;
  /** What was handed out, or null between the commit and the signature. */
  readonly signed: Uint8Array | null;
  /** Of the series that this store serves: only its process anchors and signs it. Always so where one process has the database. */
  readonly own: boolean;
  readonly settles?: Settlement;
}

export interface NewIntent extends Omit<Intent, 'signed' | 'sequence' | 'own'> {
  /** What the record is known by to others: one number of an epoch names one record. */
  readonly serial?: Serial;
  /** The callers' orders that this intent stands for. */
  readonly orders?: readonly Order[];
  /** How many orders this decides on; `countDecided` adds them up. */
  readonly decides?: number;
  /** What this uses up for ever, 16 bytes: of a control bit the credential's id, of a currency and a closing the request's. */
  readonly spends?: Uint8Array;
  readonly take?: QuotaTake;
  /** Quota that is kept for orders to come; the reservation has the intent's id. */
  readonly reserves?: Reserve;
  /** What central management approves by this: counted in its own account. */
  readonly approves?: Approval;
}

/** A part of a quota, kept until a moment: held beside what is reserved and issued. */
export interface Reserve {
  /** The intent's own issuer. */
  readonly issuer: string;
  readonly currency: string;
  /** Minor units, above zero. */
  readonly amount: bigint;
  /** From this moment on, by the quota's clock, it is void. */
  readonly expiresMs: number;
  /** The moment that it is asked at; the store has it as that or, where a take was counted at a later one, as that. */
  readonly atMs: number;
}

export interface Approval {
  /** The intent's own issuer. */
  readonly issuer: string;
  readonly currency: string;
  /** Minor units, above zero. */
  readonly amount: bigint;
}

export interface ApprovedOrders {
  /** Minor units. */
  readonly spent: bigint;
  /** Orders. */
  readonly count: bigint;
}

export interface Serial {
  readonly epoch: number;
  readonly number: number;
}

/** What one caller asked for, under an id of the caller's own. */
export interface Order {
  /** 16 bytes; kept for ever. */
  readonly id: Uint8Array;
  /** SHA-256 of what the caller sent. */
  readonly bodyHash: Uint8Array;
}

/** Where an order is: in which intent, as which of its orders. */
export interface PlacedOrder extends Order {
  readonly intentId: Uint8Array;
  readonly index: number;
}

export interface QuotaTake {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
  /** How many callers' orders it is for, from 1. */
  readonly orders: number;
  /** The moment that it is asked at; it counts at this moment or, where a take was counted at a later one, at that. */
  readonly atMs: number;
  /** The reservation that it is of (16 bytes): it takes what is left of that, and nothing of what is available beside it. */
  readonly reservation?: Uint8Array;
}

/** Which unit, for ever: the serial of its control bit, and the unit's number in it. */
export interface UnitSerial {
  readonly epoch: number;
  readonly sequence: number;
  readonly index: number;
}

/** What an intent takes out of circulation, or moves between accounts. A stop does not hold it up: it issues nothing. */
export interface Settlement {
  /** The intent's own issuer. */
  readonly issuer: string;
  readonly currency: string;
  /** Minor units, above zero. */
  readonly amount: bigint;
  /** Spent by this: none of them twice, for ever. Empty where an account is debited. */
  readonly units: readonly UnitSerial[];
  /** The account that is debited (32 bytes), or null where units are spent. */
  readonly from: Uint8Array | null;
  /** The account that is credited (32 bytes), or null: retired for good. */
  readonly to: Uint8Array | null;
  /**
   * What comes back to the quota: the amount where it is retired for good and the quota's terms say `returns`, else 0. The commit refuses
   * with `quota_changed` where the terms say otherwise by then: what is to be signed names it, and has to be made anew.
   */
  readonly returned: bigint;
  /**
   * At central management: quota control settled it before, by the terms of then. It may come back by the terms of now, or not at all.
   * Said for the commit, and stored nowhere.
   */
  readonly followed?: true;
}

/** What an account has of one issuer's currency: above zero. */
export interface Balance {
  readonly issuer: string;
  readonly currency: string;
  readonly amount: bigint;
}

export type SettlementCode =
  /** A unit was spent before. */
  | 'unit_spent'
  /** The account has less than what is to leave it. */
  | 'balance_too_low'
  /** More than all units that are issued and not spent: something signed them that this ledger does not know. */
  | 'outstanding_exceeded'
  /** The terms of the quota say otherwise than the intent what comes back to it. */
  | 'quota_changed';

export type CommitCode =
  | 'request_id_conflict'
  | 'credential_spent'
  | 'quota_missing'
  | QuotaCode
  | ReservationCode
  | SettlementCode;

export type Committed = Result<{ readonly intent: Intent; readonly created: boolean }, CommitCode>;

/** What is handed out for an intent. */
export interface SignedIntent {
  readonly kind: IntentKind;
  readonly id: Uint8Array;
  readonly signed: Uint8Array;
}

export interface Allocation {
  readonly issuer: string;
  readonly currency: string;
  readonly terms: QuotaTerms;
  readonly createdMs: number;
}

/** A change with the approvals that carry it; the role has verified them. */
export interface ApprovedChange {
  /** A quota change (src/records/quota-change.ts). */
  readonly change: Uint8Array;
  readonly approvals: readonly Uint8Array[];
  readonly createdMs: number;
  /** At central management: quota control carried it out before, so its time is not looked at again. */
  readonly followed?: true;
}

/** Central management takes a quota over that quota control has: in an appliance that was made without an account of its own. */
export interface NewAdoption extends Adoption {
  readonly issuer: string;
  readonly currency: string;
  /** Of `counted`, what came back before, by quota control's word. */
  readonly returned: bigint;
  readonly createdMs: number;
}

/** What became of a request that central management approved of, by issuance's word. */
export interface NewResolution extends Omit<Resolution, 'freed' | 'approved'> {
  readonly requestId: Uint8Array;
  /** What was issued in it, or 0. */
  readonly used: bigint;
  readonly createdMs: number;
}

export interface NewStop {
  /** 16 bytes: the same stop again is one stop. */
  readonly id: Uint8Array;
  readonly reason: string;
  /** Whose right it was. */
  readonly by: string;
  readonly createdMs: number;
  /** What proves it: a signed stop, or nothing where a certificate did. */
  readonly evidence: Uint8Array | null;
}

/** The end of a reservation before it is used up or has expired: a right of its issuer's, and of an operator. */
export interface NewRelease {
  /** Of the reservation. */
  readonly id: Uint8Array;
  /** Whose right it was. */
  readonly by: string;
  /** What proves it: the issuer's signed release, or nothing where a certificate did. */
  readonly evidence: Uint8Array | null;
  readonly createdMs: number;
}

/** The stop in force. */
export interface Stop {
  /** Number of its journal entry: what a start has to name. */
  readonly sequence: number;
  readonly reason: string;
  readonly by: string;
  readonly createdMs: number;
}

/** The highest head of another system's journal that was shown. */
export interface HeldHead {
  readonly record: JournalHeadRecord;
  readonly signed: Uint8Array;
  readonly heldMs: number;
  /** As it was signed: the first head that no one journal has together with this one. Nothing is held in its place from then on. */
  readonly contradiction: Uint8Array | null;
}

/** Where a journal of the database ends. */
export interface SeriesHead {
  /** Its name; empty where the database has one journal for ever. */
  readonly series: string;
  readonly journalId: Uint8Array;
  readonly head: JournalHead;
  /** The hash of its entry with this number, of 0 the genesis hash; undefined where there is none. */
  hashAt(sequence: number): Promise<Uint8Array | undefined>;
  /** The lowest number above `sequence` whose intent has been signed; undefined where none has. */
  firstSignedAfter(sequence: number): Promise<number | undefined>;
}

/** `held` where it is held now, or says what is held; `behind` where it has fewer entries; `forked` where there is a contradiction. */
export interface HeadHolding {
  readonly standing: 'held' | 'behind' | 'forked';
  readonly held: HeldHead;
}

export interface Store {
  /** For lists and streams. */
  reads(): LedgerReads;
  /** Of the genesis, 16 bytes: a database has one for ever. */
  journalId(): Promise<Uint8Array>;
  /** Where each journal of the database ends, the one that is served among them: several processes have one each. */
  journals(): Promise<readonly SeriesHead[]>;
  /** The journal's last entry: 0 and the genesis hash where there is none. */
  head(): Promise<JournalHead>;
  findIntent(kind: IntentKind, id: Uint8Array): Promise<Intent | undefined>;
  /** Name of the series that an intent is in; empty where the database has one journal for ever, undefined where it is not known. */
  seriesOf(kind: IntentKind, id: Uint8Array): Promise<string | undefined>;
  /** Where each order of `ids` is, in their order; `undefined` for one that is not known. */
  findOrders(ids: readonly Uint8Array[]): Promise<readonly (PlacedOrder | undefined)[]>;
  /** The intent whose record has this serial. */
  findSerial(epoch: number, number: number): Promise<Intent | undefined>;
  /** Id of the retirement that spent each of `units`, in their order; `undefined` for one that is not spent. */
  findSpent(units: readonly UnitSerial[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** What the account (32 bytes) has, by issuer, then by currency; a balance of zero is not told. */
  balances(account: Uint8Array): Promise<readonly Balance[]>;
  /** The highest number of the epoch; 0 where there is none. */
  lastSerial(epoch: number): Promise<number>;
  /**
   * Transaction A, one for all of `intents`: stores each with its journal entry, its orders, the spent credential, the quota
   * taken or reserved and what it settles, or nothing of it; one that is refused does not touch the others. An intent with this kind, id and body hash that is
   * there already is given as it is. Before an intent that takes or reserves, the reservations of that quota that have expired are ended, each with an entry. Once this returns, a power cut does not undo it.
   */
  commit(intents: readonly NewIntent[]): Promise<readonly Committed[]>;
  /**
   * Transaction B, one for all of `signed`: stores what is handed out and turns reserved quota into issued. The first one stays; a later
   * one gets it. Throws `issuance_stopped` where quota was taken for one that is not stored yet and issuing is stopped: what was signed
   * is then of no use to anybody.
   */
  recordSigned(signed: readonly SignedIntent[]): Promise<readonly Intent[]>;
  /** What a crash left between transactions A and B. */
  unsigned(): Promise<readonly Intent[]>;
  /** Allocates a quota, as a journal entry; the same again changes nothing, another is refused: that is a change. */
  allocate(
    allocation: Allocation,
  ): Promise<Result<QuotaPosition, 'allocation_exists' | 'allocation_invalid'>>;
  /** The quota with its windows ending at `nowMs`, or at the latest moment that a take was counted at. */
  position(issuer: string, currency: string, nowMs: number): Promise<QuotaPosition | undefined>;
  /** By issuer, then by currency. */
  positions(nowMs: number): Promise<readonly QuotaPosition[]>;
  /** What an order took on average, of each of the last `most` takes. */
  recentAmounts(issuer: string, currency: string, most: number): Promise<readonly bigint[]>;
  /** Number of the journal entry of the change with this id (32 bytes), where it was carried out. */
  findChange(id: Uint8Array): Promise<number | undefined>;
  /** Carries it out, as a journal entry, whose number it gives; or nothing of it. One that was carried out before changes nothing. */
  applyChange(change: ApprovedChange): Promise<Result<number, ChangeCode>>;
  /** The changes that were carried out, in the order of the journal. */
  changes(): Promise<readonly ApprovedChange[]>;
  /** Central management's account: takes quotas over, as journal entries, where it has none at all; gives whether it did. */
  adopt(adoptions: readonly NewAdoption[]): Promise<boolean>;
  /**
   * Frees what was approved and not issued, as journal entries: of each request once, and only of one whose approval is in the account. Gives of
   * how many that was.
   */
  resolve(resolutions: readonly NewResolution[]): Promise<number>;
  /** The mark of the last resolution, or 0. */
  resolvedUpTo(): Promise<number>;
  /** Stops issuing, as a journal entry. Once this returns, no quota is taken and nothing that took quota is recorded, until a start. */
  stop(stop: NewStop): Promise<Stop>;
  stopped(): Promise<Stop | undefined>;
  /** What proves the stop, as it was given: its journal entry has it. */
  evidenceOf(stop: Stop): Promise<Uint8Array | null>;
  /** As it reads at `nowMs`, or at the latest moment that a take was counted at. */
  findReservation(id: Uint8Array, nowMs: number): Promise<Reservation | undefined>;
  /** The first `limit` whose ids come after `after`, by their ids; of one issuer where it is named. */
  reservations(page: {
    readonly after: Uint8Array;
    readonly limit: number;
    readonly issuer?: string;
    readonly nowMs: number;
  }): Promise<readonly Reservation[]>;
  /**
   * Ends it, as a journal entry, and gives what is left of it back to the quota; where it has ended already, nothing changes. Gives it as
   * it is then.
   */
  release(release: NewRelease): Promise<Result<Reservation, 'reservation_unknown'>>;
  /** Orders of the issuer that were decided on since. */
  countDecided(issuer: string, sinceMs: number): Promise<number>;
  /** What central management approved of the issuer's orders in the currency since, whatever became of it: minor units, and how many orders. */
  approvedSince(issuer: string, currency: string, sinceMs: number): Promise<ApprovedOrders>;
  /** The hash of the entry with this number, of 0 the genesis hash; undefined where there is none. */
  hashAt(sequence: number): Promise<Uint8Array | undefined>;
  /** The lowest number above `sequence` whose intent has been signed; undefined where none has. */
  firstSignedAfter(sequence: number): Promise<number | undefined>;
  journal(fromSequence: number, limit: number): Promise<readonly JournalEntry[]>;
  /**
   * Holds a head of another system's journal, which the caller has verified, where nothing forbids it: the highest of each journal. A head
   * of another journal than is held contradicts that, unless both are of `several`, the ids of the journals that the system has at once.
   */
  holdHead(signed: Uint8Array, heldMs: number, several?: readonly Uint8Array[]): Promise<HeadHolding>;
  /** By role, name and journal. */
  heldHeads(): Promise<readonly HeldHead[]>;
  /** Forgets what is held of a system, or of one journal of it; gives whether anything was. An operator's decision, never the program's. */
  releaseHead(role: string, name: string, journal?: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
}
