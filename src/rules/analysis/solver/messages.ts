/** What a solver process is asked, and what it answers. */

export interface Question {
  readonly id: number;
  /** SMT-LIB 2: declarations and assertions, without `check-sat`. */
  readonly script: string;
  readonly timeoutMs: number;
  /** Steps of the solver's own count, after which it gives up: the same on every machine. */
  readonly steps: number;
}

export interface Reply {
  readonly id: number;
  readonly result: 'sat' | 'unsat' | 'unknown';
  /** Where it is `sat`: each constant that the model says something of, as SMT-LIB writes it. */
  readonly model: readonly (readonly [string, string])[];
  /** Where it is `unknown`. */
  readonly reason: string;
}
