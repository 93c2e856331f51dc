/*
 * Registers, at their byte offset in a frame: value i64, then the label as u64, whose upper half is zero.
 */

// @ts-ignore: decorator
@inline
export function valueOf(frame: usize, register: u32): i64 {
  return load<i64>(frame + register);
}

// @ts-ignore: decorator
@inline
export function labelOf(frame: usize, register: u32): u64 {
  return TAGGED ? load<u64>(frame + register, 8) : 0;
}

/** Of `label` the lower half: above it may be the categories that an instruction is not cleared for. */
// @ts-ignore: decorator
@inline
export function setRegister(at: usize, value: i64, label: u64): void {
  store<i64>(at, value);
  if (TAGGED) store<u64>(at, label & 0xffffffff, 8);
}
