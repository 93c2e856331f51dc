/**
 * One role's HTTPS server: mutual TLS, bytes in, and every fault as a problem that shows no stack trace.
 *
 * The transport is not what is trusted: every message is a record with an HSM's signature.
 */
import type { Server as HttpsServer } from 'node:https';
import rateLimit from '@fastify/rate-limit';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { quote, type Refusal, refuse } from '../kit/result.ts';
import { addDeadlines } from './deadlines.ts';
import { defaultStreamLimits, EventStreams, endStreamsInTime, type StreamLimits } from './event-stream.ts';
import { HttpMetrics } from './http-metrics.ts';
import { type ApiLimits, limitRequestsPerConnection } from './limits.ts';
import { type ListenerOptions, makeListener } from './listener.ts';
import { addOpenApi } from './openapi.ts';
import { parameterRefusal, type ValidationFault } from './parameter.ts';
import { identityOfRequest } from './peer.ts';
import { type Fault, faultRefusal, sendProblem } from './problem.ts';
import { type ProblemCode, statusOf } from './problem-code.ts';
import { journalHeader } from './processes.ts';
import { declaredOf, RefusedError } from './serving-route.ts';
import { stopInTime } from './stopping.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods that a path has; changed by whoever adds a resource. */
    methodsOf(path: string): string[];
    readonly metrics: HttpMetrics;
    readonly streams: EventStreams;
    /** What the caller may know of a fault; the log has the rest. */
    refusalOf(error: unknown, request: FastifyRequest): Omit<Refusal<ProblemCode>, 'ok'>;
  }
  interface FastifyContextConfig {
    /** The codes that the resource declares. */
    problems?: ReadonlySet<string>;
  }
}

export interface ServerOptions extends ListenerOptions {
  readonly role: 'central' | 'issuance' | 'quota';
  /** Of this program; the OpenAPI document names it. */
  readonly version: string;
  /** pino's level; log lines go to standard error as JSON and hold no secret and no record. */
  readonly logLevel: 'silent' | 'warn' | 'info';
  /** Names a broken device or store; `undefined` for anything else, which is a bug. */
  readonly describeFault: (error: unknown) => Fault | undefined;
  readonly streams?: Partial<StreamLimits>;
  /** Id of the journal of this process, hex, where the system has several: it is in each answer. */
  readonly journal?: string;
}

export type Server = FastifyInstance;

/** A server without resources; what is added to it, and `listen`, come after. */
export async function makeServer(options: ServerOptions): Promise<Server> {
  const { limits, describeFault } = options;
  const metrics = new HttpMetrics(options.role);
  const listeners: HttpsServer[] = [];
  const server = fastify({
    // Made here, so that each address that a host name stands for has the same limits.
    serverFactory(handler) {
      const listener = makeListener(options, handler, metrics);
      listeners.push(listener);
      return listener;
    },
    https: {},
    // A resource that takes a body says how large it may be.
    bodyLimit: 1_024,
    logger: { level: options.logLevel, stream: process.stderr },
    // A stopping server answers what it has begun and takes nothing new.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // The listener answers on its own.
    clientErrorHandler: () => undefined,
    frameworkErrors: (_error, _request, reply) =>
      void sendProblem(reply, refuse('http_malformed', 'the address cannot be read')),
  }) as unknown as Server;
  const methods = new Map<string, string[]>();
  server.decorate('methodsOf', (path) => {
    const known = methods.get(path) ?? [];
    methods.set(path, known);
    return known;
  });
  server.decorate('metrics', metrics);
  const streams = new EventStreams({ ...defaultStreamLimits, ...options.streams });
  server.decorate('streams', streams);
  server.setValidatorCompiler(TypeBoxValidatorCompiler);
  // What is sent is made from the schemas' types; nothing is left out on the way.
  server.setSerializerCompiler(() => (data) => JSON.stringify(data));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const { journal } = options;
  if (journal !== undefined)
    server.addHook('onSend', async (_request, reply) => void reply.header(journalHeader, journal));
  metrics.observe(server);
  addDeadlines(server, limits.requestSeconds, metrics);
  stopInTime(server, listeners);
  endStreamsInTime(server, streams);
  limitRequestsPerConnection(server, limits);
  await limitRequests(server, limits);
  // Before the body of a request for nothing is read.
  server.addHook('onRequest', async (request, reply) =>
    request.is404 ? sendNotFound(request, reply, methods) : undefined,
  );
  server.setNotFoundHandler((request, reply) => sendNotFound(request, reply, methods));
  server.decorate('refusalOf', (error, request) => {
    const fault = describeFault(error);
    request.log.error({ err: error, code: fault?.code }, 'request failed');
    if (fault === undefined || statusOf(fault.code) !== 503) return faultRefusal('internal_error');
    return declaredOf(request, { ok: false, ...faultRefusal(fault.code as ProblemCode) });
  });
  server.setErrorHandler((error: Error & { code?: string }, request, reply) =>
    sendProblem(reply, transportRefusal(request, error) ?? server.refusalOf(error, request)),
  );
  await addOpenApi(server, options);
  return server;
}

async function limitRequests(server: Server, limits: ApiLimits): Promise<void> {
  const headers = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false };
  await server.register(rateLimit, {
    global: false,
    max: limits.requestsPerSecond,
    timeWindow: 1_000,
    keyGenerator: (request) => identityOfRequest(request).key,
    addHeaders: { ...headers, 'retry-after': false },
    addHeadersOnExceeding: headers,
    errorResponseBuilder: (_request, { ttl }) =>
      new RefusedError({
        ...refuse(
          'rate_limited',
          `more than ${limits.requestsPerSecond} requests a second from this peer: send it again later`,
        ),
        retryAfterSeconds: Math.ceil(ttl / 1_000),
      }),
  });
  server.addHook('onRequest', server.rateLimit());
}

function sendNotFound(
  request: FastifyRequest,
  reply: FastifyReply,
  methods: ReadonlyMap<string, readonly string[]>,
): FastifyReply {
  const known = methods.get(request.url.split('?')[0] ?? '');
  if (known === undefined)
    return sendProblem(
      reply,
      refuse('not_found', `no such resource: ${quote(request.url)}; \`/openapi.json\` names all`),
    );
  const allowed = [...known, 'OPTIONS'];
  reply.header('allow', allowed.join(', '));
  if (request.method === 'OPTIONS') return reply.code(204).send();
  return sendProblem(
    reply,
    refuse('method_not_allowed', `${quote(request.method)}: ${allowed.join(' and ')} are accepted here`),
  );
}

/** What fastify says of a request that it did not take; `undefined` for an error of another kind. */
function transportRefusal(
  request: FastifyRequest,
  error: Error & { code?: string; validation?: unknown; validationContext?: string },
): Refusal<ProblemCode> | undefined {
  if (error instanceof RefusedError) return error.refusal;
  if (error.validation !== undefined)
    return parameterRefusal(request, error.validationContext, error.validation as ValidationFault[]);
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('too_large', 'the body is larger than this resource accepts');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'ECONNRESET':
      return refuse('http_malformed', 'the body is shorter than announced');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('media_type_unsupported', 'the content type cannot be read');
    default:
      return undefined;
  }
}
