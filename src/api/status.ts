/** Health of one role: a canary signature by its token, and the head of its journal. */
import type { RoleStatus } from '../roles/status.ts';
import { onlyFor, type Server } from './server.ts';

export function addStatus(server: Server, status: () => Promise<RoleStatus>): void {
  server.get(
    '/status',
    onlyFor(['central', 'issuance', 'quota', 'operator'], async (_request, reply) =>
      reply.send(await status()),
    ),
  );
}
