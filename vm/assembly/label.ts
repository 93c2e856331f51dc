/*
 * Labels: | categories 16 | complement of A 8 | C 8 |. Join is one OR.
 */

// @ts-ignore: decorator
@inline
export function flowsTo(low: u32, high: u32): bool {
  return (low & ~high) == 0;
}

/** No word is more secret than the authority that handles it. */
// @ts-ignore: decorator
@inline
export function isHandled(label: u32): bool {
  return (label & (label >> 8) & 0xff) == 0;
}

/** Not above public: no secrecy, no category. */
// @ts-ignore: decorator
@inline
export function isPublic(label: u32): bool {
  return (label & 0xffff00ff) == 0;
}

/** Two thermometer codes, and C ≤ A. */
export function isLabel(label: u32): bool {
  const secrecy = label & 0xff;
  const authority = ~(label >> 8) & 0xff;
  return (secrecy & (secrecy + 1)) == 0 && (authority & (authority + 1)) == 0 && isHandled(label);
}
