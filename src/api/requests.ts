/** Central management's resource: a signed request in, its decision on each order out. */

import { succeed } from '../kit/result.ts';
import { encodeDecision } from '../records/decision.ts';
import type { Central } from '../roles/central.ts';
import { messageLimit } from './message.ts';
import {
  deviceProblems,
  peerProblems,
  recordProblems,
  storeProblems,
  witnessProblems,
} from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

export const requestsRoute = defineRoute({
  method: 'POST',
  path: '/requests',
  operationId: 'submitRequest',
  summary:
    'decides each order of a signed request: an encrypted quota credential for those that are approved, a signed denial of the others',
  description: "The request's id is the idempotency key: the same bytes get the same answer for ever.",
  peers: ['issuance'],
  body: { types: ['application/cose'], limit: messageLimit, description: 'a signed request, COSE_Sign1' },
  answer: {
    type: 'application/cbor',
    description: 'a decision: the credential, COSE_Encrypt to quota control, and the denial, COSE_Sign1',
    limit: messageLimit,
  },
  problems: [
    ...recordProblems,
    'issuer_mismatch',
    'request_not_yet_valid',
    'request_expired',
    'request_id_conflict',
    'quota_missing',
    'quota_frozen',
    'quota_exceeded',
    ...peerProblems,
    ...deviceProblems,
    ...storeProblems,
    ...witnessProblems,
  ],
});

export function addRequests(server: Server, central: Central): void {
  addRoute(server, requestsRoute, async ({ body, peer }) => {
    const decision = await central.submit(body, peer.name);
    return decision.ok ? succeed({ bytes: encodeDecision(decision.value) }) : decision;
  });
}
