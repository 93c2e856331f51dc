/** What is known of labels at a place of a proven version (docs/TRANSLATOR.md): for the checker. */
import type { Interval } from './claims.ts';

export const anything: Interval = [0, 0xffffffff];

export function exactly(label: number): Interval {
  return [label >>> 0, label >>> 0];
}

// By index: to take an interval apart in a parameter is to iterate over it, which takes several times as long.
export function isExact(label: Interval): boolean {
  return label[0] === label[1];
}

export function join(one: Interval, other: Interval): Interval {
  return [(one[0] | other[0]) >>> 0, (one[1] | other[1]) >>> 0];
}

/** Where two ways meet. */
export function meet(one: Interval, other: Interval): Interval {
  return [(one[0] & other[0]) >>> 0, (one[1] | other[1]) >>> 0];
}

export function isSame(one: Interval, other: Interval): boolean {
  return one[0] === other[0] && one[1] === other[1];
}

/** Secrecy and categories. */
export const secretBits = 0xffffff00;

export function surelyPublic(label: Interval): boolean {
  return (label[1] & secretBits) === 0;
}

export function surelySecret(label: Interval): boolean {
  return (label[0] & secretBits) !== 0;
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
