/**
 * A proxy in front of a server that cuts its connections at a COMMIT: before the server has seen it; as soon as it is sent on, with
 * the server's side left open as a broken network leaves it; or after the server has answered.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export type Cut = 'before' | 'during' | 'after';

export interface CuttingProxy {
  readonly port: number;
  /** Cuts at the next COMMIT, once. */
  cut(when: Cut): void;
  /** How many were cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** `socketPath`: of the server. */
export async function startCuttingProxy(socketPath: string): Promise<CuttingProxy> {
  let armed: Cut | undefined;
  let cuts = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = createConnection(socketPath);
    let answerHeld = false;
    let leftOpen = false;
    const end = (): void => {
      client.destroy();
      if (!leftOpen) upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        open.delete(socket);
        end();
      });
    }
    client.on('data', (bytes) => {
      // A simple query: 'Q', its length, the text, a zero.
      if (armed !== undefined && bytes.includes('COMMIT\0')) {
        cuts++;
        const when = armed;
        armed = undefined;
        if (when === 'before') {
          end();
          return;
        }
        if (when === 'during') {
          leftOpen = true;
          upstream.write(bytes);
          end();
          return;
        }
        answerHeld = true;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      // The server has committed when it answers; the client never hears of it.
      if (answerHeld) end();
      else if (!leftOpen) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    cut(when) {
      armed = when;
    },
    get cuts() {
      return cuts;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
