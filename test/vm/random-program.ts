/**
 * Generated programs for the machine's tests: verified, and aimed at every rule from both sides. They go from naive, where
 * statements are thrown together, to by execution (Hriţcu et al., "Testing Noninterference, Quickly", 4.3): a statement
 * on which the program so far would trap is mostly thrown away again, so that programs get deep.
 */
import { instructions, roundings, type WordType } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import type { CodeWord, FunctionBody, Module } from '../../vm/module.ts';
import { packSymbol } from '../../vm/symbol.ts';

/** Small and repeatable (mulberry32): a program is named by its seed. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  below(count: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

const label = (secrecy: number, authority: number, ...categories: number[]): number =>
  makeLabel({ secrecy, authority, categories });

const symbol = (text: string): bigint => {
  const word = packSymbol(text);
  if (word === undefined) throw new Error(`${text} is no symbol`);
  return word;
};

/** The first level handles everything; the others each lack something. */
const levels = [label(0, 8, 1, 2), label(0, 8), label(0, 6, 1, 2), label(0, 2, 1), label(2, 8, 1, 2)];

const number = (value: bigint, of: number): Module['constants'][number] => ({
  type: 'number',
  value,
  label: of,
});

const constants: Module['constants'] = [
  number(0n, label(0, 8)),
  number(1n, label(0, 8)),
  number(2n, label(0, 8)),
  number(3n, label(0, 6)),
  number(-1n, label(0, 8)),
  number(1n, label(3, 8)),
  number(2n, label(0, 2)),
  number(2n ** 63n - 1n, label(0, 8)),
  number(-(2n ** 63n), label(0, 8)),
  number(5n, label(4, 8, 1)),
  number(63n, label(0, 8)),
  { type: 'symbol', value: symbol('USD'), label: label(0, 8) },
  { type: 'symbol', value: symbol('EUR'), label: label(0, 8) },
  { type: 'symbol', value: symbol('CHF'), label: label(4, 8, 2) },
  number(-3n, label(0, 8)),
];
const numberConstants = constants.flatMap(({ type }, index) => (type === 'number' ? [index] : []));
const symbolConstants = constants.flatMap(({ type }, index) => (type === 'symbol' ? [index] : []));
/** Bounds of loops: 1, 2, 3. */
const bounds = [1, 2, 3];

const segments: Module['segments'] = [
  { type: 'number', length: 4, label: label(0, 8), ceiling: label(0, 8) },
  { type: 'number', length: 4, label: label(4, 8, 1), ceiling: label(4, 6, 1) },
  { type: 'number', length: 3, label: label(0, 8), ceiling: label(8, 8, 1, 2) },
  { type: 'number', length: 2, label: label(0, 2), ceiling: label(0, 2) },
  { type: 'number', length: 2, label: label(2, 8, 2), ceiling: label(4, 6, 1, 2) },
  { type: 'number', length: 2, label: label(0, 8, 2), ceiling: label(0, 8, 2) },
  { type: 'symbol', length: 2, label: label(0, 8), ceiling: label(4, 6, 1) },
  { type: 'symbol', length: 2, label: label(4, 8, 2), ceiling: label(4, 6, 1, 2) },
];

const tables: Module['tables'] = [
  { type: 'number', label: label(0, 8), sorted: true, entries: [-1n, 0n, 1n, 2n, 4n] },
  { type: 'number', label: label(4, 8, 1), sorted: true, entries: [1n, 3n] },
  { type: 'number', label: label(0, 6), sorted: false, entries: [2n ** 62n, 0n, -3n, 7n] },
  { type: 'symbol', label: label(2, 8), sorted: true, entries: ['CHF', 'EUR', 'USD'].map(symbol) },
];

const ports: Module['ports'] = [
  { type: 'number', label: label(0, 8) },
  { type: 'number', label: label(0, 6) },
  { type: 'number', label: label(4, 6, 1) },
  { type: 'number', label: label(8, 8, 1, 2) },
  { type: 'number', label: label(0, 8, 2) },
  { type: 'number', label: label(0, 0) },
  { type: 'symbol', label: label(4, 6, 1, 2) },
  { type: 'symbol', label: label(0, 6) },
];

const grants: Module['grants'] = [
  { kind: 'declassify', from: label(4, 6, 1), to: label(0, 6), least: 0n, most: 1n, uses: 2 },
  { kind: 'endorse', from: label(0, 2), to: label(0, 6), least: 0n, most: 9n, uses: 3 },
  { kind: 'declassify', from: label(2, 6, 2), to: label(0, 6, 2), least: -1n, most: 4n, uses: 1 },
  { kind: 'endorse', from: label(2, 2, 2), to: label(2, 6, 2), least: 0n, most: 4n, uses: 2 },
];

