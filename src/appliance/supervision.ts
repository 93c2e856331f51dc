/**
 * `ringmint up`: the three systems as three processes, or more where quota control is several; each started again when it ends, all ended
 * with this one. A process that is added to appliance.json is started, and one that is taken out is ended, while the others go on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream, existsSync, unwatchFile, watchFile } from 'node:fs';
import { rm } from 'node:fs/promises';
import { ApplianceError } from './appliance-error.ts';
import type { EndpointTable } from './endpoints.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { writeFileDurably } from './private-file.ts';
import { filesOf, makeProcessFolder, readQuotaProcesses, servedOf } from './quota-processes.ts';
import { noticeOfSimulators } from './simulator-notice.ts';

/** What a serving process tells its supervisor. */
export type ServeMessage =
  | { readonly kind: 'ready'; readonly role: Role; readonly url: string; readonly finished: number }
  /** A witness has answered: it signs from now on. */
  | { readonly kind: 'witnessed'; readonly role: Role }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export interface SuperviseOptions {
  readonly home: string;
  /** The program that `serve ROLE` is a command of. */
  readonly program: string;
  readonly progress: (message: string) => void;
}

export interface Supervision {
  readonly endpoints: EndpointTable;
  /** Ends all, in the order that lets each finish, and forgets their addresses. */
  stop(): Promise<void>;
}

/** One process: of a system, or of those of quota control the one with this series. */
interface Served {
  readonly role: Role;
  readonly series: string | null;
  /** As it is told of. */
  readonly name: string;
}

/** Before a system that ended is started again. */
const restartPauseMs = 1_000;
/** Before one that could not be started is tried again, at most. */
const longestPauseMs = 60_000;
/** What passes without anybody's doing. */
const passing: ReadonlySet<unknown> = new Set([
  'store_unreachable',
  'store_busy',
  'store_in_use',
  'store_full',
  'disk_full',
  'port_in_use',
  'device_busy',
  'signer_timeout',
]);
/** How long `up` waits for each system's first answer from a witness, which comes at once where all three serve. */
const witnessPatienceMs = 10_000;
/** appliance.json is replaced by a rename, and may lie on a file system that tells nobody. */
const pollEveryMs = 1_000;

