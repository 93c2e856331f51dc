/** Figures of the process and of HTTP as Prometheus has them. Every label has few values, whatever a peer sends. */
import type { FastifyRequest } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Server } from './server.ts';

/** Why a connection was ended without a request of its own. */
type RefusalCause =
  | 'tls'
  | 'connections'
  | 'connections_per_peer'
  | 'request_timeout'
  | 'answer_timeout'
  | 'malformed';

/** Of the process, whoever serves in it: a role that opens everything anew goes on counting. */
let processRegistry: Registry | undefined;

function processFigures(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

export class HttpMetrics {
  readonly connections: Gauge;
  private readonly registry = new Registry();
  private readonly process = processFigures();
  private readonly seconds: Histogram<'method' | 'route' | 'status'>;
  private readonly problems: Counter<'code'>;
  private readonly refused: Counter<'cause'>;
  private readonly inFlight: Gauge;

  constructor(role: string) {
    const registers = [this.registry];
    this.registry.setDefaultLabels({ role });
    this.seconds = new Histogram({
      name: 'ringmint_http_request_seconds',
      help: 'Time until a request was answered.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
      registers,
    });
    this.problems = new Counter({
      name: 'ringmint_http_problems_total',
      help: 'Problems that were answered, by code.',
      labelNames: ['code'],
      registers,
    });
    this.refused = new Counter({
      name: 'ringmint_http_refused_total',
      help: 'Connections that were ended, by cause.',
      labelNames: ['cause'],
      registers,
    });
    this.inFlight = new Gauge({
      name: 'ringmint_http_requests_in_flight',
      help: 'Requests that were begun and not ended.',
      registers,
    });
    this.connections = new Gauge({
      name: 'ringmint_http_connections',
      help: 'Open connections, also those without a certificate yet.',
      registers,
    });
  }

  refuse(cause: RefusalCause): void {
    this.refused.inc({ cause });
  }

  /** `code` is one of the table, since only such are sent. */
  problem(code: string): void {
    this.problems.inc({ code });
  }

  observe(server: Server): void {
    server.addHook('onRequest', async (request, { raw }) => {
      const startedMs = performance.now();
      this.inFlight.inc();
      // Whether it was answered or the connection ended before: this comes once.
      raw.once('close', () => {
        this.inFlight.dec();
        const status = raw.writableFinished ? String(raw.statusCode) : 'aborted';
        this.seconds.observe({ ...labelsOf(request), status }, (performance.now() - startedMs) / 1_000);
      });
    });
  }

  async show(): Promise<string> {
    return (await this.process.metrics()) + (await this.registry.metrics());
  }
}

/** A path or a method that is not served has a label of its own, and not its name. */
function labelsOf(request: FastifyRequest): { method: string; route: string } {
  const { url } = request.routeOptions;
  return request.is404 || url === undefined
    ? { method: 'other', route: 'none' }
    : { method: request.method, route: url };
}
