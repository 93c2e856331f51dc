/**
 * Text to modules. One line, one thing; `;` begins a comment; every name is declared before it is used.
 *
 * ```
 * level    NAME LABEL                          LABEL: C0-C8, A0-A8, {categories}, such as  C4 A8 {1}
 * constant NAME VALUE LABEL                    VALUE: a whole number, or a symbol such as 'USD' (any word: #hex)
 * segment  NAME LENGTH [TYPE] LABEL ceiling LABEL     TYPE: number, where nothing is said, or symbol
 * table    NAME [sorted] LABEL : VALUE…
 * port     NAME [TYPE] LABEL
 * grant    NAME declassify LABEL to LABEL range LEAST MOST [uses N]      once a run, where nothing is said
 * grant    NAME endorse LABEL to LABEL range LEAST MOST [uses N]
 * function NAME (TYPE…) -> (TYPE…) [A0-A8]     its code follows; parameters are in r0, r1, …
 * main     [A0-A8]                             the last; may be left out where there is no other function
 * at       NAME                                the level of the instructions that follow
 * MNEMONIC OPERAND…                            registers r0 to r31, names, roundings, in the order of docs/ISA.md
 * ```
 */
import { instructions, limits, type Operand, type Rounding, roundings, type WordType } from './isa.ts';
import { makeLabel } from './label.ts';
import {
  type CodeWord,
  type Constant,
  encodeModule,
  type FunctionBody,
  type Grant,
  type Module,
  type Names,
  type Port,
  type Segment,
  type Table,
} from './module.ts';
import { SourceLine, SyntaxFault } from './source-line.ts';

export interface Fault {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export type Assembled =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly module: Module; readonly names: Names }
  | {
      readonly ok: false;
      readonly code: 'assembly_malformed';
      /** In the order of the text; at least one. */
      readonly faults: readonly Fault[];
      /** All of them, a line each. */
      readonly message: string;
    };

/** After so many faults the rest of the text is not looked at. */
const mostFaults = 20;

/** Assembles `text`; faults are told with line and column, several at a time. The loader still checks what comes out. */
export function assemble(text: string): Assembled {
  const assembler = new Assembler();
  const faults: Fault[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length && faults.length < mostFaults; index++) {
    try {
      assembler.takeLine(new SourceLine(lines[index] ?? ''), index + 1);
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      faults.push({ line: index + 1, column: error.column, message: error.message });
    }
  }
  if (faults.length > 0) {
    const message = faults
      .map((fault) => `line ${fault.line}, column ${fault.column}: ${fault.message}`)
      .join('\n');
    return { ok: false, code: 'assembly_malformed', faults, message };
  }
  return { ok: true, ...assembler.finish() };
}

const byMnemonic = new Map(instructions.map((instruction) => [instruction.mnemonic, instruction]));

class NameTable<T> {
  readonly entries: T[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly kind: string;
  private readonly most: number;

  constructor(kind: string, most: number) {
    this.kind = kind;
    this.most = most;
  }

  get names(): string[] {
    return [...this.numbers.keys()];
  }

  /** Takes the name at once, so that a fault in the rest of the line is the only one it makes. */
  declare(line: SourceLine, read: () => T): void {
    const name = line.name();
    if (this.numbers.has(name)) throw line.fault(`the ${this.kind} \`${name}\` is declared twice`);
    if (this.entries.length === this.most)
      throw line.fault(`the machine has room for ${this.most} ${this.kind}s, and this is one more`);
    this.numbers.set(name, this.entries.length);
    const place = this.entries.push(undefined as T) - 1;
    this.entries[place] = read();
  }

  find(line: SourceLine): number {
    const name = line.word(`a ${this.kind}`);
    const number = this.numbers.get(name);
    if (number === undefined) {
      const known = this.names.length === 0 ? 'none is declared' : `declared are ${this.names.join(', ')}`;
      throw line.fault(`the ${this.kind} \`${name}\` is not declared: ${known}`);
    }
    return number;
  }
}

interface OpenFunction extends FunctionBody {
  readonly code: CodeWord[];
}

class Assembler {
  private readonly levels = new NameTable<number>('level', limits.levels);
  private readonly constants = new NameTable<Constant>('constant', limits.constants);
  private readonly segments = new NameTable<Segment>('segment', limits.segments);
  private readonly tables = new NameTable<Table>('table', limits.tables);
  private readonly ports = new NameTable<Port>('port', limits.ports);
  private readonly grants = new NameTable<Grant>('grant', limits.grants);
  // The machine counts `main` among them.
  private readonly functions = new NameTable<OpenFunction>('function', limits.functions - 1);
  private main: OpenFunction | undefined;
  private open: OpenFunction | undefined;
  private level: number | undefined;
  private readonly lines: number[] = [];

  takeLine(line: SourceLine, number: number): void {
    if (line.isEmpty) return;
    const head = line.word('a declaration or an instruction');
    switch (head) {
      case 'level':
        this.levels.declare(line, () => line.label());
        break;
      case 'constant':
        this.constants.declare(line, () => ({ ...line.value(), label: line.label() }));
        break;
      case 'segment':
        this.segments.declare(line, () => readSegment(line));
        break;
      case 'table':
        this.tables.declare(line, () => readTable(line));
        break;
      case 'port':
        this.ports.declare(line, () => ({ type: readType(line), label: line.label() }));
        break;
      case 'grant':
        this.grants.declare(line, () => readGrant(line));
        break;
      case 'function':
        this.beginFunction(line);
        break;
      case 'main':
        if (this.main !== undefined) throw line.fault('`main` is there already: it is the last function');
        this.main = this.open = { authority: readAuthority(line), parameters: [], results: [], code: [] };
        break;
      case 'at':
        this.level = this.levels.find(line);
        break;
      default:
        this.takeInstruction(head, line, number);
    }
    line.end();
  }

