/** What booting gives to the commands. (Contract between boot.ts, which makes it, and the commands, which live on it.) */
import type { Machine } from '../../vm/host.ts';
import type { Chip } from '../chip/chip.ts';
import type { Profile } from '../profile.ts';
import type { Permit } from './guard.ts';
import type { SealedStore } from './store.ts';

/** A chip that booted. */
export interface Core {
  readonly chip: Chip;
  readonly profile: Profile;
  /** Has passed `image`, `self-test` and `lifecycle`. */
  readonly permit: Permit;
  readonly store: SealedStore;
  /** 32 bytes, of which the keys' own secrets are derived; masked with `expectedMask(['image', 'self-test'])`. */
  readonly maskedRoot: Uint8Array;
  /** 16 bytes. */
  readonly serial: Uint8Array;
  readonly firmware: { readonly version: string; readonly measurement: Uint8Array };
  /** The label machine of the image; `load` takes modules that `trusted` keys signed. */
  startMachine(trusted: readonly Uint8Array[]): Machine;
  /** COSE_Sign1 of the EAT and the endorsement; the counters and the state are the caller's to say. */
  attest(
    nonce: Uint8Array,
    claims: { readonly bootState: string; readonly storeVersion: bigint },
  ): { statement: Uint8Array; endorsement: Uint8Array };
  /** The chip has seen a glitch: counts it in the fuses, and zeroises where that was one too many. Gives what the device is from now on. */
  raiseAlarm(): 'failed' | 'zeroised';
  /** Latch, fuses, secrets, slots; cut anywhere it is gone on with at the next boot. */
  zeroise(): void;
  /** Whether the latch or a fuse says that it is to be zeroised: asked before each command. */
  isCondemned(): boolean;
  alarms(): number;
}

/** What a boot comes to. */
export type Booted =
  | { readonly kind: 'running'; readonly core: Core }
  /** `info`, `counters` and `zeroise` are answered; and the simulator's own, which act on the chip and not on what runs on it. */
  | {
      readonly kind: 'failed' | 'zeroised';
      readonly chip: Chip;
      readonly profile: Profile;
      readonly reason: string;
      /** As the fuses have it: `zeroise` asks for it whatever else has failed. */
      readonly serial: Uint8Array;
      /** As far as it was measured: version empty, and no bytes, where it was not. */
      readonly firmware: Core['firmware'];
      /** Of one that is zeroised already: does nothing. */
      readonly zeroise: () => void;
      readonly alarms: () => number;
    };
