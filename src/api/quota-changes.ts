/** Quota control's resources for what people decide: changes that several approved, and the stop. */
import { Type } from 'typebox';
import { type CborValue, decodeCbor, encodeCbor } from '../kit/encoding.ts';
import { type Result, refuse, succeed } from '../kit/result.ts';
import { type FollowedChange, followedLimit } from '../roles/followed-change.ts';
import type { QuotaChanges } from '../roles/quota-changes.ts';
import { reportLimit } from './message.ts';
import { deviceProblems, recordProblems, storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';
import { stopSchema } from './status.ts';

/** A change of 16 KiB with 16 approvals of 4 KiB. */
const changesBodyLimit = 128 * 1024;

export const changesRoute = defineRoute({
  method: 'POST',
  path: '/quota/changes',
  operationId: 'changeQuota',
  summary:
    'carries out a change of a quota, or a start, that enough approvers signed; the same again changes nothing',
  peers: ['operator'],
  body: {
    types: ['application/cbor'],
    limit: changesBodyLimit,
    description: 'an array of the change and its approvals, as byte strings',
  },
  answer: {
    type: 'application/json',
    description: 'the journal entry that has the change',
    schema: Type.Object({ sequence: Type.Integer({ minimum: 1 }) }),
    limit: reportLimit,
  },
  problems: [
    ...recordProblems,
    'quota_missing',
    'change_early',
    'change_expired',
    'change_stale',
    'allocation_below_issued',
    'time_zone_unknown',
    'issuance_not_stopped',
    'approval_policy_missing',
    'approvals_too_few',
    'approver_unknown',
    'approval_invalid',
    'approval_mismatch',
    'approval_early',
    'approval_late',
    'approval_repeated',
    ...deviceProblems,
    ...storeProblems,
  ],
});

export const changesSinceRoute = defineRoute({
  method: 'GET',
  path: '/quota/changes',
  operationId: 'listQuotaChanges',
  summary: `the first ${followedLimit} changes of a quota from a version on, each with its approvals as they were signed`,
  peers: ['central', 'operator'],
  query: Type.Object(
    {
      issuer: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
      currency: Type.String({ pattern: '^[A-Z]{3}$' }),
      version: Type.Integer({ minimum: 1, description: 'of the quota, that the first change starts from' }),
    },
    { additionalProperties: false },
  ),
  answer: {
    type: 'application/cbor',
    description: 'an array of changes, each an array of the change and its approvals, as byte strings',
    limit: followedLimit * changesBodyLimit,
  },
  problems: [...storeProblems, ...witnessProblems],
});

export const stopRoute = defineRoute({
  method: 'POST',
  path: '/stop',
  operationId: 'stopIssuing',
  summary: 'stops issuing at once, by the operator or by one approver; only several approvers start it again',
  peers: ['operator', 'central', 'issuance'],
  body: {
    types: ['application/cbor', 'application/cose'],
    limit: changesBodyLimit,
    description:
      "an array of id and reason with the operator's certificate, or a stop that an approver signed",
  },
  answer: {
    type: 'application/json',
    description: 'the stop in force',
    schema: stopSchema,
    limit: reportLimit,
  },
  problems: [...recordProblems, 'approver_unknown', 'stop_lifted', ...storeProblems],
});

export function addQuotaChanges(server: Server, changes: QuotaChanges): void {
  addChanges(server, changes);
  addRoute(server, changesSinceRoute, async ({ query }) => {
    const since = await changes.since(query);
    return succeed({
      bytes: encodeCbor(since.map(({ change, approvals }) => [change, approvals])),
    });
  });
  // An approver's signature counts whoever brings it; without one, only the operator's certificate does.
  addRoute(server, stopRoute, async ({ body, peer }) => {
    const by = peer.role === 'operator' ? `${peer.role} ${peer.name}` : undefined;
    const stopped = await changes.stop(body, by);
    return stopped.ok ? succeed({ json: stopped.value }) : stopped;
  });
}

/** At central management too, which keeps an account of its own. */
export function addChanges(server: Server, changes: QuotaChanges): void {
  addRoute(server, changesRoute, async ({ body }) => {
    const read = decodeApprovedChange(body);
    if (!read.ok) return read;
    const applied = await changes.apply(read.value.change, read.value.approvals);
    return applied.ok ? succeed({ json: applied.value }) : applied;
  });
}

/** Reads what quota control answers. */
export function decodeChanges(bytes: Uint8Array): Result<readonly FollowedChange[], 'peer_fault'> {
  const decoded = decodeCbor(bytes);
  const items = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as CborValue[]) : undefined;
  const read = items?.map(readChange);
  const changes = read?.filter((one) => one !== undefined);
  if (changes !== undefined && changes.length === read?.length && changes.length <= followedLimit)
    return succeed(changes);
  return refuse(
    'peer_fault',
    'the answer of quota control has changes with their approvals, as byte strings',
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
  const read = readChange(decoded.value);
  if (read !== undefined) return succeed(read);
  return refuse('record_malformed', 'an array of a change and its approvals, as byte strings, is accepted');
}

function readChange(value: CborValue): FollowedChange | undefined {
  const [change, approvals, ...rest] = Array.isArray(value) ? (value as CborValue[]) : [];
  return change instanceof Uint8Array &&
    Array.isArray(approvals) &&
    approvals.every((approval) => approval instanceof Uint8Array) &&
    rest.length === 0
    ? { change, approvals }
    : undefined;
}
