/**
 * A credential is encrypted by @noble/curves, in milliseconds. Where `quick` is set it is by OpenSSL (forgery.ts), which is as real: quota
 * control decrypts it as any other. The runs on tokens have the program's own.
 */
import type * as encryptionRecords from '../../src/records/encryption.ts';
import { seal } from './forgery.ts';

export const encryption = { quick: false };

type Real = typeof encryptionRecords;

/** What stands in the place of src/records/encryption.ts. */
export function quickened(real: Real): Real {
  return {
    ...real,
    encryptTo: async (to, plaintext, type, random) =>
      encryption.quick ? seal(to, plaintext, type) : real.encryptTo(to, plaintext, type, random),
  };
}
