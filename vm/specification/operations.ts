/** What each instruction that is no control does to registers, words and ports, and the rules that it keeps. */
import { limits, type Operand, roundings, type TrapName } from '../isa.ts';
import type { Module } from '../module.ts';
import { flows, handled, isPublic, join, type Label, unpack, within } from './set-label.ts';
import type { Step } from './syntax-tree.ts';
import { arithmetic, divide, fits, floorDivide, shifts } from './whole-number.ts';

export interface Word {
  readonly value: bigint;
  readonly label: Label;
}

const positions: readonly Operand[] = ['d', 'a', 'b', 'c'];
const nothing: ReadonlySet<number> = new Set();

/** A rule was broken. */
export class Stop {
  readonly at: number;
  readonly traps: readonly TrapName[];
  readonly label: Label;

  constructor(at: number, traps: readonly TrapName[], label: Label) {
    this.at = at;
    this.traps = traps;
    this.label = label;
  }
}

/** A function that runs: its registers, and what it gave back. */
export interface Frame {
  readonly registers: Word[];
  /** How many results it gives back. */
  readonly arity: number;
  results: readonly Word[];
}

export class Operations {
  readonly ports = new Map<number, bigint>();
  readonly audit: { instruction: number; grant: number }[] = [];
  readonly segments: readonly Word[][];
  private readonly module: Module;
  /** Of the module, by its bits. */
  private readonly labels = new Map<number, Label>();

  constructor(module: Module, inputs: readonly { segment: number; index: number; value: bigint }[]) {
    this.module = module;
    this.segments = module.segments.map(({ length, label }) =>
      Array.from({ length }, () => ({ value: 0n, label: this.unpacked(label) })),
    );
    for (const { segment, index, value } of inputs) {
      const words = this.segments[segment] ?? [];
      const word = words[index];
      if (word !== undefined) words[index] = { value, label: word.label };
    }
  }

  /** A label of the module, taken apart once. */
  unpacked(label: number): Label {
    const known = this.labels.get(label);
    if (known !== undefined) return known;
    const parts = unpack(label);
    this.labels.set(label, parts);
    return parts;
  }

  register(step: Step, frame: Frame, operand: Operand): Word {
    const word = frame.registers[step.word.registers[positions.indexOf(operand)] ?? -1];
    if (word === undefined)
      throw new Error(`no register ${operand}: the specification is for verified modules`);
    return word;
  }

  level(step: Step): Label {
    return this.unpacked(this.module.levels[step.word.level] ?? 0);
  }

  /** pc ⊔ I, without I's categories, which are a clearance. */
  context(step: Step, pc: Label): Label {
    return join(pc, { ...this.level(step), categories: nothing });
  }

  /** Where a rule is broken, the run stops; `label` is of what the rules were asked of. */
  must(step: Step, label: Label, ...rules: readonly (readonly [TrapName, boolean])[]): void {
    const broken = rules.filter(([, kept]) => !kept).map(([name]) => name);
    if (broken.length > 0) throw new Stop(step.at, broken, label);
  }

  checked(step: Step, label: Label): [TrapName, boolean][] {
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

  step(step: Step, frame: Frame, pc: Label): void {
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
        this.write(step, frame, { value: constant.value, label: join(this.unpacked(constant.label), e) });
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
          flows(label, this.unpacked(this.module.ports[step.word.index]?.label ?? 0)),
        ]);
        this.ports.set(step.word.index, a.value);
        return;
      case 'declassify':
      case 'endorse':
        this.release(step, frame, e, a);
        return;
      default:
        throw new Error(`${mnemonic} has no meaning in the specification`);
    }
  }

  private divide(step: Step, frame: Frame, label: Label, a: bigint, b: bigint): void {
    const rounding = roundings[step.word.index] ?? 'floor';
    const value = b === 0n ? 0n : divide(a, b, rounding);
    this.write(step, frame, { value, label }, ['division', b !== 0n], ['overflow', fits(value)]);
  }

  private lookUp(step: Step, frame: Frame, operands: Label, a: bigint): void {
    const table = this.module.tables[step.word.index];
    if (table === undefined) throw new Error('no such table: the specification is for verified modules');
    const label = join(this.unpacked(table.label), operands);
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
    const ceiling = this.unpacked(this.module.segments[step.word.index]?.ceiling ?? 0);
    this.must(step, join(before, old.label), ['upgrade', flows(before, old.label)]);
    this.must(step, label, ...this.checked(step, label), ['ceiling', flows(label, ceiling)]);
    words[Number(a.value)] = { value: b.value, label };
  }

  private release(step: Step, frame: Frame, e: Label, a: Word): void {
    const grant = this.module.grants[step.word.index];
    if (grant === undefined) throw new Error('no such grant: the specification is for verified modules');
    const from = this.unpacked(grant.from);
    const to = this.unpacked(grant.to);
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

function at<T>(items: readonly T[], index: bigint): T | undefined {
  return index >= 0n && index < BigInt(items.length) ? items[Number(index)] : undefined;
}
