/** What is usual: the median of what orders took of late. */

/** How many takes are looked at. */
export const recentTakes = 50;
/** With fewer, nothing is usual yet. */
const fewestTakes = 10;

/** The median (of an even number, the larger of the two in the middle); null of fewer than ten. */
export function usualOf(amounts: readonly bigint[]): bigint | null {
  if (amounts.length < fewestTakes) return null;
  const sorted = [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
