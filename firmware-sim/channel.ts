/**
 * What client and device make of a PIN: its key, the proof of it, and the key of the channel. The PIN itself is never sent.
 *
 * ```
 * pinKey  = PBKDF2-HMAC-SHA-256(PIN in UTF-8, salt (16), iterations, 32)
 * proof   = HMAC-SHA-256(pinKey, "ringmint.device.login.v1" ‖ device nonce (16) ‖ client nonce (16))
 * channel = HMAC-SHA-256(pinKey, "ringmint.device.channel.v1" ‖ device nonce ‖ client nonce)
 * ```
 */
import { createHmac, pbkdf2 } from 'node:crypto';

export interface Nonces {
  /** 16 bytes, of the device's hello. */
  readonly device: Uint8Array;
  /** 16 bytes, of the login. */
  readonly client: Uint8Array;
}

/** 32 bytes; takes as long as the profile's iterations say, on another thread, so that a PIN cannot be found by trying them all. */
export function pinKeyOf(pin: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    pbkdf2(Buffer.from(pin, 'utf8'), salt, iterations, 32, 'sha256', (error, key) => {
      if (error === null) resolve(new Uint8Array(key));
      else reject(error);
    });
  });
}

/** 32 bytes: that whoever made it has the PIN's key, for these nonces alone. */
export function proofOf(pinKey: Uint8Array, nonces: Nonces): Uint8Array {
  return authenticate(pinKey, 'ringmint.device.login.v1', nonces);
}

/** 32 bytes, of AES-256-GCM. */
export function deriveChannel(pinKey: Uint8Array, nonces: Nonces): Uint8Array {
  return authenticate(pinKey, 'ringmint.device.channel.v1', nonces);
}

function authenticate(pinKey: Uint8Array, purpose: string, { device, client }: Nonces): Uint8Array {
  return new Uint8Array(createHmac('sha256', pinKey).update(purpose).update(device).update(client).digest());
}
