/**
 * Keeps one signer process running: bounded, with a deadline a call, started again when it fails.
 *
 * ```
 *            open                 ends, or a fatal error
 *  (none) ---------> open process ----------------------> (none)
 *    ^                                                       |
 *    +--- a pause, longer with each failure in a row --------+
 *    |
 *    +--> refused for good: a wrong or locked PIN is never tried twice
 * ```
 *
 * A process is started by the call that needs it: there is no timer that tries by itself.
 */
import type { Call, OpenedToken } from './messages.ts';
import { SignerError } from './signer.ts';
import { SignerChild } from './signer-child.ts';

export interface SupervisorOptions {
  readonly configuration: string;
  readonly open: Extract<Call, { name: 'open' }>;
  /** Throws where the token that was opened is not the one expected. */
  readonly check: (opened: OpenedToken) => void;
  readonly timeoutMs: number;
  readonly queueLimit: number;
}

/** The pause after `failures` in a row. The first costs none: a crash is made good at once. */
function pauseMs(failures: number): number {
  return failures < 2 ? 0 : Math.min(5_000, 50 * 2 ** failures);
}

/** Starting Node, loading a module and logging in take longer than a signature, on a busy machine by far. */
export const startTimeoutMs = 30_000;

export class Supervisor {
  private readonly options: SupervisorOptions;
  /** The process that calls go to, once it is open. */
  private current: SignerChild | undefined;
  private opening: Promise<SignerChild> | undefined;
  /** Every process that has not ended yet, also those that were given up. */
  private readonly alive = new Set<SignerChild>();
  private opened: OpenedToken | undefined;
  private failures = 0;
  private pausedUntilMs = 0;
  private lastError: unknown;
  private refused = false;
  private admitted = 0;
  private closing: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(options: SupervisorOptions) {
    this.options = options;
  }

  get processId(): number | undefined {
    return this.current?.processId;
  }

  /** Opens the token for the first time; where that fails, nothing is left running. */
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
   * Makes one call on the open token. A call that was cut off by a crash, or met a token that had come back
   * without its login, is made once more within its deadline: a signature that nobody saw harms nobody.
   */
  async call(call: Call): Promise<unknown> {
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
      for (let attempt = 1; ; attempt++) {
        const child = this.current?.usable ? this.current : await before(deadlineMs, this.open());
        try {
          const value = await this.callOn(child, call, deadlineMs);
          this.failures = 0;
          return value;
        } catch (error) {
          if (attempt === 2 || !isWorthAnother(error)) throw error;
        }
      }
    } finally {
      this.admitted--;
      if (this.admitted === 0) this.drained?.();
    }
  }

  /** Ends the process, so that the next call starts another. */
  replace(): void {
    this.current?.kill();
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

  private async callOn(child: SignerChild, call: Call, deadlineMs: number): Promise<unknown> {
    const sentMs = performance.now();
    try {
      return await child.call(call, deadlineMs);
    } catch (error) {
      // A call that hangs holds a native thread, and only the end of the process frees it. One that came to the
      // process late, after a start, says nothing of it.
      const hung = performance.now() - sentMs >= this.options.timeoutMs / 2;
      if (error instanceof SignerError && error.code === 'signer_timeout' && hung) child.kill();
      throw error;
    }
  }

  /** The open process; starts one where there is none, and all callers wait for the same one. */
  private open(): Promise<SignerChild> {
    this.opening ??= this.openChild().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async openChild(): Promise<SignerChild> {
    if (this.refused || performance.now() < this.pausedUntilMs) throw this.lastError;
    const child = new SignerChild(this.options.configuration, this.options.open.sessions);
    this.alive.add(child);
    void child.ended.then(() => this.noteEnd(child));
    try {
      const opened = (await child.call(this.options.open, performance.now() + startTimeoutMs)) as OpenedToken;
      this.options.check(opened);
      this.opened = opened;
    } catch (error) {
      child.kill();
      this.noteFailure(error);
      throw error;
    }
    this.current = child;
    return child;
  }

  private noteEnd(child: SignerChild): void {
    this.alive.delete(child);
    if (this.current !== child) return;
    this.current = undefined;
    if (this.closing === undefined)
      this.noteFailure(new SignerError('signer_crashed', 'the signer process keeps ending'));
  }

  private noteFailure(error: unknown): void {
    this.failures++;
    this.lastError = error;
    this.pausedUntilMs = performance.now() + pauseMs(this.failures);
    // A real token locks itself after a few wrong PINs: one refusal is the last until someone opens the signer anew.
    this.refused ||=
      error instanceof SignerError && (error.code === 'pin_incorrect' || error.code === 'pin_locked');
  }
}

function isWorthAnother(error: unknown): boolean {
  return (
    error instanceof SignerError &&
    (error.code === 'signer_crashed' || error.ckr === 'CKR_USER_NOT_LOGGED_IN')
  );
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