/** Numbers are in r0 to r7, symbols in r8 to r10; above are addresses and counters. */
const numberRegisters = 8;
const symbolRegisters = [8, 9, 10] as const;
const scratch = 31;
const counters = 20;

const binary = [
  'add',
  'sub',
  'mul',
  'rem',
  'and',
  'or',
  'xor',
  'shl',
  'shr',
  'sar',
  'rotl',
  'min',
  'max',
] as const;
const comparisons = ['eq', 'ne', 'lt', 'le'] as const;

export interface GenerationOptions {
  readonly seed: number;
  /** Without them noninterference holds outright. */
  readonly releases: boolean;
  /** Generation by execution: whether the program so far runs without a trap. */
  readonly runs?: (module: Module) => boolean;
}

export function randomProgram(options: GenerationOptions): Module {
  const dice = new Dice(options.seed);
  const functions: FunctionBody[] = [];
  for (let count = dice.below(3); count > 0; count--)
    functions.push(randomFunction(dice, functions, options.releases));
  const code: CodeWord[] = [];
  const writer = new CodeWriter(dice, code, functions, options.releases);
  writer.prologue([]);
  const authority = dice.below(6) === 0 ? label(0, 6) : 0;
  const ending: CodeWord[] = [];
  new CodeWriter(new Dice(0), ending, functions, false).ending();
  const moduleOf = (): Module => {
    const main = { authority, parameters: [], results: [], code: [...code, ...ending] };
    return { levels, constants, segments, tables, ports, grants, functions: [...functions, main] };
  };
  for (let count = 4 + dice.below(14); count > 0; count--) {
    const before = code.length;
    writer.statement(0);
    if (options.runs !== undefined && dice.below(10) !== 0 && !options.runs(moduleOf())) code.length = before;
  }
  return moduleOf();
}

function randomFunction(dice: Dice, earlier: readonly FunctionBody[], releases: boolean): FunctionBody {
  // By position, so that the registers around a call keep their types from one round of a loop to the next.
  const types: readonly WordType[] = ['number', 'symbol', 'number'];
  const parameters = types.slice(0, dice.below(4));
  const results = types.slice(0, dice.below(3));
  const code: CodeWord[] = [];
  const writer = new CodeWriter(dice, code, earlier, releases);
  writer.prologue(parameters);
  for (let count = 1 + dice.below(4); count > 0; count--) writer.statement(1);
  writer.giveBack(results);
  const authority = dice.below(4) === 0 ? dice.pick([label(0, 6), label(0, 2), label(0, 4)]) : 0;
  return { authority, parameters, results, code };
}

const opcodes = new Map(instructions.map(({ mnemonic, opcode }) => [mnemonic, opcode]));

class CodeWriter {
  private readonly dice: Dice;
  private readonly code: CodeWord[];
  private readonly functions: readonly FunctionBody[];
  private readonly releases: boolean;

  constructor(dice: Dice, code: CodeWord[], functions: readonly FunctionBody[], releases: boolean) {
    this.dice = dice;
    this.code = code;
    this.functions = functions;
    this.releases = releases;
  }

  private emit(
    mnemonic: string,
    registers: [number, number, number, number],
    index = 0,
    // Mostly the level that handles everything, so that programs get somewhere.
    level = this.dice.below(30) === 0 ? this.dice.below(levels.length) : 0,
  ): void {
    const opcode = opcodes.get(mnemonic);
    if (opcode === undefined) throw new Error(`no instruction ${mnemonic}`);
    this.code.push({ opcode, level, registers, index });
  }

  /** For what looks at more than its result: one in eight lacks something. */
  private anyLevel(): number {
    return this.dice.below(8) === 0 ? this.dice.below(levels.length) : 0;
  }

  private any(): number {
    return this.dice.below(numberRegisters);
  }

  private anySymbol(): number {
    return this.dice.pick(symbolRegisters);
  }

  private constant(register: number, index: number): void {
    this.emit('const', [register, 0, 0, 0], index);
  }

