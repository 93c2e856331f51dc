/** What all instructions of a function have in common (docs/TRANSLATOR.md, Templates): labels, their checks, and fuel. */
import { type TrapName, traps } from '../isa.ts';
import type { CodeMatch } from './check-code.ts';
import { type CheckedFunction, type CheckedProgram, type Entry, signatureOf } from './check-program.ts';
import {
  anything,
  exactly,
  isExact,
  join,
  type State,
  secretBits,
  surelyPublic,
  surelySecret,
} from './check-state.ts';
import { Refusal } from './check-wasm.ts';
import type { ElidedCheck, Interval, ProvenFunction } from './claims.ts';

/** A label that is wanted in code: a constant where it is known, else in a local, which may be a register's or pc's. */
export interface Label {
  readonly known: Interval;
  readonly local: number | undefined;
  readonly of: number | 'pc' | 'computed';
}

/** How a tagged version may be called: with anything. */
export function anyEntry(parameters: number): Entry {
  return {
    pc: anything,
    uncleared: anything,
    parameters: Array.from({ length: parameters }, () => anything),
  };
}

export class Frame {
  readonly program: CheckedProgram;
  readonly body: CheckedFunction;
  readonly index: number;
  /** `undefined` in the tagged version, of which nothing is known. */
  readonly claim: ProvenFunction | undefined;
  readonly code: CodeMatch;
  readonly entry: Entry;
  /** The instruction that is looked at. */
  at: number;
  state: State;
  /** Registers whose label is read while it is not exact, and whether pc is. */
  private masked = 0;
  private pcDynamic = false;
  private elided = 0;

  readonly fuel: number;
  readonly wide: number;
  readonly label: number;
  readonly old: number;
  readonly status: number;
  readonly uncleared: number | undefined;
  private readonly pcLocal: number | undefined;
  private readonly values: readonly number[];
  private readonly labels: readonly (number | undefined)[];
  /** By nesting. */
  readonly outer: readonly number[];
  readonly rounds: readonly number[];
  private readonly longs: number;
  private readonly shorts: number;

  constructor(program: CheckedProgram, index: number, claim: ProvenFunction | undefined, code: CodeMatch) {
    const body = program.functions[index];
    if (body === undefined) throw new Error(`invariant broken: there is no function ${index}`);
    this.program = program;
    this.body = body;
    this.index = index;
    this.claim = claim;
    this.code = code;
    const parameters = body.body.parameters.length;
    this.entry = claim ?? anyEntry(parameters);
    this.at = body.first;
    const labelOf = (register: number): Interval => this.entry.parameters[register] ?? this.entry.pc;
    const registers = Array.from({ length: body.registers }, (_, register) => register);
    this.state = { pc: this.entry.pc, registers: registers.map(labelOf) };

    const signature = signatureOf(this.entry);
    let next = signature.count;
    this.values = registers.map((register) => (register < parameters ? signature.values + register : next++));
    this.fuel = next++;
    this.wide = next++;
    this.longs = next - signature.count;
    this.label = next++;
    this.old = next++;
    this.status = next++;
    this.uncleared = signature.uncleared;
    const isDynamic = claim === undefined || claim.pcDynamic;
    this.pcLocal = isDynamic ? (signature.pc ?? next++) : undefined;
    this.labels = registers.map((register) =>
      this.isMasked(register) ? (signature.labels[register] ?? next++) : undefined,
    );
    this.outer = Array.from({ length: body.depth }, () => next++);
    this.rounds = Array.from({ length: body.depth }, () => next++);
    this.shorts = next - signature.count - this.longs;
  }

  /** How many locals there are, the parameters aside. */
  locals(): void {
    this.code.raw([2]).unsigned(this.longs).raw([0x7e]).unsigned(this.shorts).raw([0x7f]);
  }

  unproven(why: string): Refusal {
    const place = { function: this.index, instruction: this.at };
    return new Refusal('claim_unproven', `function ${this.index}, instruction ${this.at}: ${why}`, place);
  }

  /** That `masked`, `pcDynamic` and `elided` say what was found, and no more. */
  settle(): void {
    if (this.claim === undefined || !this.code.compares) return;
    if (this.masked !== this.claim.masked >>> 0)
      throw this.unproven(`\`masked\` is ${this.claim.masked}: ${this.masked} is accepted`);
    if (this.pcDynamic !== this.claim.pcDynamic) throw this.unproven('`pcDynamic` is not what it is to be');
    if (this.elided !== this.claim.elided.length) throw this.unproven('`elided` has a check that is made');
  }

