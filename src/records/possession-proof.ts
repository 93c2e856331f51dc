/** The proof of possession: that a new key signs, made for one plan and worth nothing anywhere else. */
import { concatBytes, utf8 } from '../kit/bytes.ts';
import { encodeCbor } from '../kit/encoding.ts';
import { assert } from '../kit/result.ts';
import { algorithm, header } from './claims.ts';
import { toBeSigned } from './cose.ts';

/**
 * A Sig_structure (RFC 9052 §4.4) is a CBOR array of four, so it begins with 0x84; this begins with 0x72, the letter r. No record, and no
 * module, can have these bytes to be signed.
 */
const prefix = utf8('ringmint.ceremony.v1: this signature authorises nothing\0');

/** Of a proof by a key that signs nothing without a type; no record has this one. */
export const possessionType = 'application/vnd.ringmint.possession-proof+cose';

/** The bytes that the new key signs: prefix ‖ plan id (32) ‖ key id (32). */
export function possessionMessage(planId: Uint8Array, keyId: Uint8Array): Uint8Array {
  assertIds(planId, keyId);
  return concatBytes(prefix, planId, keyId);
}

/** The same of a key in a secure element, which signs Sig_structures only: of `possessionType`, by the key's id, over the plan's id. */
export function typedPossessionMessage(planId: Uint8Array, keyId: Uint8Array): Uint8Array {
  assertIds(planId, keyId);
  const map = new Map<number, number | Uint8Array | string>([
    [header.algorithm, algorithm.es256],
    [header.keyId, keyId],
    [header.type, possessionType],
  ]);
  return toBeSigned(encodeCbor(map), planId);
}

function assertIds(planId: Uint8Array, keyId: Uint8Array): void {
  assert(planId.length === 32 && keyId.length === 32, 'a plan id and a key id have 32 bytes');
}
