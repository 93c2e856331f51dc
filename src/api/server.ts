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
import { HttpMetrics } from './http-metrics.ts';
import { type ApiLimits, limitRequestsPerConnection } from './limits.ts';
import { type ListenerOptions, makeListener } from './listener.ts';
import { addOpenApi } from './openapi.ts';
import { identityOfRequest } from './peer.ts';
import { type Fault, faultRefusal, sendProblem } from './problem.ts';
import { type ProblemCode, statusOf } from './problem-code.ts';
import { RefusedError, sendRefusal } from './serving-route.ts';
import { stopInTime } from './stopping.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods that a path has; changed by whoever adds a resource. */
    methodsOf(path: string): string[];
    readonly metrics: HttpMetrics;
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
  server.setValidatorCompiler(TypeBoxValidatorCompiler);
  // What is sent is made from the schemas' types; nothing is left out on the way.
  server.setSerializerCompiler(() => (data) => JSON.stringify(data));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  metrics.observe(server);
  addDeadlines(server, limits.requestSeconds, metrics);
  stopInTime(server, listeners);
  limitRequestsPerConnection(server, limits);
  await limitRequests(server, limits);
  // Before the body of a request for nothing is read.
  server.addHook('onRequest', async (request, reply) =>
    request.is404 ? sendNotFound(request, reply, methods) : undefined,
  );
  server.setNotFoundHandler((request, reply) => sendNotFound(request, reply, methods));
  server.setErrorHandler((error: Error & { code?: string }, request, reply) => {
    const refusal = transportRefusal(error);
    if (refusal !== undefined) return sendProblem(reply, refusal);
    const fault = describeFault(error);
    request.log.error({ err: error, code: fault?.code }, 'request failed');
    if (fault === undefined || statusOf(fault.code) !== 503)
      return sendProblem(reply, faultRefusal('internal_error'));
    return sendRefusal(request, reply, { ok: false, ...faultRefusal(fault.code as ProblemCode) });
  });
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
  const allowed = methods.get(request.url.split('?')[0] ?? '');
  if (allowed === undefined)
    return sendProblem(reply, refuse('not_found', `no such resource: ${quote(request.url)}`));
  reply.header('allow', allowed.join(', '));
  return sendProblem(
    reply,
    refuse('method_not_allowed', `${quote(request.method)}: ${allowed.join(' and ')} are accepted here`),
  );
}

interface ValidationFault {
  readonly instancePath: string;
  readonly message: string;
  readonly params: {
    readonly additionalProperties?: readonly string[];
    readonly requiredProperties?: readonly string[];
  };
}

/** What fastify says of a request that it did not take; `undefined` for an error of another kind. */
function transportRefusal(
  error: Error & { code?: string; validation?: unknown },
): Refusal<ProblemCode> | undefined {
  if (error instanceof RefusedError) return error.refusal;
  if (error.validation !== undefined) return parameterRefusal(error.validation as ValidationFault[]);
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

function parameterRefusal([first]: readonly ValidationFault[]): Refusal<'parameter_invalid'> {
  const unknown = first?.params.additionalProperties?.[0];
  const name = unknown ?? (first?.instancePath.slice(1) || first?.params.requiredProperties?.[0]) ?? '';
  return refuse(
    'parameter_invalid',
    unknown === undefined
      ? `parameter ${quote(name)} ${first?.message ?? 'is not accepted'}`
      : `parameter ${quote(name)} is not known`,
    name,
  );
}
