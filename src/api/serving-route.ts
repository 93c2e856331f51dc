/** Puts a declared resource on a server: who may ask is settled before a byte of the body is read. */
import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { quote, type Refusal, type Result, refuse } from '../kit/result.ts';
import { hasBody } from './deadlines.ts';
import { eventStreamType, type Streamed } from './event-stream.ts';
import { entityTag, isAccepted, isKnown, isNamed } from './negotiation.ts';
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
  /** Whether the caller asks for events instead of the answer. */
  readonly wantsEvents: boolean;
}

/** JSON where the resource has a schema for it, bytes or text otherwise; or events. */
export type Answered<R extends RouteDefinition> =
  | ((JsonOf<R> extends undefined
      ? { readonly bytes: Uint8Array | string }
      : { readonly json: JsonOf<R> }) & { readonly headers?: Readonly<Record<string, string>> })
  | Streamed;

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
        wantsEvents: wantsEvents(route, request),
      });
      if (!answered.ok) return sendRefusal(request, reply, answered);
      if ('stream' in answered.value) return sendEvents(request, reply, answered.value);
      return sendAnswer(request, reply, route, answered.value);
    },
  });
}

function sendEvents(request: FastifyRequest, reply: FastifyReply, streamed: Streamed): FastifyReply {
  if (request.method === 'HEAD') return reply.type(eventStreamType).send();
  const refusal = reply.server.streams.admit(request);
  if (refusal !== undefined) return sendProblem(reply, refusal);
  void reply.server.streams.serve(request, reply, streamed);
  return reply;
}

function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  route: RouteDefinition,
  answer: { json?: unknown; bytes?: Uint8Array | string; headers?: Readonly<Record<string, string>> },
): FastifyReply {
  const { json, bytes = JSON.stringify(json), headers = {} } = answer;
  reply.headers(headers);
  if (route.answer.tagged !== undefined) {
    const tag = entityTag(bytes);
    reply.header('etag', tag);
    if (isKnown(request.headers['if-none-match'], tag)) return reply.code(304).send();
  }
  // What the handler says, such as a version of the format, stays.
  if (headers['content-type'] === undefined) reply.type(route.answer.type);
  return reply.send(
    typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  );
}

/** Sends a refusal that the resource declares. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  return sendProblem(reply, declaredOf(request, refusal));
}

/** The refusal, where the resource declares it. Any other is a fault of this program: the document promises that there is none. */
export function declaredOf(request: FastifyRequest, refusal: Refusal): Omit<Refusal<ProblemCode>, 'ok'> {
  if (request.routeOptions.config.problems?.has(refusal.code) === true)
    return refusal as Refusal<ProblemCode>;
  request.log.error(
    { code: refusal.code, detail: refusal.message },
    'a code that the resource does not declare',
  );
  return faultRefusal('internal_error');
}

/** Who asks, and for a body its media type and its announced size. */
function admit(route: RouteDefinition, request: FastifyRequest): Refusal<ProblemCode> | undefined {
  const { peer } = identityOf(request.raw.socket as TLSSocket);
  if (peer === undefined || !route.peers.includes(peer.role)) return notPermitted(route);
  const { accept } = request.headers;
  if (!isAccepted(accept, route.answer.type) && !wantsEvents(route, request)) {
    const { type, events } = route.answer;
    const given = [type, ...(events === undefined ? [] : [eventStreamType])].map((one) => `\`${one}\``);
    return refuse(
      'not_acceptable',
      `Accept ${quote(accept)}: this resource answers with ${given.join(' or ')}`,
      'accept',
    );
  }
  if (route.body === undefined) return undefined;
  const accepted = route.body.types.map((type) => `\`${type}\``).join(' or ');
  if (!hasBody(request)) return refuse('body_missing', `the request has no body: ${accepted} is accepted`);
  const given = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!route.body.types.includes(given)) {
    return refuse('media_type_unsupported', `content type ${quote(given)}: ${accepted} is accepted`);
  }
  return undefined;
}

function wantsEvents(route: RouteDefinition, { headers }: FastifyRequest): boolean {
  return route.answer.events !== undefined && isNamed(headers.accept, eventStreamType);
}

function notPermitted(route: RouteDefinition): Refusal<'not_permitted'> {
  return refuse('not_permitted', `this resource is for ${route.peers.join(' and ')} only`);
}
