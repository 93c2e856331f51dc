/** Whose word a change of a quota or a stop was: by the trust bundle of its time, since approvers come and go. */
import { equalBytes } from '../kit/bytes.ts';
import { verifyRecord } from '../records/cose.ts';
import { checkQuotaQuorum } from '../records/quota-approval.ts';
import { decodeStop } from '../records/quota-stop.ts';
import type { TrustBundle } from '../records/trust-bundle.ts';
import type { ChangeEntry, StopEntry } from './entry.ts';
import type { AuditContext } from './system.ts';

/** How long a system may go by a trust bundle after a newer one was made, seconds. */
const bundleDelay = 60;

/** Why the approvals do not carry the change; `undefined` where they do. */
export function faultOfApprovals(
  { bundles, verifySignature }: AuditContext,
  { change, approvals, createdMs }: ChangeEntry,
): string | undefined {
  let fault: string | undefined;
  for (const { approval: policy } of bundlesAt(bundles, createdMs)) {
    const quorum = checkQuotaQuorum({ change, approvals, policy, verifySignature });
    if (quorum.ok) return undefined;
    fault = quorum.message;
  }
  return fault;
}

/** Whether a stop that is said to be an approver's is. For one of an operator a certificate did, and nothing shows it. */
export function isStopProven(
  { bundles, verifySignature }: AuditContext,
  { id, by, reason, evidence, createdMs }: StopEntry,
): boolean {
  if (evidence === null) return !by.startsWith('approver ');
  const decoded = decodeStop(evidence);
  if (!decoded.ok) return false;
  const { record, keyId } = decoded.value;
  return bundlesAt(bundles, createdMs)
    .flatMap(({ approval }) => approval?.approvers ?? [])
    .some(
      ({ name, key }) =>
        equalBytes(key.keyId, keyId) &&
        verifyRecord(decoded.value, key, verifySignature).ok &&
        name === record.approver &&
        by === `approver ${name}` &&
        reason === record.reason &&
        equalBytes(id, record.id),
    );
}

/** What the system may have gone by at that moment: one bundle, or two where a newer one was just made. */
function bundlesAt(bundles: readonly TrustBundle[], ms: number): readonly TrustBundle[] {
  const at = Math.floor(ms / 1000);
  const inForce = (moment: number): TrustBundle | undefined =>
    bundles.findLast(({ issuedAt }) => issuedAt <= moment) ?? bundles[0];
  return [...new Set([inForce(at), inForce(at - bundleDelay)])].filter((bundle) => bundle !== undefined);
}
