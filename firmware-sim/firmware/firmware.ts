/** What runs on the chip once it has booted: it decides every command. (Contract; `boot` is in boot.ts.) */
import type { Result } from '../../src/kit/result.ts';
import type { CommandName, Commands, DeviceErrorCode, DeviceState } from '../protocol.ts';

/** Of one connection, until it closes or power goes. */
export interface Session {
  /** 16 bytes, new for each: what a proof of the PIN is made over. */
  readonly nonce: Uint8Array;
  /** What the PIN's key is derived with; undefined while the device is blank. */
  readonly pin: { readonly salt: Uint8Array; readonly iterations: number } | undefined;
  /** 32 bytes, from a login on: what the frames of this connection are sealed with. */
  readonly channelKey: Uint8Array | undefined;
}

export interface Firmware {
  readonly state: DeviceState;
  open(): Session;
  /**
   * Decides one command, at once. Arguments have the shape of `Commands`, which the protocol has checked; their meaning is checked here. After a
   * refusal the state is what it was, but for tries and alarms that were counted. Throws PowerCutError, and nothing else.
   */
  handle<N extends CommandName>(
    session: Session,
    name: N,
    given: Commands[N]['arguments'],
  ): Result<Commands[N]['result'], DeviceErrorCode>;
}
