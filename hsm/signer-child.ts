/**
 * One signer process as its parent sees it: started with a bare environment, called over IPC, and ended
 * for certain. What happens when it fails is the pool's business.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Writable } from 'node:stream';
import type { Call, CallMessage, Reply } from './messages.ts';
import { SignerError } from './signer.ts';
import { signerProgram } from './signer-program.ts';

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** What a signer process has around it. */
export interface Surroundings {
  /** Variables that its module wants, such as SOFTHSM2_CONF: they are one for a whole process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Starts Node, for a module that is only to be reached from within, such as a namespace; its environment has RINGMINT_NODE. */
  readonly launcher?: string;
  /** A PIN that was typed; it goes through a pipe of its own, and never through an argument or the environment. */
  readonly typedPin?: string;
}

/** How long a process may take to end by itself, before it is killed. */
const graceMs = 2_000;

export class SignerChild {
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private readonly outbox: CallMessage[] = [];
  private lastId = 0;
  private lost = false;
  /** Calls whose deadline is over, and what ends the process where they are not answered all the same. */
  private readonly late = new Map<number, NodeJS.Timeout>();
  /** Since when it has said nothing although it was asked. */
  private silentSinceMs = 0;
  private silentMostMs: number | undefined;
  private listening: NodeJS.Timeout | undefined;

  constructor({ environment, launcher, typedPin }: Surroundings, sessions: number) {
    this.child = fork(signerProgram.entry, [], {
      ...(launcher === undefined ? {} : { execPath: launcher }),
      execArgv: [...signerProgram.execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', typedPin === undefined ? 'ignore' : 'pipe'],
      env: environmentOf({ ...environment, RINGMINT_NODE: process.execPath }, sessions),
    });
    const channel = this.child.stdio[4];
    if (typedPin !== undefined && channel instanceof Writable) {
      // A process that ends before it reads is heard of elsewhere.
      channel.on('error', () => undefined);
      channel.end(typedPin);
    }
    this.ended = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      // A process that could not be started has no pid, and will give no `exit`.
      this.child.on('error', () => {
        if (this.child.pid === undefined) resolve();
      });
    });
    this.child.on('message', (replies: readonly Reply[]) => {
      this.silentSinceMs = performance.now();
      for (const reply of replies) this.settle(reply);
    });
    this.child.on('error', () => this.forget());
    this.child.on('exit', () => this.forget());
  }

  /** Calls that it has not answered yet. */
  get load(): number {
    return this.pending.size;
  }

  get processId(): number | undefined {
    return this.child.pid;
  }

  /** False from the moment that the process has ended, was killed or was told to end. */
  get usable(): boolean {
    return !this.lost;
  }

  /**
   * Makes one call. Throws what the call threw there, `signer_crashed` where the process ends first, and
   * `signer_timeout` at `deadlineMs` (of performance.now()).
   */
  call(call: Call, deadlineMs: number): Promise<unknown> {
    const id = ++this.lastId;
    const sentMs = performance.now();
    return new Promise((resolve, reject) => {
      if (this.lost) {
        reject(crashed());
        return;
      }
      const onDeadline = () => {
        const waitedMs = Math.round(performance.now() - sentMs);
        this.take(id)?.reject(
          new SignerError('signer_timeout', `the token did not answer within ${waitedMs} ms`),
        );
        // A call that hangs holds a session and a native thread, and only the end of the process frees them.
        if (this.silentMostMs !== undefined)
          this.late.set(
            id,
            setTimeout(() => this.kill(), this.silentMostMs),
          );
      };
      const timer = setTimeout(onDeadline, Math.max(1, deadlineMs - sentMs));
      this.pending.set(id, { resolve, reject, timer });
      this.outbox.push({ id, call });
      if (this.pending.size === 1) this.silentSinceMs = sentMs;
      this.listen();
      if (this.outbox.length === 1) setImmediate(() => this.flush());
    });
  }

  /**
   * From now on ends the process where it says nothing for `mostMs` although it was asked: a module that hangs in a call that
   * has no asynchronous form stops everything in its process. What was in flight throws `signer_crashed`.
   */
  watch(mostMs: number): void {
    this.silentMostMs = mostMs;
  }

  private listen(): void {
    const { silentMostMs } = this;
    if (silentMostMs === undefined || this.listening !== undefined) return;
    const check = (isHeard: boolean): void => {
      const leftMs = this.silentSinceMs + silentMostMs - performance.now();
      if (this.lost || this.pending.size === 0) this.listening = undefined;
      else if (leftMs > 0) this.listening = setTimeout(check, leftMs, false);
      else if (isHeard) this.kill();
      // This process may be the one that stood still: what waits in the pipe is read before the other one is given up.
      else setImmediate(check, true);
    };
    this.listening = setTimeout(check, silentMostMs, false);
  }

  /** Sends what has come in this turn of the event loop. */
  private flush(): void {
    const calls = this.outbox.splice(0);
    if (calls.length === 0 || this.lost) return;
    this.child.send(calls, (error) => {
      // The pipe is told of a dead process before `exit` is: without this, the second try would go to it too.
      if (error) this.forget();
    });
  }

  /**
   * Gives the process up; calls in flight throw `signer_crashed`. It is told to end, and killed only where it does not: at each login
   * SoftHSM 2.6.1 empties token.object and writes it anew, and a process that is killed in between leaves a token of 0 bytes, for good.
   */
  kill(): void {
    void this.end();
  }

  /** Lets the process end by itself, and kills it where it does not; resolves when it has ended. */
  async end(): Promise<void> {
    this.forget();
    if (this.child.connected) this.child.disconnect();
    const forced = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    await this.ended;
    clearTimeout(forced);
  }

  private settle(reply: Reply): void {
    clearTimeout(this.late.get(reply.id));
    this.late.delete(reply.id);
    const pending = this.take(reply.id);
    if (pending === undefined) return;
    if (reply.ok) {
      pending.resolve(reply.value);
      return;
    }
    const { code, message, ckr, fatal } = reply.error;
    // Before the caller hears of it, so that it cannot try again in a process with a dead login or module.
    if (fatal) this.kill();
    pending.reject(new SignerError(code, message, ckr));
  }

  private forget(): void {
    this.lost = true;
    clearTimeout(this.listening);
    for (const timer of this.late.values()) clearTimeout(timer);
    this.late.clear();
    for (const id of [...this.pending.keys()]) this.take(id)?.reject(crashed());
  }

  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    if (pending === undefined) return undefined;
    clearTimeout(pending.timer);
    this.pending.delete(id);
    return pending;
  }
}

function crashed(): SignerError {
  return new SignerError('signer_crashed', 'the signer process ended during the call; nothing was let out');
}

/** No more of the environment than a module needs: what a role knows is not its signer's business. */
function environmentOf(wanted: Readonly<Record<string, string>>, sessions: number): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {
    ...wanted,
    // A thread a session, and one that waits for the disk: libuv has 4 by itself, and a fifth session would only wait for one.
    UV_THREADPOOL_SIZE: String(Math.max(4, sessions + 1)),
  };
  // LD_LIBRARY_PATH is what hsm/ci/install-softhsm prints for a rootless unpack that brought libraries along.
  for (const name of ['PATH', 'LD_LIBRARY_PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
