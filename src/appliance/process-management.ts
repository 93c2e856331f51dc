/**
 * `ringmint process`: adds a process to quota control, and takes one out. Both change one file, appliance.json, by a rename: `ringmint up`
 * follows it, and so do the systems that send requests. A journal is never removed, and what the others hold of it stays held.
 */
import type { AddedProcess, ListedProcess, TakenOutProcess } from '../cli/process-administration.ts';
import { fromHex, toHex } from '../kit/bytes.ts';
import { systemRandom } from '../kit/clock.ts';
import { quote } from '../kit/result.ts';
import { addSeries } from '../store/postgres/load.ts';
import { readSeriesList, whileHeld } from '../store/postgres/series-list.ts';
import { lockFile } from '../store/sqlite/file-lock.ts';
import { ApplianceError } from './appliance-error.ts';
import {
  type ApplianceConfiguration,
  applianceSchema,
  type QuotaProcess,
  quotaSchema,
  readConfiguration,
} from './configuration.ts';
import { type Home, homeAt } from './home.ts';
import { writeFileDurably } from './private-file.ts';
import { assertProcesses, findQuotaProcess, servedOf } from './quota-processes.ts';
import { readAddressFile } from './role-store.ts';

/** `ringmint up` sees the change within a second, and ends a process within ten. */
const patienceMs = 30_000;

export async function listProcesses(folder: string): Promise<readonly ListedProcess[]> {
  const home = homeAt(folder);
  await findQuotaProcess(home);
  return (await readConfiguration(home.appliance, applianceSchema)).quotaProcesses ?? [];
}

export interface ProcessAddition {
  readonly home: string;
  readonly series: string;
  /** 0 where the system is to choose. */
  readonly port: number;
}

/**
 * Makes a journal of its own in the ledger, and names the process; one that was taken out is put back. The same again changes nothing, but for
 * a journal that the ledger lacks. A crash leaves a series that nobody serves, or all of it.
 */
export async function addProcess({ home: folder, series, port }: ProcessAddition): Promise<AddedProcess> {
  const home = homeAt(folder);
  return withAppliance(home, async (configuration) => {
    await findQuotaProcess(home);
    const { url, first } = await readFirst(home, configuration);
    const processes = configuration.quotaProcesses ?? [first];
    const known = processes.find((one) => one.series === series);
    if (known?.state === 'abandoned')
      throw new ApplianceError(
        'process_taken_out',
        `process ${quote(series)} was abandoned, with requests that it never signed and whose callers were told so: it is never served again; another name is accepted`,
      );
    if (known !== undefined) {
      await addJournal(url, known);
      const back = known.state === 'taken-out';
      if (back)
        await writeProcesses(home, configuration, replaced(processes, { ...known, state: 'serving' }));
      return { ...known, state: 'serving', outcome: back ? 'put-back' : 'there' };
    }
    await addSeries({ url, role: 'quota', series, random: systemRandom });
    const { series: all, lastEpoch } = await readSeriesList({ url, role: 'quota' });
    const made = all.find(({ name }) => name === series);
    const added: QuotaProcess = {
      series,
      epoch: Math.max(lastEpoch, ...processes.map(({ epoch }) => epoch)) + 1,
      anchor: series,
      port,
      journal: toHex(made?.id ?? new Uint8Array()),
      state: 'serving',
    };
    await writeProcesses(home, configuration, [...processes, added]);
    return { ...added, outcome: 'added' };
  });
}

/** A database that was restored from before the process was added lacks its journal: it is there then, without an entry. */
async function addJournal(url: string, { series, journal }: QuotaProcess): Promise<void> {
  const id = fromHex(journal) ?? new Uint8Array();
  await addSeries({ url, role: 'quota', series, random: () => id });
  const { series: all } = await readSeriesList({ url, role: 'quota' });
  const there = all.find(({ name }) => name === series);
  if (there !== undefined && toHex(there.id) !== journal)
    throw new ApplianceError(
      'configuration_invalid',
      `the ledger has another journal of the name ${quote(series)} than appliance.json: put the right one of both back`,
    );
}

export interface ProcessRemoval {
  readonly home: string;
  readonly series: string;
  /** Where it cannot be started any more: what it has not signed is never signed. */
  readonly abandon: boolean;
  readonly progress: (line: string) => void;
}

