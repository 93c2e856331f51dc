/** The locals of a function's version, and how labels are read and set in it (docs/TRANSLATOR.md, templates). */

import { type TrapName, traps } from '../isa.ts';
import { authorityBits } from '../label.ts';
import type { ElidedCheck, Elision, Interval } from './claims.ts';
import type { Entry } from './inference.ts';
import {
  anything,
  exactly,
  isExact,
  join,
  State,
  surelyAllowed,
  surelyFlows,
  surelyHandled,
  surelyPublic,
  surelySecret,
} from './label-state.ts';
import type { Body } from './program-tree.ts';
import { Code, type ValueType } from './wasm.ts';

const secretBits: number = ~authorityBits >>> 0;

/** A label that code can put on the stack. */
export interface Label {
  readonly known: Interval;
  /** Where it is when it is not exact. */
  readonly local: number;
}

/** Where the runtime has what code calls, and where it is in memory. */
export interface RuntimePlaces {
  readonly functionCount: number;
  functionIndex(name: string): number;
  globalIndex(name: string): number;
  address(name: string): number;
}

export interface FrameOptions {
  readonly body: Body;
  /** Of the proven version; undefined for the tagged one, which knows nothing. */
  readonly entry: Entry | undefined;
  readonly before: ReadonlyMap<number, State>;
  readonly runtime: RuntimePlaces;
  readonly masked: number;
  readonly pcDynamic: boolean;
}

export class Frame {
  readonly code = new Code();
  readonly parameters: ValueType[] = [];
  readonly locals: ValueType[] = [];
  readonly elided: Elision[] = [];
  /** What was read that is not exact: what has to be masked. */
  neededMask = 0;
  neededPc = false;
  readonly proven: boolean;
  readonly body: Body;
  readonly options: FrameOptions;
  readonly fuel: number;
  readonly scratch: number;
  readonly label: number;
  readonly old: number;
  readonly status: number;
  readonly uncleared: number;
  private readonly values: number[] = [];
  private readonly labels: number[] = [];
  private readonly saved: number[] = [];
  private readonly rounds: number[] = [];
  private readonly pc: number;
  private readonly nothingKnown: State;

  constructor(options: FrameOptions) {
    this.options = options;
    this.body = options.body;
    const { body, entry, masked, pcDynamic } = options;
    this.proven = entry !== undefined;
    this.nothingKnown = new State(anything, []);
    const parameter = (type: ValueType): number => this.parameters.push(type) - 1;
    const count = body.function.parameters.length;
    let pc = isGiven(entry?.pc) ? parameter('i32') : -1;
    this.uncleared = isGiven(entry?.uncleared) ? parameter('i32') : -1;
    for (let r = 0; r < count; r++) this.values[r] = parameter('i64');
    for (let r = 0; r < count; r++) if (isGiven(entry?.parameters[r])) this.labels[r] = parameter('i32');
    const local = (type: ValueType): number => this.parameters.length + this.locals.push(type) - 1;
    for (let r = count; r < body.registers; r++) this.values[r] = local('i64');
    this.fuel = local('i64');
    this.scratch = local('i64');
    this.label = local('i32');
    this.old = local('i32');
    this.status = local('i32');
    if (pc < 0 && pcDynamic) pc = local('i32');
    this.pc = pc;
    for (let r = 0; r < body.registers; r++) if ((masked >>> r) & 1) this.labels[r] ??= local('i32');
    for (let k = 0; k < body.depth; k++) this.saved[k] = local('i32');
    for (let k = 0; k < body.depth; k++) this.rounds[k] = local('i32');
  }

  value(register: number): number {
    return this.values[register] ?? 0;
  }

  savedPc(depth: number): number {
    return this.saved[depth] ?? 0;
  }

  roundsOf(depth: number): number {
    return this.rounds[depth] ?? 0;
  }

  isMasked(register: number): boolean {
    return ((this.options.masked >>> register) & 1) === 1;
  }

  stateAt(at: number): State {
    return this.options.before.get(at) ?? this.nothingKnown;
  }

