/**
 * One role's HTTPS server: mutual TLS, bytes in, and every fault as a problem that shows no stack trace.
 *
 * The transport is not what is trusted: every message is a record with an HSM's signature.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Refusal, refuse } from '../kit/result.ts';
import { type Peer, type PeerRole, peerOf } from './peer.ts';
import { type Fault, sendFault, sendProblem } from './problem.ts';

export interface ServerOptions {
  readonly tls: { readonly key: string; readonly certificate: string; readonly authority: string };
  /** pino's level; log lines go to standard error as JSON and hold no secret and no record. */
  readonly logLevel: 'silent' | 'warn' | 'info';
  /** Names a broken device or store; `undefined` for anything else, which is a bug. */
  readonly describeFault: (error: unknown) => Fault | undefined;
}

/** The largest message between systems, in bytes: a request of 65,536 lots has under 4 MiB. */
const messageLimit = 16 * 1024 * 1024;

export type Server = FastifyInstance;

export function makeServer(options: ServerOptions): Server {
  const { tls, describeFault } = options;
  const server = fastify({
    https: {
      key: tls.key,
      cert: tls.certificate,
      ca: tls.authority,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    },
    bodyLimit: messageLimit,
    logger: { level: options.logLevel, stream: process.stderr },
    // A stopping server answers what it has begun and takes nothing new.
    forceCloseConnections: 'idle',
  }) as unknown as Server;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/cbor', 'application/cose', 'application/json'],
    { parseAs: 'buffer' },
    (_request, body, done) => {
      done(null, body);
    },
  );
  server.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      refuse('not_found', `no such resource: \`${request.method} ${request.url.slice(0, 80)}\``),
    ),
  );
  server.setErrorHandler((error: Error & { code?: string }, request, reply) => {
    const refusal = transportRefusal(error.code);
    if (refusal !== undefined) return sendProblem(reply, refusal);
    const fault = describeFault(error);
    request.log.error({ err: error, code: fault?.code }, 'request failed');
    if (fault !== undefined) return sendFault(reply, fault);
    return sendProblem(
      reply,
      refuse(
        'internal_error',
        'a fault of this program: nothing was issued; the log of this system has the details',
      ),
    );
  });
  return server;
}

/** fastify's own codes for a body that it did not take. */
function transportRefusal(code: string | undefined): Refusal | undefined {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('too_large', 'the body is larger than this resource accepts');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse(
        'media_type_unsupported',
        'the content type is not accepted: `application/cbor`, `application/cose` or `application/json`',
      );
    case 'FST_ERR_CTP_EMPTY_TYPE':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return refuse('not_cbor', 'the body is empty or shorter than announced');
    default:
      return undefined;
  }
}

/** Lets only peers of `roles` through to `handle`; every other certificate is refused as `not_permitted`. */
export function onlyFor(
  roles: readonly PeerRole[],
  handle: (request: FastifyRequest, reply: FastifyReply, peer: Peer) => Promise<FastifyReply>,
): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply> {
  return async (request, reply) => {
    const peer = peerOf(request);
    if (peer === undefined || !roles.includes(peer.role)) {
      return sendProblem(reply, refuse('not_permitted', `this resource is for ${roles.join(' and ')} only`));
    }
    return handle(request, reply, peer);
  };
}

/** The body as bytes; empty where there is none, which every decoder refuses. */
export function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}
