/**
 * A second meaning for programs of the label machine: small, slow, and written from the rules
 * (docs/ISA.md, docs/LABEL-MACHINE.md), not from the interpreter. Labels are taken apart, branches, loops
 * and calls are a tree, fuel is a sum over that tree. What the interpreter does must agree with it, for every program.
 */
import {
  type Instruction,
  instructions,
  limits,
  type Operand,
  type Rounding,
  roundings,
  type TrapName,
} from './isa.ts';
import { makeLabel, readLabel } from './label.ts';
import type { CodeWord, Module } from './module.ts';

interface Label {
  readonly secrecy: number;
  readonly authority: number;
  readonly categories: ReadonlySet<number>;
}

interface Word {
  readonly value: bigint;
  readonly label: Label;
}

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

interface Step {
  readonly kind: 'step' | 'if' | 'loop';
  readonly at: number;
  /** Of the `end` that closes it. */
  readonly end: number;
  readonly word: CodeWord;
  readonly instruction: Instruction;
  /** Of an `if` two, of a loop one. */
  readonly arms: readonly (readonly Step[])[];
}

const publicLabel: Label = { secrecy: 0, authority: 8, categories: new Set() };

function unpack(label: number): Label {
  const { secrecy, authority, categories } = readLabel(label);
  return { secrecy, authority, categories: new Set(categories) };
}

function pack(label: Label): number {
  return makeLabel({ ...label, categories: [...label.categories] });
}

function join(...labels: readonly Label[]): Label {
  return {
    secrecy: Math.max(...labels.map((label) => label.secrecy)),
    authority: Math.min(...labels.map((label) => label.authority)),
    categories: new Set(labels.flatMap((label) => [...label.categories])),
  };
}

function within(categories: ReadonlySet<number>, clearance: ReadonlySet<number>): boolean {
  return [...categories].every((category) => clearance.has(category));
}

function flows(low: Label, high: Label): boolean {
  return (
    low.secrecy <= high.secrecy && low.authority >= high.authority && within(low.categories, high.categories)
  );
}

function isPublic(label: Label): boolean {
  return label.secrecy === 0 && label.categories.size === 0;
}

const handled = (label: Label): boolean => label.secrecy <= label.authority;

class Stop {
  readonly at: number;
  readonly traps: readonly TrapName[];
  readonly label: Label;

  constructor(at: number, traps: readonly TrapName[], label: Label) {
    this.at = at;
    this.traps = traps;
    this.label = label;
  }
}

function find(opcode: number): Instruction {
  const instruction = instructions.find((candidate) => candidate.opcode === opcode);
  if (instruction === undefined)
    throw new Error(`opcode ${opcode}: the specification is for verified modules`);
  return instruction;
}

interface Parsed {
  readonly steps: readonly Step[];
  readonly next: number;
  readonly closedBy: string;
}

/** Reads code into a tree, up to the `else` or `end` that closes what was open; `first` is the number of code[0]. */
function parse(code: readonly CodeWord[], from: number, first: number): Parsed {
  const steps: Step[] = [];
  let at = from;
  for (;;) {
    const word = code[at];
    if (word === undefined) return { steps, next: at, closedBy: 'nothing' };
    const instruction = find(word.opcode);
    const { mnemonic } = instruction;
    if (mnemonic === 'else' || mnemonic === 'end') return { steps, next: at + 1, closedBy: mnemonic };
    if (mnemonic !== 'if' && mnemonic !== 'loop') {
      steps.push({ kind: 'step', at: first + at, end: first + at, word, instruction, arms: [] });
      at++;
      continue;
    }
    const body = parse(code, at + 1, first);
    const other = body.closedBy === 'else' ? parse(code, body.next, first) : { steps: [], next: body.next };
    const arms = mnemonic === 'loop' ? [body.steps] : [body.steps, other.steps];
    steps.push({ kind: mnemonic, at: first + at, end: first + other.next - 1, word, instruction, arms });
    at = other.next;
  }
}

