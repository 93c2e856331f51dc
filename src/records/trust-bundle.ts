/** The trust bundle: the keys of the three authorities, signed by an offline root. It is all that a verifier needs. */
import { sha256, toHex } from '../kit/bytes.ts';
import { type CborValue, encodeCbor } from '../kit/encoding.ts';
import type { Result } from '../kit/result.ts';
import { type ApprovalPolicy, encodePolicy, readPolicy } from './approval-policy.ts';
import { type ClaimReader, claim, nameAccepted, namePattern, type RecordErrorCode } from './claims.ts';
import { type Decoded, decodeClaims, prepareClaims, recordType } from './cose.ts';
import { readKey } from './key-claim.ts';
import { encodeCoseKey, type VerificationKey } from './signature.ts';

export const keyRoles = ['central', 'issuance', 'quota', 'quota-agreement'] as const;
export type KeyRole = (typeof keyRoles)[number];

export interface TrustedKey {
  readonly role: KeyRole;
  /** The issuer's name for an issuance key, the role's own name for the others. */
  readonly name: string;
  readonly key: VerificationKey;
  readonly notBefore: number;
  readonly notAfter: number;
  /** From when on nothing counts that it signed, seconds; `null` where it is not revoked. */
  readonly revokedAt: number | null;
}

export interface TrustBundle {
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Rises by one with each revocation; a verifier that has seen a higher one does not take a lower one. */
  readonly revocationEpoch: number;
  /** The key that signs the bundle. Whoever pins its id needs to trust nothing else. */
  readonly rootKey: VerificationKey;
  readonly keys: readonly TrustedKey[];
  /** Who has to approve a change of the keys; `null` where the root's folder is enough. */
  readonly approval: ApprovalPolicy | null;
}

export function encodeTrustBundle(bundle: TrustBundle, keyId: Uint8Array): Uint8Array {
  return prepareClaims(
    recordType.trustBundle,
    keyId,
    new Map<number, CborValue>([
      [claim.issuer, 'root'],
      [claim.expiresAt, bundle.expiresAt],
      [claim.issuedAt, bundle.issuedAt],
      [claim.revocationEpoch, bundle.revocationEpoch],
      [claim.rootKey, encodeCoseKey(bundle.rootKey.point)],
      [claim.keys, encodeKeys(bundle.keys)],
      [claim.approval, encodePolicy(bundle.approval)],
    ]),
  );
}

function encodeKeys(keys: readonly TrustedKey[]): CborValue {
  return keys.map((entry) => [
    entry.role,
    entry.name,
    encodeCoseKey(entry.key.point),
    entry.notBefore,
    entry.notAfter,
    entry.revokedAt,
  ]);
}

/** Names the key set in each unit: SHA-256 over the deterministic CBOR of the keys claim, 32 bytes. */
export function keySetId(bundle: TrustBundle): Uint8Array {
  return sha256(encodeCbor(encodeKeys(bundle.keys)));
}

export function decodeTrustBundle(bytes: Uint8Array): Result<Decoded<TrustBundle>, RecordErrorCode> {
  return decodeClaims(bytes, recordType.trustBundle, (reader) => {
    reader.exactText(claim.issuer, 'issuer', 'root');
    const bundle: TrustBundle = {
      issuedAt: reader.time(claim.issuedAt, 'issuedAt'),
      expiresAt: reader.time(claim.expiresAt, 'expiresAt'),
      revocationEpoch: reader.integer(claim.revocationEpoch, 'revocationEpoch'),
      rootKey: readKey(reader, reader.take(claim.rootKey, 'rootKey'), 'rootKey'),
      keys: reader.list(claim.keys, 'keys').map((item, index) => readEntry(reader, item, `keys[${index}]`)),
      approval: readPolicy(reader, reader.take(claim.approval, 'approval'), 'approval'),
    };
    // A second entry could hide that the first is revoked.
    const ids = new Set(bundle.keys.map((entry) => toHex(entry.key.keyId)));
    if (ids.size !== bundle.keys.length) reader.fail('keys', 'an array that lists a key once');
    return reader.finish(bundle);
  });
}

function readEntry(reader: ClaimReader, item: CborValue, name: string): TrustedKey {
  const [role, holder, key, notBefore, notAfter, revokedAt] = reader.listOf(item, name, 6);
  const known = keyRoles.find((candidate) => candidate === role);
  if (known === undefined) reader.fail(`${name}.role`, keyRoles.join(', '));
  if (typeof holder !== 'string' || !namePattern.test(holder)) reader.fail(`${name}.name`, nameAccepted);
  return {
    role: known ?? 'central',
    name: typeof holder === 'string' ? holder : '',
    key: readKey(reader, key, `${name}.key`),
    notBefore: reader.timeOf(notBefore, `${name}.notBefore`),
    notAfter: reader.timeOf(notAfter, `${name}.notAfter`),
    revokedAt: revokedAt === null ? null : reader.timeOf(revokedAt, `${name}.revokedAt`),
  };
}
