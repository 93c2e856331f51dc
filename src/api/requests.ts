/** Central management's resource: a signed request in, its decision on each order out. */
import { encodeDecision } from '../records/decision.ts';
import type { Central } from '../roles/central.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

export function addRequests(server: Server, central: Central): void {
  server.post(
    '/requests',
    onlyFor(['issuance'], async (request, reply, peer) => {
      const decision = await central.submit(bodyOf(request), peer.name);
      if (!decision.ok) return sendProblem(reply, decision);
      return reply
        .code(200)
        .type('application/cbor')
        .send(Buffer.from(encodeDecision(decision.value)));
    }),
  );
}