  private beginFunction(line: SourceLine): void {
    if (this.main !== undefined)
      throw line.fault('a function after `main`, or after code of none: `main` is the last');
    this.functions.declare(line, () => {
      // Set first: what is wrong with this line is no fault of the code after it.
      this.open = { authority: 0, parameters: [], results: [], code: [] };
      const parameters = readTypes(line);
      line.keyword('->');
      this.open = { parameters, results: readTypes(line), authority: readAuthority(line), code: [] };
      return this.open;
    });
  }

  private takeInstruction(mnemonic: string, line: SourceLine, number: number): void {
    const instruction = byMnemonic.get(mnemonic);
    if (instruction === undefined) throw line.fault(`\`${mnemonic}\` is no instruction and no declaration`);
    if (this.level === undefined) throw line.fault('an instruction before any `at LEVEL`');
    this.open ??= this.main = { authority: 0, parameters: [], results: [], code: [] };
    const registers: [number, number, number, number] = [0, 0, 0, 0];
    let index = 0;
    for (const operand of instruction.operands) {
      const position = registerOperands.indexOf(operand);
      if (position === -1) index = this.readIndex(operand, line);
      else registers[position] = line.register();
    }
    if (this.lines.length === limits.code)
      throw line.fault(`the machine has room for ${limits.code} instructions, and this is one more`);
    this.open.code.push({ opcode: instruction.opcode, level: this.level, registers, index });
    this.lines.push(number);
  }

  private readIndex(operand: Operand, line: SourceLine): number {
    switch (operand) {
      case 'constant':
        return this.constants.find(line);
      case 'segment':
        return this.segments.find(line);
      case 'table':
        return this.tables.find(line);
      case 'function':
        return this.functions.find(line);
      case 'grant':
        return this.grants.find(line);
      case 'port':
        return this.ports.find(line);
      case 'rounding':
        return roundings.indexOf(line.keyword(...roundings) as Rounding);
      default:
        throw new Error(`the operand ${operand} is a register`);
    }
  }

  finish(): { bytes: Uint8Array; module: Module; names: Names } {
    const tables = {
      levels: this.levels,
      constants: this.constants,
      segments: this.segments,
      tables: this.tables,
      ports: this.ports,
      grants: this.grants,
    };
    const module: Module = {
      levels: tables.levels.entries,
      constants: tables.constants.entries,
      segments: tables.segments.entries,
      tables: tables.tables.entries,
      ports: tables.ports.entries,
      grants: tables.grants.entries,
      functions: [...this.functions.entries, ...(this.main === undefined ? [] : [this.main])],
    };
    const names: Names = {
      levels: tables.levels.names,
      constants: tables.constants.names,
      segments: tables.segments.names,
      tables: tables.tables.names,
      ports: tables.ports.names,
      grants: tables.grants.names,
      functions: [...this.functions.names, ...(this.main === undefined ? [] : ['main'])],
      lines: this.lines,
    };
    return { bytes: encodeModule(module), module, names };
  }
}

const registerOperands: readonly Operand[] = ['d', 'a', 'b', 'c'];

function readType(line: SourceLine): WordType {
  if (line.takes('symbol')) return 'symbol';
  line.takes('number');
  return 'number';
}

/** `(number symbol …)`. */
function readTypes(line: SourceLine): WordType[] {
  line.keyword('(');
  const types: WordType[] = [];
  for (;;) {
    const word = line.keyword('number', 'symbol', ')');
    if (word === ')') return types;
    if (types.length === limits.parameters)
      throw line.fault(`more than ${limits.parameters} words: a function has at most as many`);
    types.push(word === 'symbol' ? 'symbol' : 'number');
  }
}

/** A8 where nothing is said. */
function readAuthority(line: SourceLine): number {
  return line.isAtEnd ? 0 : makeLabel({ secrecy: 0, authority: line.level('A'), categories: [] });
}

function readSegment(line: SourceLine): Segment {
  const length = line.count('a length', 32);
  const type = readType(line);
  const label = line.label();
  line.keyword('ceiling');
  return { type, length, label, ceiling: line.label() };
}

function readTable(line: SourceLine): Table {
  const sorted = line.takes('sorted');
  const label = line.label();
  line.keyword(':');
  const first = line.value();
  const entries = [first.value];
  while (!line.isAtEnd) {
    const { type, value } = line.value();
    if (type !== first.type) throw line.fault(`a ${type} in a table that begins with a ${first.type}`);
    if (sorted && value <= (entries.at(-1) ?? value))
      throw line.fault('a sorted table ascends: each entry above the one before it');
    entries.push(value);
  }
  return { type: first.type, label, sorted, entries };
}

function readGrant(line: SourceLine): Grant {
  const kind = line.keyword('declassify', 'endorse') === 'declassify' ? 'declassify' : 'endorse';
  const from = line.label();
  line.keyword('to');
  const to = line.label();
  line.keyword('range');
  const least = line.integer('the least value');
  const most = line.integer('the most');
  return { kind, from, to, least, most, uses: line.takes('uses') ? line.count('a number of uses', 32) : 1 };
}