  /** The label of a register before the instruction at `at`. */
  labelOf(at: number, register: number): Label {
    const known = this.proven ? this.stateAt(at).label(register) : anything;
    return { known, local: -1 - register };
  }

  pcLabel(known: Interval): Label {
    return { known: this.proven ? known : anything, local: pcPlace };
  }

  pcAt(at: number): Label {
    return this.pcLabel(this.stateAt(at).pc);
  }

  /** Puts the label on the stack. */
  push({ known, local }: Label): void {
    if (isExact(known)) {
      this.code.i32(known[0]);
      return;
    }
    if (local === pcPlace) {
      this.neededPc = true;
      this.code.get(Math.max(this.pc, 0));
    } else if (local < 0) {
      const register = -1 - local;
      this.neededMask = (this.neededMask | (1 << register)) >>> 0;
      this.code.get(this.labels[register] ?? 0);
    } else this.code.get(local);
  }

  /** What is known of labels that are joined: in a tagged version nothing. */
  known(...labels: readonly Label[]): Interval {
    if (!this.proven) return anything;
    let all = exactly(0);
    for (const label of labels) all = join(all, label.known);
    return all;
  }

  /** The label of an instruction: computed into `label` where it is not exact. */
  compute(exact: number, parts: readonly Label[]): Label {
    const known = this.known(constant(exact), ...parts);
    const result = { known, local: this.label };
    if (isExact(known)) return result;
    let bits = exact;
    for (const part of parts) if (isExact(part.known)) bits |= part.known[0];
    this.code.i32(bits >>> 0);
    for (const part of parts) {
      if (isExact(part.known)) continue;
      this.push(part);
      this.code.op('i32.or');
    }
    this.code.set(this.label);
    return result;
  }

  /** The join of two labels, into a local where it is not exact. */
  joinInto(local: number, one: Label, other: Label): Label {
    const result = { known: this.known(one, other), local };
    if (isExact(result.known)) return result;
    this.pushJoin(one, other);
    this.code.set(local);
    return result;
  }

  pushJoin(one: Label, other: Label): void {
    const known = this.known(one, other);
    if (isExact(known)) {
      this.code.i32(known[0]);
      return;
    }
    this.push(one);
    this.push(other);
    this.code.op('i32.or');
  }

  /** After the value, which is on the stack. */
  write(register: number, label: Label): void {
    this.code.set(this.value(register));
    this.setLabel(register, () => this.push(label));
  }

  setLabel(register: number, push: () => void): void {
    if (!this.isMasked(register)) return;
    push();
    this.code.set(this.labels[register] ?? 0);
  }

  hasLabelParameter(register: number): boolean {
    return (this.labels[register] ?? this.parameters.length) < this.parameters.length;
  }

  setPc(label: Label): void {
    if (!this.options.pcDynamic) return;
    this.push(label);
    this.code.set(this.pc);
  }

  hasPcParameter(): boolean {
    return this.pc >= 0 && this.pc < this.parameters.length;
  }

  // Traps and checks

  trap(name: TrapName, at: number, pushLabel: () => void): void {
    this.code.i32(traps[name].code).i32(at);
    pushLabel();
    this.call('stop').op('return');
  }

  /** Leaves out a check that surely passes, and says so. */
  private elides(passes: boolean, check: ElidedCheck, at: number, high: number): boolean {
    if (!passes || !this.proven) return false;
    this.elided.push([at, check, high]);
    return true;
  }

  /** C ≤ A, and no category that is not cleared. `more`: what the call of this function was not cleared for. */
  check(label: Label, uncleared: number, at: number, more: Interval = exactly(0)): void {
    const { code } = this;
    const all = join(exactly(uncleared), more);
    if (this.elides(surelyAllowed(label.known, all), 'allowed', at, label.known[1])) return;
    this.push(label);
    this.push(label);
    code.i32(24).op('i32.shl');
    if (isExact(more)) code.i32(all[0]);
    else code.i32(uncleared).get(this.uncleared).op('i32.or');
    code.op('i32.or').op('i32.and').op('if').i32(at);
    this.push(label);
    this.call('stopUnallowed').op('return').op('end');
  }

