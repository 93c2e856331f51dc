/** Secrets as they lie in RAM: masked with what only the guards of their use make (guard.ts). */
import { createHash } from 'node:crypto';

/** XOR with the mask (32 bytes), which is stretched where the secret is longer; the same again takes it off. */
export function applyMask(secret: Uint8Array, mask: Uint8Array): Uint8Array {
  const masked = new Uint8Array(secret.length);
  let pad: Uint8Array = mask;
  for (let at = 0; at < secret.length; at++) {
    if (at > 0 && at % 32 === 0) pad = stretch(mask, at / 32);
    masked[at] = (secret[at] as number) ^ (pad[at % 32] as number);
  }
  return masked;
}

function stretch(mask: Uint8Array, block: number): Uint8Array {
  return createHash('sha256').update('ringmint.device.pad.v1').update(mask).update(String(block)).digest();
}
