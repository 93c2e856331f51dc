/** A label with what it was joined from: a graph whose leaves are what a module declares. */

/** What a module declares, and with it a label. */
export interface Source {
  readonly kind: 'input' | 'word' | 'constant' | 'table' | 'level' | 'authority' | 'grant';
  /** As people know it: `limits[2]`, `zero`, `decide`. */
  readonly name: string;
}

/** A label and what it was joined from. */
export interface Derived {
  readonly label: number;
  /** `undefined` where it was derived by an instruction. */
  readonly source: Source | undefined;
  /** The instruction that derived it, and at which step, from 1; of a source none. */
  readonly at: number | undefined;
  readonly step: number | undefined;
  /** What got the label: `r3`, `pc`, `secret[0]`, `port out`. */
  readonly place: string;
  readonly parts: readonly Part[];
}

/** What one part gave to a join: some bits of its label, or all of them. */
export interface Part {
  readonly of: Derived;
  readonly bits: number;
}

/** The join of what `parts` give; what gives nothing is no part of it. */
export function joinDerived(
  { at, step, place }: { readonly at: number; readonly step: number | undefined; readonly place: string },
  parts: readonly (Derived | Part)[],
): Derived {
  const kept: Part[] = [];
  let label = 0;
  for (const part of parts) {
    const { of, bits } = 'of' in part ? part : { of: part, bits: part.label };
    if (bits === 0) continue;
    label |= bits;
    if (!kept.some((other) => other.of === of && other.bits === bits)) kept.push({ of, bits: bits >>> 0 });
  }
  return { label: label >>> 0, source: undefined, at, step, place, parts: kept };
}
