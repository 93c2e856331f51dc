/*
 * The machine for the debugger and its tests, compiled with STEPPING = 1: all that index.ts exports, and one
 * instruction at a time with the whole state in sight. It is never shipped in an appliance.
 */
import { execute } from './execute';
import {
  CODE,
  DECODED_BYTES,
  FRAMES,
  GRANT_BYTES,
  GRANTS,
  REGISTER_BYTES,
  SEGMENT_BYTES,
  SEGMENTS,
  STACK,
} from './layout';
import { codeCount, grantCount, segmentCount } from './load';
import * as state from './state';

export * from './index';

const NOT_LOADED: u32 = 254;

/** Goes to the first instruction: 0, or the code of a trap; 254 where no module is loaded. */
export function begin(fuel: u64): u32 {
  if (codeCount == 0) return NOT_LOADED;
  return state.begin(<i64>min(fuel, <u64>1 << 60));
}

/** Runs one instruction: 255, or 0 where it was `halt`, or the code of a trap; 254 where no module is loaded. */
export function step(): u32 {
  if (codeCount == 0) return NOT_LOADED;
  return execute();
}

/** The instruction that comes next, counted from 0 over all functions. */
export function position(): u32 {
  return <u32>((state.ip - CODE) / DECODED_BYTES);
}

/** pc, the label of the control flow. */
export function contextLabel(): u32 {
  return state.pc;
}

export function openDepth(): u32 {
  return state.depth;
}

export function fuelLeft(): i64 {
  return state.fuelLeft;
}

/** 0 where what runs was charged before. */
export function isPaying(): u32 {
  return state.paying != 0 ? 1 : 0;
}

/** The first register of the open function, counted from the first of the main function; `frameAddress` + 16 × it is where it lies. */
export function frameStart(): u32 {
  return <u32>((state.frame - FRAMES) / REGISTER_BYTES);
}

/** By register 16 bytes: value i64, label u32, zero. */
export function frameAddress(): usize {
  return FRAMES;
}

/** By open block 16 bytes: pc before it u32, and what leads back. */
export function stackAddress(): usize {
  return STACK;
}

export function segmentLabelAddress(segment: u32): u32 {
  return segment < segmentCount ? load<u32>(SEGMENTS + segment * SEGMENT_BYTES, 8) : 0;
}

export function grantUses(grant: u32): u32 {
  return grant < grantCount ? load<u32>(GRANTS + grant * GRANT_BYTES, 32) : 0;
}
