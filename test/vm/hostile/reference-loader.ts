/**
 * What the loader must answer to a module: a second one, slow and plain, written from docs/ISA.md. It keeps the type
 * of each register by name, and nothing of what a run needs.
 */
import {
  type Instruction,
  instructions,
  limits,
  type Operand,
  operandByte,
  type RefusalName,
  roundings,
  type WordType,
} from '../../../vm/isa.ts';
import { type Declared, Refused, takeDeclarations } from './reference-sections.ts';

export interface Refusal {
  readonly refused: RefusalName;
  readonly offset: number;
}

/** Why and at which byte a module must be refused; `undefined` where it must be loaded. */
export function expectedRefusal(bytes: Uint8Array): Refusal | undefined {
  try {
    checkCode(bytes, takeDeclarations(bytes));
    return undefined;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { refused: error.refused, offset: error.offset };
  }
}

type Types = Map<number, WordType>;

/** What both ways agree on. */
function agreed(one: Types, two: Types): Types {
  return new Map([...one].filter(([register, type]) => two.get(register) === type));
}

interface Block {
  readonly kind: 'if' | 'loop';
  readonly before: Types;
  /** At the end of the first arm. */
  arm: Types | undefined;
  /** At each `while`. */
  readonly exits: Types[];
}

interface Checked {
  /** With all that it calls. */
  readonly registers: number;
  readonly depth: number;
}

interface Word {
  readonly instruction: Instruction;
  readonly registers: Readonly<Record<'d' | 'a' | 'b' | 'c', number>>;
  readonly index: number;
}

const byOpcode = new Map(instructions.map((instruction) => [instruction.opcode, instruction]));
const registerOperands = ['d', 'a', 'b', 'c'] as const;

function checkCode(bytes: Uint8Array, declared: Declared): void {
  const checked: Checked[] = [];
  const called = new Set<number>();
  const starts: number[] = [];
  let offset = declared.code;
  for (const [index, { count }] of declared.functions.entries()) {
    starts.push(offset);
    checked.push(new FunctionCheck(bytes, declared, checked, called, index).check(offset, count));
    offset += count * 8;
  }
  for (const [index, start] of starts.slice(0, -1).entries())
    if (!called.has(index)) throw new Refused('unreachable', start);
}

class FunctionCheck {
  private readonly bytes: Uint8Array;
  private readonly declared: Declared;
  private readonly earlier: readonly Checked[];
  private readonly called: Set<number>;
  private readonly own: number;
  private types: Types;
  private readonly open: Block[] = [];
  private registers: number;
  private calledRegisters = 0;
  private deepest = 0;
  private offset = 0;

  constructor(
    bytes: Uint8Array,
    declared: Declared,
    earlier: readonly Checked[],
    called: Set<number>,
    own: number,
  ) {
    this.bytes = bytes;
    this.declared = declared;
    this.earlier = earlier;
    this.called = called;
    this.own = own;
    const parameters = declared.functions[own]?.parameters ?? [];
    this.types = new Map(parameters.entries());
    this.registers = parameters.length;
  }

  check(first: number, count: number): Checked {
    const isMain = this.own === this.declared.functions.length - 1;
    for (let index = 0; index < count; index++) {
      this.offset = first + index * 8;
      const word = this.operands();
      this.tables(word);
      this.words(word);
      this.structure(word);
      const { mnemonic } = word.instruction;
      const ends = mnemonic === 'halt' || mnemonic === 'return';
      if (ends !== (index === count - 1)) this.refuse('last');
      if (ends && (mnemonic !== (isMain ? 'halt' : 'return') || this.open.length > 0)) this.refuse('last');
    }
    const registers = this.registers + this.calledRegisters;
    if (registers > limits.frames || this.deepest > limits.depth) this.refuse('depth');
    return { registers, depth: this.deepest };
  }

  private refuse(refused: RefusalName): never {
    throw new Refused(refused, this.offset);
  }

  /** Opcode, level, registers, index, in the order of their bytes. */
  private operands(): Word {
    const byte = (at: number): number => this.bytes[this.offset + at] ?? 0;
    const instruction = byOpcode.get(byte(0));
    if (instruction === undefined) return this.refuse('opcode');
    if (byte(1) >= this.declared.levels) this.refuse('level');
    const [d = 0, a = 0, b = 0, c = 0] = registerOperands.map((operand) => {
      const register = byte(operandByte[operand]);
      if (!instruction.operands.includes(operand)) return register === 0 ? 0 : this.refuse('operand');
      if (register >= limits.registers) this.refuse('operand');
      this.use(register, 1);
      return register;
    });
    const index = byte(6) + 256 * byte(7);
    const operand = instruction.operands.find((name) => operandByte[name] === 6);
    if (index >= (operand === undefined ? 1 : this.entries(operand))) this.refuse('operand');
    return { instruction, registers: { d, a, b, c }, index };
  }

  private entries(operand: Operand): number {
    if (operand === 'rounding') return roundings.length;
    const list = {
      constant: this.declared.constants,
      segment: this.declared.segments,
      table: this.declared.tables,
      function: this.declared.functions,
      grant: this.declared.grants,
      port: this.declared.ports,
    };
    return list[operand as keyof typeof list].length;
  }

