/** How much one system takes from its peers: requests, connections, and time. */
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HttpMetrics } from './http-metrics.ts';
import { identityOf } from './peer.ts';
import type { Server } from './server.ts';

export interface ApiLimits {
  /** Of one peer, which is one identity in a certificate. */
  readonly requestsPerSecond: number;
  /** Of everybody, also of those that have shown no certificate yet. */
  readonly connections: number;
  readonly connectionsPerPeer: number;
  readonly requestsPerConnection: number;
  /** Until a connection has shown its certificate. */
  readonly handshakeSeconds: number;
  /** For the headers of a request, for its body, and for its caller to take the answer: so long each. */
  readonly requestSeconds: number;
  /** Between two requests on one connection. */
  readonly idleSeconds: number;
}

/** Far above what an appliance with one HSM does in a second, and below what fills its memory. */
export const defaultLimits: ApiLimits = {
  requestsPerSecond: 10_000,
  connections: 1_024,
  connectionsPerPeer: 256,
  requestsPerConnection: 100_000,
  handshakeSeconds: 5,
  requestSeconds: 60,
  idleSeconds: 60,
};

/** Options of Node's HTTPS server that hold its peers to `limits`. */
export function serverLimits(limits: ApiLimits) {
  return {
    handshakeTimeout: limits.handshakeSeconds * 1_000,
    headersTimeout: limits.requestSeconds * 1_000,
    // Bodies have a deadline of their own, in deadlines.ts, so that a resource may have a longer one.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleSeconds * 1_000,
    // How often Node looks for connections whose time is up.
    connectionsCheckingInterval: 500,
    maxHeaderSize: 8 * 1024,
  };
}

/** Ends connections above the limits, and counts those that are open. */
export function limitConnections(server: HttpsServer, limits: ApiLimits, metrics: HttpMetrics): void {
  server.maxConnections = limits.connections;
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    metrics.connections.inc();
    socket.once('close', () => metrics.connections.dec());
  });
  server.on('drop', () => metrics.refuse('connections'));
  server.on('tlsClientError', () => metrics.refuse('tls'));
  server.on('secureConnection', (socket: TLSSocket) => {
    const { key } = identityOf(socket);
    const count = (open.get(key) ?? 0) + 1;
    if (count > limits.connectionsPerPeer) {
      metrics.refuse('connections_per_peer');
      socket.destroy();
      return;
    }
    open.set(key, count);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left === 0) open.delete(key);
      else open.set(key, left);
    });
  });
}

/** Node's own limit only announces the end, and leaves the connection open. */
export function limitRequestsPerConnection(server: Server, limits: ApiLimits): void {
  const asked = new WeakMap<Socket, number>();
  server.addHook('onRequest', async ({ raw: { socket } }, reply) => {
    const count = (asked.get(socket) ?? 0) + 1;
    asked.set(socket, count);
    if (count >= limits.requestsPerConnection) reply.header('connection', 'close');
  });
}
