/**
 * How the key set changes: a key joins, the one that it replaces goes on for an overlap, a key is revoked, other people have to approve.
 * No key is ever taken out, for what an old key signed stays to be verified.
 */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { ApprovalPolicy } from './approval-policy.ts';
import { isoTime } from './key-ring.ts';
import type { VerificationKey } from './signature.ts';
import type { KeyRole, TrustBundle, TrustedKey } from './trust-bundle.ts';

/** How long a bundle and a new key are valid, seconds: five years. */
export const bundleLifetimeSeconds = 5 * 365 * 86_400;

export interface JoiningKey {
  readonly role: KeyRole;
  readonly name: string;
  readonly key: VerificationKey;
  /** From when on it names new records, seconds. */
  readonly notBefore: number;
}

export interface Replacement {
  readonly keyId: Uint8Array;
  /** How long the replaced key goes on after the new one has begun. */
  readonly overlapSeconds: number;
}

/** The key set with one more key, and its predecessor ended where one is named; refuses `key_unknown` and `key_repeated`. */
export function addKey(
  bundle: TrustBundle,
  joining: JoiningKey,
  replaced: Replacement | undefined,
  at: number,
): Result<TrustBundle, 'key_unknown' | 'key_repeated'> {
  const { key, role, name, notBefore } = joining;
  if (bundle.keys.some((entry) => equalBytes(entry.key.keyId, key.keyId)))
    return refuse('key_repeated', `the key \`${toHex(key.keyId)}\` is in the key set already`);
  let keys = bundle.keys;
  if (replaced !== undefined) {
    const old = findKey(bundle, replaced.keyId);
    if (old === undefined || old.role !== role || old.name !== name)
      return unknown(replaced.keyId, `${role} key of \`${name}\``);
    const notAfter = Math.min(old.notAfter, notBefore + replaced.overlapSeconds);
    keys = keys.map((entry) => (entry === old ? { ...entry, notAfter } : entry));
  }
  const added = { role, name, key, notBefore, notAfter: notBefore + bundleLifetimeSeconds, revokedAt: null };
  return succeed(reissued(bundle, [...keys, added], bundle.revocationEpoch, at));
}

/**
 * The key set with a key revoked from `since` on, and the next revocation epoch; a key that is revoked already may only be revoked from
 * earlier on. Refuses `key_unknown` and `key_revoked`.
 */
export function revokeKey(
  bundle: TrustBundle,
  keyId: Uint8Array,
  since: number,
  at: number,
): Result<TrustBundle, 'key_unknown' | 'key_revoked'> {
  const found = findKey(bundle, keyId);
  if (found === undefined) return unknown(keyId, 'key');
  if (found.revokedAt !== null && found.revokedAt <= since)
    return refuse(
      'key_revoked',
      `the key \`${toHex(keyId)}\` is revoked from ${isoTime(found.revokedAt)} on: an earlier time is accepted`,
    );
  const keys = bundle.keys.map((entry) => (entry === found ? { ...entry, revokedAt: since } : entry));
  return succeed(reissued(bundle, keys, bundle.revocationEpoch + 1, at));
}

/** The key set with its keys as they are, and changes of it approved by others from then on; `null` for by nobody. */
export function changeApproval(
  bundle: TrustBundle,
  approval: ApprovalPolicy | null,
  at: number,
): TrustBundle {
  return { ...reissued(bundle, bundle.keys, bundle.revocationEpoch, at), approval };
}

function reissued(
  bundle: TrustBundle,
  keys: readonly TrustedKey[],
  revocationEpoch: number,
  at: number,
): TrustBundle {
  // A clock that was set back makes no bundle that is older than the one before.
  const issuedAt = Math.max(at, bundle.issuedAt);
  return { ...bundle, issuedAt, expiresAt: issuedAt + bundleLifetimeSeconds, revocationEpoch, keys };
}

function findKey(bundle: TrustBundle, keyId: Uint8Array): TrustedKey | undefined {
  return bundle.keys.find((entry) => equalBytes(entry.key.keyId, keyId));
}

function unknown(keyId: Uint8Array, what: string): Result<never, 'key_unknown'> {
  return refuse('key_unknown', `no ${what} in the key set has the id \`${toHex(keyId)}\``);
}
