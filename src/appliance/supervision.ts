/**
 * `ringmint up`: the three systems as three processes, started again when one ends, all ended with this one.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplianceError } from './appliance-error.ts';
import type { EndpointTable } from './endpoints.ts';
import { type Home, homeAt, type Role, roles } from './home.ts';
import { writeFileDurably } from './private-file.ts';

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
  /** Ends all three, in the order that lets each finish, and forgets their addresses. */
  stop(): Promise<void>;
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

/**
 * Starts the three systems and waits until each of them serves, and knows from another that its journal is not an older copy; throws what
 * the first that could not said.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervision> {
  const home = homeAt(options.home);
  const children = new Map<Role, ChildProcess>();
  const endpoints: Partial<Record<Role, string>> = {};
  const restarts = new Set<NodeJS.Timeout>();
  const settling: Started['settled'][] = [];
  /** From when on what fails is told, and not thrown. */
  let up = false;
  let stopping = false;

  async function start(role: Role): Promise<void> {
    const { child, ready, settled } = startRole(role, home, options);
    children.set(role, child);
    const message = await ready;
    settling.push(settled);
    child.on('message', (later: ServeMessage) => {
      if (later.kind === 'failed' && up) options.progress(`${role}: ${later.message} [${later.code}]`);
    });
    endpoints[role] = message.url;
    options.progress(
      `${role} serves at ${message.url}${message.finished === 0 ? '' : `, after finishing ${message.finished} left by a crash`}`,
    );
    child.once('exit', (code, signal) => {
      if (stopping) return;
      options.progress(
        `${role} ended (${signal ?? code}): it is started again; its log is ${logPath(home, role)}`,
      );
      restartAfter(role, restartPauseMs);
    });
  }

  /** Tries again where that may help by itself: never where a PIN could be locked, or somebody has to look into it first. */
  function restartAfter(role: Role, pauseMs: number): void {
    const timer = setTimeout(() => {
      restarts.delete(timer);
      start(role).then(
        () => writeEndpoints(home, endpoints),
        (error: Error & { code?: unknown }) => {
          if (stopping) return;
          const again = passing.has(error.code) ? Math.min(2 * pauseMs, longestPauseMs) : undefined;
          const then = again === undefined ? '' : `; it is tried again in ${again / 1000} s`;
          options.progress(`${role} cannot be started: ${error.message}${then}`);
          if (again !== undefined) restartAfter(role, again);
        },
      );
    }, pauseMs);
    restarts.add(timer);
  }

  async function stop(): Promise<void> {
    stopping = true;
    for (const timer of restarts) clearTimeout(timer);
    await rm(home.endpoints, { force: true });
    // Issuance first: what it has begun still needs the other two.
    for (const role of ['issuance', 'central', 'quota'] as const) {
      const child = children.get(role);
      if (child !== undefined) await end(child);
    }
  }

  try {
    // Central management asks quota control, issuance asks both.
    for (const role of ['quota', 'central', 'issuance'] as const) await start(role);
    // They can ask each other from here on.
    await writeEndpoints(home, endpoints);
    for (const failure of await Promise.all(settling)) if (failure !== undefined) throw failure;
    up = true;
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoints: endpoints as EndpointTable, stop };
}

interface Started {
  readonly child: ChildProcess;
  readonly ready: Promise<ServeMessage & { kind: 'ready' }>;
  /** When a witness has answered it, or it was waited for that long enough; with what failed instead. */
  readonly settled: Promise<Error | undefined>;
}

function startRole(role: Role, home: Home, options: SuperviseOptions): Started {
  if (!existsSync(home.folder(role))) {
    throw new ApplianceError(
      'home_missing',
      `no appliance at \`${home.path}\`: make one with \`ringmint init\`, or name its folder with \`--home\``,
    );
  }
  const child = fork(options.program, ['serve', role, '--home', home.path], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.pipe(createWriteStream(logPath(home, role), { flags: 'a', mode: 0o600 }));
  const failed = new Promise<Error>((resolve) => {
    child.on('message', (message: ServeMessage) => {
      if (message.kind !== 'failed') return;
      const error = new ApplianceError('start_failed', `${role}: ${message.message}`);
      resolve(Object.assign(error, { code: message.code }));
    });
    child.once('exit', (code, signal) =>
      resolve(
        new ApplianceError(
          'start_failed',
          `${role} ended (${signal ?? code}) before it served: its log is ${logPath(home, role)}`,
        ),
      ),
    );
  });
  const patience = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), witnessPatienceMs).unref();
  });
  return {
    child,
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

function logPath(home: Home, role: Role): string {
  return join(home.folder(role), 'serve.log');
}

async function writeEndpoints(home: Home, endpoints: Partial<Record<Role, string>>): Promise<void> {
  if (roles.every((role) => endpoints[role] !== undefined))
    await writeFileDurably(home.endpoints, `${JSON.stringify(endpoints)}\n`, 0o644);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(forced);
}
