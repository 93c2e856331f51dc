/** Where connections come in: mutual TLS, and an answer to what is no HTTP. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { endWithProblem } from './deadlines.ts';
import type { HttpMetrics } from './http-metrics.ts';
import { type ApiLimits, limitConnections, serverLimits } from './limits.ts';

export interface ListenerOptions {
  readonly tls: { readonly key: string; readonly certificate: string; readonly authority: string };
  readonly limits: ApiLimits;
}

function tlsOptions({ tls, limits }: ListenerOptions) {
  return {
    key: tls.key,
    cert: tls.certificate,
    ca: tls.authority,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3' as const,
    ...serverLimits(limits),
  };
}

/** Counts, limits and ends its connections, and gives their requests to `handler`. */
export function makeListener(
  options: ListenerOptions,
  handler: RequestListener,
  metrics: HttpMetrics,
): HttpsServer {
  const { limits } = options;
  const server = createServer(tlsOptions(options), handler);
  limitConnections(server, limits, metrics);
  // Where an answer is sent and its sending not yet told when the next request comes in, Node pauses its parser, and lets TLS hand the paused
  // parser what it decrypts next: HPE_PAUSED, and a good request is refused. A listener for data has Node read through the stream,
  // which holds a paused connection's data back. Seen with Node 20.20 and 24.17.
  server.on('secureConnection', (socket) => void socket.on('data', () => undefined));
  const asked = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>();
  server.on('request', (request, response) => asked.set(request.socket, { request, response }));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const last = asked.get(socket);
    const unanswered = last?.request.complete === true && !last.response.writableEnded;
    // The peer has gone, or would take this for the answer to the request before it.
    if (error.code === 'ECONNRESET' || !socket.writable || unanswered) return void socket.destroy();
    switch (error.code) {
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        metrics.refuse('request_timeout');
        return endWithProblem(
          socket,
          'request_timeout',
          `no request came within ${limits.requestSeconds} seconds`,
        );
      case 'HPE_HEADER_OVERFLOW':
        metrics.refuse('malformed');
        return endWithProblem(socket, 'headers_too_large', 'the headers have more than 8 KiB');
      default:
        metrics.refuse('malformed');
        return endWithProblem(socket, 'http_malformed', 'this is no HTTP/1.1 request (RFC 9112)');
    }
  });
  return server;
}