  private use(register: number, count: number): void {
    this.registers = Math.max(this.registers, register + count);
  }

  /** What an instruction asks of the entry that it names. */
  private tables({ instruction: { mnemonic }, index }: Word): void {
    if (mnemonic === 'loop') {
      const { value, label, type } = this.at(this.declared.constants, index);
      const isPublic = label.secrecy === 0 && label.categories.length === 0;
      const isBound = value >= 1n && value <= BigInt(limits.loopBound);
      if (type !== 'number' || !isPublic || !isBound) this.refuse('bound');
    }
    if (mnemonic === 'find' && !this.at(this.declared.tables, index).sorted) this.refuse('table');
    if (mnemonic === 'declassify' || mnemonic === 'endorse')
      if (this.declared.grants[index] !== mnemonic) this.refuse('grantKind');
    if (mnemonic === 'call' && index >= this.own) this.refuse('call');
  }

  private at<T>(list: readonly T[], index: number): T {
    const item = list[index];
    if (item === undefined) throw new Error(`no entry ${index}, and none was asked for`);
    return item;
  }

  private take(register: number, ...accepted: readonly (WordType | undefined)[]): void {
    const type = this.types.get(register);
    if (type === undefined || !accepted.includes(type)) this.refuse('type');
  }

  private takeAll(first: number, types: readonly WordType[]): void {
    this.places(first, types);
    for (const [index, type] of types.entries()) this.take(first + index, type);
  }

  private setAll(first: number, types: readonly WordType[]): void {
    this.places(first, types);
    for (const [index, type] of types.entries()) this.types.set(first + index, type);
  }

  private places(first: number, types: readonly WordType[]): void {
    if (types.length === 0 ? first !== 0 : first + types.length > limits.registers) this.refuse('operand');
    this.use(first, types.length);
  }

  /** Types of operands and result. */
  private words({ instruction, registers: { d, a, b, c }, index }: Word): void {
    const { declared } = this;
    const any = ['number', 'symbol'] as const;
    switch (instruction.typing) {
      case 'none':
        break;
      case 'numbers':
        for (const [operand, register] of Object.entries({ a, b, c }))
          if (instruction.operands.includes(operand as Operand)) this.take(register, 'number');
        if (instruction.operands.includes('d')) this.types.set(d, 'number');
        break;
      case 'alike':
        this.take(a, ...any);
        this.take(b, this.types.get(a));
        this.types.set(d, 'number');
        break;
      case 'copy':
        this.take(a, ...any);
        this.types.set(d, this.types.get(a) ?? 'number');
        break;
      case 'select':
        this.take(a, 'number');
        this.take(b, ...any);
        this.take(c, this.types.get(b));
        this.types.set(d, this.types.get(b) ?? 'number');
        break;
      case 'constant':
        this.types.set(d, this.at(declared.constants, index).type);
        break;
      case 'load':
        this.take(a, 'number');
        this.types.set(d, this.at(declared.segments, index));
        break;
      case 'store':
        this.take(a, 'number');
        this.take(b, declared.segments[index]);
        break;
      case 'find':
        this.take(a, this.at(declared.tables, index).type);
        this.types.set(d, 'number');
        break;
      case 'entry':
        this.take(a, 'number');
        this.types.set(d, this.at(declared.tables, index).type);
        break;
      case 'output':
        this.take(a, declared.ports[index]);
        break;
      case 'call':
        this.takeAll(a, this.at(declared.functions, index).parameters);
        this.setAll(d, this.at(declared.functions, index).results);
        break;
      case 'return':
        this.takeAll(a, this.at(declared.functions, this.own).results);
        break;
    }
  }

  /** What opens, goes on, ends, and how deep. */
  private structure({ instruction: { mnemonic }, index }: Word): void {
    const block = this.open.at(-1);
    if (mnemonic === 'if' || mnemonic === 'loop') {
      if (this.open.length === limits.depth) this.refuse('depth');
      this.open.push({ kind: mnemonic, before: new Map(this.types), arm: undefined, exits: [] });
      this.deepest = Math.max(this.deepest, this.open.length);
    } else if (mnemonic === 'else') {
      if (block?.kind !== 'if' || block.arm !== undefined) this.refuse('structure');
      block.arm = this.types;
      this.types = new Map(block.before);
    } else if (mnemonic === 'while') {
      if (block?.kind !== 'loop') this.refuse('structure');
      block.exits.push(new Map(this.types));
    } else if (mnemonic === 'end') {
      if (block === undefined) this.refuse('structure');
      if (block.kind === 'loop') this.leaveLoop(block);
      else this.types = agreed(this.types, block.arm ?? block.before);
      this.open.pop();
    } else if (mnemonic === 'call') {
      const callee = this.at(this.earlier, index);
      this.called.add(index);
      this.calledRegisters = Math.max(this.calledRegisters, callee.registers);
      this.deepest = Math.max(this.deepest, this.open.length + 1 + callee.depth);
    }
  }

  private leaveLoop({ before, exits }: Block): void {
    const [first, ...others] = exits;
    if (first === undefined) this.refuse('unreachable');
    // The next round begins with what the first one began with.
    for (const [register, type] of before) if (this.types.get(register) !== type) this.refuse('type');
    this.types = others.reduce(agreed, first);
  }
}