  isSurelyHandled(known: Interval): boolean {
    return this.proven && surelyHandled(known);
  }

  handled(label: Label, check: 'handled' | 'raise', at: number): void {
    if (this.elides(surelyHandled(label.known), check, at, label.known[1])) return;
    this.push(label);
    this.push(label);
    this.code.i32(24).op('i32.shl').op('i32.and').op('if');
    this.trap('label', at, () => this.push(label));
    this.code.op('end');
  }

  flows(
    label: Label,
    limit: Label,
    check: 'upgrade' | 'ceiling' | 'port',
    at: number,
    pushTrapLabel: () => void,
  ): void {
    if (this.elides(surelyFlows(label.known, limit.known), check, at, label.known[1])) return;
    this.push(label);
    this.push(limit);
    this.code.i32(-1).op('i32.xor').op('i32.and').op('if');
    this.trap(check, at, pushTrapLabel);
    this.code.op('end');
  }

  // Fuel

  /** Whether it is charged with its region. */
  isSurelyPublic(pc: Label): boolean {
    return this.proven && surelyPublic(pc.known);
  }

  /** A block that is not charged with its region. */
  charge(fuel: bigint, pc: Label, at: number): void {
    if (!this.isSurelyPublic(pc)) this.chargeHere(fuel, pc, at);
  }

  chargeHere(fuel: bigint, pc: Label, at: number): void {
    if (fuel === 0n || surelySecret(pc.known)) return;
    const { code } = this;
    code.get(this.fuel);
    if (surelyPublic(pc.known)) code.i64(fuel);
    else {
      code.i64(0n).i64(fuel);
      this.push(pc);
      code.i32(secretBits).op('i32.and').op('select');
    }
    code.op('i64.sub').set(this.fuel);
    this.trapWithoutFuel(at, pc);
  }

  chargeRegion(fuel: bigint): void {
    if (fuel > 0n) this.code.get(this.fuel).i64(fuel).op('i64.sub').set(this.fuel);
  }

  /** After a loop: its first region once more than its last. */
  chargeRounds(rounds: number, first: bigint, last: bigint): void {
    if (first + last === 0n) return;
    const { code, fuel } = this;
    code
      .get(fuel)
      .get(rounds)
      .op('i64.extend_i32_u')
      .i64(first + last);
    code.op('i64.mul').op('i64.sub').i64(first).op('i64.sub').set(fuel);
  }

  /** Where pc goes above public from `before` to `after`: what may run until it is public again, at once. */
  chargeDearest(pushCost: () => void, before: Label, after: Label, at: number): void {
    if (surelySecret(before.known) || surelyPublic(after.known)) return;
    const { code } = this;
    code.get(this.fuel);
    pushCost();
    if (!surelyPublic(before.known) || !surelySecret(after.known)) {
      code.i64(0n);
      this.push(before);
      code.i32(secretBits).op('i32.and').op('i32.eqz');
      this.push(after);
      code.i32(secretBits).op('i32.and').i32(0).op('i32.ne').op('i32.and').op('select');
    }
    code.op('i64.sub').set(this.fuel);
    this.trapWithoutFuel(at, after);
  }

  private trapWithoutFuel(at: number, label: Label): void {
    if (this.proven) return;
    this.code.get(this.fuel).i64(0n).op('i64.lt_s').op('if');
    this.trap('fuel', at, () => this.push(label));
    this.code.op('end');
  }

  call(name: string): Code {
    return this.code.call(this.options.runtime.functionIndex(name));
  }

  global(name: string): number {
    return this.options.runtime.globalIndex(name);
  }
}

/** Whether a version is given the label as a parameter: it is not known before. */
export function isGiven(label: Interval | undefined): boolean {
  return label === undefined || !isExact(label);
}

/** Stands for the local of pc. */
const pcPlace = -1000;

export function constant(label: number): Label {
  return { known: exactly(label), local: 0 };
}
