/** Where the three systems listen: what `ringmint up` wrote down, else the configured ports. */
import { readFileSync } from 'node:fs';
import type { Endpoints } from '../api/client.ts';
import { applianceSchema, readConfiguration } from './configuration.ts';
import { homeAt, type Role } from './home.ts';

export type EndpointTable = Readonly<Record<Role, string>>;

/** Reads the file at each call, because a system that was started again may listen elsewhere. */
export async function readEndpoints(homePath: string): Promise<Endpoints> {
  const home = homeAt(homePath);
  const { host, ports } = await readConfiguration(home.appliance, applianceSchema);
  return (role) =>
    readTable(home.endpoints)?.[role] ?? (ports[role] === 0 ? undefined : `https://${host}:${ports[role]}`);
}

function readTable(path: string): EndpointTable | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as EndpointTable;
  } catch {
    // No file, while `ringmint up` does not run; it is renamed into place, so it is never half there.
    return undefined;
  }
}
