/** What a translated module claims of itself (docs/TRANSLATOR.md): in its custom section, as JSON, and proven again by the checker. */

/** Bits that are set for certain, and bits that may be set. */
export type Interval = readonly [low: number, high: number];

/** At the head of a loop: the state of every register of the function, and pc. */
export interface LoopClaim {
  /** Of `loop`, counted over all functions. */
  readonly at: number;
  readonly pc: Interval;
  readonly registers: readonly Interval[];
}

/** Checks that are left out of a proven version: `allowed` C ≤ A and clearance, `handled` C ≤ A alone, the others as the traps. */
export const elidedChecks = ['allowed', 'handled', 'raise', 'upgrade', 'ceiling', 'port'] as const;

export type ElidedCheck = (typeof elidedChecks)[number];

/** A check that is left out at an instruction, and the reason: `high`, the most that the label may be, passes it. `raise` has one entry for each register, `call` and `return` one `allowed` for each word. */
export type Elision = readonly [at: number, check: ElidedCheck, high: number];

export interface ProvenFunction {
  readonly pc: Interval;
  readonly uncleared: Interval;
  readonly parameters: readonly Interval[];
  readonly results: readonly Interval[];
  /** A bit for each register that has a label local. */
  readonly masked: number;
  readonly pcDynamic: boolean;
  readonly loops: readonly LoopClaim[];
  readonly elided: readonly Elision[];
}

export interface Claims {
  readonly version: 1;
  /** SHA-256 of the source module, in hex. */
  readonly module: string;
  /** Whether `halt` leaves the main function's registers where `registerValue` reads them: for tests. */
  readonly registers: boolean;
  /** By segment. */
  readonly uniform: readonly boolean[];
  /** By function; null where no proven version calls it. */
  readonly functions: readonly (ProvenFunction | null)[];
}

export const claimsSection = 'ringmint.claims';
