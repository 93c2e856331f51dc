/** Where the three systems listen: what `ringmint up` wrote down, else the configured ports. */
import { readFileSync } from 'node:fs';
import type { Endpoints } from '../api/client.ts';
import type { Endpoint } from '../api/processes.ts';
import { type ApplianceConfiguration, applianceSchema, readConfiguration } from './configuration.ts';
import { type Home, homeAt, type Role } from './home.ts';
import { servedOf } from './quota-processes.ts';

/** endpoints.json. Where quota control is several processes, each by its series; `quota` is then one of them. */
export type EndpointTable = Readonly<Record<Role, string>> & {
  readonly quotaProcesses?: Readonly<Record<string, string>>;
};

/** Reads the file at each call, because a system that was started again may listen elsewhere. */
export async function readEndpoints(homePath: string): Promise<Endpoints> {
  const home = homeAt(homePath);
  // Now, and not at the first call: a folder that holds no appliance is told at once.
  await readConfiguration(home.appliance, applianceSchema);
  return (role) => {
    const table = readJson<EndpointTable>(home.endpoints);
    if (table === undefined) return configuredPorts(home, role);
    const { quotaProcesses } = table;
    if (role === 'quota' && quotaProcesses !== undefined)
      return Object.entries(quotaProcesses).map(([series, base]) => ({ series, base }));
    return [{ series: null, base: table[role] }];
  };
}

/** Read again each time: a process may be added while the others run. */
function configuredPorts(home: Home, role: Role): readonly Endpoint[] {
  const configuration = readJson<ApplianceConfiguration>(home.appliance);
  if (configuration === undefined) return [];
  const { host, ports, quotaProcesses } = configuration;
  const processes =
    role === 'quota' && quotaProcesses !== undefined
      ? servedOf(quotaProcesses)
      : [{ series: null, port: ports[role] }];
  return processes.flatMap(({ series, port }) =>
    port === 0 ? [] : [{ series, base: `https://${host}:${port}` }],
  );
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    // No file, while `ringmint up` does not run; it is renamed into place, so it is never half there.
    return undefined;
  }
}
