/** Central management's resource: a signed request in, an encrypted credential or a signed denial out. */
import type { Central } from '../roles/central.ts';
import { sendProblem } from './problem.ts';
import { bodyOf, onlyFor, type Server } from './server.ts';

/** Tells a credential from a denial without a look inside; the signature inside is what counts. */
export const answerHeader = 'ringmint-answer';

export function addRequests(server: Server, central: Central): void {
  server.post(
    '/requests',
    onlyFor(['issuance'], async (request, reply, peer) => {
      const answer = await central.submit(bodyOf(request), peer.name);
      if (!answer.ok) return sendProblem(reply, answer);
      return reply
        .code(200)
        .header(answerHeader, answer.value.kind)
        .type('application/cose')
        .send(Buffer.from(answer.value.bytes));
    }),
  );
}
