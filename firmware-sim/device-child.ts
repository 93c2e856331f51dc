/** A device's process as whoever started it sees it: ready, or not to be had, and ended for certain. */
import { type ChildProcess, fork } from 'node:child_process';
import process from 'node:process';
import { DeviceError } from './device-error.ts';
import { deviceProgram } from './device-program.ts';
import { isDeviceErrorCode } from './error-table.ts';

/** What the process says to whoever started it, once. */
export type StartMessage =
  | { readonly ready: true }
  | { readonly ready: false; readonly code: string; readonly message: string };

/** How long a process may take to end by itself, before it is killed. */
const graceMs = 2_000;

export class DeviceChild {
  /** Resolves when it serves. Throws `device_in_use` where another process does, and `device_lost` where it ends first. */
  readonly ready: Promise<void>;
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private over = false;

  constructor(folder: string) {
    this.child = fork(deviceProgram.entry, [folder], {
      execArgv: [...deviceProgram.execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: environment(),
    });
    const { child } = this;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      // A process that could not be started has no pid, and will give no `exit`.
      child.on('error', () => {
        if (child.pid === undefined) resolve();
      });
    });
    void this.ended.then(() => {
      this.over = true;
    });
    this.ready = new Promise((resolve, reject) => {
      child.once('message', (message: StartMessage) => {
        if (message.ready) resolve();
        else reject(errorOf(message));
      });
      const giveUp = (): void =>
        reject(new DeviceError('device_lost', `the process of the device \`${folder}\` ended as it started`));
      // Not as it exits: what it said before may come after that.
      child.once('disconnect', giveUp);
      child.once('error', giveUp);
    });
    this.ready.catch(() => undefined);
  }

  get running(): boolean {
    return !this.over;
  }

  get processId(): number | undefined {
    return this.child.pid;
  }

  /** Lets it end after the command at hand, and kills it where it does not; resolves when it has ended. */
  async end(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    const forced = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(forced);
  }
}

function errorOf({ code, message }: Extract<StartMessage, { ready: false }>): DeviceError {
  return new DeviceError(isDeviceErrorCode(code) ? code : 'device_lost', message);
}

/** No more of the environment than Node needs: what a program knows is not its device's business. */
function environment(): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
