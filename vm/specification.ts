/**
 * A second meaning for programs of the label machine: small, slow, and written from the rules
 * (docs/ISA.md, docs/LABEL-MACHINE.md), not from the interpreter. Labels are taken apart, branches, loops
 * and calls are a tree, fuel is a sum over that tree. What the interpreter does must agree with it, for every program.
 */
import { limits, type TrapName } from './isa.ts';
import type { Module } from './module.ts';
import { FuelTable } from './specification/fuel-table.ts';
import { type Frame, Operations, Stop, type Word } from './specification/operations.ts';
import {
  handled,
  isPublic,
  join,
  type Label,
  pack,
  publicLabel,
  unpack,
  within,
} from './specification/set-label.ts';
import { parseBodies, type Step } from './specification/syntax-tree.ts';

export type Outcome =
  | {
      readonly ok: true;
      readonly ports: ReadonlyMap<number, bigint>;
      readonly fuelUsed: bigint;
      readonly audit: readonly { readonly instruction: number; readonly grant: number }[];
      /** Of the main function. */
      readonly registers: readonly { readonly value: bigint; readonly label: number }[];
      readonly words: readonly (readonly { readonly value: bigint; readonly label: number }[])[];
    }
  | {
      readonly ok: false;
      /** Counted from 0 over all functions. */
      readonly instruction: number;
      /** Every rule that the instruction breaks. */
      readonly traps: readonly TrapName[];
      /** pc and what the instruction went by: who is not cleared for it may not be told which trap it was. */
      readonly label: number;
    };

class Run {
  private readonly module: Module;
  private readonly limit: bigint;
  private readonly bodies: readonly (readonly Step[])[];
  private readonly operations: Operations;
  private readonly table: FuelTable;
  private fuel = 0n;

  constructor(
    module: Module,
    inputs: readonly { segment: number; index: number; value: bigint }[],
    limit: bigint,
  ) {
    this.module = module;
    this.limit = limit;
    this.bodies = parseBodies(module);
    this.operations = new Operations(module, inputs);
    this.table = new FuelTable(module, this.bodies);
  }

  outcome(): Outcome {
    const main = this.module.functions.length - 1;
    const authority = unpack(this.module.functions[main]?.authority ?? 0);
    const frame: Frame = { registers: newRegisters(authority), arity: 0, results: [] };
    try {
      this.body(main, frame, authority);
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return { ok: false, instruction: stop.at, traps: stop.traps, label: pack(stop.label) };
    }
    const show = ({ value, label }: Word): { value: bigint; label: number } => ({
      value,
      label: pack(label),
    });
    return {
      ok: true,
      ports: this.operations.ports,
      fuelUsed: this.fuel,
      audit: this.operations.audit,
      registers: frame.registers.map(show),
      words: this.operations.segments.map((words) => words.map(show)),
    };
  }

  private charge(at: number, fuel: bigint, pc: Label): void {
    this.fuel += fuel;
    if (this.fuel > this.limit) throw new Stop(at, ['fuel'], pc);
  }

  /** The block that begins at `at`; under a pc above public it was paid for at what raised pc. */
  private chargeBlock(at: number, pc: Label): void {
    if (isPublic(pc)) this.charge(at, this.table.block(at), pc);
  }

  private body(index: number, frame: Frame, pc: Label): void {
    const steps = this.bodies[index] ?? [];
    this.chargeBlock(steps[0]?.at ?? 0, pc);
    this.block(steps, frame, pc);
  }

  private block(steps: readonly Step[], frame: Frame, pc: Label): void {
    for (const step of steps) this.one(step, frame, pc);
  }

  private one(step: Step, frame: Frame, pc: Label): void {
    if (step.kind === 'loop') this.loop(step, frame, pc);
    else if (step.kind === 'if') this.branch(step, frame, pc);
    else if (step.instruction.mnemonic === 'call') this.call(step, frame, pc);
    else if (step.instruction.mnemonic === 'return') this.giveBack(step, frame, pc);
    else if (step.instruction.mnemonic !== 'halt') this.operations.step(step, frame, pc);
  }

  /** pc with the condition's label; what may be written under it is raised to it. */
  private enter(step: Step, inside: readonly Step[], frame: Frame, pc: Label): Label {
    const raisedPc = join(
      this.operations.context(step, pc),
      this.operations.register(step, frame, 'a').label,
    );
    const written = [...new Set(this.writesOf(inside))];
    const raised = written.map((register) => join(frame.registers[register]?.label ?? publicLabel, raisedPc));
    this.operations.must(step, raisedPc, ...this.operations.checked(step, raisedPc), [
      'label',
      raised.every(handled),
    ]);
    for (const [index, register] of written.entries()) {
      const value = frame.registers[register]?.value ?? 0n;
      frame.registers[register] = { value, label: raised[index] ?? raisedPc };
    }
    return raisedPc;
  }

