/** The compiled program as its users run it: one process a command, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '../..');
const main = join(project, 'dist/src/main.js');

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON; throws where it is none. */
  json(): Record<string, unknown>;
}

export interface Workplace {
  readonly folder: string;
  readonly home: string;
  /** Runs a command to its end. */
  run(...words: string[]): Promise<Ran>;
  /** Makes the appliance of these quotas, or of samples/quotas.json, with these options. */
  init(quotas?: readonly object[], ...words: string[]): Promise<void>;
  /** Starts the three systems and waits until they serve. */
  up(): Promise<Systems>;
  remove(): void;
}

export interface Systems {
  readonly process: ChildProcess;
  readonly said: () => string;
  stop(): Promise<void>;
}

/** `without`: variables that its commands are not to have. */
export function makeWorkplace({ without = [] as readonly string[] } = {}): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'ringmint flow-'));
  const home = join(folder, 'appliance');
  const inherited = Object.entries(process.env).filter(([name]) => !without.includes(name));
  const environment = { ...Object.fromEntries(inherited), RINGMINT_HOME: home };

  async function run(...words: string[]): Promise<Ran> {
    const child = spawn(process.execPath, [main, ...words], {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
  }

  return {
    folder,
    home,
    run,
    async init(quotas, ...words) {
      const file = join(quotas === undefined ? join(project, 'samples') : folder, 'quotas.json');
      if (quotas !== undefined) writeFileSync(file, JSON.stringify(quotas));
      const made = await run('init', '--quotas', file, ...words);
      if (made.code !== 0) throw new Error(made.err);
    },
    async up() {
      const child = spawn(process.execPath, [main, 'up'], {
        cwd: folder,
        env: environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
      try {
        await waitFor(
          'the systems to serve',
          () => {
            if (child.exitCode !== null) throw new Error(`the systems did not start: ${said}`);
            return said.includes('systems are up');
          },
          120_000,
        );
      } catch (error) {
        // Nobody gets the process, so nobody else ends it; its systems end with it.
        child.kill('SIGTERM');
        const killing = setTimeout(() => child.kill('SIGKILL'), 15_000);
        await ended;
        clearTimeout(killing);
        throw error;
      }
      return {
        process: child,
        said: () => said,
        async stop() {
          if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
          await ended;
        },
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export async function waitFor(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const startedMs = Date.now();
    if (await holds()) return;
    const now = Date.now();
    if (now > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    // Half of the time for what is waited for, where a look is a command of its own.
    await new Promise((resolve) => setTimeout(resolve, Math.max(50, now - startedMs)));
  }
}

/** Puts a device's folder in the place of another one, as whoever has all of its files can; nobody serves either. */
export function copyDevice(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  // Its lock is a link whose target is what it says.
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/** Ids of processes whose command line or working folder names `folder`. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        return (
          readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(folder) ||
          readlinkSync(`/proc/${id}/cwd`).startsWith(folder)
        );
      } catch {
        // It ended while we looked.
        return false;
      }
    })
    .map(Number)
    .filter((id) => id !== process.pid && existsSync(`/proc/${id}`));
}
