/** Central management's resource: a signed request in, an encrypted credential or a signed denial out. */
import { Type } from 'typebox';
import type { Central } from '../roles/central.ts';
import { messageLimit, recordLimit } from './message.ts';
import { deviceProblems, peerProblems, recordProblems, storeProblems } from './problem-code.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

/** Tells a credential from a denial without a look inside; the signature inside is what counts. */
export const answerHeader = 'ringmint-answer';

export const requestsRoute = defineRoute({
  method: 'POST',
  path: '/requests',
  operationId: 'submitRequest',
  summary: 'decides a signed request: an encrypted quota credential or a signed denial is the answer',
  description:
    "The request's id is the idempotency key: the same bytes get the same answer for ever. frequency_cap alone is about this moment, and not stored.",
  peers: ['issuance'],
  body: { types: ['application/cose'], limit: messageLimit, description: 'a signed request, COSE_Sign1' },
  answer: {
    type: 'application/cose',
    description: 'a credential, COSE_Encrypt to quota control, or a denial, COSE_Sign1',
    headers: {
      [answerHeader]: Type.Unsafe<string>({
        type: 'string',
        enum: ['credential', 'denial'],
        description: 'which of the two it is; the signature inside is what counts',
      }),
    },
    limit: recordLimit,
  },
  problems: [
    ...recordProblems,
    'issuer_mismatch',
    'request_not_yet_valid',
    'request_expired',
    'request_id_conflict',
    'quota_missing',
    'frequency_cap',
    'rule_trapped',
    ...peerProblems,
    ...deviceProblems,
    ...storeProblems,
  ],
});

export function addRequests(server: Server, central: Central): void {
  addRoute(server, requestsRoute, async ({ body, peer }) => {
    const answer = await central.submit(body, peer.name);
    if (!answer.ok) return answer;
    return {
      ok: true,
      value: { bytes: answer.value.bytes, headers: { [answerHeader]: answer.value.kind } },
    };
  });
}
