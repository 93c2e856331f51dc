/** What the commands need of the appliance; the composition root hands it in, so that src/cli/ reaches neither HSM nor store. */
import type { ModuleSigner } from '../../vm/signed-module.ts';
import type { Result } from '../kit/result.ts';
import type { ApprovalPolicy } from '../records/approval-policy.ts';
import type { KeyAudit } from '../records/key-audit.ts';
import type { Limit } from '../records/quota-terms.ts';
import type { KeyRole } from '../records/trust-bundle.ts';
import type { IssuanceStep } from '../roles/issuance.ts';
import type { SystemEvent } from '../roles/journal-event.ts';
import type { ListedEntry } from '../roles/journal-reader.ts';
import type { ListedOrder, OrderState } from '../roles/order-list.ts';
import type { AppliedChange, Stop } from '../roles/quota-changes.ts';
import type { UsualPosition } from '../roles/quota-control.ts';
import type { Reservation } from '../roles/reservations.ts';
import type { Balance, UnitRange, UnitStanding } from '../roles/settlements.ts';
import type { RoleStatus } from '../roles/status.ts';
import type { DeviceAdministration } from './device-administration.ts';
import type { ProcessAdministration } from './process-administration.ts';
import type { RuleAdministration } from './rule-administration.ts';
import type { StoreAdministration } from './store-administration.ts';

export type Role = RoleStatus['role'];

export const roles = ['central', 'issuance', 'quota'] as const satisfies readonly Role[];

/** What an issuer may issue in one currency; minor units. */
export interface IssuerQuota {
  readonly currency: string;
  readonly total: bigint;
  readonly dayLimit: bigint;
  readonly requestMaximum: bigint;
  /** Confidential: to central management's folder only. */
  readonly ceiling: bigint;
  readonly requestsPerMinute: number;
  /** Besides the daily one. */
  readonly limits: readonly Limit[];
  /** Whether what is retired for good comes back to the total. */
  readonly returns: boolean;
}

/** Where the anchors of a new appliance's journals are. */
export type InitAnchor =
  | { readonly kind: 'firmware-sim' | 'tokens' }
  | {
      readonly kind: 'tpm';
      /** How the tools reach it (TCTI), such as `device:/dev/tpmrm0`. */
      readonly tcti: string;
      /** The first of 768 NV indices, 256 for each system. */
      readonly index: number;
      /** Source of the owner's authorisation, where that is not empty. */
      readonly ownerPin?: string;
    };

/** Where the keys of a new appliance are. */
export type InitHsm = 'softhsm' | 'firmware-sim';

export interface InitOptions {
  readonly home: string;
  readonly issuer: string;
  readonly quotas: readonly IssuerQuota[];
  readonly timeZone: string;
  readonly host: string;
  /** 0 where the system is to choose; `ringmint up` then writes down which. */
  readonly ports: Readonly<Record<Role, number>>;
  /** Path of the PKCS#11 module, or `auto`; not looked for where the keys are in `firmware-sim`. */
  readonly module: string;
  readonly hsm: InitHsm;
  readonly anchor: InitAnchor;
  readonly progress: (message: string) => void;
}

export interface InitReport {
  readonly home: string;
  readonly issuer: string;
  readonly rootKeyId: string;
  readonly keyIds: Readonly<Record<Role, string>>;
  /** Null where the keys are in no PKCS#11 token. */
  readonly module: string | null;
  readonly hsm: InitHsm;
  readonly anchor: InitAnchor['kind'];
}

