/**
 * The circuit breaker of a token: after failures in a row nothing is tried for a while, which grows.
 *
 * ```
 *             a failure, the second in a row or later
 *  closed ────────────────────────────────────────────> open ── the pause is over ──> half open
 *    ^                                                    ^                              │ │
 *    └──────────────────────── a call succeeds ───────────┼──────────────────────────────┘ │
 *                                                         └──────────── it fails ──────────┘
 *  stopped: the PIN was refused. It is never tried twice; an operator opens the signer anew.
 * ```
 */
import { isPinRefusal, SignerError } from './signer.ts';

/** The pause after `failures` in a row. The first costs none: a crash is made good at once. */
function pauseMs(failures: number): number {
  return failures < 2 ? 0 : Math.min(5_000, 50 * 2 ** failures);
}

export type BreakerState = 'closed' | 'open' | 'half-open' | 'stopped';

export class Breaker {
  private readonly nowMs: () => number;
  private failures = 0;
  private pausedUntilMs = 0;
  private lastError: unknown;
  private stopped = false;

  /** `nowMs` is a clock that only goes forward, such as performance.now. */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  get state(): BreakerState {
    if (this.stopped) return 'stopped';
    if (this.failures < 2) return 'closed';
    return this.nowMs() < this.pausedUntilMs ? 'open' : 'half-open';
  }

  /** Throws the last failure where nothing is to be tried. */
  admit(): void {
    const { state } = this;
    if (state === 'stopped' || state === 'open') throw this.lastError;
  }

  succeed(): void {
    this.failures = 0;
  }

  fail(error: unknown): void {
    this.failures++;
    this.lastError = error;
    this.pausedUntilMs = this.nowMs() + pauseMs(this.failures);
    // A real token locks itself after a few wrong PINs.
    this.stopped ||= error instanceof SignerError && isPinRefusal(error.code);
  }
}