const fits = (value: bigint): boolean => BigInt.asIntN(64, value) === value;

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** The whole number that a ÷ b is rounded to. */
function divide(a: bigint, b: bigint, rounding: Rounding): bigint {
  const below = floorDivide(a, b);
  if (below * b === a) return below;
  const nearZero = below < 0n ? below + 1n : below;
  const farFromZero = below < 0n ? below : below + 1n;
  const twice = 2n * absolute(a - nearZero * b);
  const half = twice === absolute(b) ? 'tie' : twice > absolute(b) ? 'far' : 'near';
  switch (rounding) {
    case 'floor':
      return below;
    case 'ceiling':
      return below + 1n;
    case 'down':
      return nearZero;
    case 'up':
      return farFromZero;
    case 'half_up':
      return half === 'near' ? nearZero : farFromZero;
    case 'half_even':
      if (half === 'tie') return nearZero % 2n === 0n ? nearZero : farFromZero;
      return half === 'near' ? nearZero : farFromZero;
  }
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

const arithmetic: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => -a - 1n,
  eq: (a, b) => (a === b ? 1n : 0n),
  ne: (a, b) => (a !== b ? 1n : 0n),
  lt: (a, b) => (a < b ? 1n : 0n),
  le: (a, b) => (a <= b ? 1n : 0n),
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a > b ? a : b),
};

/** By from 0 to 63. */
const shifts: Readonly<Record<string, (a: bigint, by: bigint) => bigint>> = {
  shl: (a, by) => signed(a << by),
  shr: (a, by) => signed(unsigned(a) >> by),
  sar: (a, by) => a >> by,
  rotl: (a, by) => signed((unsigned(a) << by) | (unsigned(a) >> (64n - by))),
};

/** A function that runs: its registers, and what it gave back. */
interface Frame {
  readonly registers: Word[];
  results: readonly Word[];
}

class Run {
  private readonly module: Module;
  private readonly limit: bigint;
  private readonly bodies: readonly (readonly Step[])[];
  private readonly segments: Word[][];
  private readonly ports = new Map<number, bigint>();
  private readonly audit: { instruction: number; grant: number }[] = [];
  private readonly charges: ReadonlyMap<number, number>;
  private fuel = 0n;

  constructor(
    module: Module,
    inputs: readonly { segment: number; index: number; value: bigint }[],
    limit: bigint,
  ) {
    this.module = module;
    this.limit = limit;
    let first = 0;
    this.bodies = module.functions.map(({ code }) => {
      const { steps } = parse(code, 0, first);
      first += code.length;
      return steps;
    });
    this.charges = this.blocks();
    this.segments = module.segments.map(({ length, label }) =>
      Array.from({ length }, () => ({ value: 0n, label: unpack(label) })),
    );
    for (const { segment, index, value } of inputs) {
      const words = this.segments[segment] ?? [];
      const word = words[index];
      if (word !== undefined) words[index] = { value, label: word.label };
    }
  }

