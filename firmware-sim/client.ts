/** A device as a program uses it. (Contract.) */
import type { CommandName, Commands, DeviceErrorCode } from './protocol.ts';

export class DeviceError extends Error {
  readonly code: DeviceErrorCode;
  constructor(code: DeviceErrorCode, message: string) {
    super(message);
    this.name = 'DeviceError';
    this.code = code;
  }
}

export interface DeviceClient {
  /** Sends one command and waits; in the order of the calls. Throws DeviceError. */
  call<N extends CommandName>(name: N, given: Commands[N]['arguments']): Promise<Commands[N]['result']>;
  /** Proves the PIN; what is sent from then on is sealed. Throws `pin_incorrect`, `pin_locked`, `device_blank`. */
  login(pin: string): Promise<void>;
  /** Sets the first PIN of a blank device. */
  initialise(pin: string): Promise<void>;
  /** After a login. */
  changePin(pin: string): Promise<void>;
  /** Ends the connection, and the device's process where this client started it. */
  close(): Promise<void>;
}

export interface OpenDeviceOptions {
  /** Of the device: flash.bin, die.bin, latch, socket. */
  readonly folder: string;
  /** Of a command, waiting included; 10,000 unless given. */
  readonly timeoutMs?: number;
}

/**
 * The device of this folder: the process that serves it already, or one that is started and ends with this client. Where the connection is lost, it is
 * made anew with the same PIN, and a command that may be given twice (all but login, change-pin, generate) is given once more.
 */
export declare function openDevice(options: OpenDeviceOptions): Promise<DeviceClient>;
