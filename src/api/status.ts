/** Health of one role: a canary signature by its token, the head of its journal, and figures of its signing. */
import type { RoleStatus } from '../roles/status.ts';
import { onlyFor, type Server } from './server.ts';

export interface StatusSources {
  readonly status: () => Promise<RoleStatus>;
  /** Prometheus text exposition, version 0.0.4. */
  readonly metrics: () => Promise<string>;
}

export function addStatus(server: Server, { status, metrics }: StatusSources): void {
  server.get(
    '/status',
    onlyFor(['central', 'issuance', 'quota', 'operator'], async (_request, reply) =>
      reply.send(await status()),
    ),
  );
  server.get(
    '/metrics',
    onlyFor(['operator'], async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics()),
    ),
  );
}
