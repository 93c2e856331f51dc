/**
 * What a secure element can be asked, and what it answers: one table for device, client and document. Types only;
 * docs/DEVICE.md says what each command guarantees.
 */
import type { SignatureAlgorithm } from '../hsm/signer.ts';

/** Where a journal ends: the last entry's number, 0 for none, and the chain's hash, 32 bytes. */
export interface Head {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

export type DeviceState =
  /** Made, with no PIN yet: `initialise` is what it takes. */
  | 'blank'
  | 'ready'
  /** Wrong PINs have used up all tries: it answers no command that needs the PIN, for good. */
  | 'locked'
  /** A self-test, the image, the store or a guard failed: outputs are inhibited until it is powered on anew. */
  | 'failed'
  /** Its secrets are gone, for good. */
  | 'zeroised';

export type KeyUse = 'sign' | 'agree' | 'vote';

export interface DeviceKey {
  readonly label: string;
  readonly algorithm: SignatureAlgorithm;
  readonly use: KeyUse;
  /** Signs only what is in a journal whose head is anchored here, and records of the types in `free`. */
  readonly anchored: boolean;
  /** COSE types (RFC 9596) that an anchored key signs without a proof. */
  readonly free: readonly string[];
  /** SEC 1 §2.3.3 uncompressed point; for EdDSA the 32 bytes of RFC 8032 §5.1.2; of an RSA key its SubjectPublicKeyInfo. */
  readonly point: Uint8Array;
}

export interface DeviceInformation {
  /** Always true here: nobody is to take it for hardware. */
  readonly simulator: true;
  readonly state: DeviceState;
  /** Why it is `failed` or `zeroised`; empty otherwise. */
  readonly reason: string;
  readonly profile: string;
  readonly vendor: string;
  /** 16 bytes, hex. */
  readonly serial: string;
  readonly firmware: { readonly version: string; readonly measurement: Uint8Array };
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly limits: DeviceLimits;
}

export interface DeviceLimits {
  readonly keys: number;
  readonly anchors: number;
  readonly ballots: number;
  readonly modules: number;
  readonly messageBytes: number;
  readonly frameBytes: number;
  readonly pinTries: number;
  readonly pinLength: { readonly least: number; readonly most: number };
}

export interface DeviceCounters {
  /** Of the sealed store. */
  readonly version: bigint;
  readonly triesLeft: number;
  /** Glitches that the firmware saw, and how many zeroise it. */
  readonly alarms: number;
  readonly alarmLimit: number;
  /** Erases of the sector that was erased most, and what it is made for. */
  readonly wear: number;
  readonly endurance: number;
}

export interface InputWord {
  readonly segment: number;
  readonly index: number;
  readonly value: bigint;
}

export type BallotChoice = 'approve' | 'reject' | 'abstain';

/** Who may ask: anybody who reaches the socket; whoever has logged in on this connection. */
export type Access = 'open' | 'login';

/** `arguments` and `result` of each command; in a frame both are maps with these names. */
export interface Commands {
  info: { arguments: Record<never, never>; result: DeviceInformation };
  counters: { arguments: Record<never, never>; result: DeviceCounters };
  /** COSE_Sign1 of an EAT (RFC 9711) over `nonce`, 8 to 64 bytes, and the vendor's endorsement of the key that signed it. */
  attest: { arguments: { nonce: Uint8Array }; result: { statement: Uint8Array; endorsement: Uint8Array } };
  /** Once, of a blank device: `salt` of 16 bytes, and the PIN's key (PBKDF2, 32 bytes). */
  initialise: { arguments: { salt: Uint8Array; pinKey: Uint8Array }; result: Record<never, never> };
  /** `nonce` is the client's, 16 bytes; `proof` of 32 bytes: see src of channel.ts. A wrong one costs a try. */
  login: { arguments: { nonce: Uint8Array; proof: Uint8Array }; result: Record<never, never> };
  'change-pin': { arguments: { salt: Uint8Array; pinKey: Uint8Array }; result: Record<never, never> };
  generate: {
    arguments: {
      label: string;
      algorithm: SignatureAlgorithm;
      use: KeyUse;
      anchored: boolean;
      free: readonly string[];
    };
    result: DeviceKey;
  };
  keys: { arguments: Record<never, never>; result: { keys: readonly DeviceKey[] } };
  /** Of the whole message; r ‖ s for ECDSA (RFC 9053 §2.1), RFC 8032 for EdDSA. */
  sign: { arguments: { label: string; message: Uint8Array }; result: { signature: Uint8Array } };
  /** ECDH on P-256: the x-coordinate of the shared point, 32 bytes. */
  derive: { arguments: { label: string; point: Uint8Array }; result: { secret: Uint8Array } };
  'read-anchor': { arguments: { name: string }; result: { head: Head | null } };
  /** Compare-and-swap, durable when it answers; the same again changes nothing. */
  advance: { arguments: { name: string; from: Head | null; to: Head }; result: Record<never, never> };
  /**
   * Entries of the journal that follow `from`; where they lead to the anchored head, what they say may be signed from now on, until power-off.
   * What is beyond that head does not count (`reached` is where it is): the caller reads its journal while the anchor goes up. Where they end before
   * it, nothing is admitted yet, `reached` says where they ended, and the next `prove` of the same name from there goes on: entries that do not fit into
   * one frame. `chain_broken` where the head is passed by with another hash.
   */
  prove: {
    arguments: { name: string; from: Head; entries: readonly Uint8Array[] };
    result: { reached: number; admitted: number };
  };
  /** A ballot on the proposal (a hash of 32 bytes), signed by the key of use `vote`; the same again gives the same. */
  vote: {
    arguments: { label: string; proposal: Uint8Array; choice: BallotChoice };
    result: { ballot: Uint8Array };
  };
  /** Points (65 bytes, P-256) of keys that may sign modules; once. */
  trust: { arguments: { points: readonly Uint8Array[] }; result: Record<never, never> };
  /** A signed module (vm/signed-module.ts); gives the id by which it is run, until power-off. */
  load: { arguments: { module: Uint8Array }; result: { hash: Uint8Array; fuelBound: bigint } };
  run: {
    arguments: { hash: Uint8Array; inputs: readonly InputWord[]; fuel: bigint | null };
    result: {
      outcome: 'finished' | 'trapped';
      fuelUsed: bigint;
      ports: readonly (readonly [number, bigint])[];
    };
  };
  /** Destroys every secret, for good. `serial` is the device's own, so that nobody means another one. Needs no PIN: it is for whoever has lost it, too. */
  zeroise: { arguments: { serial: string }; result: Record<never, never> };
  /** The simulator's own: what its sensors are to see. */
  tamper: {
    arguments: { event: 'mesh' | 'voltage' | 'temperature' | 'removal' };
    result: Record<never, never>;
  };
  /** What whoever takes the flash chip off reads: never the die. */
  'dump-flash': { arguments: { sector: number }; result: { bytes: Uint8Array; wear: number; holds: string } };
}

export type CommandName = keyof Commands;

/** Stable codes of refusals and of failures; docs/DEVICE.md says of each what to do. */
export type DeviceErrorCode =
  /** The frame: the connection is closed after these. */
  | 'frame_too_large'
  | 'frame_malformed'
  | 'frame_replayed'
  | 'frame_forged'
  | 'frame_timeout'
  | 'too_many_connections'
  /** The request. */
  | 'command_unknown'
  | 'argument_missing'
  | 'argument_unknown'
  | 'argument_invalid'
  | 'login_required'
  | 'command_refused'
  | 'pin_incorrect'
  | 'pin_locked'
  | 'key_missing'
  | 'key_exists'
  | 'keys_full'
  | 'algorithm_unsupported'
  | 'use_mismatch'
  | 'not_anchored'
  | 'anchor_moved'
  | 'anchors_full'
  | 'chain_broken'
  | 'ballot_cast'
  | 'ballots_full'
  | 'module_refused'
  | 'module_unknown'
  | 'trust_set'
  | 'point_invalid'
  | 'serial_mismatch'
  /** The device. */
  | 'device_blank'
  | 'device_failed'
  | 'device_zeroised'
  | 'device_lost'
  | 'device_busy'
  | 'device_in_use';