  /** Sets every register that a statement may read; parameters come in r0, r1, … and are moved where their type is kept. */
  prologue(parameters: readonly WordType[]): void {
    const isNumber = (register: number): boolean => parameters[register] === 'number';
    for (const [register, type] of parameters.entries()) {
      if (type === 'symbol') this.emit('mov', [symbolRegisters[register] ?? 8, register, 0, 0]);
    }
    for (let register = 0; register < numberRegisters; register++) {
      if (!isNumber(register)) this.constant(register, this.dice.pick([0, 1, 2, 2, 14]));
    }
    for (const [index, register] of symbolRegisters.entries()) {
      if (parameters[index] !== 'symbol') this.constant(register, this.dice.pick([11, 12]));
    }
  }

  giveBack(results: readonly WordType[]): void {
    for (const [index, type] of results.entries())
      this.emit('mov', [24 + index, type === 'symbol' ? this.anySymbol() : this.any(), 0, 0]);
    this.emit('return', [0, results.length === 0 ? 0 : 24, 0, 0]);
  }

  call(index: number): void {
    const callee = this.functions[index];
    if (callee === undefined) return;
    const { parameters, results } = callee;
    for (const [at, type] of parameters.entries())
      this.emit('mov', [24 + at, type === 'symbol' ? this.anySymbol() : this.any(), 0, 0]);
    const d = results.length === 0 ? 0 : 28;
    // The last level is a secret one: what is called on it is charged at once.
    const level = this.dice.pick([0, 0, 0, 0, 0, 0, 1, 2, levels.length - 1, levels.length - 1]);
    this.emit('call', [d, parameters.length === 0 ? 0 : 24, 0, 0], index, level);
    for (const [at, type] of results.entries())
      this.emit('mov', [type === 'symbol' ? this.anySymbol() : this.any(), 28 + at, 0, 0]);
  }

  /** Calls every function where nothing gets, so that none is out of reach; and halts. */
  ending(): void {
    const at = this.code.length;
    this.constant(scratch, 0);
    this.emit('if', [0, scratch, 0, 0]);
    for (const index of this.functions.keys()) this.call(index);
    this.emit('end', [0, 0, 0, 0]);
    this.emit('halt', [0, 0, 0, 0]);
    for (const [index, word] of this.code.entries())
      if (index >= at) this.code[index] = { ...word, level: 0 };
  }

  /** A register with an address: mostly a good one. */
  private address(): number {
    if (this.dice.below(5) === 0) return this.any();
    this.constant(scratch, this.dice.below(2));
    return scratch;
  }

  private load(segment = this.dice.below(segments.length)): void {
    const address = this.address();
    const d = segments[segment]?.type === 'symbol' ? this.anySymbol() : this.any();
    this.emit('load', [d, address, 0, 0], segment);
  }

  private store(): void {
    const segment = this.dice.pick([0, 1, 1, 2, 2, 4, 5, 6, 7]);
    const address = this.address();
    this.emit(
      'store',
      [0, address, segments[segment]?.type === 'symbol' ? this.anySymbol() : this.any(), 0],
      segment,
      this.anyLevel(),
    );
  }

  private lookUp(): void {
    const table = this.dice.below(tables.length);
    const isSymbol = tables[table]?.type === 'symbol';
    if (tables[table]?.sorted === true && this.dice.below(2) === 0)
      this.emit('find', [this.any(), isSymbol ? this.anySymbol() : this.any(), 0, 0], table);
    else this.emit('entry', [isSymbol ? this.anySymbol() : this.any(), this.address(), 0, 0], table);
  }

  private output(): void {
    const port = this.dice.pick([0, 1, 2, 3, 3, 3, 4, 5, 6, 7]);
    const register = ports[port]?.type === 'symbol' ? this.anySymbol() : this.any();
    this.emit('output', [0, register, 0, 0], port, this.anyLevel());
  }

  private release(): void {
    const grant = this.dice.below(grants.length);
    const declassifies = grants[grant]?.kind === 'declassify';
    if (this.dice.below(2) === 0) {
      // Something that the grant covers, more often than chance would have it.
      const d = this.any();
      this.constant(scratch, this.dice.below(2));
      this.emit('load', [d, scratch, 0, 0], [1, 3, 4, 3][grant] ?? 1);
      if (declassifies) this.emit('eq', [d, d, this.any(), 0]);
      this.emit(declassifies ? 'declassify' : 'endorse', [this.any(), d, 0, 0], grant);
    } else this.emit(declassifies ? 'declassify' : 'endorse', [this.any(), this.any(), 0, 0], grant);
  }

  private statements(depth: number): void {
    for (let count = this.dice.below(4); count > 0; count--) this.statement(depth);
  }

