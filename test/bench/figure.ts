/** What parts of the bench give: rows of a table, and the middle of what was measured for them. */
export interface Row {
  readonly what: string;
  readonly figure: string;
}

/** Of an even number the upper of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
