/**
 * Refusals as RFC 9457 problem details. They show neither a stack trace nor a path of the machine: what a device or a store says of
 * itself goes to the log, and only its code goes out.
 *
 * May import roles, verifier, records and kit, as all of src/api/.
 */
import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Refusal } from '../kit/result.ts';
import { type ProblemCode, statusOf } from './problem-code.ts';

/** What a broken device or store says of itself; made by the composition root, which knows the classes. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

export const problemType = 'application/problem+json';

const textLimit = 4_000;

/** The body of a problem with one of `codes`. */
export function problemSchema(codes: readonly string[]) {
  return Type.Object({
    type: Type.String({ pattern: '^urn:ringmint:problem:[a-z_]+$', maxLength: 100 }),
    title: Type.String({ description: 'the code in words', maxLength: 100 }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'for a person', maxLength: textLimit }),
    code: Type.Unsafe<string>({ type: 'string', enum: [...codes], description: 'stable' }),
    field: Type.Optional(
      Type.String({ description: 'the field or parameter at fault', maxLength: textLimit }),
    ),
  });
}

export type Problem = Static<ReturnType<typeof problemSchema>>;

/** Seconds after which the same call may be made again, where that is known (RFC 9110 §10.2.3). */
const retryAfterSeconds: Partial<Record<ProblemCode, number>> = {
  server_stopping: 2,
  signer_busy: 1,
  in_progress: 1,
  store_busy: 1,
  peer_unavailable: 2,
  witness_unavailable: 2,
  streams_exhausted: 5,
};

export function problemOf(refusal: Omit<Refusal, 'ok'>, status: number): Problem {
  const { code, message, field } = refusal;
  return {
    type: `urn:ringmint:problem:${code}`,
    title: titleOf(code),
    status,
    detail: message.slice(0, textLimit),
    code,
    ...(field === undefined ? {} : { field: field.slice(0, textLimit) }),
  };
}

/** Codes are words: `request_id_conflict` is "Request id conflict". */
function titleOf(code: string): string {
  return `${code.charAt(0).toUpperCase()}${code.slice(1).replaceAll('_', ' ')}`;
}

/** Sends a refusal whose code is in the table. */
export function sendProblem(reply: FastifyReply, refusal: Omit<Refusal<ProblemCode>, 'ok'>): FastifyReply {
  const status = statusOf(refusal.code) ?? 500;
  reply.server.metrics.problem(refusal.code);
  const seconds = refusal.retryAfterSeconds ?? retryAfterSeconds[refusal.code];
  if (seconds !== undefined) reply.header('retry-after', seconds);
  return reply
    .code(status)
    .type(problemType)
    .send(JSON.stringify(problemOf(refusal, status)));
}

/** A fault as what its caller may know of it. */
export function faultRefusal(code: ProblemCode): Omit<Refusal<ProblemCode>, 'ok'> {
  return {
    code,
    message:
      statusOf(code) === 503
        ? 'this system cannot do its work now, and has decided nothing: the same call may be made again; its log has the details'
        : 'a fault of this program: nothing was issued; the log of this system has the details',
  };
}