/**
 * Starts the three systems and waits until each of them serves, and knows from another that its journal is not an older copy; throws what
 * the first that could not said. Of several processes of quota control one has to.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervision> {
  const home = homeAt(options.home);
  const children = new Map<string, ChildProcess>();
  const addresses = new Map<string, Served & { readonly url: string }>();
  const restarts = new Map<string, NodeJS.Timeout>();
  const settling: { readonly served: Served; readonly settled: Started['settled'] }[] = [];
  /** Processes that are to run. */
  let wanted = new Map<string, Served>();
  /** From when on what fails is told, and not thrown. */
  let up = false;
  let stopping = false;

  let writing = Promise.resolve();
  /** One after another: the file is written beside itself. */
  const writeAddresses = (): Promise<void> => {
    writing = writing.then(() => (stopping ? undefined : writeEndpoints(home, addresses)));
    return writing;
  };

  const isWanted = ({ name }: Served): boolean => !stopping && wanted.has(name);

  async function start(served: Served): Promise<void> {
    const { role, name } = served;
    const { child, ready, settled, serveLog } = await startProcess(served, home, options);
    children.set(name, child);
    const message = await ready;
    settling.push({ served, settled });
    child.on('message', (later: ServeMessage) => {
      if (later.kind === 'failed' && up) options.progress(`${name}: ${later.message} [${later.code}]`);
    });
    addresses.set(name, { ...served, url: message.url });
    options.progress(
      `${name} serves at ${message.url}${message.finished === 0 ? '' : `, after finishing ${message.finished} left by a crash`}`,
    );
    child.once('exit', (code, signal) => {
      if (!isWanted(served)) return;
      options.progress(`${name} ended (${signal ?? code}): it is started again; its log is ${serveLog}`);
      restartAfter(served, restartPauseMs);
    });
    // Taken out while it was started.
    if (!isWanted(served) && role === 'quota' && !stopping) await end(child);
  }

  /** The systems at once, and processes of one system after another: the first brings up the ledger that they share. Gives what failed, the first first. */
  async function startAll(): Promise<readonly { served: Served; error: Error }[]> {
    const failures: { served: Served; error: Error }[] = [];
    const startEach = async (role: Role): Promise<void> => {
      for (const served of wanted.values())
        if (served.role === role)
          await start(served).catch((error: Error) => failures.push({ served, error }));
    };
    await Promise.all(roles.map(startEach));
    return failures;
  }

  /** Tries again where that may help by itself: never where a PIN could be locked, or somebody has to look into it first. */
  function restartAfter(served: Served, pauseMs: number): void {
    const { name } = served;
    const timer = setTimeout(() => {
      restarts.delete(name);
      if (isWanted(served)) startLater(served, pauseMs);
    }, pauseMs);
    clearTimeout(restarts.get(name));
    restarts.set(name, timer);
  }

  function startLater(served: Served, pauseMs: number): void {
    start(served).then(writeAddresses, (error: unknown) =>
      tellFailure(served, error as Error & { code?: unknown }, pauseMs),
    );
  }

  function tellFailure(served: Served, error: Error & { code?: unknown }, pauseMs: number): void {
    if (!isWanted(served)) return;
    const again = passing.has(error.code) ? Math.min(2 * pauseMs, longestPauseMs) : undefined;
    const then = again === undefined ? '' : `; it is tried again in ${again / 1000} s`;
    options.progress(`${served.name} cannot be started: ${error.message}${then}`);
    if (again !== undefined) restartAfter(served, again);
  }

  /** Starts what was added to appliance.json, and ends what was taken out. */
  async function follow(): Promise<void> {
    const before = wanted;
    wanted = await readWanted(home);
    for (const served of before.values()) {
      if (wanted.has(served.name)) continue;
      options.progress(`${served.name} is taken out, and ends`);
      clearTimeout(restarts.get(served.name));
      addresses.delete(served.name);
      // Nobody begins to ask it any more; what it has begun it finishes.
      await writeAddresses();
      const child = children.get(served.name);
      if (child !== undefined) await end(child);
    }
    for (const served of wanted.values()) if (!before.has(served.name)) startLater(served, restartPauseMs);
  }

  let following = Promise.resolve();
  const onChange = (): void => {
    if (!up || stopping) return;
    following = following.then(follow).catch((error: unknown) => {
      options.progress(`appliance.json is not followed: ${(error as Error).message}`);
    });
  };

  async function stop(): Promise<void> {
    stopping = true;
    unwatchFile(home.appliance, onChange);
    for (const timer of restarts.values()) clearTimeout(timer);
    await following;
    await writing;
    await rm(home.endpoints, { force: true });
    // Issuance first: what it has begun still needs the other two.
    for (const role of ['issuance', 'central', 'quota'] as const)
      await Promise.all(
        [...children].filter(([name]) => roleOf(name) === role).map(([, child]) => end(child)),
      );
  }

  try {
    wanted = await readWanted(home);
    for (const { served, error } of await startAll()) {
      // One of several: where others serve, it is tried again if that may help.
      if (served.series === null || ![...addresses.values()].some(({ role }) => role === 'quota'))
        throw error;
      tellFailure(served, error, restartPauseMs);
    }
    // They can ask each other from here on.
    await writeAddresses();
    for (const { served, settled } of settling) {
      const failed = await settled;
      if (failed === undefined) continue;
      if (served.series === null || !(await isAnotherWell(served, settling))) throw failed;
      tellFailure(served, failed, restartPauseMs);
    }
    up = true;
    for (const line of await noticeOfSimulators(home)) options.progress(line);
    watchFile(home.appliance, { interval: pollEveryMs }, onChange);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoints: tableOf(addresses), stop };
}

