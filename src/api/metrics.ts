/** Figures of one role, as Prometheus has them: of the process, of HTTP, and of its signing. */
import { succeed } from '../kit/result.ts';
import { reportLimit } from './message.ts';
import { defineRoute } from './route.ts';
import type { Server } from './server.ts';
import { addRoute } from './serving-route.ts';

const metricsRoute = defineRoute({
  method: 'GET',
  path: '/metrics',
  operationId: 'readMetrics',
  summary: 'figures of the process, of HTTP and of signing, in the text format of Prometheus',
  peers: ['operator'],
  answer: {
    type: 'text/plain',
    description: 'text exposition, version 0.0.4, in UTF-8',
    limit: reportLimit,
  },
  problems: [],
});

/** `figures` gives the figures that the composition root has, in the same format. */
export function addMetrics(server: Server, figures: () => Promise<string>): void {
  addRoute(server, metricsRoute, async () =>
    succeed({
      bytes: (await server.metrics.show()) + (await figures()),
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    }),
  );
}
