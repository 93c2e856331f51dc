/** What is known of labels at a place of a proven version (docs/TRANSLATOR.md): for the checker. */
import type { Interval } from './claims.ts';

export const anything: Interval = [0, 0xffffffff];

export function exactly(label: number): Interval {
  return [label >>> 0, label >>> 0];
}

export function isExact([low, high]: Interval): boolean {
  return low === high;
}

export function join([low1, high1]: Interval, [low2, high2]: Interval): Interval {
  return [(low1 | low2) >>> 0, (high1 | high2) >>> 0];
}

/** Where two ways meet. */
export function meet([low1, high1]: Interval, [low2, high2]: Interval): Interval {
  return [(low1 & low2) >>> 0, (high1 | high2) >>> 0];
}

export function isSame([low1, high1]: Interval, [low2, high2]: Interval): boolean {
  return low1 === low2 && high1 === high2;
}

/** Secrecy and categories. */
export const secretBits = 0xffffff00;

export function surelyPublic([, high]: Interval): boolean {
  return (high & secretBits) === 0;
}

export function surelySecret([low]: Interval): boolean {
  return (low & secretBits) !== 0;
}

/** Of pc and of every register. */
export interface State {
  readonly pc: Interval;
  readonly registers: readonly Interval[];
}

export function meetStates(one: State, other: State): State {
  return {
    pc: meet(one.pc, other.pc),
    registers: one.registers.map((label, register) => meet(label, other.registers[register] ?? anything)),
  };
}

export function isSameState(one: State, other: State): boolean {
  return (
    isSame(one.pc, other.pc) &&
    one.registers.length === other.registers.length &&
    one.registers.every((label, register) => isSame(label, other.registers[register] ?? anything))
  );
}
