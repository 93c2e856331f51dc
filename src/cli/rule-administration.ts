/** What `ringmint rules` needs of central management's folder, and what it reports. */
import type { Result } from '../kit/result.ts';
import type { ShadowReport } from '../roles/shadow-rules.ts';
import type { EngineChoice } from '../rules/engine.ts';

export interface RuleActivation {
  readonly version: number;
  /** Of what the set means, hex. */
  readonly hash: string;
  readonly name: string;
  readonly how: 'shipped' | 'activate' | 'revert';
  readonly atMs: number;
}

export interface RuleSetStatus {
  /** In their order; the last one is in force. */
  readonly activations: readonly RuleActivation[];
  readonly staged: string | null;
  readonly shadow: string | null;
}

export interface RuleStatus extends RuleSetStatus {
  /** As the system wrote it that ran last; null where none has. */
  readonly engine: RuleEngineStanding | null;
}

/** What runs the rules of central management. */
export interface RuleEngineStanding {
  readonly chosen: EngineChoice;
  /** `interpreter` after a difference, whatever was chosen. */
  readonly inUse: EngineChoice;
  /** One of so many decisions of a program is made by both. */
  readonly compareEvery: number;
  readonly difference: {
    readonly what: string;
    /** SHA-256 of the machine's module, hex. */
    readonly program: string;
    readonly atMs: number;
  } | null;
  /** Programs that stay with the interpreter, the last of them. */
  readonly untranslated: readonly {
    readonly program: string;
    readonly code: string;
    readonly message: string;
  }[];
}

export interface StagedRules {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly modules: readonly { readonly name: string; readonly version: string }[];
  /** Why the interpreter decides by it, where it is not translated. */
  readonly untranslated: string | null;
}

/** As the running system wrote it last. */
export interface ShadowStanding extends ShadowReport {
  readonly hash: string | null;
}

export interface RerunFinding {
  /** Number of its journal entry. */
  readonly sequence: number;
  /** UUID. */
  readonly request: string;
  /** Stable: `decision_differs`, or why it could not be made again. */
  readonly code: string;
  readonly message: string;
}

export interface RerunReport {
  /** Decisions that were made again, and the orders in them. */
  readonly decisions: number;
  readonly orders: number;
  /** Decisions of versions that recorded nothing. */
  readonly unrecorded: number;
  readonly findings: readonly RerunFinding[];
}

export interface RuleAdministration {
  /** Checks a bundle, its signatures too, and keeps it; it is not in force by that. */
  stage(home: string, bundle: Uint8Array): Promise<Result<StagedRules>>;
  /** Puts in force what was staged, under a version above all before. */
  activate(home: string): Promise<Result<RuleActivation>>;
  /** Puts in force the set that was before the one in force, under a version above all before. */
  revert(home: string): Promise<Result<RuleActivation>>;
  /** What was staged decides in the shadow from now on, or nothing does. */
  shadow(home: string, on: boolean): Promise<Result<RuleSetStatus>>;
  status(home: string): Promise<RuleStatus>;
  shadowStanding(home: string): Promise<Result<ShadowStanding>>;
  /** Of one request (16 bytes), or of all that the ledger has. */
  rerun(options: {
    readonly home: string;
    readonly request: Uint8Array | undefined;
    readonly progress: (decisions: number) => void;
  }): Promise<RerunReport>;
}
