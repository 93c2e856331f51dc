/** What the commands of `ringmint store` need of the appliance, and what they report. */
import type { Result } from '../kit/result.ts';
import type { AnchorAction } from '../records/quota-change.ts';
import type { Role } from './appliance.ts';

export interface StoreMigrationReport {
  readonly role: Role;
  /** Where the ledger is now, without the password. */
  readonly to: string;
  readonly series: string;
  /** The anchor in the system's token that the series goes on with. */
  readonly anchor: string;
  readonly rows: number;
}

/** Where a journal of a ledger ends. */
export interface JournalEnd {
  /** Of a ledger with several journals, or of a process that appliance.json names; null elsewhere. */
  readonly series: string | null;
  readonly journalId: string;
  readonly head: { readonly sequence: number; readonly hash: string };
}

export interface LedgerBackupReport {
  readonly folder: string;
  readonly role: Role;
  /** Of the copy. */
  readonly journals: readonly JournalEnd[];
  /** Seconds since the epoch. */
  readonly madeAt: number;
  readonly size: number;
  readonly sha256: string;
}

/** How a ledger stands to what one place outside of it knows of a journal of its. */
export interface LedgerStanding {
  readonly of: 'anchor' | Role;
  /** Whose journal; null where it is the only one, or something is so of all. */
  readonly series: string | null;
  /** `whole`: it has all of that. `behind`: it lacks entries. `forked`: it has another entry there. `none`: nothing is known there. */
  readonly standing: 'whole' | 'behind' | 'forked' | 'none' | 'unknown';
  /** Of the last entry that is known there. */
  readonly sequence: number | null;
  /** Why it could not be asked. */
  readonly problem: string | null;
}

/** A ledger, and what a start on it would find. */
export interface JudgedLedger {
  readonly role: Role;
  /** Those that it lacks, of processes that appliance.json names, among them: they have no entry in it. */
  readonly journals: readonly JournalEnd[];
  readonly standings: readonly LedgerStanding[];
}

export interface LedgerVerificationReport extends JudgedLedger {
  readonly path: string;
  /** Of a backup, in seconds since the epoch. */
  readonly madeAt: number | null;
}

export interface LedgerRestoreReport extends JudgedLedger {
  /** The folder that the ledger is in now which was there before. */
  readonly setAside: string | null;
}

export interface LedgerReturnReport {
  readonly role: Role;
  /** Where it was, without the password. */
  readonly from: string;
  readonly to: string;
  /** The anchor in the system's token that it goes on with. */
  readonly anchor: string;
  /** What config.json has to say as `store`. */
  readonly config: { readonly kind: 'sqlite'; readonly anchor?: string };
  readonly setAside: string | null;
}

/** What is to be assumed to have been issued since, of one quota. */
export interface AssumedIssue {
  /** The appliance's own where it is not named. */
  readonly issuer: string | undefined;
  readonly currency: string;
  /** Minor units. */
  readonly amount: bigint;
}

export interface AnchorProposal {
  readonly action: AnchorAction;
  /** At quota control: what issuance has control bits for that the ledger does not have; minor units, by `issuer/currency`. */
  readonly issuedSince: readonly { readonly quota: string; readonly amount: bigint }[];
}

/** What a journal goes on with. */
export interface AnchoredJournal {
  /** Of quota control as several processes; else null. */
  readonly series: string | null;
  /** Name of the anchor in the system's token. */
  readonly anchor: string;
  /** Of the control bits from now on, where it is another one. */
  readonly epoch: number | null;
}

export interface AnchoredAnew {
  readonly role: Role;
  /** Number of the journal entry. */
  readonly sequence: number;
  /** That of the entry first. */
  readonly journals: readonly AnchoredJournal[];
  /** The witnesses that held what was given up, and forgot it. */
  readonly released: readonly Role[];
  /** Those whose ledgers are on other machines: each releases what it holds there. */
  readonly elsewhere: readonly Role[];
}

/** What `ringmint store` does. */
export interface StoreAdministration {
  backUp(options: {
    readonly home: string;
    readonly role: Role;
    readonly out: string;
    readonly progress: (line: string) => void;
  }): Promise<LedgerBackupReport>;
  verify(options: {
    readonly home: string;
    readonly path: string;
    readonly progress: (line: string) => void;
  }): Promise<LedgerVerificationReport>;
  restore(options: {
    readonly home: string;
    readonly folder: string;
    readonly setAside: boolean;
    readonly progress: (line: string) => void;
    /** Told before anything is written, of what a start will find. */
    readonly foresee: (foreseen: JudgedLedger) => void;
  }): Promise<LedgerRestoreReport>;
  /** What has to be approved for a system, which is stopped as the others are, to go on from the ledger that it has. */
  proposeAnchor(options: {
    readonly home: string;
    readonly role: Role;
    readonly assumed: readonly AssumedIssue[];
    /** Paths of extracts, of the systems whose ledgers are on other machines. */
    readonly evidence: readonly string[];
    readonly progress: (line: string) => void;
  }): Promise<Result<AnchorProposal>>;
  anchorAnew(options: {
    readonly home: string;
    readonly change: Uint8Array;
    readonly approvals: readonly Uint8Array[];
    readonly evidence: readonly string[];
    readonly progress: (line: string) => void;
  }): Promise<Result<AnchoredAnew>>;
  /** From PostgreSQL into the SQLite file of the system. */
  moveBack(options: {
    readonly home: string;
    readonly role: Role;
    readonly setAside: boolean;
    readonly progress: (line: string) => void;
  }): Promise<LedgerReturnReport>;
  migrate(options: {
    readonly home: string;
    readonly role: Role;
    readonly urlFile: string;
    readonly series: string;
    readonly progress: (written: number, all: number) => void;
  }): Promise<StoreMigrationReport>;
}
