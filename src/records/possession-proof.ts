/** The proof of possession: that a new key signs, made for one plan and worth nothing anywhere else. */
import { concatBytes, utf8 } from '../kit/bytes.ts';
import { assert } from '../kit/result.ts';

/**
 * A Sig_structure (RFC 9052 §4.4) is a CBOR array of four, so it begins with 0x84; this begins with 0x72, the letter r. No record, and no
 * module, can have these bytes to be signed.
 */
const prefix = utf8('ringmint.ceremony.v1: this signature authorises nothing\0');

/** The bytes that the new key signs: prefix ‖ plan id (32) ‖ key id (32). */
export function possessionMessage(planId: Uint8Array, keyId: Uint8Array): Uint8Array {
  assert(planId.length === 32 && keyId.length === 32, 'a plan id and a key id have 32 bytes');
  return concatBytes(prefix, planId, keyId);
}
