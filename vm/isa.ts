/**
 * The one semantic table of the label machine: opcode, operands, types, label rule, fuel and traps. The
 * AssemblyScript twin, the operand checks of the loader, assembler, disassembler and docs/ISA.md come from it.
 *
 * vm/ may import itself only, and the packages that docs/ARCHITECTURE.md names.
 */

/** `d` destination, `a` `b` `c` source registers; the others are indexes: into the module's tables, or a rounding. */
export type Operand =
  | 'd'
  | 'a'
  | 'b'
  | 'c'
  | 'constant'
  | 'segment'
  | 'table'
  | 'function'
  | 'grant'
  | 'port'
  | 'rounding';

/** Why a program was stopped; one number inside, one uniform answer outside. */
export const traps = {
  label: { code: 1, meaning: 'the result would be more secret than the authority that handles it (C > A)' },
  clearance: { code: 2, meaning: 'the result carries a category that the instruction is not cleared for' },
  overflow: { code: 3, meaning: 'the result does not fit a signed 64-bit word' },
  bounds: { code: 4, meaning: 'the address is outside its segment or table' },
  upgrade: {
    code: 5,
    meaning: 'a store whose context is more secret than the old word (no sensitive upgrade)',
  },
  ceiling: { code: 6, meaning: 'a store above the ceiling of its segment (no write-down)' },
  port: { code: 7, meaning: 'an output above the label of its port' },
  grant: { code: 8, meaning: 'a declassification or endorsement that its grant does not cover, or no more' },
  range: { code: 9, meaning: 'a value outside the range of its grant' },
  fuel: { code: 10, meaning: 'the fuel is used up' },
  division: { code: 11, meaning: 'a division by zero' },
  shift: { code: 12, meaning: 'a shift by less than 0 or more than 63' },
  bound: { code: 13, meaning: 'a loop went on beyond its declared bound' },
} as const;

export type TrapName = keyof typeof traps;

/**
 * What the loader asks of the types of the words, number or symbol: `numbers` of operands and result;
 * `alike` operands, the result is a number; `copy` gives the type of a; the others go by their own entry.
 */
export type Typing =
  | 'none'
  | 'numbers'
  | 'alike'
  | 'copy'
  | 'select'
  | 'constant'
  | 'load'
  | 'store'
  | 'find'
  | 'entry'
  | 'output'
  | 'call'
  | 'return';

export interface Instruction {
  readonly opcode: number;
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly typing: Typing;
  readonly fuel: number;
  readonly meaning: string;
  /** Of the result; e is pc ⊔ I without I's categories, which are a clearance. */
  readonly label: string;
  /** In the order in which they are looked for. */
  readonly traps: readonly TrapName[];
}

const checked: readonly TrapName[] = ['label', 'clearance'];

type Fields = Partial<Omit<Instruction, 'opcode' | 'mnemonic' | 'meaning'>>;

function entry(opcode: number, mnemonic: string, meaning: string, fields: Fields): Instruction {
  return {
    opcode,
    mnemonic,
    meaning,
    operands: [],
    typing: 'none',
    fuel: 1,
    label: '-',
    traps: [],
    ...fields,
  };
}

/** An operation on numbers: `d ← a ∘ b`, or fewer or more operands. */
function numeric(opcode: number, mnemonic: string, meaning: string, fields: Fields = {}): Instruction {
  return entry(opcode, mnemonic, meaning, {
    operands: ['d', 'a', 'b'],
    typing: 'numbers',
    label: 'La ⊔ Lb ⊔ e',
    ...fields,
    traps: [...(fields.traps ?? []), ...checked],
  });
}

const overflow: Fields = { traps: ['overflow'] };
const alike: Fields = { typing: 'alike' };
const shift: Fields = { traps: ['shift'] };