  // Labels

  /** In a tagged version nothing is known. */
  known(label: Interval): Interval {
    return this.claim === undefined ? anything : label;
  }

  isMasked(register: number): boolean {
    return this.claim === undefined || ((this.claim.masked >>> register) & 1) === 1;
  }

  value(register: number): number {
    const local = this.values[register];
    if (local === undefined) throw new Error(`invariant broken: there is no register ${register}`);
    return local;
  }

  register(register: number): Label {
    return {
      known: this.state.registers[register] ?? anything,
      local: this.labels[register],
      of: register,
    };
  }

  pc(): Label {
    return { known: this.state.pc, local: this.pcLocal, of: 'pc' };
  }

  computed(known: Interval, local: number): Label {
    return { known: this.known(known), local, of: 'computed' };
  }

  read({ known, local, of }: Label): void {
    if (isExact(known)) {
      this.code.i32(known[0]);
      return;
    }
    if (!this.code.compares) return;
    if (of === 'pc') this.pcDynamic = true;
    else if (of !== 'computed') this.masked = (this.masked | (1 << of)) >>> 0;
    if (local === undefined) throw this.unproven(`the label of ${of === 'pc' ? of : `r${of}`} is not kept`);
    this.code.get(local);
  }

  /** The join of labels, computed into `local` where it is not exact. */
  joined(labels: readonly Label[], local: number): Label {
    const label = this.computed(
      labels.reduce((all, { known }) => join(all, known), exactly(0)),
      local,
    );
    if (isExact(label.known)) return label;
    for (const [place, part] of labels.entries()) {
      this.read(part);
      if (place > 0) this.code.op('i32.or');
    }
    this.code.set(local);
    return label;
  }

  /** The label of an instruction: of `fixed`, pc and what it reads. */
  labelOf(fixed: number, parts: readonly Label[]): Label {
    const constant = parts.reduce((all, { known }) => (isExact(known) ? all | known[0] : all), fixed);
    const dynamic = parts.filter(({ known }) => !isExact(known));
    const first: Label = { known: exactly(constant), local: undefined, of: 'computed' };
    return this.joined([first, ...dynamic], this.label);
  }

  setRegister(register: number, label: Interval): void {
    const registers = this.state.registers.map((before, index) => (index === register ? label : before));
    this.state = { pc: this.state.pc, registers };
  }

  /** d, with its value on the stack. */
  write(register: number, label: Label): void {
    this.code.set(this.value(register));
    this.writeLabel(register, label);
  }

  writeLabel(register: number, label: Label): void {
    this.setRegister(register, label.known);
    const local = this.labels[register];
    if (local === undefined) return;
    this.read(label);
    this.code.set(local);
  }

  /** The label of a result of a call, which the runtime has in a global where it is not exact. */
  takeLabel(register: number, known: Interval, global: number): void {
    this.setRegister(register, known);
    const local = this.labels[register];
    if (local === undefined) return;
    if (isExact(known)) this.code.i32(known[0]);
    else this.code.getGlobal(global);
    this.code.set(local);
  }

  /** pc from here on. */
  writePc(label: Label): void {
    this.state = { ...this.state, pc: label.known };
    if (this.pcLocal === undefined) return;
    this.read(label);
    this.code.set(this.pcLocal);
  }

  /** First of all, after the fuel was taken over: labels that are no parameters. */
  begin(): void {
    const signature = signatureOf(this.entry);
    for (const [register, local] of this.labels.entries()) {
      if (local === undefined || signature.labels[register] !== undefined) continue;
      const { parameters } = this.body.body;
      const label = register < parameters.length ? this.register(register) : this.entryPc();
      this.read(label);
      this.code.set(local);
    }
    if (this.pcLocal !== undefined && signature.pc === undefined) this.writePc(this.entryPc());
  }

  private entryPc(): Label {
    return { known: this.entry.pc, local: signatureOf(this.entry).pc, of: 'computed' };
  }

  // Traps and checks

  trap(trap: TrapName, label: () => void, at = this.at): void {
    this.code.i32(traps[trap].code).i32(at);
    label();
    this.code.call(this.program.runtime.index('stop')).op('return');
  }

