/** Puts a declared resource on a server: who may ask is settled before a byte of the body is read. */
import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { quote, type Refusal, type Result, refuse } from '../kit/result.ts';
import { hasBody } from './deadlines.ts';
import { identityOf, type Peer } from './peer.ts';
import { faultRefusal, sendProblem } from './problem.ts';
import type { ProblemCode } from './problem-code.ts';
import {
  type HeadersOf,
  type JsonOf,
  problemsOf,
  type QueryOf,
  type RouteDefinition,
  schemaOf,
} from './route.ts';
import type { Server } from './server.ts';

export interface Asked<R extends RouteDefinition> {
  readonly peer: Peer;
  readonly query: QueryOf<R>;
  readonly headers: HeadersOf<R>;
  /** Empty where the resource takes none. */
  readonly body: Uint8Array;
}

/** JSON where the resource has a schema for it, bytes or text otherwise. */
export type Answered<R extends RouteDefinition> = (JsonOf<R> extends undefined
  ? { readonly bytes: Uint8Array | string }
  : { readonly json: JsonOf<R> }) & { readonly headers?: Readonly<Record<string, string>> };

/** Thrown by a plugin that can say no by throwing only. */
export class RefusedError extends Error {
  readonly refusal: Refusal<ProblemCode>;
  constructor(refusal: Refusal<ProblemCode>) {
    super(refusal.message);
    this.name = 'RefusedError';
    this.refusal = refusal;
  }
}

export function addRoute<const R extends RouteDefinition>(
  server: Server,
  route: R,
  handle: (asked: Asked<R>) => Promise<Result<Answered<R>>>,
): void {
  const declared = new Set<string>(problemsOf(route));
  server.methodsOf(route.path).push(route.method, ...(route.method === 'GET' ? ['HEAD'] : []));
  server.route({
    method: route.method,
    url: route.path,
    schema: schemaOf(route),
    config: { problems: declared },
    ...(route.body === undefined ? {} : { bodyLimit: route.body.limit }),
    onRequest: async (request, reply) => {
      const refusal = admit(route, request);
      return refusal === undefined ? undefined : sendProblem(reply, refusal);
    },
    handler: async (request, reply) => {
      const { peer } = identityOf(request.raw.socket as TLSSocket);
      if (peer === undefined) return sendProblem(reply, notPermitted(route));
      const answered = await handle({
        peer,
        query: request.query as QueryOf<R>,
        headers: request.headers as HeadersOf<R>,
        body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
      });
      if (!answered.ok) return sendRefusal(request, reply, answered);
      return sendAnswer(reply, route, answered.value);
    },
  });
}

function sendAnswer(
  reply: FastifyReply,
  route: RouteDefinition,
  answer: { json?: unknown; bytes?: Uint8Array | string; headers?: Readonly<Record<string, string>> },
): FastifyReply {
  const { json, bytes = JSON.stringify(json), headers = {} } = answer;
  return reply
    .type(route.answer.type)
    .headers(headers)
    .send(typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Sends a refusal that the resource declares. Any other is a fault of this program: the document promises that there is none. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const declared = request.routeOptions.config.problems;
  if (declared?.has(refusal.code) === true) return sendProblem(reply, refusal as Refusal<ProblemCode>);
  request.log.error(
    { code: refusal.code, detail: refusal.message },
    'a code that the resource does not declare',
  );
  return sendProblem(reply, faultRefusal('internal_error'));
}

/** Who asks, and for a body its media type and its announced size. */
function admit(route: RouteDefinition, request: FastifyRequest): Refusal<ProblemCode> | undefined {
  const { peer } = identityOf(request.raw.socket as TLSSocket);
  if (peer === undefined || !route.peers.includes(peer.role)) return notPermitted(route);
  if (route.body === undefined) return undefined;
  const accepted = route.body.types.map((type) => `\`${type}\``).join(' or ');
  if (!hasBody(request)) return refuse('body_missing', `the request has no body: ${accepted} is accepted`);
  const given = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!route.body.types.includes(given)) {
    return refuse('media_type_unsupported', `content type ${quote(given)}: ${accepted} is accepted`);
  }
  return undefined;
}

function notPermitted(route: RouteDefinition): Refusal<'not_permitted'> {
  return refuse('not_permitted', `this resource is for ${route.peers.join(' and ')} only`);
}
