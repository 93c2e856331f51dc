/** An approver's place in the trust bundle: what whoever approves has to know before they sign. */
import { equalBytes, fromHex, toHex } from '../kit/bytes.ts';
import { quote, type Result, refuse, succeed } from '../kit/result.ts';
import { type Approver, describePolicy } from '../records/approval-policy.ts';
import type { VerificationKey } from '../records/signature.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import { makeNodeVerifySignature } from '../verifier/signature-node.ts';
import { openBundle } from '../verifier/verify.ts';
import { readInput } from './file.ts';

export interface TrustArguments {
  /** Path of the trust bundle. */
  readonly trust: string;
  /** Id of the root key of the bundle, in hex. */
  readonly root: string | undefined;
}

/** The bundle, verified, with its bytes. */
export async function readApproversBundle(
  { trust, root }: TrustArguments,
  now: number,
): Promise<Result<{ readonly bundle: TrustBundle; readonly bytes: Uint8Array }>> {
  const rootKeyId = root === undefined ? undefined : fromHex(root);
  if (root !== undefined && rootKeyId?.length !== 32)
    return refuse('usage', `--root ${quote(root)}: the root key's id, 64 hex digits, is accepted`);
  const bytes = await readInput(trust, 1024 * 1024);
  if (!bytes.ok) return bytes;
  const bundle = openBundle({
    bundle: bytes.value,
    ...(rootKeyId === undefined ? {} : { rootKeyId }),
    at: now,
    verifySignature: makeNodeVerifySignature(),
  });
  if (bundle.ok) return succeed({ bundle: bundle.value, bytes: bytes.value });
  return refuse('trust_bundle_invalid', `${quote(trust)}: ${bundle.message} [${bundle.code}]`);
}

/** Whose key it is; `noPolicy` says what follows where the bundle has no approvers. */
export function findApprover(
  { approval }: TrustBundle,
  key: VerificationKey,
  noPolicy: string,
): Result<Approver, 'approver_unknown'> {
  const approver = approval?.approvers.find((candidate) => equalBytes(candidate.key.keyId, key.keyId));
  if (approver !== undefined) return succeed(approver);
  return refuse(
    'approver_unknown',
    approval === null
      ? noPolicy
      : `the key \`${toHex(key.keyId)}\` is no approver's: the key of one of ${describePolicy(approval)} is accepted`,
  );
}
