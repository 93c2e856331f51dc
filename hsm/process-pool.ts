/**
 * The signer processes of one token: started one after another, called where there is least to do, replaced when they fail.
 *
 * A process is started by the call that needs it: there is no timer that tries by itself. Logins come one at a time, for SoftHSM
 * rewrites the token's state at each: two processes that logged in as they liked missed the token in 5,071 of 13,859 tries, while 25
 * that logged in one by one disturbed none of 39,429 signatures of another.
 */
import { Breaker, type BreakerState } from './breaker.ts';
import type { Call, OpenedToken } from './messages.ts';
import { SignerError } from './signer.ts';
import { SignerChild, type Surroundings } from './signer-child.ts';

export interface PoolHealth {
  readonly breaker: BreakerState;
  readonly processes: number;
  /** Of all its processes. */
  readonly sessions: number;
  /** Calls that wait or run. */
  readonly admitted: number;
  /** Processes that ended and were made good. */
  readonly replaced: number;
}

export interface PoolOptions {
  readonly surroundings: Surroundings;
  readonly open: Extract<Call, { name: 'open' }>;
  readonly processes: number;
  /** Throws where the token that was opened is not the one expected, such as that of the `first` opening, or does not sign. */
  readonly prove: (
    opened: OpenedToken,
    first: OpenedToken | undefined,
    call: (call: Call) => Promise<unknown>,
  ) => Promise<void>;
  /** What a call may take, waiting included. */
  readonly timeoutMs: number;
  /** What starting a process, loading its module, logging in and a first signature may take. */
  readonly startTimeoutMs: number;
  /** Calls that may wait or run; one more is refused as `signer_busy`. */
  readonly queueLimit: number;
}

export class ProcessPool {
  private readonly options: PoolOptions;
  private readonly breaker = new Breaker(() => performance.now());
  /** Processes that calls go to. */
  private readonly ready = new Set<SignerChild>();
  /** Every process that has not ended yet, also those that were given up. */
  private readonly alive = new Set<SignerChild>();
  private opening: Promise<SignerChild> | undefined;
  private opened: OpenedToken | undefined;
  private admitted = 0;
  private replaced = 0;
  private closing: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.options = options;
  }

  get processIds(): readonly number[] {
    return [...this.ready].flatMap(({ processId }) => processId ?? []);
  }

  get health(): PoolHealth {
    return {
      breaker: this.breaker.state,
      processes: this.ready.size,
      sessions: this.ready.size * this.options.open.sessions,
      admitted: this.admitted,
      replaced: this.replaced,
    };
  }

  /** Opens the token for the first time, in one process; where that fails, nothing is left running. */
  async start(): Promise<OpenedToken> {
    try {
      await this.open();
    } catch (error) {
      await this.close();
      throw error;
    }
    if (this.opened === undefined)
      throw new SignerError('signer_closed', 'the signer was closed while it opened');
    return this.opened;
  }

  /**
   * Makes one call. It is made once more within its deadline where its process was lost, or where `accept` throws: a signature
   * that nobody saw harms nobody. What `accept` throws costs the process that gave the value.
   */
  async call<T>(call: Call, accept: (value: unknown) => Promise<T>): Promise<T> {
    const { timeoutMs, queueLimit } = this.options;
    if (this.closing !== undefined) throw new SignerError('signer_closed', 'the signer is closed');
    if (this.admitted >= queueLimit) {
      throw new SignerError(
        'signer_busy',
        `${this.admitted} calls are waiting for the token: send the same again later`,
      );
    }
    this.admitted++;
    const deadlineMs = performance.now() + timeoutMs;
    try {
      let lost: unknown;
      for (;;) {
        const child = await this.pick(deadlineMs).catch((error: unknown) => {
          // What the first try met says more than that no process could be opened after it, but for a refused PIN.
          throw lost === undefined || this.breaker.state === 'stopped' ? error : lost;
        });
        try {
          const value = await this.callOn(child, call, deadlineMs, accept);
          this.breaker.succeed();
          return value;
        } catch (error) {
          if (lost !== undefined || child.usable || isLate(error)) {
            // A process that ended was counted as it ended.
            if (child.usable) this.breaker.fail(error);
            throw error;
          }
          lost = error;
        }
      }
    } finally {
      this.admitted--;
      if (this.admitted === 0) this.drained?.();
    }
  }

  /** Lets what was admitted end, then ends every process; resolves when none is left. */
  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  private async drain(): Promise<void> {
    // Every admitted call has a deadline, so that this ends.
    if (this.admitted > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    await Promise.all([...this.alive].map((child) => child.end()));
  }

  private async callOn<T>(
    child: SignerChild,
    call: Call,
    deadlineMs: number,
    accept: (value: unknown) => Promise<T>,
  ): Promise<T> {
    const value = await child.call(call, deadlineMs);
    try {
      return await accept(value);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** The process with the least to do. Where there are fewer than there should be, one more is started meanwhile. */
  private async pick(deadlineMs: number): Promise<SignerChild> {
    let least: SignerChild | undefined;
    for (const child of this.ready) {
      if (child.usable && (least === undefined || child.load < least.load)) least = child;
    }
    if (least === undefined) return before(deadlineMs, this.open());
    const { processes } = this.options;
    if (this.ready.size < processes && this.opening === undefined && this.breaker.state === 'closed') {
      // Nobody waits for it: what it throws, the breaker has noted.
      this.open().catch(() => undefined);
    }
    return least;
  }

  /** One more open process; all callers wait for the same one. */
  private open(): Promise<SignerChild> {
    this.opening ??= this.openChild().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async openChild(): Promise<SignerChild> {
    this.breaker.admit();
    const { surroundings, open, prove, timeoutMs, startTimeoutMs } = this.options;
    const child = new SignerChild(surroundings, open.sessions);
    this.alive.add(child);
    void child.ended.then(() => this.noteEnd(child));
    const deadlineMs = performance.now() + startTimeoutMs;
    try {
      const opened = (await child.call(open, deadlineMs)) as OpenedToken;
      await prove(opened, this.opened, (call) => child.call(call, deadlineMs));
      this.opened ??= opened;
    } catch (error) {
      child.kill();
      this.breaker.fail(error);
      throw error;
    }
    child.watch(Math.max(250, timeoutMs / 4));
    this.ready.add(child);
    return child;
  }

  private noteEnd(child: SignerChild): void {
    this.alive.delete(child);
    if (!this.ready.delete(child)) return;
    this.replaced++;
    if (this.closing === undefined)
      this.breaker.fail(new SignerError('signer_crashed', 'the signer process keeps ending'));
  }
}

function isLate(error: unknown): boolean {
  return error instanceof SignerError && error.code === 'signer_timeout';
}

/** `promise`, or `signer_timeout` at `deadlineMs`. */
async function before<T>(deadlineMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const onDeadline = () =>
      reject(new SignerError('signer_timeout', 'the signer process did not start in time'));
    timer = setTimeout(onDeadline, Math.max(1, deadlineMs - performance.now()));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
