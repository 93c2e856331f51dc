/** The keys that an audit goes by: the newest trust bundle, and earlier ones for who had to approve what. */
import { equalBytes, toHex } from '../kit/bytes.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { verifyRecord } from '../records/cose.ts';
import { type KeyRing, makeKeyRing } from '../records/key-ring.ts';
import type { VerifySignature } from '../records/signature.ts';
import { decodeTrustBundle, type TrustBundle } from '../records/trust-bundle.ts';

export interface AuditTrust {
  /** Oldest first. */
  readonly bundles: readonly TrustBundle[];
  readonly keys: KeyRing;
}

/** Refuses a bundle that its root has not signed, or that is of another root than the others or the pinned one. */
export function openTrust(
  given: readonly Uint8Array[],
  { rootKeyId, verifySignature }: { rootKeyId?: Uint8Array; verifySignature: VerifySignature },
): Result<AuditTrust, 'trust_bundle_invalid' | 'root_mismatch'> {
  const bundles: TrustBundle[] = [];
  for (const bytes of given) {
    const decoded = decodeTrustBundle(bytes);
    if (!decoded.ok) return refuse('trust_bundle_invalid', `the trust bundle: ${decoded.message}`);
    const bundle = decoded.value.record;
    const root = rootKeyId ?? bundles[0]?.rootKey.keyId ?? bundle.rootKey.keyId;
    if (!equalBytes(root, bundle.rootKey.keyId))
      return refuse(
        'root_mismatch',
        `the trust bundle is of root \`${toHex(bundle.rootKey.keyId)}\`: one of root \`${toHex(root)}\` is accepted`,
      );
    if (!verifyRecord(decoded.value, bundle.rootKey, verifySignature).ok)
      return refuse('trust_bundle_invalid', 'the trust bundle is not signed by its root: it was altered');
    bundles.push(bundle);
  }
  bundles.sort((a, b) => a.issuedAt - b.issuedAt || a.revocationEpoch - b.revocationEpoch);
  const newest = bundles.at(-1);
  if (newest === undefined)
    return refuse('trust_bundle_invalid', 'no trust bundle is given: one or more are accepted');
  return succeed({ bundles, keys: makeKeyRing(newest, verifySignature) });
}
