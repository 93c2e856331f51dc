/** Labels between two bounds: what is known of a label before a program runs. */

/** low ⊑ the label ⊑ high. */
export interface LabelRange {
  readonly low: number;
  readonly high: number;
}

export function exactly(label: number): LabelRange {
  return { low: label, high: label };
}

/** Of the join of labels in these ranges. */
export function joinRanges(...ranges: readonly LabelRange[]): LabelRange {
  let low = 0;
  let high = 0;
  for (const range of ranges) {
    low |= range.low;
    high |= range.high;
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** Of a label that is in either range. */
export function eitherRange(x: LabelRange, y: LabelRange): LabelRange {
  return { low: (x.low & y.low) >>> 0, high: (x.high | y.high) >>> 0 };
}

/** Of a label that is known to have none of `bits` besides. */
export function without(range: LabelRange, bits: number): LabelRange {
  return { low: range.low, high: (range.high & ~bits) >>> 0 };
}

export function isSameRange(x: LabelRange, y: LabelRange): boolean {
  return x.low === y.low && x.high === y.high;
}

/** Of registers on either of two ways, of which one that is `undefined` is never gone. */
export function eitherRanges(
  x: readonly LabelRange[] | undefined,
  y: readonly LabelRange[] | undefined,
): readonly LabelRange[] | undefined {
  if (x === undefined || y === undefined) return x ?? y;
  return x.map((range, register) => eitherRange(range, y[register] ?? range));
}

export function areSameRanges(x: readonly LabelRange[], y: readonly LabelRange[]): boolean {
  return x.every((range, register) => isSameRange(range, y[register] ?? range));
}
