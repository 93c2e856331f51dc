/** What parts of the bench give: rows of a table, and the middle of what was measured for them. */
export interface Row {
  readonly what: string;
  readonly figure: string;
}

/** Of an even number the upper of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that a share of the others is below; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}
