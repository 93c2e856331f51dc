/**
 * Labels, 32 bits: secrecy C, need-to-know categories, complemented authority A.
 *
 * ```
 * ┌ 31 … 24 ────────────┬ 23 … 8 ───────────┬ 7 … 0 ────────────────────────────────┐
 * │ C, C low bits set   │ categories, a set │ complement of A, 8 - A high bits set  │
 * └─────────────────────┴───────────────────┴───────────────────────────────────────┘
 * ```
 * C and the complement of A are thermometer codes. Join is one OR; ℓ1 ⊑ ℓ2 is `ℓ1 & ~ℓ2 === 0`; C ≤ A is
 * `(ℓ & ℓ << 24) === 0`.
 */

/** A label taken apart: levels from 0 to 8, categories from 0 to 15. */
export interface LabelParts {
  readonly secrecy: number;
  readonly authority: number;
  readonly categories: readonly number[];
}

/** Least secret, highest authority: below every label. */
export const bottom = 0;

/** Where the complement of A and the categories are. */
export const authorityBits = 0xff;
export const categoryBits = 0xffff00;

/** Cleared for nothing, trusting nothing: what is public is for it. */
export const everybody = makeLabel({ secrecy: 0, authority: 0, categories: [] });

export function makeLabel(parts: LabelParts): number {
  const { secrecy, authority, categories } = parts;
  if (!isLevel(secrecy) || !isLevel(authority))
    throw new RangeError(`secrecy ${secrecy} and authority ${authority}: levels from 0 to 8 are accepted`);
  const thermometer = (1 << secrecy) - 1;
  const complement = 255 & ~((1 << authority) - 1);
  let set = 0;
  for (const category of categories) {
    if (!Number.isInteger(category) || category < 0 || category > 15)
      throw new RangeError(`category ${category}: 0 to 15 are accepted`);
    set |= 1 << category;
  }
  return ((thermometer << 24) | (set << 8) | complement) >>> 0;
}

function isLevel(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 8;
}

export function readLabel(label: number): LabelParts {
  const categories: number[] = [];
  for (let category = 0; category < 16; category++)
    if ((label >>> 8) & (1 << category)) categories.push(category);
  return { secrecy: bitsIn(label >>> 24), authority: 8 - bitsIn(label & 255), categories };
}

function bitsIn(value: number): number {
  let count = 0;
  // Each round clears the lowest.
  for (let rest = value; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Whether what is labelled `low` may go where `high` is the most that is allowed. */
export function flowsTo(low: number, high: number): boolean {
  return (low & ~high) === 0;
}
