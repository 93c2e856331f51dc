/*
 * The state of a run between two instructions, and what it is charged. Only functions of this file change it.
 */
import { TRAP_CLEARANCE, TRAP_FUEL, TRAP_LABEL } from './isa';
import { isHandled } from './label';
import {
  AUDIT,
  CODE,
  DECODED_BYTES,
  FRAMES,
  FUNCTION_BYTES,
  FUNCTIONS,
} from './layout';
import { functionCount } from './load';

/** The next instruction, the label of the control flow, the first register of the open function, the open blocks. */
export let ip: usize = 0;
export let pc: u32 = 0;
export let frame: usize = 0;
export let depth: u32 = 0;

export let fuelLeft: i64 = 0;
/** All ones, or zero where what runs was charged before. */
export let paying: i64 = -1;
/** The depth at which it was. */
let silentAt: u32 = 0;

export let auditCount: u32 = 0;
export let trapCode: u32 = 0;
export let trapAt: u32 = 0;
export let trapLabel: u32 = 0;

/** Goes to the beginning of the main function, with `fuel` to use: 0, or the code of a trap. */
export function begin(fuel: i64): u32 {
  const main = FUNCTIONS + (functionCount - 1) * FUNCTION_BYTES;
  goTo(load<u32>(main), load<u32>(main, 4), FRAMES, 0);
  fuelLeft = fuel;
  paying = -1;
  auditCount = 0;
  forgetTrap();
  return charge(load<u32>(main, 44)) ? 0 : stop(TRAP_FUEL, ip, pc);
}

export function forgetTrap(): void {
  trapCode = 0;
  trapAt = 0;
  trapLabel = 0;
}

// @ts-ignore: decorator
@inline
export function goTo(at: usize, context: u32, base: usize, top: u32): void {
  ip = at;
  pc = context;
  frame = base;
  depth = top;
}

/** Notes why the run ends: `code`. */
export function stop(code: u32, at: usize, label: u64): u32 {
  trapCode = code;
  trapAt = <u32>((at - CODE) / DECODED_BYTES);
  trapLabel = <u32>label;
  return code;
}

export function stopUnallowed(at: usize, label: u64): u32 {
  return stop(isHandled(<u32>label) ? TRAP_CLEARANCE : TRAP_LABEL, at, label);
}

/** Charges a block; false where the fuel is used up. */
// @ts-ignore: decorator
@inline
export function charge(fuel: u32): bool {
  fuelLeft -= <i64>fuel & paying;
  return fuelLeft >= 0;
}

/** Charges at once what may run until pc is public again, and nothing until `depth` is left; false where the fuel is used up. */
export function chargeDearest(fuel: u64, depth: u32): bool {
  fuelLeft -= <i64>min(fuel, <u64>i64.MAX_VALUE) & paying;
  paying = 0;
  silentAt = depth;
  return fuelLeft >= 0;
}

/** Where a block is left, and `depth` are open: charges again what comes, if that block was charged at once. */
// @ts-ignore: decorator
@inline
export function chargeAgain(depth: u32): void {
  if (TAGGED && depth < silentAt) paying = -1;
}

/** Puts the use of a grant on the audit list, which has a place for it. */
export function note(at: usize, grant: u32): void {
  const entry = AUDIT + (auditCount << 3);
  store<u32>(entry, <u32>((at - CODE) / DECODED_BYTES));
  store<u32>(entry, grant, 4);
  auditCount++;
}
