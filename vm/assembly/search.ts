/*
 * Sorted tables: the machine looks values up in them, and so do translated modules.
 */

/** Where `value` is in `count` ascending words, or -1. */
export function search(values: usize, count: u32, value: i64): i64 {
  let from: u32 = 0;
  let to = count;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (load<i64>(values + (<usize>middle << 3)) < value) from = middle + 1;
    else to = middle;
  }
  return from < count && load<i64>(values + (<usize>from << 3)) == value ? <i64>from : -1;
}
