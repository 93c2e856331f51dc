/** Where a role's server listens. */
import type { Server } from '../api/server.ts';
import { ApplianceError } from './appliance-error.ts';

/** Gives its address; throws `port_in_use` where something else listens there, or nobody may. */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    throw new ApplianceError(
      'port_in_use',
      `cannot listen on ${host}:${port} (${code}): stop what listens there, or change \`ports\` in appliance.json`,
    );
  }
}