  private branch(step: Step, frame: Frame, pc: Label): void {
    const inside = this.enter(step, step.arms.flat(), frame, pc);
    if (isPublic(pc) && !isPublic(inside)) this.charge(step.at, this.table.dearestInside(step), inside);
    const taken = this.operations.register(step, frame, 'a').value !== 0n;
    const first = step.arms[0]?.at(-1)?.end ?? step.at;
    // The second arm begins after `else`; without one, `end` is next, and gives pc back.
    if (taken) this.chargeBlock(step.at + 1, inside);
    else if (this.hasElse(step, first)) this.chargeBlock(first + 2, inside);
    this.block(step.arms[taken ? 0 : 1] ?? [], frame, inside);
    this.chargeBlock(step.end + 1, pc);
  }

  private hasElse(step: Step, lastOfFirstArm: number): boolean {
    return (step.arms[1]?.length ?? 0) > 0 || step.end !== lastOfFirstArm + 1;
  }

  private loop(step: Step, frame: Frame, before: Label): void {
    const body = step.arms[0] ?? [];
    let pc = before;
    for (let rounds = 0n; ; rounds++) {
      this.chargeBlock(step.at + 1, pc);
      for (const [index, inner] of body.entries()) {
        if (inner.instruction.mnemonic !== 'while') {
          this.one(inner, frame, pc);
          continue;
        }
        const raised = this.enter(inner, body, frame, pc);
        if (isPublic(pc) && !isPublic(raised)) {
          const left = (this.table.bound(step) - rounds) * this.table.dearest(body);
          this.charge(inner.at, this.table.dearest(body.slice(index + 1)) + left, raised);
        }
        pc = raised;
        if (this.operations.register(inner, frame, 'a').value === 0n) {
          this.chargeBlock(step.end + 1, before);
          return;
        }
        this.chargeBlock(inner.at + 1, pc);
      }
      if (rounds === this.table.bound(step)) throw new Stop(step.end, ['bound'], pc);
    }
  }

  private call(step: Step, frame: Frame, pc: Label): void {
    const callee = this.module.functions[step.word.index];
    if (callee === undefined) throw new Error('no such function: the specification is for verified modules');
    const e = this.operations.context(step, pc);
    const inside = join(e, this.operations.unpacked(callee.authority));
    const [d, a] = step.word.registers;
    const inner: Frame = { registers: newRegisters(inside), arity: callee.results.length, results: [] };
    for (let index = 0; index < callee.parameters.length; index++) {
      const argument = frame.registers[a + index] ?? { value: 0n, label: publicLabel };
      const label = join(argument.label, inside);
      this.operations.must(step, label, ...this.operations.checked(step, label));
      inner.registers[index] = { value: argument.value, label };
    }
    this.operations.must(step, inside, ['label', handled(inside)]);
    if (isPublic(pc) && !isPublic(inside)) this.charge(step.at, this.table.dearestInside(step), inside);
    const cleared = this.operations.level(step).categories;
    this.cleared.push(cleared);
    this.body(step.word.index, inner, inside);
    this.cleared.pop();
    for (const [index, result] of inner.results.entries()) frame.registers[d + index] = result;
    this.chargeBlock(step.at + 1, pc);
  }

  /** Of the open calls: what each is cleared for. */
  private readonly cleared: ReadonlySet<number>[] = [];

  private giveBack(step: Step, frame: Frame, pc: Label): void {
    const e = this.operations.context(step, pc);
    const own = this.operations.level(step).categories;
    const caller = this.cleared.at(-1) ?? new Set<number>();
    const words: Word[] = [];
    for (let index = 0; index < frame.arity; index++) {
      const word = frame.registers[step.word.registers[1] + index] ?? { value: 0n, label: publicLabel };
      const label = join(word.label, e);
      const isCleared = within(label.categories, own) && within(label.categories, caller);
      this.operations.must(step, label, ['label', handled(label)], ['clearance', isCleared]);
      words.push({ value: word.value, label });
    }
    frame.results = words;
  }

  private writesOf(steps: readonly Step[]): number[] {
    return steps.flatMap((step) => {
      const [d] = step.word.registers;
      if (step.kind !== 'step') return step.arms.flatMap((arm) => this.writesOf(arm));
      if (step.instruction.mnemonic === 'call') {
        const results = this.module.functions[step.word.index]?.results.length ?? 0;
        return Array.from({ length: results }, (_, index) => d + index);
      }
      return step.instruction.operands.includes('d') ? [d] : [];
    });
  }
}

/** As a function begins: zeros, with the label of the pc that it begins under. */
function newRegisters(label: Label): Word[] {
  return Array.from({ length: limits.registers }, () => ({ value: 0n, label }));
}

/** What a verified module means with these inputs: words not given are zero. */
export function specify(
  module: Module,
  inputs: readonly { readonly segment: number; readonly index: number; readonly value: bigint }[],
  fuel: bigint,
): Outcome {
  return new Run(module, inputs, fuel).outcome();
}
