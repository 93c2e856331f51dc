/** Quota control's resource: a credential with its request in, the signed control bit out. */
import type { QuotaControl } from '../roles/quota-control.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

export function addCredentials(server: Server, quotaControl: QuotaControl): void {
  server.post(
    '/credentials',
    onlyFor(['issuance'], async (request, reply, peer) => {
      const controlBit = await quotaControl.redeem(bodyOf(request), peer.name);
      if (!controlBit.ok) return sendProblem(reply, controlBit);
      return reply.code(200).type('application/cose').send(Buffer.from(controlBit.value));
    }),
  );
}