export const instructions: readonly Instruction[] = [
  entry(1, 'const', 'd ← constant', {
    operands: ['d', 'constant'],
    typing: 'constant',
    label: 'L(constant) ⊔ e',
    traps: checked,
  }),
  entry(2, 'mov', 'd ← a', { operands: ['d', 'a'], typing: 'copy', label: 'La ⊔ e', traps: checked }),
  numeric(3, 'add', 'd ← a + b', overflow),
  numeric(4, 'sub', 'd ← a - b', overflow),
  numeric(5, 'mul', 'd ← a × b', { fuel: 2, traps: ['overflow'] }),
  numeric(6, 'muldiv', 'd ← a × b ÷ c, 128 bits in between, rounded as said', {
    operands: ['d', 'a', 'b', 'c', 'rounding'],
    fuel: 4,
    label: 'La ⊔ Lb ⊔ Lc ⊔ e',
    traps: ['division', 'overflow'],
  }),
  numeric(7, 'div', 'd ← a ÷ b, rounded as said', {
    operands: ['d', 'a', 'b', 'rounding'],
    fuel: 3,
    traps: ['division', 'overflow'],
  }),
  numeric(8, 'rem', 'd ← a - b × ⌊a ÷ b⌋, which has the sign of b', { fuel: 3, traps: ['division'] }),
  numeric(9, 'and', 'd ← a & b, bit by bit'),
  numeric(10, 'or', 'd ← a | b, bit by bit'),
  numeric(11, 'xor', 'd ← a ^ b, bit by bit'),
  numeric(12, 'not', 'd ← ~a, bit by bit', { operands: ['d', 'a'], label: 'La ⊔ e' }),
  numeric(13, 'shl', 'd ← a shifted left by b, bits lost', shift),
  numeric(14, 'shr', 'd ← a shifted right by b, zeros from the left', shift),
  numeric(15, 'sar', 'd ← a shifted right by b, the sign from the left', shift),
  numeric(16, 'rotl', 'd ← a rotated left by b', shift),
  numeric(17, 'eq', 'd ← a = b, 1 or 0', alike),
  numeric(18, 'ne', 'd ← a ≠ b, 1 or 0', alike),
  numeric(19, 'lt', 'd ← a < b, signed, 1 or 0', alike),
  numeric(20, 'le', 'd ← a ≤ b, signed, 1 or 0', alike),
  numeric(21, 'min', 'd ← the lesser of a and b, signed'),
  numeric(22, 'max', 'd ← the greater of a and b, signed'),
  numeric(23, 'select', 'd ← b where a ≠ 0, else c', {
    operands: ['d', 'a', 'b', 'c'],
    typing: 'select',
    label: 'La ⊔ Lb ⊔ Lc ⊔ e',
  }),
  entry(24, 'find', 'd ← where a is in the sorted table, from 0, or -1', {
    operands: ['d', 'table', 'a'],
    typing: 'find',
    fuel: 2,
    label: 'L(table) ⊔ La ⊔ e',
    traps: checked,
  }),
  entry(25, 'entry', 'd ← table[a]', {
    operands: ['d', 'table', 'a'],
    typing: 'entry',
    fuel: 2,
    label: 'L(table) ⊔ La ⊔ e',
    traps: ['bounds', ...checked],
  }),
  entry(26, 'load', 'd ← segment[a]', {
    operands: ['d', 'segment', 'a'],
    typing: 'load',
    fuel: 2,
    label: 'L(word) ⊔ La ⊔ e',
    traps: ['bounds', ...checked],
  }),
  entry(27, 'store', 'segment[a] ← b', {
    operands: ['segment', 'a', 'b'],
    typing: 'store',
    fuel: 2,
    label: 'Lb ⊔ La ⊔ e; first pc ⊔ La ⊔ I ⊑ the old label of the word',
    traps: ['bounds', 'upgrade', ...checked, 'ceiling'],
  }),
  entry(28, 'if', 'goes on here where a ≠ 0, else after `else` or at `end`', {
    operands: ['a'],
    typing: 'numbers',
    label: 'pc ← pc ⊔ La ⊔ e; every register written in either arm is raised to pc',
    traps: checked,
  }),
  entry(29, 'else', 'ends the first arm', { fuel: 0 }),
  entry(30, 'loop', 'begins a loop that may come to its end as often as the constant says', {
    operands: ['constant'],
  }),
  entry(31, 'while', 'goes on here where a ≠ 0, else after the `end` of its loop', {
    operands: ['a'],
    typing: 'numbers',
    label: 'pc ← pc ⊔ La ⊔ e until the loop is left; every register written in the loop is raised to pc',
    traps: checked,
  }),
  entry(32, 'end', 'ends an `if`, or goes back to the beginning of a loop', {
    fuel: 0,
    label: 'pc ← what it was before the `if`, or before the loop once it is left',
    traps: ['bound'],
  }),
  entry(33, 'call', 'd, d+1, … ← function(a, a+1, …)', {
    operands: ['d', 'a', 'function'],
    typing: 'call',
    fuel: 2,
    label: 'pc ← e ⊔ the authority of the function, until it returns; of the arguments L ⊔ pc',
    traps: checked,
  }),
  entry(34, 'return', 'ends a function; its results are a, a+1, …', {
    operands: ['a'],
    typing: 'return',
    label: 'of the results L ⊔ e, cleared by both `return` and `call`; pc ← what it was before the `call`',
    traps: checked,
  }),
  entry(35, 'declassify', "d ← a, its secrecy and categories lowered to the grant's; on the audit list", {
    operands: ['d', 'a', 'grant'],
    typing: 'copy',
    fuel: 2,
    label: '(C of the grant, A of La ⊔ e, categories of the grant)',
    traps: ['grant', 'clearance', 'range'],
  }),
  entry(36, 'endorse', "d ← a, its authority raised to the grant's; on the audit list", {
    operands: ['d', 'a', 'grant'],
    typing: 'copy',
    fuel: 2,
    label: '(C of La ⊔ e, A of the grant, categories of La ⊔ e)',
    traps: ['grant', 'clearance', 'range'],
  }),
  entry(37, 'output', 'port ← a', {
    operands: ['port', 'a'],
    typing: 'output',
    label: 'La ⊔ e ⊑ the label of the port',
    traps: ['label', 'clearance', 'port'],
  }),
  entry(38, 'halt', 'ends the run; only as the last instruction of the last function', { fuel: 0 }),
];