export interface IssuanceAnswer {
  readonly kind: 'issued' | 'denied';
  readonly steps: readonly IssuanceStep[];
  readonly denied: { readonly reasons: readonly string[]; readonly wouldPass: bigint | null } | null;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface OrderFilter {
  readonly state?: OrderState;
  readonly currency?: string;
  readonly since?: string;
  /** A UUID. */
  readonly request?: string;
  /** A UUID: one order. */
  readonly id?: string;
}

/** The operator's connection to the running systems. */
export interface Operator {
  /** Page after page, as they are asked for; a refusal is the last that a list gives. */
  orders(filter: OrderFilter): AsyncIterable<Result<ListedOrder>>;
  /** The processes of a system that have an address, by their series; `[null]` where it is one process. */
  processes(role: Role): readonly (string | null)[];
  /** Of the process with this series where the system has several. */
  journal(role: Role, query: Record<never, never>, series: string | null): AsyncIterable<Result<ListedEntry>>;
  events(
    role: Role,
    query: { readonly after?: number; readonly ended: AbortSignal; readonly patienceMs: number },
    series: string | null,
  ): AsyncIterable<Result<SystemEvent>>;
  issue(draft: Uint8Array): Promise<Result<IssuanceAnswer>>;
  quotaPositions(): Promise<Result<readonly UsualPosition[]>>;
  /** At quota control, and at central management, which keeps an account of its own. */
  changeQuota(
    role: 'central' | 'quota',
    change: Uint8Array,
    approvals: readonly Uint8Array[],
  ): Promise<Result<AppliedChange>>;
  /** A signed stop, or `[id, reason]`. */
  stop(order: Uint8Array): Promise<Result<Stop>>;
  /** Retires the units of a retirement file; gives the signed settlement. */
  retire(file: Uint8Array): Promise<Result<Uint8Array>>;
  /** Carries out a signed transfer; gives the signed settlement. */
  transfer(transfer: Uint8Array): Promise<Result<Uint8Array>>;
  /** The settlement of what has this id (16 bytes). */
  receipt(kind: 'retirement' | 'transfer', id: Uint8Array): Promise<Result<Uint8Array>>;
  /** Has a part of the quota kept, by JSON that issuance signs; gives quota control's receipt. */
  makeReservation(draft: Uint8Array): Promise<Result<Uint8Array>>;
  /** Ends a reservation by the operator's right. */
  releaseReservation(id: Uint8Array): Promise<Result<Reservation>>;
  /** All of them, page after page; a refusal is the last that it gives. */
  reservations(): AsyncIterable<Result<Reservation>>;
  /** Which units of a batch are spent. */
  units(range: UnitRange): Promise<Result<UnitStanding>>;
  /** What an account (32 bytes) has. */
  account(account: Uint8Array): Promise<Result<readonly Balance[]>>;
  /** Of any process of the system, or of the one with this series. */
  status(role: Role, series?: string | null): Promise<Result<RoleStatus>>;
  /** Has the role hold a head that it is said to have signed against its journal: what it proves halts it. */
  checkHead(role: Role, head: Uint8Array): Promise<Result<null>>;
  close(): Promise<void>;
}

export interface LedgerExtractReport {
  readonly role: Role;
  readonly name: string;
  readonly file: string;
  readonly entries: number;
  readonly bytes: number;
}

/** A role's key in the key set; times in seconds since the epoch. */
export interface ListedKey {
  readonly keyId: string;
  readonly role: KeyRole;
  readonly name: string;
  /** `coming` before it names records, `ending` while it overlaps with its successor. */
  readonly state: 'coming' | 'current' | 'ending' | 'ended' | 'revoked';
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number | null;
  /** Where it is, as far as this appliance knows. */
  readonly hsm: string | null;
  readonly label: string | null;
}

export interface KeyListing {
  readonly rootKeyId: string;
  readonly revocationEpoch: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly keys: readonly ListedKey[];
  /** Made in an HSM, and never published: nothing that they sign counts. */
  readonly unpublished: readonly { role: Role; keyId: string; hsm: string; label: string }[];
}

interface KeyChangeOptions {
  readonly home: string;
  /** The root's folder, where it is not in the appliance's. */
  readonly rootFolder: string | undefined;
}

export interface RotateOptions extends KeyChangeOptions {
  readonly role: KeyRole;
  /** Name of the HSM that is to make the key; the first of the system's unless given. */
  readonly hsm: string | undefined;
  /** Until the new key names records: every system has to have the new bundle by then. */
  readonly delaySeconds: number;
  /** How long the old key goes on after that. */
  readonly overlapSeconds: number;
}

export interface RevokeOptions extends KeyChangeOptions {
  /** The key's id in hex, or eight of its first digits or more. */
  readonly keyId: string;
  /** Seconds since the epoch; now unless given. */
  readonly since: number | undefined;
}

export interface KeyChange {
  readonly keyId: string;
  readonly role: KeyRole;
  readonly replaced: string | null;
  readonly notBefore: number;
  readonly revokedAt: number | null;
  readonly revocationEpoch: number;
  /** The role that has no valid key any more. */
  readonly stopped?: KeyRole;
}

/** What the HSMs of a system say of its keys, and that signed by its current key. */
export interface KeyAuditReport {
  readonly audit: KeyAudit;
  readonly bytes: Uint8Array;
}

export interface BackupOptions {
  readonly home: string;
  readonly role: Role;
  /** A new folder, or an empty one. */
  readonly out: string;
  /** Name of the HSM; the first of the system's unless given. */
  readonly hsm: string | undefined;
}

export interface BackedUpKey {
  readonly label: string;
  readonly kind: 'signing' | 'agreement';
  readonly keyId: string;
}

export interface BackupReport {
  readonly folder: string;
  readonly role: Role;
  readonly hsm: string;
  readonly keys: readonly BackedUpKey[];
  /** How many, without the manifest. */
  readonly files: number;
  /** Where the PIN is without which the backup is worth nothing, and which is not in it. */
  readonly pinFile: string;
}

export interface DrillOptions {
  readonly home: string;
  readonly folder: string;
  /** Where the PIN is, such as `file:PATH`; in the token's own folder unless given. Never the PIN. */
  readonly pin: string | undefined;
}

export interface DrillReport {
  readonly folder: string;
  readonly role: Role;
  readonly hsm: string;
  /** Seconds since the epoch. */
  readonly madeAt: number;
  /** Each of them was used; `published` where what it did was held against its key in the trust bundle. */
  readonly keys: readonly (BackedUpKey & { readonly published: boolean })[];
  /** Keys of the system that are valid now or later, and that the backup does not have. */
  readonly lacking: readonly { readonly role: KeyRole; readonly keyId: string }[];
}

/** The keys of all three systems; each change is signed by the root. */
export interface KeyCommands {
  list(home: string): Promise<KeyListing>;
  rotate(options: RotateOptions): Promise<KeyChange>;
  revoke(options: RevokeOptions): Promise<KeyChange>;
  audit(home: string, role: Role, report: (line: string) => void): Promise<KeyAuditReport>;
  backUp(options: BackupOptions): Promise<BackupReport>;
  drill(options: DrillOptions): Promise<DrillReport>;
}

export interface CeremonyPlanOptions {
  readonly home: string;
  readonly rotate: readonly KeyRole[];
  /** Ids as in `RevokeOptions`. */
  readonly revoke: readonly Pick<RevokeOptions, 'keyId' | 'since'>[];
  /** `null` lifts the policy; `undefined` leaves it as it is. */
  readonly approvers: ApprovalPolicy | null | undefined;
  readonly hsm: string | undefined;
  readonly delaySeconds: number;
  readonly overlapSeconds: number;
  readonly validSeconds: number;
}

export interface PlannedCeremony {
  /** The plan's bytes. */
  readonly plan: Uint8Array;
  /** Whose approval it needs. */
  readonly policy: ApprovalPolicy | null;
  readonly standstills: readonly Standstill[];
}

/** A role that has a valid key before a ceremony, and none when it ends. */
export interface Standstill {
  readonly role: KeyRole;
  /** When its next key begins, seconds since the epoch; `null` where it has none. */
  readonly until: number | null;
}

export interface CeremonyRunOptions extends KeyChangeOptions {
  /** The plan's bytes. */
  readonly plan: Uint8Array;
  /** The approvals' bytes. */
  readonly approvals: readonly Uint8Array[];
  /** Where the transcript is to be. */
  readonly out: string;
  readonly progress: (message: string) => void;
}

export interface CeremonyReport {
  readonly planId: string;
  /** Whether an earlier run, which ended before it published the bundle, had written the transcript. */
  readonly resumed: boolean;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly approvedBy: readonly string[];
  readonly madeKeys: readonly {
    readonly role: KeyRole;
    readonly keyId: string;
    readonly hsm: string;
    readonly label: string;
    readonly notBefore: number;
  }[];
  readonly revocationEpoch: number;
  /** Who has to approve the next change. */
  readonly policy: ApprovalPolicy | null;
  readonly standstills: readonly Standstill[];
}

/** Changes of the keys that several people approve. */
export interface CeremonyCommands {
  plan(options: CeremonyPlanOptions): Promise<PlannedCeremony>;
  run(options: CeremonyRunOptions): Promise<CeremonyReport>;
}

/** The key that signs modules. */
export interface ModuleKey extends ModuleSigner {
  readonly publicKey: { readonly keyId: Uint8Array; readonly point: Uint8Array };
  close(): Promise<void>;
}

export interface Appliance {
  readonly store: StoreAdministration;
  readonly rules: RuleAdministration;
  devices(): Promise<DeviceAdministration>;
  /** Writes what an auditor needs of a system's ledger, while it runs or not. */
  extractLedger(options: {
    readonly home: string;
    readonly role: Role;
    readonly out: string;
    readonly progress: (entries: number) => void;
  }): Promise<LedgerExtractReport>;
  readonly version: string;
  init(options: InitOptions): Promise<InitReport>;
  /** Serves until the process is told to stop; `ready` is called once it serves. */
  serve(options: {
    home: string;
    role: Role;
    /** Of several processes of the role, which one; the first without it. */
    series?: string;
    port?: number;
    ready: (url: string, finished: number) => void;
  }): Promise<void>;
  /** Runs the three systems until the process is told to stop. */
  up(options: {
    home: string;
    progress: (message: string) => void;
    ready: (urls: Readonly<Record<Role, string>>) => void;
  }): Promise<void>;
  connect(home: string): Promise<Operator>;
  readonly keys: KeyCommands;
  readonly processes: ProcessAdministration;
  readonly ceremony: CeremonyCommands;
  /** Holds a file until it is let go or this process ends, however it does; `undefined` where another process holds it. */
  lock(path: string): Promise<(() => void) | undefined>;
  /** Has `at`, which does not run, forget what it holds of the journals of the other, or of one process of it; gives whether it held any. */
  releaseHead(options: { home: string; of: Role; at: Role; series?: string }): Promise<boolean>;
  /** Has issuance, which does not run, take control bits again after quota control contradicted itself; gives what was found of it. */
  releaseContradiction(options: { home: string; reason: string }): Promise<string | undefined>;
  /** The signer of modules, in the HSM of central management. */
  openModuleSigner(home: string): Promise<ModuleKey>;
  /** A thrown error as a code and a sentence; `undefined` for a bug. */
  describeFault(error: unknown): { code: string; message: string } | undefined;
}