  /** Notes that a check is left out, or that it is not: then it is to be made. */
  isElided(check: ElidedCheck, [, high]: Interval, surely: boolean): boolean {
    if (!surely || this.claim === undefined) return false;
    if (!this.code.compares) return true;
    const entry = this.claim.elided[this.elided];
    if (entry === undefined || entry[0] !== this.at || entry[1] !== check || entry[2] !== high)
      throw this.unproven(`\`elided\` has not [${this.at}, ${check}, ${high}] as its entry ${this.elided}`);
    this.elided++;
    return true;
  }

  /** C ≤ A, and of categories none of `uncleared`; `ofCall` those that the call of the function is not cleared for. */
  check(label: Label, uncleared: number, ofCall?: Label): void {
    const all = join(exactly(uncleared), ofCall?.known ?? exactly(0));
    const [, high] = label.known;
    if (this.isElided('allowed', label.known, (high & ((high << 24) | all[1])) === 0)) return;
    this.read(label);
    this.read(label);
    this.code.i32(24).op('i32.shl');
    if (ofCall === undefined || isExact(ofCall.known)) this.code.i32(all[0]);
    else {
      this.code.i32(uncleared);
      this.read(ofCall);
      this.code.op('i32.or');
    }
    this.code.op('i32.or', 'i32.and', 'if').i32(this.at);
    this.read(label);
    this.code.call(this.program.runtime.index('stopUnallowed')).op('return', 'end');
  }

  handled(label: Label, check: 'handled' | 'raise'): void {
    const [, high] = label.known;
    if (this.isElided(check, label.known, (high & (high << 24)) === 0)) return;
    this.read(label);
    this.read(label);
    this.code.i32(24).op('i32.shl', 'i32.and', 'if');
    this.trap('label', () => this.read(label));
    this.code.op('end');
  }

  /** A register's label under a pc that is raised, computed where it is kept or has to be checked. */
  raise(before: Label, by: Label, raised: Label): void {
    const isHandled = (raised.known[1] & (raised.known[1] << 24)) === 0;
    if (!isExact(raised.known) && (before.local !== undefined || !isHandled)) {
      if (isHandled && !isExact(before.known)) this.code.get(before.local ?? 0);
      else this.read(before);
      this.read(by);
      this.code.op('i32.or').set(this.old);
    }
    this.handled(raised, 'raise');
  }

  flows(from: Label, to: Label, trap: 'upgrade' | 'ceiling' | 'port', label: () => void): void {
    if (this.isElided(trap, from.known, (from.known[1] & ~to.known[0]) === 0)) return;
    this.read(from);
    this.read(to);
    this.code.i32(-1).op('i32.xor', 'i32.and', 'if');
    this.trap(trap, label);
    this.code.op('end');
  }

  // Fuel

  /** Whether blocks under `pc` are charged with their region, and not where they begin. */
  isDeferred(pc: Label): boolean {
    return this.claim !== undefined && surelyPublic(pc.known);
  }

  /** The block that begins at `at`, under the pc that it begins with, unless it is charged with its region. */
  charge(at: number): void {
    if (!this.isDeferred(this.pc())) this.chargeHere(at, this.pc());
  }

  chargeHere(at: number, pc: Label): void {
    const fuel = this.program.fuel.block(at);
    if (fuel === 0n || surelySecret(pc.known)) return;
    this.code.get(this.fuel);
    if (surelyPublic(pc.known)) this.code.i64(fuel);
    else {
      this.code.i64(0n).i64(fuel);
      this.read(pc);
      this.code.i32(secretBits).op('i32.and', 'select');
    }
    this.code.op('i64.sub').set(this.fuel);
    this.exhausted(pc, at);
  }

  /** Where pc goes from public to above public: `cost` puts it on the stack. */
  chargeDearest(cost: () => void, pc: Label, raised: Label): void {
    if (surelySecret(pc.known) || surelyPublic(raised.known)) return;
    this.code.get(this.fuel);
    cost();
    if (!surelyPublic(pc.known) || !surelySecret(raised.known)) {
      this.code.i64(0n);
      this.read(pc);
      this.code.i32(secretBits).op('i32.and', 'i32.eqz');
      this.read(raised);
      this.code.i32(secretBits).op('i32.and').i32(0).op('i32.ne', 'i32.and', 'select');
    }
    this.code.op('i64.sub').set(this.fuel);
    this.exhausted(raised, this.at);
  }

  private exhausted(label: Label, at: number): void {
    if (this.claim !== undefined) return;
    this.code.get(this.fuel).i64(0n).op('i64.lt_s', 'if');
    this.trap('fuel', () => this.read(label), at);
    this.code.op('end');
  }
}
