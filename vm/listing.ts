/** A module's code as the tools show it: every instruction with its function, its text and the source line it came from. */
import { type Instruction, instructions, limits, type Operand, roundings, type WordType } from './isa.ts';
import { type CodeWord, type FunctionBody, type Module, type Names, namePattern } from './module.ts';
import { readSymbol } from './symbol.ts';

export interface ListedInstruction {
  /** Counted from 0 over all functions. */
  readonly at: number;
  /** The number of the function that it is in. */
  readonly owner: number;
  readonly word: CodeWord;
  readonly instruction: Instruction;
  readonly text: string;
  /** Of the source, from 1; `undefined` where the module was stripped of its names. */
  readonly line: number | undefined;
}

export interface ListedFunction {
  readonly name: string;
  /** Its first instruction. */
  readonly first: number;
  readonly body: FunctionBody;
  /** As many as the machine keeps for it. */
  readonly registers: number;
}

export interface Listing {
  readonly module: Module;
  /** The module's own, or made up from kind and number. */
  readonly names: Names;
  readonly instructions: readonly ListedInstruction[];
  readonly functions: readonly ListedFunction[];
}

const byOpcode: ReadonlyMap<number, Instruction> = new Map(
  instructions.map((instruction) => [instruction.opcode, instruction]),
);

/** Lists the code of a module that the loader accepted; `names` are those of its file, if any. */
export function listModule(module: Module, names: Names | undefined): Listing {
  const listing = tryListing(module, names);
  if (listing === undefined) throw new Error('invariant broken: an opcode that the loader refuses');
  return listing;
}

/** The same for any module; `undefined` where an opcode is not defined. */
export function tryListing(module: Module, given: Names | undefined): Listing | undefined {
  const names = completeNames(module, given);
  const listed: ListedInstruction[] = [];
  const functions: ListedFunction[] = [];
  for (const [owner, body] of module.functions.entries()) {
    const first = listed.length;
    for (const word of body.code) {
      const instruction = byOpcode.get(word.opcode);
      if (instruction === undefined) return undefined;
      const at = listed.length;
      listed.push({
        at,
        owner,
        word,
        instruction,
        text: showInstruction(instruction, word, names),
        line: names.lines[at],
      });
    }
    const name = names.functions[owner] ?? `function${owner}`;
    functions.push({ name, first, body, registers: registersOf(body, module.functions) });
  }
  return { module, names, instructions: listed, functions };
}

/** Registers of a function, counted as the loader does. */
function registersOf(body: FunctionBody, functions: readonly FunctionBody[]): number {
  let count = body.parameters.length;
  for (const { opcode, registers, index } of body.code) {
    const { mnemonic, operands } = byOpcode.get(opcode) ?? { mnemonic: '', operands: [] };
    for (const operand of operands) {
      const position = registerOperands.indexOf(operand);
      if (position !== -1) count = Math.max(count, (registers[position] ?? 0) + 1);
    }
    const [d, a] = registers;
    const callee = mnemonic === 'call' ? functions[index] : undefined;
    if (callee !== undefined)
      count = Math.max(count, d + callee.results.length, a + callee.parameters.length);
    if (mnemonic === 'return') count = Math.max(count, a + body.results.length);
  }
  return Math.min(count, limits.registers);
}

const registerOperands: readonly Operand[] = ['d', 'a', 'b', 'c'];

/** Names for everything: a list that does not fit the module, or has a name twice, is made up anew. */
function completeNames(module: Module, given: Names | undefined): Names {
  const fitting = (kind: string, count: number, list: readonly string[] | undefined): readonly string[] =>
    list !== undefined &&
    list.length === count &&
    new Set(list).size === count &&
    list.every((name) => namePattern.test(name))
      ? list
      : Array.from({ length: count }, (_, index) => `${kind}${index}`);
  const earlier = Math.max(0, module.functions.length - 1);
  const codeCount = module.functions.reduce((sum, { code }) => sum + code.length, 0);
  return {
    levels: fitting('level', module.levels.length, given?.levels),
    constants: fitting('constant', module.constants.length, given?.constants),
    segments: fitting('segment', module.segments.length, given?.segments),
    tables: fitting('table', module.tables.length, given?.tables),
    ports: fitting('port', module.ports.length, given?.ports),
    grants: fitting('grant', module.grants.length, given?.grants),
    functions: [...fitting('function', earlier, given?.functions.slice(0, earlier)), 'main'],
    lines: given?.lines.length === codeCount ? given.lines : [],
  };
}

function showInstruction(instruction: Instruction, word: CodeWord, names: Names): string {
  const operands = instruction.operands.map((operand) => {
    const position = registerOperands.indexOf(operand);
    return position === -1 ? showIndex(operand, word.index, names) : `r${word.registers[position] ?? 0}`;
  });
  return [instruction.mnemonic, ...operands].join(' ');
}

function showIndex(operand: Operand, index: number, names: Names): string {
  const list: Partial<Record<Operand, readonly string[]>> = {
    constant: names.constants,
    segment: names.segments,
    table: names.tables,
    function: names.functions,
    grant: names.grants,
    port: names.ports,
    rounding: roundings,
  };
  return list[operand]?.[index] ?? `${operand}#${index}`;
}

/** A word as the assembler takes it: a number, `'USD'`, or a symbol that has no letters in hex, such as `#00ff`. */
export function showWord(type: WordType, value: bigint): string {
  if (type === 'number') return String(value);
  const symbol = readSymbol(value);
  return symbol === undefined || symbol.includes("'")
    ? `#${BigInt.asUintN(64, value).toString(16)}`
    : `'${symbol}'`;
}

/** A word whose type is not known: its number, and the symbol that it may be. */
export function showAnyWord(value: bigint): string {
  const symbol = readSymbol(value);
  return symbol === undefined ? String(value) : `${value} '${symbol}'`;
}

/** Such as `main, line 12`, or `main, instruction 7` where there are no lines. */
export function showPlace(listing: Listing, at: number): string {
  const listed = instructionAt(listing, at);
  const name = listing.functions[listed.owner]?.name ?? '';
  return listed.line === undefined ? `${name}, instruction ${at}` : `${name}, line ${listed.line}`;
}

/** The instruction of that number; throws where there is none, which is a bug. */
export function instructionAt(listing: Listing, at: number): ListedInstruction {
  const listed = listing.instructions[at];
  if (listed === undefined) throw new Error(`invariant broken: the module has no instruction ${at}`);
  return listed;
}

/** Registers that are written in the block that instruction `at`, an `if` or a `loop`, opens; in ascending order. */
export function registersWrittenIn(listing: Listing, at: number): number[] {
  const written = new Set<number>();
  let depth = 0;
  for (let index = at; ; index++) {
    const { instruction, word } = instructionAt(listing, index);
    const { mnemonic, operands } = instruction;
    if (mnemonic === 'if' || mnemonic === 'loop') depth++;
    if (mnemonic === 'end' && --depth === 0) return [...written].sort((x, y) => x - y);
    const [d] = word.registers;
    if (mnemonic === 'call') {
      const results = listing.functions[word.index]?.body.results.length ?? 0;
      for (let result = 0; result < results; result++) written.add(d + result);
    } else if (operands.includes('d')) written.add(d);
  }
}