  private branch(depth: number): void {
    // Under a raised pc it takes an instruction without clearance to see that a branch asks for one.
    if (depth > 0 && this.dice.below(3) === 0) this.emit('if', [0, this.any(), 0, 0], 0, 1);
    else this.emit('if', [0, this.any(), 0, 0]);
    this.statements(depth + 1);
    if (this.dice.below(3) !== 0) {
      this.emit('else', [0, 0, 0, 0]);
      this.statements(depth + 1);
    }
    this.emit('end', [0, 0, 0, 0]);
  }

  /** Counts down, from a number of the program's own or from one that is secret or untrusted. */
  private loop(depth: number): void {
    const counter = counters + depth;
    const by = this.dice.below(3);
    if (by === 0) this.constant(counter, this.dice.pick([1, 2, 2, 3, 5]));
    else {
      if (this.dice.below(2) === 0) this.load(this.dice.pick([1, 4]));
      this.constant(scratch, 2);
      this.emit('min', [counter, this.any(), scratch, 0]);
      this.constant(scratch, 0);
      this.emit('max', [counter, counter, scratch, 0]);
    }
    this.emit('loop', [0, 0, 0, 0], this.dice.pick(bounds));
    if (this.dice.below(2) === 0) this.statements(depth + 1);
    this.emit('while', [0, counter, 0, 0]);
    this.statements(depth + 1);
    if (this.dice.below(4) === 0) this.emit('while', [0, this.any(), 0, 0]);
    this.constant(scratch, 1);
    this.emit('sub', [counter, counter, scratch, 0]);
    this.emit('end', [0, 0, 0, 0]);
  }

  private symbolStatement(): void {
    const choice = this.dice.below(4);
    if (choice === 0) this.constant(this.anySymbol(), this.dice.pick(symbolConstants));
    else if (choice === 1)
      this.emit(this.dice.pick(comparisons), [this.any(), this.anySymbol(), this.anySymbol(), 0]);
    else if (choice === 2)
      this.emit('select', [this.anySymbol(), this.any(), this.anySymbol(), this.anySymbol()]);
    else this.emit('mov', [this.anySymbol(), this.anySymbol(), 0, 0]);
  }

  statement(depth: number): void {
    const choice = this.dice.below(33);
    if (choice < 3) this.constant(this.any(), this.dice.pick(numberConstants));
    else if (choice < 6) this.load();
    else if (choice < 10) this.emit(this.dice.pick(binary), [this.any(), this.any(), this.any(), 0]);
    else if (choice < 12) this.emit(this.dice.pick(comparisons), [this.any(), this.any(), this.any(), 0]);
    else if (choice < 13) this.emit(this.dice.pick(['mov', 'not'] as const), [this.any(), this.any(), 0, 0]);
    else if (choice < 14) this.emit('select', [this.any(), this.any(), this.any(), this.any()]);
    else if (choice < 15)
      this.emit('div', [this.any(), this.any(), this.any(), 0], this.dice.below(roundings.length));
    else if (choice < 16)
      this.emit(
        'muldiv',
        [this.any(), this.any(), this.any(), this.any()],
        this.dice.below(roundings.length),
      );
    else if (choice < 18) this.store();
    else if (choice < 22 && depth < 3) this.branch(depth);
    else if (choice < 24 && depth < 3) this.loop(depth);
    else if (choice < 26) this.output();
    else if (choice < 27) this.lookUp();
    else if (choice < 29) this.symbolStatement();
    else if (choice < 30 && this.functions.length > 0) this.call(this.dice.below(this.functions.length));
    else if (this.releases && choice < 32) this.release();
    else this.load(this.dice.pick([1, 4, 7]));
  }
}

export interface Input {
  readonly segment: number;
  readonly index: number;
  readonly value: bigint;
}

const symbols = ['USD', 'EUR', 'CHF', 'X'].map(symbol);
const extremes = [2n ** 63n - 1n, -(2n ** 63n), -1n];
const small = [0n, 1n, 2n, 3n, 4n];

/** A value for every word: small ones, so that they are often equal, often addresses, and now and then an extreme. */
export function randomInputs(seed: number, module: Module): Input[] {
  const dice = new Dice(seed);
  return module.segments.flatMap(({ length, type }, segment) =>
    Array.from({ length }, (_, index) => ({
      segment,
      index,
      value:
        type === 'symbol'
          ? dice.pick(symbols)
          : dice.below(16) === 0
            ? dice.pick(extremes)
            : dice.pick(small),
    })),
  );
}
