/**
 * The processes of quota control, where it has several on one PostgreSQL ledger: appliance.json names them, since the other systems and the
 * command line have to know their ports and their journals too. Without that list there is one, by quota/config.json.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Type } from 'typebox';
import { fromHex } from '../kit/bytes.ts';
import { quote } from '../kit/result.ts';
import { ApplianceError } from './appliance-error.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  type QuotaProcess,
  readConfiguration,
  storeChoice,
} from './configuration.ts';
import type { Home, Role } from './home.ts';
import { makePrivateFolder } from './private-file.ts';

/** Files of one process of a system. */
export interface ProcessFiles {
  readonly folder: string;
  /** What its key signed in this process, in a hash chain. */
  readonly signingLog: string;
  readonly serveLog: string;
}

/** The first process has the files that the system had as one; each other one has a folder of its own. */
export function filesOf(home: Home, role: Role, processes: readonly QuotaProcess[], series?: string | null) {
  const isFirst = (series ?? null) === null || processes[0]?.series === series;
  const folder = isFirst ? home.folder(role) : join(home.folder(role), 'processes', series ?? '');
  return {
    folder,
    signingLog: join(folder, 'signing.log'),
    serveLog: join(folder, 'serve.log'),
  } satisfies ProcessFiles;
}

/** Makes the folder of a process that is not the first; it may be there. */
export async function makeProcessFolder(home: Home, folder: string): Promise<void> {
  if (folder === home.folder('quota')) return;
  await makePrivateFolder(dirname(folder));
  await makePrivateFolder(folder);
}

/** As they are named, those that are taken out too; empty where quota control is one process. Throws `configuration_invalid`. */
export async function readQuotaProcesses(home: Home): Promise<readonly QuotaProcess[]> {
  // A folder that `init` is making has none yet.
  if (!existsSync(home.appliance)) return [];
  const configuration = await readConfiguration(home.appliance, applianceSchema);
  assertProcesses(configuration, home.appliance);
  return configuration.quotaProcesses ?? [];
}

/** Those that are to be served. */
export function servedOf(processes: readonly QuotaProcess[]): readonly QuotaProcess[] {
  return processes.filter(({ state }) => state === 'serving');
}

/** Throws `configuration_invalid` where two processes have what each has to have alone, or appliance.json contradicts itself. */
export function assertProcesses(configuration: ApplianceConfiguration, path: string): void {
  const { quotaProcesses: processes, ports } = configuration;
  if (processes === undefined) return;
  const invalid = (why: string): never => {
    throw new ApplianceError('configuration_invalid', `\`${path}\`: /quotaProcesses ${why}`);
  };
  for (const field of ['series', 'epoch', 'anchor', 'journal', 'port'] as const) {
    const values = processes
      .map((one) => one[field])
      .filter((value) => value !== 0)
      .concat(field === 'port' ? [ports.central, ports.issuance].filter((port) => port !== 0) : []);
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined)
      invalid(
        `has two with ${field} \`${twice}\`: each process has its own${field === 'port' ? ', and central management and issuance theirs' : ''}`,
      );
  }
  if (processes[0]?.port !== ports.quota)
    invalid(
      `begins with port \`${processes[0]?.port}\`, and /ports/quota is \`${ports.quota}\`: the same is accepted`,
    );
  if (servedOf(processes).length === 0) invalid('has no process that serves: one or more is accepted');
}

/**
 * The process that is named, or the first; undefined where quota control is one process. Throws `configuration_invalid` where config.json
 * says otherwise, and `process_unknown` where there is none of that name.
 */
export async function findQuotaProcess(
  home: Home,
  series?: string | null,
): Promise<QuotaProcess | undefined> {
  const processes = await readQuotaProcesses(home);
  const [first] = processes;
  if (first !== undefined) await assertSame(home, first);
  if ((series ?? null) === null) return first;
  const found = processes.find((one) => one.series === series);
  if (found === undefined)
    throw new ApplianceError(
      'process_unknown',
      `quota control has no process ${quote(series ?? '')}: ${
        first === undefined
          ? 'it is one process, and none is named; `ringmint process add` adds one'
          : `one of ${processes.map((one) => quote(one.series)).join(', ')} is accepted`
      }`,
    );
  return found;
}

const ownSchema = Type.Object({ store: storeChoice, epoch: Type.Integer() });

/** What config.json says of quota control is of the first process, and has to be what the list says. */
async function assertSame(home: Home, first: QuotaProcess): Promise<void> {
  const path = home.config('quota');
  const { store, epoch } = await readConfiguration(path, ownSchema);
  if (store?.kind !== 'postgres')
    throw new ApplianceError(
      'configuration_invalid',
      `\`${path}\`: /store is a SQLite file, which one process serves, and \`${home.appliance}\` names several: move the ledger with \`ringmint store migrate\`, or take \`quotaProcesses\` out there`,
    );
  const { series, anchor = series } = store;
  const own = { series, anchor, epoch } as const;
  for (const field of ['series', 'anchor', 'epoch'] as const)
    if (own[field] !== first[field])
      throw new ApplianceError(
        'configuration_invalid',
        `\`${path}\`: ${field} is \`${own[field]}\`, and the first of /quotaProcesses in \`${home.appliance}\` has \`${first[field]}\`: the same is accepted`,
      );
}

/** Whether what this series has not signed is never going to be, as appliance.json says now. */
export async function isAbandoned(home: Home, series: string): Promise<boolean> {
  return (await readQuotaProcesses(home)).some((one) => one.series === series && one.state === 'abandoned');
}

/** Ids of the journals that a system has at once, as appliance.json names them now; none where it has one. */
export async function journalsOf(home: Home, role: Role): Promise<readonly Uint8Array[]> {
  if (role !== 'quota') return [];
  return (await readQuotaProcesses(home)).map(({ journal }) => fromHex(journal) ?? new Uint8Array());
}
