/** Finds and checks the key of a record: by key id, and that it belongs to the role and name it is used for. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { type Decoded, verifyRecord } from './cose.ts';
import type { VerificationKey, VerifySignature } from './signature.ts';
import type { KeyRole, TrustBundle, TrustedKey } from './trust-bundle.ts';

export type KeyRingCode =
  | 'key_unknown'
  | 'key_expired'
  | 'key_revoked'
  | 'key_mismatch'
  | 'signature_invalid';

export interface KeyRing {
  /**
   * Verifies that `decoded` was signed by a key of the holder's. What a record says of its own time is its signer's word: it tells
   * which key was in use, and not that the key was still to be trusted. That is judged at a time that others vouch for.
   */
  verify<T>(decoded: Decoded<T>, holder: KeyHolder, moments: Moments): Result<T, KeyRingCode>;
  /** The same of a record that is not signed yet: whether the key that it names would count. */
  checkKey(keyId: Uint8Array, holder: KeyHolder, moments: Moments): Result<null, KeyRingCode>;
  /** The same of any key that the holder ever had, revoked or not: for what is held against the holder, and not believed. */
  verifyEver<T>(decoded: Decoded<T>, holder: KeyHolder): Result<T, KeyRingCode>;
}

/** In seconds since the epoch. */
export interface Moments {
  /** When the record says that it was made: the key has to be valid then. */
  readonly madeAt: number;
  /** When it is known to have been there: a key that is revoked from then on, or from before, does not count. */
  readonly seenAt: number;
}

export interface KeyHolder {
  readonly role: KeyRole;
  /** The issuer's name for an issuance key; the role's own name for the others. */
  readonly name: string;
}

export function makeKeyRing(bundle: TrustBundle, verifySignature: VerifySignature): KeyRing {
  function findKey(keyId: Uint8Array, holder: KeyHolder): Result<TrustedKey, 'key_unknown'> {
    const entry = bundle.keys.find((candidate) => equalBytes(candidate.key.keyId, keyId));
    if (entry !== undefined && entry.role === holder.role && entry.name === holder.name)
      return succeed(entry);
    return refuse(
      'key_unknown',
      `signed by key \`${toHex(keyId).slice(0, 16)}\`, which is no ${holder.role} key of \`${holder.name}\` in the trust bundle`,
    );
  }

  function findCounting(
    keyId: Uint8Array,
    holder: KeyHolder,
    { madeAt, seenAt }: Moments,
  ): Result<TrustedKey, KeyRingCode> {
    const found = findKey(keyId, holder);
    if (!found.ok) return found;
    const entry = found.value;
    if (entry.revokedAt !== null && seenAt >= entry.revokedAt) {
      return refuse(
        'key_revoked',
        `the ${holder.role} key of \`${holder.name}\` is revoked from ${isoTime(entry.revokedAt)} on`,
      );
    }
    if (madeAt < entry.notBefore || madeAt > entry.notAfter) {
      return refuse(
        'key_expired',
        `the ${holder.role} key of \`${holder.name}\` is not valid at ${isoTime(madeAt)}`,
      );
    }
    return found;
  }

  return {
    verifyEver(decoded, holder) {
      const found = findKey(decoded.keyId, holder);
      return found.ok ? verifyRecord(decoded, found.value.key, verifySignature) : found;
    },
    checkKey(keyId, holder, moments) {
      const found = findCounting(keyId, holder, moments);
      return found.ok ? succeed(null) : found;
    },
    verify(decoded, holder, moments) {
      const found = findCounting(decoded.keyId, holder, moments);
      return found.ok ? verifyRecord(decoded, found.value.key, verifySignature) : found;
    },
  };
}

/** The key that a holder is to use now, the newest of those that are valid; `undefined` where there is none. */
export function currentKey(bundle: TrustBundle, holder: KeyHolder, at: number): VerificationKey | undefined {
  let newest: TrustedKey | undefined;
  for (const entry of keysOf(bundle, holder)) {
    if (isValid(entry, at) && (newest === undefined || entry.notBefore > newest.notBefore)) newest = entry;
  }
  return newest?.key;
}

export function keysOf(bundle: TrustBundle, holder: KeyHolder): readonly TrustedKey[] {
  return bundle.keys.filter((entry) => entry.role === holder.role && entry.name === holder.name);
}

export function isValid({ notBefore, notAfter, revokedAt }: TrustedKey, at: number): boolean {
  return at >= notBefore && at <= notAfter && (revokedAt === null || at < revokedAt);
}

export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
