/**
 * The device as plain maps and numbers, written from docs/DEVICE.md and protocol.ts: no flash, no seal, no guards. What the firmware answers and
 * keeps is held against it. What each command does to it is in reference-commands.ts.
 */
import type { Profile } from '../../firmware-sim/profile.ts';
import type {
  BallotChoice,
  CommandName,
  Commands,
  DeviceErrorCode,
  Head,
  KeyUse,
} from '../../firmware-sim/protocol.ts';
import type { SignatureAlgorithm } from '../../hsm/signer.ts';
import type { Pin } from './fixtures.ts';

export interface ReferenceKey {
  readonly label: string;
  readonly algorithm: SignatureAlgorithm;
  readonly use: KeyUse;
  readonly anchored: boolean;
  readonly free: readonly string[];
  /** Undefined where nobody has seen it yet: the answer to `generate` was lost in a power cut. */
  readonly point: Uint8Array | undefined;
}

export interface Ballot {
  readonly label: string;
  readonly choice: BallotChoice;
  /** Undefined where nobody has seen it yet. */
  readonly bytes: Uint8Array | undefined;
}

/** How far a connection has come in a journal. */
interface Proof {
  readonly end: Head;
  /** Hashes of what its entries have signed, in hex. */
  readonly messages: readonly string[];
}

export interface ReferenceSession {
  readonly loggedIn: boolean;
  /** By the journal's name. */
  readonly proofs: ReadonlyMap<string, Proof>;
}

/** What is kept. Nothing in it is changed: each step makes another. */
export interface Kept {
  /** `failed`: what is in its flash or its hardware has it latch at each power-on. */
  readonly lifecycle: 'blank' | 'ready' | 'failed' | 'zeroised';
  readonly pin: Pin | undefined;
  readonly tries: number;
  readonly keys: ReadonlyMap<string, ReferenceKey>;
  readonly anchors: ReadonlyMap<string, Head>;
  /** By proposal, in hex. */
  readonly ballots: ReadonlyMap<string, Ballot>;
  readonly trusted: readonly Uint8Array[] | undefined;
}

/** What a power-off loses. */
export interface Volatile {
  /** Connections by number, from their first command on. */
  readonly sessions: ReadonlyMap<number, ReferenceSession>;
  /** Hashes of what may be signed by an anchored key, in hex. */
  readonly admitted: ReadonlySet<string>;
  /** Hashes of modules that are loaded, in hex. */
  readonly loaded: ReadonlySet<string>;
}

export interface Reference extends Kept, Volatile {
  readonly profile: Profile;
  readonly serial: string;
}

/** What has to come back. `check` says what is wrong with a result, and gives what was learnt from it, by those who know no secrets. */
export type Expected<N extends CommandName> =
  | { readonly ok: false; readonly code: DeviceErrorCode }
  | {
      readonly ok: true;
      readonly check: (result: Commands[N]['result']) => string | undefined;
      /** What is known from then on: a new key's point, a ballot's bytes. */
      readonly learn?: (after: Reference, result: Commands[N]['result']) => Reference;
    };

export interface Decision<N extends CommandName> {
  readonly expected: Expected<N>;
  /** What it is after the command. */
  readonly after: Reference;
  /** What else may be found where power was cut within it, beside before and after. */
  readonly between: readonly Reference[];
}
