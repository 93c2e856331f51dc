/*
 * Labels: | C 8 | categories 16 | complement of A 8 |, from the highest bit. Join is one OR. With the complement of
 * A shifted up to C, and nothing else beside it, one AND tells both whether C ≤ A and whether categories are cleared.
 */

export const AUTHORITY: u32 = 0x000000ff;
export const CATEGORIES: u32 = 0x00ffff00;

// @ts-ignore: decorator
@inline
export function flowsTo(low: u32, high: u32): bool {
  return (low & ~high) == 0;
}

/** No word is more secret than the authority that handles it. */
// @ts-ignore: decorator
@inline
export function isHandled(label: u32): bool {
  return (label & (label << 24)) == 0;
}

/** Whether the label has C ≤ A, and none of the categories that are above it: those that an instruction is not cleared for. */
// @ts-ignore: decorator
@inline
export function isCleared(label: u64): bool {
  return (<u32>label & ((<u32>label << 24) | <u32>(label >> 32))) == 0;
}

/** Not above public: no secrecy, no category. */
// @ts-ignore: decorator
@inline
export function isPublic(label: u32): bool {
  return (label & ~AUTHORITY) == 0;
}

/** Two thermometer codes, and C ≤ A. */
export function isLabel(label: u32): bool {
  const secrecy = label >> 24;
  const authority = ~label & AUTHORITY;
  return (secrecy & (secrecy + 1)) == 0 && (authority & (authority + 1)) == 0 && isHandled(label);
}
