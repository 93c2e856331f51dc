/** One connection, as the firmware keeps it. */
import type { Session } from './firmware.ts';
import type { Permit } from './guard.ts';
import type { JournalWalk } from './journal-proof.ts';

export class ConnectionSession implements Session {
  readonly nonce: Uint8Array;
  readonly pin: Session['pin'];
  channelKey: Uint8Array | undefined;
  /** What its login has passed; undefined before it. */
  permit: Permit | undefined;
  /** How far `prove` has come in each journal, by name. */
  readonly walks = new Map<string, JournalWalk>();

  constructor(nonce: Uint8Array, pin: Session['pin']) {
    this.nonce = nonce;
    this.pin = pin;
  }
}
