/**
 * How large rules may be: what the label machine, the analysis and a reader can bear. docs/RULES.md shows this table.
 */
export const limits = {
  /** Of any name, in characters. */
  name: 64,
  /** Of `law`, `note`, `says` and titles, in characters. */
  words: 500,
  jurisdictions: 8,
  lists: 16,
  /** Of one list that is written out. */
  items: 256,
  feeds: 16,
  parameters: 64,
  windows: 16,
  lets: 128,
  controls: 32,
  rules: 256,
  tests: 1_000,
  properties: 64,
  /** Parts of a rule's expressions, or of a let's: lists that are written out unrolled, lets counted once. */
  nodes: 1_000,
  /** The same, a let counted wherever it is used. */
  expandedNodes: 10_000,
  /** How deep an expression is, lets among them. */
  depth: 64,
  /** Seconds of a window: 400 days. */
  windowSeconds: 34_560_000n,
  /** Seconds of a feed's `max_age`: ten years of 366 days. */
  ageSeconds: 316_224_000n,
  /** Faults that are told of one text. */
  faults: 100,
} as const;
