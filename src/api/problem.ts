/**
 * Refusals as HTTP: RFC 9457 problem details, and the only table that knows a status code.
 *
 * May import roles, verifier, records and kit, as all of src/api/.
 */
import type { FastifyReply } from 'fastify';
import type { Refusal } from '../kit/result.ts';

/** What a broken device or store says of itself; made by the composition root, which knows the classes. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

const statusOf = new Map<string, number>([
  ['not_cbor', 400],
  ['peer_unavailable', 503],
  ['peer_fault', 502],
  ['not_permitted', 403],
  ['issuer_mismatch', 403],
  ['not_found', 404],
  ['request_id_conflict', 409],
  ['in_progress', 409],
  ['credential_spent', 409],
  ['too_large', 413],
  ['media_type_unsupported', 415],
  ['frequency_cap', 429],
  ['internal_error', 500],
]);

/** 422 for a refusal that is not in the table: the message was understood, and a rule forbids it (RFC 9110 §15.5.21). */
const refusedStatus = 422;

export function sendProblem(
  reply: FastifyReply,
  refusal: Pick<Refusal, 'code' | 'message' | 'field'>,
): FastifyReply {
  return send(reply, statusOf.get(refusal.code) ?? refusedStatus, refusal);
}

/** 503: nothing was decided, and the same call may be made again (RFC 9110 §15.6.4). */
export function sendFault(reply: FastifyReply, fault: Fault): FastifyReply {
  return send(reply, 503, fault);
}

function send(
  reply: FastifyReply,
  status: number,
  problem: { code: string; message: string; field?: string },
): FastifyReply {
  const { code, message, field } = problem;
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: `urn:ringmint:problem:${code}`,
      title: code,
      status,
      detail: message,
      code,
      ...(field === undefined ? {} : { field }),
    });
}
