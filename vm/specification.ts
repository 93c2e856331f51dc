/**
 * A second meaning for programs of the label machine: small, slow, and written from the rules
 * (docs/ISA.md, docs/LABEL-MACHINE.md), not from the interpreter. Labels are taken apart, branches are a
 * tree, fuel is a sum over that tree. What the interpreter does must agree with it, for every program.
 */
import { type Instruction, instructions, type Operand, type TrapName } from './isa.ts';
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
      readonly registers: readonly { readonly value: bigint; readonly label: number }[];
    }
  | {
      readonly ok: false;
      readonly instruction: number;
      /** Every rule that the instruction breaks. */
      readonly traps: readonly TrapName[];
      /** pc, below which no trap may be told. */
      readonly pc: number;
    };

interface Step {
  readonly kind: 'step' | 'if';
  readonly at: number;
  readonly word: CodeWord;
  readonly instruction: Instruction;
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
  readonly pc: Label;

  constructor(at: number, traps: readonly TrapName[], pc: Label) {
    this.at = at;
    this.traps = traps;
    this.pc = pc;
  }
}

function find(opcode: number): Instruction {
  const instruction = instructions.find((candidate) => candidate.opcode === opcode);
  if (instruction === undefined)
    throw new Error(`opcode ${opcode}: the specification is for verified modules`);
  return instruction;
}

/** Reads code into a tree, up to the `else` or `end` that closes what was open. */
function parse(code: readonly CodeWord[], from: number): { steps: Step[]; next: number; closedBy: string } {
  const steps: Step[] = [];
  let at = from;
  for (;;) {
    const word = code[at];
    if (word === undefined) return { steps, next: at, closedBy: 'nothing' };
    const instruction = find(word.opcode);
    const { mnemonic } = instruction;
    if (mnemonic === 'else' || mnemonic === 'end') return { steps, next: at + 1, closedBy: mnemonic };
    if (mnemonic !== 'if') {
      steps.push({ kind: 'step', at, word, instruction, arms: [] });
      at++;
      continue;
    }
    const first = parse(code, at + 1);
    const second = first.closedBy === 'else' ? parse(code, first.next) : { steps: [], next: first.next };
    steps.push({ kind: 'if', at, word, instruction, arms: [first.steps, second.steps] });
    at = second.next;
  }
}

function costOf(steps: readonly Step[]): number {
  return steps.reduce(
    (sum, step) =>
      sum + step.instruction.fuel + (step.kind === 'if' ? Math.max(...step.arms.map(costOf)) : 0),
    0,
  );
}

function writesOf(steps: readonly Step[]): number[] {
  return steps.flatMap((step) =>
    step.instruction.operands.includes('d') ? [step.word.registers[0]] : step.arms.flatMap(writesOf),
  );
}

const fits = (value: bigint): boolean => BigInt.asIntN(64, value) === value;

const arithmetic: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  eq: (a, b) => (a === b ? 1n : 0n),
  ne: (a, b) => (a !== b ? 1n : 0n),
  lt: (a, b) => (a < b ? 1n : 0n),
  le: (a, b) => (a <= b ? 1n : 0n),
  min: (a, b) => (a < b ? a : b),
};

class Run {
  private readonly module: Module;
  private readonly limit: bigint;
  private readonly registers: Word[];
  private readonly segments: Word[][];
  private readonly ports = new Map<number, bigint>();
  private readonly audit: { instruction: number; grant: number }[] = [];
  private fuel = 0n;

  constructor(
    module: Module,
    inputs: readonly { segment: number; index: number; value: bigint }[],
    limit: bigint,
  ) {
    this.module = module;
    this.limit = limit;
    this.registers = Array.from({ length: 32 }, () => ({ value: 0n, label: publicLabel }));
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
    try {
      this.block(parse(this.module.code, 0).steps, publicLabel);
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return { ok: false, instruction: stop.at, traps: stop.traps, pc: pack(stop.pc) };
    }
    const registers = this.registers.map(({ value, label }) => ({ value, label: pack(label) }));
    return { ok: true, ports: this.ports, fuelUsed: this.fuel, audit: this.audit, registers };
  }

  private block(steps: readonly Step[], pc: Label): void {
    for (const step of steps) {
      // Under a pc above public everything was paid for at the branch that raised it.
      if (isPublic(pc)) this.charge(step, step.instruction.fuel, pc);
      if (step.kind === 'if') this.branch(step, pc);
      else this.step(step, pc);
    }
  }

  private charge(step: Step, fuel: number, pc: Label): void {
    this.fuel += BigInt(fuel);
    if (this.fuel > this.limit) throw new Stop(step.at, ['fuel'], pc);
  }

