/** How a server stops: what it has begun is answered, what comes then is refused, and nobody can hold it up. */
import type { Server as HttpsServer } from 'node:https';
import { refuse } from '../kit/result.ts';
import { sendProblem } from './problem.ts';
import type { Server } from './server.ts';

/**
 * Below what `ringmint up` waits before it kills: a peer that is slow must not keep a revoked key in use. What is cut off then may be sent
 * again, as after a crash.
 */
const patienceMs = 5_000;

/** `listeners` has one server for each address that the host name stands for. */
export function stopInTime(server: Server, listeners: readonly HttpsServer[]): void {
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  server.addHook('preClose', async () => {
    stopping = true;
    timer = setTimeout(() => {
      for (const listener of listeners) listener.closeAllConnections();
    }, patienceMs);
  });
  server.addHook('onClose', async () => clearTimeout(timer));
  server.addHook('onRequest', async (_request, reply) =>
    stopping
      ? sendProblem(
          reply,
          refuse('server_stopping', 'this system is stopping, or takes a new trust bundle: ask again soon'),
        )
      : undefined,
  );
  server.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('connection', 'close');
  });
}
