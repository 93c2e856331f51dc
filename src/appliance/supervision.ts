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

/** Starts the three systems and waits until each of them serves; throws what the first that could not said. */
export async function supervise(options: SuperviseOptions): Promise<Supervision> {
  const home = homeAt(options.home);
  const children = new Map<Role, ChildProcess>();
  const endpoints: Partial<Record<Role, string>> = {};
  const restarts = new Set<NodeJS.Timeout>();
  let stopping = false;

  async function start(role: Role): Promise<void> {
    const { child, ready } = startRole(role, home, options);
    children.set(role, child);
    const message = await ready;
    endpoints[role] = message.url;
    options.progress(
      `${role} serves at ${message.url}${message.finished === 0 ? '' : `, after finishing ${message.finished} left by a crash`}`,
    );
    child.once('exit', (code, signal) => {
      if (stopping) return;
      options.progress(
        `${role} ended (${signal ?? code}): it is started again; its log is ${logPath(home, role)}`,
      );
      const timer = setTimeout(() => {
        restarts.delete(timer);
        start(role).then(
          () => writeEndpoints(home, endpoints),
          (error: unknown) => options.progress(`${role} cannot be started: ${(error as Error).message}`),
        );
      }, restartPauseMs);
      restarts.add(timer);
    });
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
    await writeEndpoints(home, endpoints);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoints: endpoints as EndpointTable, stop };
}

function startRole(
  role: Role,
  home: Home,
  options: SuperviseOptions,
): { child: ChildProcess; ready: Promise<ServeMessage & { kind: 'ready' }> } {
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
  const ready = new Promise<ServeMessage & { kind: 'ready' }>((resolve, reject) => {
    child.on('message', (message: ServeMessage) => {
      if (message.kind === 'ready') resolve(message);
      else
        reject(
          Object.assign(new ApplianceError('start_failed', `${role}: ${message.message}`), {
            code: message.code,
          }),
        );
    });
    child.once('exit', (code, signal) => {
      reject(
        new ApplianceError(
          'start_failed',
          `${role} ended (${signal ?? code}) before it served: its log is ${logPath(home, role)}`,
        ),
      );
    });
  });
  return { child, ready };
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