async function isAnotherWell(
  { name }: Served,
  settling: readonly { readonly served: Served; readonly settled: Started['settled'] }[],
): Promise<boolean> {
  for (const { served, settled } of settling)
    if (served.role === 'quota' && served.name !== name && (await settled) === undefined) return true;
  return false;
}

function roleOf(name: string): string {
  return name.split(' ')[0] ?? '';
}

/** Every process that is to run, by its name, in the order in which they are started. */
async function readWanted(home: Home): Promise<Map<string, Served>> {
  const processes = existsSync(home.appliance) ? servedOf(await readQuotaProcesses(home)) : [];
  const of = (role: Role): Served => ({ role, series: null, name: role });
  const quota =
    processes.length === 0
      ? [of('quota')]
      : processes.map(({ series }): Served => ({ role: 'quota', series, name: `quota ${series}` }));
  return new Map([...quota, of('central'), of('issuance')].map((served) => [served.name, served]));
}

interface Started {
  readonly child: ChildProcess;
  readonly ready: Promise<ServeMessage & { kind: 'ready' }>;
  /** When a witness has answered it, or it was waited for that long enough; with what failed instead. */
  readonly settled: Promise<Error | undefined>;
  readonly serveLog: string;
}

async function startProcess(
  { role, series, name }: Served,
  home: Home,
  options: SuperviseOptions,
): Promise<Started> {
  if (!existsSync(home.folder(role))) {
    throw new ApplianceError(
      'home_missing',
      `no appliance at \`${home.path}\`: make one with \`ringmint init\`, or name its folder with \`--home\``,
    );
  }
  const processes = series === null ? [] : await readQuotaProcesses(home);
  const { folder, serveLog } = filesOf(home, role, processes, series);
  await makeProcessFolder(home, folder);
  const which = series === null ? [] : ['--series', series];
  const child = fork(options.program, ['serve', role, ...which, '--home', home.path], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.pipe(createWriteStream(serveLog, { flags: 'a', mode: 0o600 }));
  const failed = new Promise<Error>((resolve) => {
    child.on('message', (message: ServeMessage) => {
      if (message.kind !== 'failed') return;
      const error = new ApplianceError('start_failed', `${name}: ${message.message}`);
      resolve(Object.assign(error, { code: message.code }));
    });
    child.once('exit', (code, signal) =>
      resolve(
        new ApplianceError(
          'start_failed',
          `${name} ended (${signal ?? code}) before it served: its log is ${serveLog}`,
        ),
      ),
    );
  });
  const patience = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), witnessPatienceMs).unref();
  });
  return {
    child,
    serveLog,
    ready: new Promise((resolve, reject) => {
      child.on('message', (message: ServeMessage) => {
        if (message.kind === 'ready') resolve(message);
      });
      void failed.then(reject);
    }),
    settled: Promise.race([
      new Promise<undefined>((resolve) => {
        child.on('message', ({ kind }: ServeMessage) => {
          if (kind === 'witnessed') resolve(undefined);
        });
      }),
      failed,
      patience,
    ]),
  };
}

function tableOf(addresses: ReadonlyMap<string, Served & { readonly url: string }>): EndpointTable {
  const table: Partial<Record<Role, string>> = {};
  const quotaProcesses: Record<string, string> = {};
  for (const { role, series, url } of addresses.values()) {
    table[role] ??= url;
    if (series !== null) quotaProcesses[series] = url;
  }
  const several = Object.keys(quotaProcesses).length > 0 ? { quotaProcesses } : {};
  return { ...(table as Record<Role, string>), ...several };
}

async function writeEndpoints(
  home: Home,
  addresses: ReadonlyMap<string, Served & { readonly url: string }>,
): Promise<void> {
  const table = tableOf(addresses);
  if (table.central !== undefined && table.issuance !== undefined && table.quota !== undefined)
    await writeFileDurably(home.endpoints, `${JSON.stringify(table)}\n`, 0o644);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(forced);
}
