/** What the analysis asks of a solver, whoever it is. */

export type Answer =
  /** `model`: by the name of a constant, as SMT-LIB writes its value. */
  | { readonly result: 'sat'; readonly model: ReadonlyMap<string, string> }
  | { readonly result: 'unsat' }
  | { readonly result: 'unknown'; readonly reason: string };

export interface Solver {
  solve(script: string, limits: { readonly timeoutMs: number; readonly steps: number }): Promise<Answer>;
}
