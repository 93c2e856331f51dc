/**
 * Text to modules. One line, one thing; `;` begins a comment; every name is declared before it is used.
 *
 * ```
 * level    NAME LABEL                        LABEL: C0-C8, A0-A8, {categories}, such as  C4 A8 {1}
 * constant NAME VALUE LABEL
 * segment  NAME LENGTH LABEL ceiling LABEL
 * port     NAME LABEL
 * grant    NAME declassify LABEL to LABEL range LEAST MOST
 * grant    NAME endorse LABEL to LABEL range LEAST MOST
 * at       NAME                              the level of the instructions that follow
 * MNEMONIC OPERAND…                          registers r0 to r31, or declared names, in the order of docs/ISA.md
 * ```
 */
import { instructions, limits, type Operand } from './isa.ts';
import { makeLabel } from './label.ts';
import { type CodeWord, encodeModule, type Grant, type Module, type Segment } from './module.ts';

/** Names by table, in the order of their numbers. */
export interface Names {
  readonly segments: ReadonlyMap<string, number>;
  readonly ports: ReadonlyMap<string, number>;
  readonly grants: ReadonlyMap<string, number>;
}

export type Assembled =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly module: Module; readonly names: Names }
  | {
      readonly ok: false;
      readonly code: 'assembly_malformed';
      readonly line: number;
      readonly message: string;
    };

/** Assembles `text`; a fault is told with its line. The loader still checks what comes out. */
export function assemble(text: string): Assembled {
  const assembler = new Assembler();
  for (const [index, line] of text.split('\n').entries()) {
    const words = tokens(line);
    if (words.length === 0) continue;
    try {
      assembler.takeLine(new Line(words));
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      return {
        ok: false,
        code: 'assembly_malformed',
        line: index + 1,
        message: `line ${index + 1}: ${error.message}`,
      };
    }
  }
  return { ok: true, ...assembler.finish() };
}

function tokens(line: string): string[] {
  return line.replace(/;.*/, '').match(/\{[^}]*\}?|[^\s{]+/g) ?? [];
}

/** Of the text only; nobody outside this file sees it. */
class SyntaxFault extends Error {}

class Line {
  private readonly words: readonly string[];
  private next = 0;

  constructor(words: readonly string[]) {
    this.words = words;
  }

  word(accepted: string): string {
    const word = this.words[this.next++];
    if (word === undefined) throw new SyntaxFault(`${accepted} is missing`);
    return word;
  }

  keyword(expected: string): void {
    const word = this.word(`\`${expected}\``);
    if (word !== expected) throw new SyntaxFault(`\`${word}\` where \`${expected}\` is accepted`);
  }

  integer(accepted: string): bigint {
    const word = this.word(accepted);
    if (!/^-?\d{1,19}$/.test(word))
      throw new SyntaxFault(`\`${word}\` where ${accepted}, a whole number, is accepted`);
    const value = BigInt(word);
    if (value !== BigInt.asIntN(64, value))
      throw new SyntaxFault(`\`${word}\` does not fit a signed 64-bit word`);
    return value;
  }

  label(): number {
    const secrecy = this.level('C');
    const authority = this.level('A');
    const set = this.words[this.next]?.startsWith('{') ? (this.words[this.next++] ?? '') : '{}';
    const match = /^\{\s*((?:\d{1,2}(?:[\s,]+\d{1,2})*)?)\s*\}$/.exec(set);
    if (match === null) throw new SyntaxFault(`\`${set}\` where categories such as \`{1, 2}\` are accepted`);
    const categories = match[1] === undefined || match[1] === '' ? [] : match[1].split(/[\s,]+/).map(Number);
    if (categories.some((category) => category > 15))
      throw new SyntaxFault(`\`${set}\`: categories are 0 to 15`);
    return makeLabel({ secrecy, authority, categories });
  }

  private level(letter: 'C' | 'A'): number {
    const word = this.word(`${letter}0 to ${letter}8`);
    const match = new RegExp(`^${letter}([0-8])$`).exec(word);
    if (match === null) throw new SyntaxFault(`\`${word}\` where ${letter}0 to ${letter}8 is accepted`);
    return Number(match[1]);
  }

  end(): void {
    const word = this.words[this.next];
    if (word !== undefined) throw new SyntaxFault(`\`${word}\` is one word too many`);
  }
}

