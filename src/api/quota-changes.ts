/** Quota control's resources for what people decide: changes that several approved, and the stop. */
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import type { QuotaChanges } from '../roles/quota-changes.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

/** A change of 16 KiB with 16 approvals of 4 KiB. */
const changesBodyLimit = 128 * 1024;

export function addQuotaChanges(server: Server, changes: QuotaChanges): void {
  server.post(
    '/quota/changes',
    { bodyLimit: changesBodyLimit },
    onlyFor(['operator'], async (request, reply) => {
      const read = decodeApprovedChange(bodyOf(request));
      if (!read.ok) return sendProblem(reply, read);
      const applied = await changes.apply(read.value.change, read.value.approvals);
      return applied.ok ? reply.send(applied.value) : sendProblem(reply, applied);
    }),
  );
  server.post(
    '/stop',
    { bodyLimit: changesBodyLimit },
    // An approver's signature counts whoever brings it; without one, only the operator's certificate does.
    onlyFor(['operator', 'central', 'issuance'], async (request, reply, peer) => {
      const stopped = await changes.stop(
        bodyOf(request),
        peer.role === 'operator' ? `${peer.role} ${peer.name}` : undefined,
      );
      return stopped.ok ? reply.send(stopped.value) : sendProblem(reply, stopped);
    }),
  );
}

/** The body of a change: [ change, [ approval, … ] ], each as its bytes. */
export function encodeApprovedChange(change: Uint8Array, approvals: readonly Uint8Array[]): Uint8Array {
  return encodeCbor([change, approvals]);
}

function decodeApprovedChange(
  bytes: Uint8Array,
): Result<{ change: Uint8Array; approvals: readonly Uint8Array[] }> {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) return decoded;
  const [change, approvals, ...rest] = Array.isArray(decoded.value) ? (decoded.value as CborValue[]) : [];
  if (
    change instanceof Uint8Array &&
    Array.isArray(approvals) &&
    approvals.every((approval) => approval instanceof Uint8Array) &&
    rest.length === 0
  )
    return succeed({ change, approvals });
  return refuse('record_malformed', 'an array of a change and its approvals, as byte strings, is accepted');
}
