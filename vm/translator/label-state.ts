/** What is known of labels at a place: bits that are set for certain, and bits that may be set (docs/TRANSLATOR.md). */
import { authorityBits, flowsTo } from '../label.ts';
import type { Interval } from './claims.ts';

/** Nothing is known. */
export const anything: Interval = [0, 0xffffffff];

export function exactly(label: number): Interval {
  return [label >>> 0, label >>> 0];
}

// An interval is read by its index all over: taken apart in a parameter it would be iterated over, which takes several times as long.
export function isExact(label: Interval): boolean {
  return label[0] === label[1];
}

export function join(...labels: readonly Interval[]): Interval {
  let low = 0;
  let high = 0;
  for (const label of labels) {
    low |= label[0];
    high |= label[1];
  }
  return [low >>> 0, high >>> 0];
}

/** Where two ways meet. */
export function meet(one: Interval, other: Interval): Interval {
  return [(one[0] & other[0]) >>> 0, (one[1] | other[1]) >>> 0];
}

export function isSame(one: Interval, other: Interval): boolean {
  return one[0] === other[0] && one[1] === other[1];
}

/** Bits of `bits` alone. */
export function mask(label: Interval, bits: number): Interval {
  return [(label[0] & bits) >>> 0, (label[1] & bits) >>> 0];
}

/** C ≤ A for certain, and none of the categories that may not be there. */
export function surelyAllowed(label: Interval, uncleared: Interval): boolean {
  const high = label[1];
  return (high & ((high << 24) | uncleared[1])) === 0;
}

export function surelyHandled(label: Interval): boolean {
  return surelyAllowed(label, exactly(0));
}

export function surelyFlows(label: Interval, limit: Interval): boolean {
  return flowsTo(label[1], limit[0]);
}

export function surelyPublic(label: Interval): boolean {
  return (label[1] & ~authorityBits) === 0;
}

export function surelySecret(label: Interval): boolean {
  return (label[0] & ~authorityBits) !== 0;
}

/** Of pc and every register of a function at one place. */
export class State {
  pc: Interval;
  readonly registers: Interval[];

  constructor(pc: Interval, registers: readonly Interval[]) {
    this.pc = pc;
    this.registers = registers.slice();
  }

  copy(): State {
    return new State(this.pc, this.registers);
  }

  label(register: number): Interval {
    return this.registers[register] ?? anything;
  }

  /** Every register of `writes`, a bit each, is at least `label` now. */
  raise(writes: number, label: Interval): void {
    for (let register = 0; register < this.registers.length; register++)
      if ((writes >>> register) & 1) this.registers[register] = join(this.label(register), label);
  }

  /** Whether anything was widened. */
  widen(other: State): boolean {
    let widened = false;
    const pc = meet(this.pc, other.pc);
    if (!isSame(pc, this.pc)) widened = true;
    this.pc = pc;
    for (let register = 0; register < this.registers.length; register++) {
      const met = meet(this.label(register), other.label(register));
      if (isSame(met, this.label(register))) continue;
      this.registers[register] = met;
      widened = true;
    }
    return widened;
  }
}