  outcome(): Outcome {
    const main = this.module.functions.length - 1;
    const authority = unpack(this.module.functions[main]?.authority ?? 0);
    const frame: Frame = { registers: newRegisters(authority), results: [] };
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
      ports: this.ports,
      fuelUsed: this.fuel,
      audit: this.audit,
      registers: frame.registers.map(show),
      words: this.segments.map((words) => words.map(show)),
    };
  }

  // Fuel

  private fuelOf({ instruction, word }: Step): number {
    if (instruction.mnemonic !== 'find') return instruction.fuel;
    const count = this.module.tables[word.index]?.entries.length ?? 0;
    return instruction.fuel + count.toString(2).length;
  }

  /** By the first instruction of each block, what the block is charged. */
  private blocks(): Map<number, number> {
    const charges = new Map<number, number>();
    let first = 0;
    for (const { code } of this.module.functions) {
      let from = first;
      let sum = 0;
      for (const [index, word] of code.entries()) {
        const at = first + index;
        const instruction = find(word.opcode);
        sum += this.fuelOf({ kind: 'step', at, end: at, word, instruction, arms: [] });
        if (!blockEnds.has(instruction.mnemonic)) continue;
        charges.set(from, sum);
        from = at + 1;
        sum = 0;
      }
      first += code.length;
    }
    return charges;
  }

  /** Of the dearest way through. */
  private dearest(steps: readonly Step[]): bigint {
    return steps.reduce((sum, step) => sum + BigInt(this.fuelOf(step)) + this.dearestInside(step), 0n);
  }

  private dearestInside(step: Step): bigint {
    const arms = step.arms.map((arm) => this.dearest(arm));
    if (step.kind === 'loop') return (this.bound(step) + 1n) * (arms[0] ?? 0n);
    if (step.kind === 'if') return arms.reduce((most, arm) => (arm > most ? arm : most), 0n);
    return step.instruction.mnemonic === 'call' ? this.dearest(this.bodies[step.word.index] ?? []) : 0n;
  }

  private bound(loop: Step): bigint {
    return this.module.constants[loop.word.index]?.value ?? 0n;
  }

  private charge(at: number, fuel: bigint, pc: Label): void {
    this.fuel += fuel;
    if (this.fuel > this.limit) throw new Stop(at, ['fuel'], pc);
  }

  /** The block that begins at `at`; under a pc above public it was paid for at what raised pc. */
  private chargeBlock(at: number, pc: Label): void {
    if (isPublic(pc)) this.charge(at, BigInt(this.charges.get(at) ?? 0), pc);
  }

  // Control

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
    else this.step(step, frame, pc);
  }

  /** pc with the condition's label; what may be written under it is raised to it. */
  private enter(step: Step, inside: readonly Step[], frame: Frame, pc: Label): Label {
    const raisedPc = join(this.context(step, pc), this.register(step, frame, 'a').label);
    const written = [...new Set(this.writesOf(inside))];
    const raised = written.map((register) => join(frame.registers[register]?.label ?? publicLabel, raisedPc));
    this.must(step, raisedPc, ...this.checked(step, raisedPc), ['label', raised.every(handled)]);
    for (const [index, register] of written.entries()) {
      const value = frame.registers[register]?.value ?? 0n;
      frame.registers[register] = { value, label: raised[index] ?? raisedPc };
    }
    return raisedPc;
  }

  private branch(step: Step, frame: Frame, pc: Label): void {
    const inside = this.enter(step, step.arms.flat(), frame, pc);
    if (isPublic(pc) && !isPublic(inside)) this.charge(step.at, this.dearestInside(step), inside);
    const taken = this.register(step, frame, 'a').value !== 0n;
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
          const left = (this.bound(step) - rounds) * this.dearest(body);
          this.charge(inner.at, this.dearest(body.slice(index + 1)) + left, raised);
        }
        pc = raised;
        if (this.register(inner, frame, 'a').value === 0n) {
          this.chargeBlock(step.end + 1, before);
          return;
        }
        this.chargeBlock(inner.at + 1, pc);
      }
      if (rounds === this.bound(step)) throw new Stop(step.end, ['bound'], pc);
    }
  }

  private call(step: Step, frame: Frame, pc: Label): void {
    const callee = this.module.functions[step.word.index];
    if (callee === undefined) throw new Error('no such function: the specification is for verified modules');
    const e = this.context(step, pc);
    const inside = join(e, unpack(callee.authority));
    const [d, a] = step.word.registers;
    const inner: Frame = { registers: newRegisters(inside), results: [] };
    for (let index = 0; index < callee.parameters.length; index++) {
      const argument = frame.registers[a + index] ?? { value: 0n, label: publicLabel };
      const label = join(argument.label, inside);
      this.must(step, label, ...this.checked(step, label));
      inner.registers[index] = { value: argument.value, label };
    }
    this.must(step, inside, ['label', handled(inside)]);
    if (isPublic(pc) && !isPublic(inside)) this.charge(step.at, this.dearestInside(step), inside);
    const cleared = this.level(step).categories;
    this.cleared.push(cleared);
    this.body(step.word.index, inner, inside);
    this.cleared.pop();
    for (const [index, result] of inner.results.entries()) frame.registers[d + index] = result;
    this.chargeBlock(step.at + 1, pc);
  }

  /** Of the open calls: what each is cleared for. */
  private readonly cleared: ReadonlySet<number>[] = [];

  private giveBack(step: Step, frame: Frame, pc: Label, results: number): void {
    const e = this.context(step, pc);
    const own = this.level(step).categories;
    const caller = this.cleared.at(-1) ?? new Set<number>();
    const words: Word[] = [];
    for (let index = 0; index < results; index++) {
      const word = frame.registers[step.word.registers[1] + index] ?? { value: 0n, label: publicLabel };
      const label = join(word.label, e);
      const isCleared = within(label.categories, own) && within(label.categories, caller);
      this.must(step, label, ['label', handled(label)], ['clearance', isCleared]);
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

  // Instructions

  private register(step: Step, frame: Frame, operand: Operand): Word {
    const position = ['d', 'a', 'b', 'c'].indexOf(operand);
    const word = frame.registers[step.word.registers[position] ?? -1];
    if (word === undefined)
      throw new Error(`no register ${operand}: the specification is for verified modules`);
    return word;
  }

  private level(step: Step): Label {
    return unpack(this.module.levels[step.word.level] ?? 0);
  }

  /** pc ⊔ I, without I's categories, which are a clearance. */
  private context(step: Step, pc: Label): Label {
    return join(pc, { ...this.level(step), categories: new Set() });
  }

  /** Where a rule is broken, the run stops; `label` is of what the rules were asked of. */
  private must(step: Step, label: Label, ...rules: readonly (readonly [TrapName, boolean])[]): void {
    const broken = rules.filter(([, kept]) => !kept).map(([name]) => name);
    if (broken.length > 0) throw new Stop(step.at, broken, label);
  }

  private checked(step: Step, label: Label): [TrapName, boolean][] {
    return [
      ['label', handled(label)],
      ['clearance', within(label.categories, this.level(step).categories)],
    ];
  }

  private write(
    step: Step,
    frame: Frame,
    word: Word,
    ...rules: readonly (readonly [TrapName, boolean])[]
  ): void {
    this.must(step, word.label, ...this.checked(step, word.label), ...rules);
    frame.registers[step.word.registers[0]] = word;
  }

  private step(step: Step, frame: Frame, pc: Label): void {
    const e = this.context(step, pc);
    const { mnemonic, operands } = step.instruction;
    const a = this.register(step, frame, 'a');
    const b = this.register(step, frame, 'b');
    const c = this.register(step, frame, 'c');
    const read = operands.flatMap((operand) =>
      operand === 'a' ? [a.label] : operand === 'b' ? [b.label] : operand === 'c' ? [c.label] : [],
    );
    const label = join(...read, e);
    const compute = arithmetic[mnemonic];
    if (compute !== undefined) {
      const value = compute(a.value, b.value);
      this.write(step, frame, { value, label }, ['overflow', fits(value)]);
      return;
    }
    const shift = shifts[mnemonic];
    if (shift !== undefined) {
      const isShift = b.value >= 0n && b.value <= 63n;
      const value = isShift ? shift(a.value, b.value) : 0n;
      this.write(step, frame, { value, label }, ['shift', isShift]);
      return;
    }
    switch (mnemonic) {
      case 'const': {
        const constant = this.module.constants[step.word.index] ?? { value: 0n, label: 0 };
        this.write(step, frame, { value: constant.value, label: join(unpack(constant.label), e) });
        return;
      }
      case 'mov':
        this.write(step, frame, { value: a.value, label });
        return;
      case 'select':
        this.write(step, frame, { value: a.value !== 0n ? b.value : c.value, label });
        return;
      case 'div':
        this.divide(step, frame, label, a.value, b.value);
        return;
      case 'muldiv':
        this.divide(step, frame, label, a.value * b.value, c.value);
        return;
      case 'rem': {
        const value = b.value === 0n ? 0n : a.value - b.value * floorDivide(a.value, b.value);
        this.write(step, frame, { value, label }, ['division', b.value !== 0n]);
        return;
      }
      case 'find':
      case 'entry':
        this.lookUp(step, frame, label, a.value);
        return;
      case 'load': {
        const words = this.segments[step.word.index] ?? [];
        const word = at(words, a.value);
        this.must(step, label, ['bounds', word !== undefined]);
        if (word !== undefined)
          this.write(step, frame, { value: word.value, label: join(word.label, label) });
        return;
      }
      case 'store':
        this.store(step, e, a, b);
        return;
      case 'output':
        this.must(step, label, ...this.checked(step, label), [
          'port',
          flows(label, unpack(this.module.ports[step.word.index]?.label ?? 0)),
        ]);
        this.ports.set(step.word.index, a.value);
        return;
      case 'declassify':
      case 'endorse':
        this.release(step, frame, e, a);
        return;
      case 'return':
        this.giveBack(step, frame, pc, this.resultsAt(step.at));
        return;
      case 'halt':
        return;
      default:
        throw new Error(`${mnemonic} has no meaning in the specification`);
    }
  }

  /** Of the function that the instruction is in. */
  private resultsAt(instruction: number): number {
    let first = 0;
    for (const { code, results } of this.module.functions) {
      first += code.length;
      if (instruction < first) return results.length;
    }
    throw new Error(`no function has instruction ${instruction}`);
  }

  private divide(step: Step, frame: Frame, label: Label, a: bigint, b: bigint): void {
    const rounding = roundings[step.word.index] ?? 'floor';
    const value = b === 0n ? 0n : divide(a, b, rounding);
    this.write(step, frame, { value, label }, ['division', b !== 0n], ['overflow', fits(value)]);
  }

  private lookUp(step: Step, frame: Frame, operands: Label, a: bigint): void {
    const table = this.module.tables[step.word.index];
    if (table === undefined) throw new Error('no such table: the specification is for verified modules');
    const label = join(unpack(table.label), operands);
    const found =
      step.instruction.mnemonic === 'find' ? BigInt(table.entries.indexOf(a)) : at(table.entries, a);
    this.write(step, frame, { value: found ?? 0n, label }, ['bounds', found !== undefined]);
  }

  private store(step: Step, e: Label, a: Word, b: Word): void {
    const words = this.segments[step.word.index] ?? [];
    const old = at(words, a.value);
    const before = join(a.label, e);
    this.must(step, before, ['bounds', old !== undefined]);
    if (old === undefined) return;
    const label = join(b.label, before);
    const ceiling = unpack(this.module.segments[step.word.index]?.ceiling ?? 0);
    this.must(step, join(before, old.label), ['upgrade', flows(before, old.label)]);
    this.must(step, label, ...this.checked(step, label), ['ceiling', flows(label, ceiling)]);
    words[Number(a.value)] = { value: b.value, label };
  }

  private release(step: Step, frame: Frame, e: Label, a: Word): void {
    const grant = this.module.grants[step.word.index];
    if (grant === undefined) throw new Error('no such grant: the specification is for verified modules');
    const from = unpack(grant.from);
    const to = unpack(grant.to);
    const lowers = grant.kind === 'declassify';
    const least = lowers ? from.authority : to.authority;
    const operands = join(a.label, e);
    const label = lowers
      ? { ...to, authority: operands.authority }
      : { ...operands, authority: to.authority };
    const used = this.audit.filter((entry) => entry.grant === step.word.index).length;
    const isCovered = isPublic(e) && e.authority >= least && flows(a.label, from) && used < grant.uses;
    this.must(
      step,
      operands,
      ...this.checked(step, label),
      ['grant', isCovered && this.audit.length < limits.audit],
      ['range', a.value >= grant.least && a.value <= grant.most],
      ['clearance', within(a.label.categories, this.level(step).categories)],
    );
    frame.registers[step.word.registers[0]] = { value: a.value, label };
    this.audit.push({ instruction: step.at, grant: step.word.index });
  }
}

/** A block of code ends with these. */
const blockEnds = new Set(['if', 'else', 'loop', 'while', 'end', 'call', 'return', 'halt']);

function at<T>(items: readonly T[], index: bigint): T | undefined {
  return index >= 0n && index < BigInt(items.length) ? items[Number(index)] : undefined;
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