  private register(step: Step, operand: Operand): Word {
    const position = ['d', 'a', 'b', 'c'].indexOf(operand);
    const word = this.registers[step.word.registers[position] ?? -1];
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

  private must(step: Step, pc: Label, ...rules: readonly (readonly [TrapName, boolean])[]): void {
    const broken = rules.filter(([, kept]) => !kept).map(([name]) => name);
    if (broken.length > 0) throw new Stop(step.at, broken, pc);
  }

  private checked(step: Step, label: Label): [TrapName, boolean][] {
    return [
      ['label', handled(label)],
      ['clearance', within(label.categories, this.level(step).categories)],
    ];
  }

  private branch(step: Step, pc: Label): void {
    const condition = this.register(step, 'a');
    const inside = join(this.context(step, pc), condition.label);
    const written = [...new Set(step.arms.flatMap(writesOf))];
    const raised = written.map((register) => join(this.registers[register]?.label ?? publicLabel, inside));
    this.must(step, pc, ...this.checked(step, inside), ['label', raised.every(handled)]);
    for (const [index, register] of written.entries()) {
      this.registers[register] = {
        value: this.registers[register]?.value ?? 0n,
        label: raised[index] ?? inside,
      };
    }
    if (isPublic(pc) && !isPublic(inside)) this.charge(step, Math.max(...step.arms.map(costOf)), inside);
    this.block(step.arms[condition.value !== 0n ? 0 : 1] ?? [], inside);
  }

  private write(
    step: Step,
    pc: Label,
    value: bigint,
    label: Label,
    ...rules: readonly (readonly [TrapName, boolean])[]
  ): void {
    this.must(step, pc, ...this.checked(step, label), ...rules);
    this.registers[step.word.registers[0]] = { value, label };
  }

  private step(step: Step, pc: Label): void {
    const e = this.context(step, pc);
    const { mnemonic } = step.instruction;
    const a = this.register(step, 'a');
    const b = this.register(step, 'b');
    const compute = arithmetic[mnemonic];
    if (compute !== undefined) {
      const value = compute(a.value, b.value);
      this.write(step, pc, value, join(a.label, b.label, e), ['overflow', fits(value)]);
      return;
    }
    switch (mnemonic) {
      case 'const': {
        const constant = this.module.constants[step.word.index] ?? { value: 0n, label: 0 };
        this.write(step, pc, constant.value, join(unpack(constant.label), e));
        return;
      }
      case 'mov':
        this.write(step, pc, a.value, join(a.label, e));
        return;
      case 'select': {
        const c = this.register(step, 'c');
        this.write(step, pc, a.value !== 0n ? b.value : c.value, join(a.label, b.label, c.label, e));
        return;
      }
      case 'load': {
        const words = this.segments[step.word.index] ?? [];
        const word = a.value >= 0n && a.value < BigInt(words.length) ? words[Number(a.value)] : undefined;
        this.must(step, pc, ['bounds', word !== undefined]);
        if (word !== undefined) this.write(step, pc, word.value, join(word.label, a.label, e));
        return;
      }
      case 'store':
        this.store(step, pc, e, a, b);
        return;
      case 'output': {
        const label = join(a.label, e);
        this.must(step, pc, ...this.checked(step, label), [
          'port',
          flows(label, unpack(this.module.ports[step.word.index] ?? 0)),
        ]);
        this.ports.set(step.word.index, a.value);
        return;
      }
      case 'declassify':
      case 'endorse':
        this.release(step, pc, e, a);
        return;
      case 'halt':
        return;
      default:
        throw new Error(`${mnemonic} has no meaning in the specification`);
    }
  }

  private store(step: Step, pc: Label, e: Label, a: Word, b: Word): void {
    const words = this.segments[step.word.index] ?? [];
    const old = a.value >= 0n && a.value < BigInt(words.length) ? words[Number(a.value)] : undefined;
    this.must(step, pc, ['bounds', old !== undefined]);
    const label = join(b.label, a.label, e);
    const ceiling = unpack(this.module.segments[step.word.index]?.ceiling ?? 0);
    this.must(
      step,
      pc,
      ['upgrade', old !== undefined && flows(join(a.label, e), old.label)],
      ...this.checked(step, label),
      ['ceiling', flows(label, ceiling)],
    );
    words[Number(a.value)] = { value: b.value, label };
  }

  private release(step: Step, pc: Label, e: Label, a: Word): void {
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
    this.write(
      step,
      pc,
      a.value,
      label,
      ['grant', isPublic(e) && e.authority >= least && flows(a.label, from) && this.audit.length < 64],
      ['range', a.value >= grant.least && a.value <= grant.most],
      ['clearance', within(a.label.categories, this.level(step).categories)],
    );
    this.audit.push({ instruction: step.at, grant: step.word.index });
  }
}

/** What a verified module means with these inputs: words not given are zero. */
export function specify(
  module: Module,
  inputs: readonly { readonly segment: number; readonly index: number; readonly value: bigint }[],
  fuel: bigint,
): Outcome {
  return new Run(module, inputs, fuel).outcome();
}
