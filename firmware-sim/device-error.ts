/** A device that refused, failed or went away, as a program meets it. */
import type { DeviceErrorCode } from './protocol.ts';

export class DeviceError extends Error {
  readonly code: DeviceErrorCode;
  constructor(code: DeviceErrorCode, message: string) {
    super(message);
    this.name = 'DeviceError';
    this.code = code;
  }
}
