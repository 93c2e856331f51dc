/** A TPM 2.0 of a test's own: swtpm in a temporary folder, and tpm2-tools. Its state is a file, so that it can be killed, copied and put back. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { TokenAnchor } from '../../hsm/anchor.ts';
import { openTpmAnchor, type TpmAnchorOptions } from '../../hsm/tpm-anchor.ts';
import { temporaryFolder } from './temporary-token.ts';

/** install-module's status where the machine lacks something. */
const cannotRun = 3;

/** Installs tpm2-tools and swtpm where they are missing; gives why they cannot be had here. */
export function installTpm(): string | undefined {
  const { status, stderr } = spawnSync(
    join(import.meta.dirname, 'modules', 'install-module'),
    ['tpm2-tools'],
    {
      encoding: 'utf8',
      timeout: 300_000,
    },
  );
  if (status === 0) return undefined;
  if (status !== cannotRun) throw new Error(`install-module ended with ${status}: ${stderr}`);
  return stderr.trim().split('\n').at(-1) ?? '';
}

export const firstIndex = 0x01800a00;

/** When a run of the tool is to end the tool, or the TPM: at its `at`-th command, before the TPM has it or after the TPM answered. */
export interface Cut {
  readonly at: number;
  readonly when: 'before' | 'after' | 'during';
  readonly whom: 'tool' | 'tpm';
}

export class TemporaryTpm {
  readonly folder = temporaryFolder();
  readonly auth = join(this.folder, 'auth');
  readonly tcti = `swtpm:path=${join(this.folder, 'tpm')}`;
  private process: ChildProcess | undefined;

  static async start(): Promise<TemporaryTpm> {
    const tpm = new TemporaryTpm();
    mkdirSync(join(tpm.folder, 'state'));
    writeFileSync(tpm.auth, `${randomBytes(24).toString('base64')}\n`, { mode: 0o600 });
    await tpm.resume();
    onTestFinished(() => tpm.kill());
    return tpm;
  }

