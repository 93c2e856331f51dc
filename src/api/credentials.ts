/** Quota control's resource: a credential with its request in, the signed control bit out. */
import type { QuotaControl } from '../roles/quota-control.ts';
import { messageLimit } from './message.ts';
import { deviceProblems, recordProblems, storeProblems, witnessProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

export const credentialsRoute = defineRoute({
  method: 'POST',
  path: '/credentials',
  operationId: 'redeemCredential',
  summary: 'redeems a quota credential: the quota falls, and the signed control bit is the answer',
  description:
    "The request's id is the idempotency key: the same presentation gets the same control bit for ever, and the quota is taken once.",
  peers: ['issuance'],
  body: {
    types: ['application/cbor'],
    limit: messageLimit,
    description: 'a presentation: the encrypted credential, the signed request and the seed of its units',
  },
  answer: { type: 'application/cose', description: 'the control bit, COSE_Sign1', limit: messageLimit },
  problems: [
    ...recordProblems,
    'issuer_mismatch',
    'decryption_failed',
    'credential_request_mismatch',
    'credential_expired',
    'credential_not_yet_valid',
    'credential_spent',
    'request_id_conflict',
    'quota_missing',
    'quota_exceeded',
    'daily_limit',
    'rolling_limit',
    'frequency_limit',
    'quota_frozen',
    'reservation_unknown',
    'reservation_expired',
    'reservation_released',
    'reservation_exceeded',
    ...deviceProblems,
    ...storeProblems,
    ...witnessProblems,
  ],
});

export function addCredentials(server: Server, quotaControl: QuotaControl): void {
  addRoute(server, credentialsRoute, async ({ body, peer }) => {
    const controlBit = await quotaControl.redeem(body, peer.name);
    return controlBit.ok ? { ok: true, value: { bytes: controlBit.value } } : controlBit;
  });
}