const byMnemonic = new Map(instructions.map((instruction) => [instruction.mnemonic, instruction]));

class Assembler {
  private readonly levels = new Table<number>('level');
  private readonly constants = new Table<{ value: bigint; label: number }>('constant');
  private readonly segments = new Table<Segment>('segment');
  private readonly ports = new Table<number>('port');
  private readonly grants = new Table<Grant>('grant');
  private readonly code: CodeWord[] = [];
  private level: number | undefined;

  takeLine(line: Line): void {
    const head = line.word('a declaration or an instruction');
    switch (head) {
      case 'level':
        this.levels.declare(line.word('a name'), line.label());
        break;
      case 'constant':
        this.constants.declare(line.word('a name'), { value: line.integer('a value'), label: line.label() });
        break;
      case 'segment':
        this.segments.declare(line.word('a name'), readSegment(line));
        break;
      case 'port':
        this.ports.declare(line.word('a name'), line.label());
        break;
      case 'grant':
        this.grants.declare(line.word('a name'), readGrant(line));
        break;
      case 'at':
        this.level = this.levels.find(line.word('a level'));
        break;
      default:
        this.takeInstruction(head, line);
    }
    line.end();
  }

  private takeInstruction(mnemonic: string, line: Line): void {
    const instruction = byMnemonic.get(mnemonic);
    if (instruction === undefined)
      throw new SyntaxFault(`\`${mnemonic}\` is no instruction and no declaration`);
    if (this.level === undefined) throw new SyntaxFault('an instruction before any `at LEVEL`');
    const registers: [number, number, number, number] = [0, 0, 0, 0];
    let index = 0;
    for (const operand of instruction.operands) {
      const word = line.word(operand);
      const position = registerNames.indexOf(operand);
      if (position === -1) index = this.findIndex(operand, word);
      else registers[position] = readRegister(word);
    }
    this.code.push({ opcode: instruction.opcode, level: this.level, registers, index });
  }

  private findIndex(operand: Operand, name: string): number {
    switch (operand) {
      case 'constant':
        return this.constants.find(name);
      case 'segment':
        return this.segments.find(name);
      case 'grant':
        return this.grants.find(name);
      case 'port':
        return this.ports.find(name);
      default:
        throw new Error(`the operand ${operand} is a register`);
    }
  }

  finish(): { bytes: Uint8Array; module: Module; names: Names } {
    const module: Module = {
      levels: this.levels.entries,
      constants: this.constants.entries,
      segments: this.segments.entries,
      ports: this.ports.entries,
      grants: this.grants.entries,
      code: this.code,
    };
    const names = { segments: this.segments.numbers, ports: this.ports.numbers, grants: this.grants.numbers };
    return { bytes: encodeModule(module), module, names };
  }
}

const registerNames: readonly Operand[] = ['d', 'a', 'b', 'c'];

function readRegister(word: string): number {
  const match = /^r(\d{1,2})$/.exec(word);
  const register = match === null ? limits.registers : Number(match[1]);
  if (register >= limits.registers)
    throw new SyntaxFault(`\`${word}\` where a register r0 to r${limits.registers - 1} is accepted`);
  return register;
}

function readSegment(line: Line): Segment {
  const length = Number(line.integer('a length'));
  const label = line.label();
  line.keyword('ceiling');
  return { length, label, ceiling: line.label() };
}

function readGrant(line: Line): Grant {
  const kind = line.word('`declassify` or `endorse`');
  if (kind !== 'declassify' && kind !== 'endorse')
    throw new SyntaxFault(`\`${kind}\` where \`declassify\` or \`endorse\` is accepted`);
  const from = line.label();
  line.keyword('to');
  const to = line.label();
  line.keyword('range');
  return { kind, from, to, least: line.integer('the least value'), most: line.integer('the most') };
}

class Table<T> {
  readonly entries: T[] = [];
  readonly numbers = new Map<string, number>();
  private readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  declare(name: string, entry: T): void {
    if (this.numbers.has(name)) throw new SyntaxFault(`the ${this.kind} \`${name}\` is declared twice`);
    this.numbers.set(name, this.entries.length);
    this.entries.push(entry);
  }

  find(name: string): number {
    const number = this.numbers.get(name);
    if (number === undefined) throw new SyntaxFault(`the ${this.kind} \`${name}\` is not declared`);
    return number;
  }
}
