/** Finds and checks the key of a record: by key id, and that it belongs to the role and name it is used for. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, refuse } from '../kit/result.ts';
import { type Decoded, verifyRecord } from './cose.ts';
import type { VerificationKey, VerifySignature } from './signature.ts';
import type { KeyRole, TrustBundle } from './trust-bundle.ts';

export type KeyRingCode =
  | 'key_unknown'
  | 'key_expired'
  | 'key_revoked'
  | 'key_mismatch'
  | 'signature_invalid';

export interface KeyRing {
  /** Verifies that `decoded` was signed by a key of `role` (and `name`) that is valid at `at` (seconds). */
  verify<T>(decoded: Decoded<T>, holder: KeyHolder, at: number): Result<T, KeyRingCode>;
}

export interface KeyHolder {
  readonly role: KeyRole;
  /** The issuer's name for an issuance key; the role's own name for the others. */
  readonly name: string;
}

export function makeKeyRing(bundle: TrustBundle, verifySignature: VerifySignature): KeyRing {
  return {
    verify(decoded, holder, at) {
      const entry = bundle.keys.find((candidate) => equalBytes(candidate.key.keyId, decoded.keyId));
      if (entry === undefined || entry.role !== holder.role || entry.name !== holder.name) {
        return refuse(
          'key_unknown',
          `signed by key \`${toHex(decoded.keyId).slice(0, 16)}\`, which is no ${holder.role} key of \`${holder.name}\` in the trust bundle`,
        );
      }
      if (entry.revoked)
        return refuse('key_revoked', `the ${holder.role} key of \`${holder.name}\` is revoked`);
      if (at < entry.notBefore || at > entry.notAfter) {
        return refuse(
          'key_expired',
          `the ${holder.role} key of \`${holder.name}\` is not valid at ${isoTime(at)}`,
        );
      }
      return verifyRecord(decoded, entry.key, verifySignature);
    },
  };
}

/** The one key that a holder has now, for encryption to it or for comparing; `undefined` where there is none. */
export function currentKey(bundle: TrustBundle, holder: KeyHolder, at: number): VerificationKey | undefined {
  return bundle.keys.find(
    (entry) =>
      entry.role === holder.role &&
      entry.name === holder.name &&
      !entry.revoked &&
      at >= entry.notBefore &&
      at <= entry.notAfter,
  )?.key;
}

export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