  /** Starts it on the state that is there. */
  async resume(): Promise<void> {
    const { folder } = this;
    for (const name of ['tpm', 'tpm.ctrl']) rmSync(join(folder, name), { force: true });
    const words = ['socket', '--tpm2', '--tpmstate', `dir=${join(folder, 'state')}`];
    words.push('--server', `type=unixio,path=${join(folder, 'tpm')}`);
    // The TCTI looks for it there.
    words.push('--ctrl', `type=unixio,path=${join(folder, 'tpm.ctrl')}`);
    words.push('--flags', 'not-need-init,startup-clear');
    this.process = spawn('setpriv', ['--pdeathsig', 'KILL', 'swtpm', ...words], { stdio: 'ignore' });
    writeFileSync(join(folder, 'pid'), String(this.process.pid));
    for (let tried = 0; ; tried++) {
      if (existsSync(join(folder, 'tpm')) && this.try('getrandom', '1').status === 0) return;
      if (tried === 500) throw new Error('swtpm does not come up');
      await wait(10);
    }
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  async kill(): Promise<void> {
    const { process: running } = this;
    if (running === undefined) return;
    this.process = undefined;
    if (running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  }

  keepState(): void {
    cpSync(join(this.folder, 'state'), join(this.folder, 'kept'), { recursive: true });
  }

  restoreState(): void {
    rmSync(join(this.folder, 'state'), { recursive: true });
    cpSync(join(this.folder, 'kept'), join(this.folder, 'state'), { recursive: true });
  }

  options(more: Partial<TpmAnchorOptions> = {}): TpmAnchorOptions {
    const { tcti, auth } = this;
    return { tcti, index: firstIndex, pin: { kind: 'file', path: auth }, environment: {}, ...more };
  }

  anchor(name = 'journal', more: Partial<TpmAnchorOptions> = {}): TokenAnchor {
    return openTpmAnchor(name, this.options(more));
  }

  /** Runs the tool itself, as somebody who has the machine. */
  try(command: string, ...words: string[]): { status: number | null; stderr: string } {
    const { status, stderr } = spawnSync('tpm2', [command, `--tcti=${this.tcti}`, ...words], {
      encoding: 'utf8',
      env: { ...process.env, TSS2_LOG: 'all+none' },
      timeout: 10_000,
    });
    return { status, stderr };
  }

  run(command: string, words: readonly string[], input?: Uint8Array): Buffer {
    return execFileSync('tpm2', [command, `--tcti=${this.tcti}`, ...words], {
      input: input ?? '',
      env: { ...process.env, TSS2_LOG: 'all+none' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  }

  /** The words that name an index and use the test's authorisation. */
  byAuth(index: number): string[] {
    const hex = `0x${index.toString(16)}`;
    return [hex, `--hierarchy=${hex}`, `--auth=file:${this.auth}`];
  }

  /** Makes an index in place of one that was removed. */
  define(index: number, attributes: string, size: number, stamp: string, auth = this.auth): void {
    const policy = join(this.folder, 'stamp');
    writeFileSync(policy, Buffer.from(stamp, 'hex'));
    const words = [
      '--hierarchy=o',
      `--size=${size}`,
      `--attributes=${attributes}`,
      `--index-auth=file:${auth}`,
    ];
    this.run('nvdefine', [`0x0${index.toString(16)}`, ...words, `--policy=${policy}`]);
  }

  copyAuth(name: string): string {
    const path = join(this.folder, name);
    copyFileSync(this.auth, path);
    chmodSync(path, 0o600);
    return path;
  }

  /**
   * A program in place of `tpm2` that counts its runs, and ends itself or the TPM at one of them. From then on each run of it ends at once: the process that
   * ran it is to be taken as ended too. `calls` gives what was run.
   */
  cutting({ at, when, whom }: Cut): { readonly program: string; readonly calls: () => string[] } {
    const path = (name: string): string => join(this.folder, name);
    rmSync(path('calls'), { force: true });
    const victim = whom === 'tool' ? '$$' : `$(cat '${path('pid')}')`;
    // A tool that is ended while the TPM works on its command: the TPM goes on with it, or never had it whole.
    const lines = {
      before: `kill -9 ${victim}; exit 9`,
      after: `tpm2 "$@"; kill -9 ${victim}; exit 9`,
      during: `tpm2 "$@" & sleep 0.00$((n * 7919 % 10)); kill -9 ${whom === 'tool' ? '$!' : victim}; wait; exit 9`,
    };
    writeFileSync(
      path('cutting'),
      `#!/bin/sh\necho "$1" >>'${path('calls')}'\nn=$(wc -l <'${path('calls')}')\n[ "$n" -gt ${at} ] && kill -9 $$\n[ "$n" -lt ${at} ] && exec tpm2 "$@"\n${lines[when]}\n`,
      { mode: 0o700 },
    );
    return {
      program: path('cutting'),
      calls: () => (existsSync(path('calls')) ? readFileSync(path('calls'), 'utf8').trim().split('\n') : []),
    };
  }

  /** A program in place of `tpm2` that waits before its `at`-th run. */
  waiting(at: number): {
    readonly program: string;
    readonly waits: () => Promise<void>;
    readonly goOn: () => void;
  } {
    const path = (name: string): string => join(this.folder, name);
    for (const name of ['runs', 'waits', 'go on']) rmSync(path(name), { force: true });
    writeFileSync(
      path('waiting'),
      `#!/bin/sh\necho >>'${path('runs')}'\nif [ "$(wc -l <'${path('runs')}')" -eq ${at} ]; then\n  : >'${path('waits')}'\n  until [ -e '${path('go on')}' ]; do sleep 0.01; done\nfi\nexec tpm2 "$@"\n`,
      { mode: 0o700 },
    );
    return {
      program: path('waiting'),
      waits: async () => {
        while (!existsSync(path('waits'))) await wait(5);
      },
      goOn: () => writeFileSync(path('go on'), ''),
    };
  }
}