/**
 * Has the process end and names it no more as one that serves. A crash leaves it named as before, or taken out and not yet looked at; the
 * same command goes on. Throws `process_unfinished` where it has not signed all that it took on: it is put back then, so that it does.
 */
export async function takeOutProcess({
  home: folder,
  series,
  abandon,
  progress,
}: ProcessRemoval): Promise<TakenOutProcess> {
  const home = homeAt(folder);
  return withAppliance(home, async (configuration) => {
    const known = await findQuotaProcess(home, series);
    const { url } = await readFirst(home, configuration);
    const processes = configuration.quotaProcesses ?? [];
    if (known === undefined || known.state === 'abandoned') return { series, abandoned: 0, outcome: 'there' };
    if (servedOf(processes).every((one) => one.series === series))
      throw new ApplianceError(
        'process_last',
        `${quote(series)} is the only process of quota control that serves: add another one first`,
      );
    const name = (state: QuotaProcess['state']): Promise<void> =>
      writeProcesses(home, configuration, replaced(processes, { ...known, state }));
    await name('taken-out');
    progress(`  waiting until process ${series} has ended`);
    return whileHeld({ url, role: 'quota', series, patienceMs }, async (held) => {
      const unsigned = await held.unsigned();
      if (unsigned === 0) return { series, abandoned: 0, outcome: 'taken-out' };
      if (abandon) {
        await name('abandoned');
        return { series, abandoned: unsigned, outcome: 'taken-out' };
      }
      await name('serving');
      throw new ApplianceError(
        'process_unfinished',
        `process ${quote(series)} has taken on ${unsigned} that it has not signed: it is put back, and signs them as it starts (or once issuing starts again); where it can be started no more, \`--abandon\` gives them up: what they took of a quota is lost, and their callers are told \`request_abandoned\``,
      );
    });
  });
}

function replaced(processes: readonly QuotaProcess[], by: QuotaProcess): readonly QuotaProcess[] {
  return processes.map((one) => (one.series === by.series ? by : one));
}

/** Where the ledger is, and the process that config.json names. */
async function readFirst(
  home: Home,
  { ports }: ApplianceConfiguration,
): Promise<{ readonly url: string; readonly first: QuotaProcess }> {
  const path = home.config('quota');
  const { store, epoch } = await readConfiguration(path, quotaSchema);
  if (store?.kind !== 'postgres')
    throw new ApplianceError(
      'configuration_invalid',
      `\`${path}\`: the ledger is a SQLite file, which one process serves: move it to PostgreSQL first (\`ringmint store migrate --role quota\`)`,
    );
  const url = await readAddressFile(store.urlFile);
  const { series, anchor = series } = store;
  const id = (await readSeriesList({ url, role: 'quota' })).series.find(({ name }) => name === series)?.id;
  if (id === undefined)
    throw new ApplianceError(
      'configuration_invalid',
      `\`${path}\`: the ledger has no series ${quote(series)}`,
    );
  return { url, first: { series, epoch, anchor, port: ports.quota, journal: toHex(id), state: 'serving' } };
}

/** Changes what appliance.json says of the processes that it names; a crash leaves it as it was, or changed. */
export function changeProcesses(home: Home, change: (process: QuotaProcess) => QuotaProcess): Promise<void> {
  return withAppliance(home, (configuration) =>
    writeProcesses(home, configuration, (configuration.quotaProcesses ?? []).map(change)),
  );
}

async function withAppliance<T>(
  home: Home,
  work: (configuration: ApplianceConfiguration) => Promise<T>,
): Promise<T> {
  const release = lockFile(`${home.appliance}.lock`);
  if (release === undefined)
    throw new ApplianceError(
      'appliance_in_use',
      'another command changes appliance.json just now: give this one again',
    );
  try {
    return await work(await readConfiguration(home.appliance, applianceSchema));
  } finally {
    release();
  }
}

async function writeProcesses(
  home: Home,
  configuration: ApplianceConfiguration,
  quotaProcesses: readonly QuotaProcess[],
): Promise<void> {
  const changed: ApplianceConfiguration = { ...configuration, quotaProcesses: [...quotaProcesses] };
  assertProcesses(changed, home.appliance);
  await writeFileDurably(home.appliance, `${JSON.stringify(changed, null, 2)}\n`, 0o644);
}