/** What `div` and `muldiv` do with a remainder; the index field of the instruction. */
export const roundings = ['floor', 'ceiling', 'down', 'up', 'half_even', 'half_up'] as const;

export type Rounding = (typeof roundings)[number];

/** What a word is, told by the constant, segment, table, port or parameter that it comes from. */
export const wordTypes = ['number', 'symbol'] as const;

export type WordType = (typeof wordTypes)[number];

/** What a module and a run may have at most: the machine's memory is laid out for it once. */
export const limits = {
  registers: 32,
  levels: 64,
  constants: 1024,
  segments: 64,
  words: 65_536,
  tables: 64,
  ports: 64,
  grants: 64,
  functions: 256,
  /** Of one function; as many results. */
  parameters: 8,
  code: 16_384,
  /** Open `if`, `loop` and `call` at once. */
  depth: 64,
  /** Registers of all functions that are open at once. */
  frames: 512,
  loopBound: 0xffff_ffff,
  audit: 256,
  moduleBytes: 1_048_576,
} as const;

/** Why a module was refused. */
export const refusals = {
  header: { code: 1, meaning: 'not a module of this version, or its length is not what its header says' },
  count: { code: 2, meaning: 'more entries than the machine has room for, or no code or function' },
  label: { code: 3, meaning: 'a label that is no pair of thermometer codes with C ≤ A' },
  segment: {
    code: 4,
    meaning: 'a segment that is empty, does not fit the memory, or begins above its own ceiling',
  },
  grant: {
    code: 5,
    meaning:
      'a grant of an unknown kind, with an empty range or no use, or one that gives what it should take',
  },
  opcode: { code: 6, meaning: 'an opcode that is not defined' },
  operand: { code: 7, meaning: 'an operand out of range, or set where the instruction has none' },
  level: { code: 8, meaning: 'an instruction with a level that the module does not declare' },
  structure: { code: 9, meaning: '`if`, `else`, `loop`, `while` and `end` do not match' },
  last: {
    code: 10,
    meaning:
      'the last instruction of a function, and only the last, is `return`, or `halt` in the last function',
  },
  grantKind: { code: 11, meaning: 'an instruction that uses a grant of the other kind' },
  table: { code: 12, meaning: 'a table that is not ascending, or does not fit what the header says' },
  function: {
    code: 13,
    meaning: 'a function with no code, too many parameters or results, or an authority that is more than one',
  },
  type: {
    code: 14,
    meaning:
      'a register that is not set on every way to here, or holds a number where a symbol is taken, or the reverse',
  },
  bound: { code: 15, meaning: 'a loop bound that is not a public number from 1 to 4294967295' },
  unreachable: {
    code: 16,
    meaning: 'code that nothing reaches: after a loop without `while`, or a function never called',
  },
  depth: { code: 17, meaning: 'nested deeper, or with more registers in all, than the machine has room for' },
  call: { code: 18, meaning: 'a call of a function that does not come earlier' },
  hash: { code: 19, meaning: 'not the hash that the module carries: it was damaged (told by the host)' },
  signature: { code: 20, meaning: 'not signed by a key that is trusted (told by the host)' },
} as const;

export type RefusalName = keyof typeof refusals;

/** Byte positions of the operands in an instruction: 0 opcode, 1 level, then registers and an index. */
export const operandByte: Readonly<Record<Operand, number>> = {
  d: 2,
  a: 3,
  b: 4,
  c: 5,
  constant: 6,
  segment: 6,
  table: 6,
  function: 6,
  grant: 6,
  port: 6,
  rounding: 6,
};
