/**
 * Starts one of four real PKCS#11 modules, with a private token that has a label and PINs, and takes it down again.
 *
 * The work is done by the `start-…` scripts beside this file, which also run by hand. What they hold up goes with them at
 * the end of their standard input, so also where this process is killed.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { runTask } from './module-task.ts';

export const moduleNames = ['softhsm', 'tpm2', 'softokn', 'opencryptoki'] as const;
export type ModuleName = (typeof moduleNames)[number];

/** What a process needs to use a module's token. */
export interface ModuleAddress {
  readonly name: ModuleName;
  readonly modulePath: string;
  /** Variables that the module reads: set them in a signer process's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** `libraryParameters` of C_Initialize, ready for pkcs11js; NSS only. */
  readonly initParameters?: string;
  /** What to start a signer process with in place of Node (`execPath` of fork): it enters opencryptoki's namespaces. */
  readonly execPath?: string;
  readonly tokenLabel: string;
  readonly pin: string;
  /** Absent where the module has none that lasts (NSS: the first C_InitPIN takes the place of the empty one). */
  readonly soPin?: string;
}

export interface StartedModule extends ModuleAddress {
  /** Everything private of this instance is in here. */
  readonly folder: string;
  /** Process ids by name, in the order that they were started in. */
  readonly daemons: ReadonlyMap<string, number>;
  /** Ends the daemons and removes the folder; resolves when they have gone. */
  stop(): Promise<void>;
}

const tokenLabel = 'ringmint';
const startLimitMs = 300_000;
const stopLimitMs = 15_000;
/** install-module's status where the machine lacks something; any other failure is a broken starter. */
const cannotRun = 3;

/** Starts `name`; `skipped` says why it cannot run on this machine. Installs packages where they are missing. */
export async function startModule(name: ModuleName): Promise<StartedModule | { readonly skipped: string }> {
  const starter = spawn(join(import.meta.dirname, `start-${name}`), [], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | string>((resolve, reject) => {
    starter.once('error', reject);
    starter.once('exit', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  let complaint = '';
  starter.stderr.on('data', (data: Buffer) => {
    complaint = (complaint + String(data)).slice(-4_000);
  });
  const lines = await readLines(starter, ended);
  if (lines === undefined) {
    const status = await ended;
    const last = complaint.trim().split('\n').at(-1) ?? '';
    if (status === cannotRun) return { skipped: last };
    throw new Error(`start-${name} ended with ${status} before its module was ready: ${complaint.trim()}`);
  }
  const stop = async (): Promise<void> => {
    starter.stdin.end();
    const limit = setTimeout(() => starter.kill('SIGTERM'), stopLimitMs);
    await ended;
    clearTimeout(limit);
  };
  const started = describe(name, lines, stop);
  try {
    const made = await runTask(started, 'make-token', undefined, 30_000);
    if (made.end !== 'finished')
      throw new Error(`the token of ${name} cannot be made: ${made.end}, ${JSON.stringify(made.answers)}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return started;
}

/** The starter's lines up to `ready`, or undefined where it ended before. */
async function readLines(
  starter: ChildProcessByStdio<Writable, Readable, Readable>,
  ended: Promise<unknown>,
): Promise<string[] | undefined> {
  const lines: string[] = [];
  const limit = setTimeout(() => starter.kill('SIGTERM'), startLimitMs);
  const ready = new Promise<string[]>((resolve) => {
    createInterface({ input: starter.stdout }).on('line', (line) => {
      if (line === 'ready') resolve(lines);
      else lines.push(line);
    });
  });
  const found = await Promise.race([ready, ended.then(() => undefined)]);
  clearTimeout(limit);
  return found;
}

function describe(name: ModuleName, lines: readonly string[], stop: () => Promise<void>): StartedModule {
  const values = (kind: string): string[] =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  const [modulePath] = values('module');
  const [folder] = values('folder');
  if (modulePath === undefined || folder === undefined)
    throw new Error(`start-${name} named no module or no folder`);
  const [parameters] = values('parameters');
  const [execPath] = values('program');
  const pair = (text: string, separator: string): [string, string] => {
    const at = text.indexOf(separator);
    return [text.slice(0, at), text.slice(at + 1)];
  };
  return {
    name,
    modulePath,
    folder,
    environment: Object.fromEntries(values('environment').map((line) => pair(line, '='))),
    // pkcs11js 2.1.7 cuts the last byte off (pkcs11.cpp, C_Initialize): a blank is there for it.
    ...(parameters === undefined ? {} : { initParameters: `${parameters} ` }),
    ...(execPath === undefined ? {} : { execPath }),
    tokenLabel,
    pin: pinOf(name),
    ...(name === 'softokn' ? {} : { soPin: pinOf(name) }),
    daemons: new Map(
      values('daemon')
        .map((line) => pair(line, ' '))
        .map(([key, pid]) => [key, Number(pid)]),
    ),
    stop,
  };
}

/** Hexadecimal digits: letters and digits are what every module takes. opencryptoki's PINs have at most eight. */
function pinOf(name: ModuleName): string {
  return randomBytes(name === 'opencryptoki' ? 4 : 8).toString('hex');
}
