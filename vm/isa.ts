/**
 * The one semantic table of the label machine: opcode, operands, label rule, fuel and traps. The
 * AssemblyScript twin, the operand checks of the loader, the assembler and docs/ISA.md come from it.
 *
 * vm/ may import itself only.
 */

/** `d` destination, `a` `b` `c` source registers; the others are indexes into the module's tables. */
export type Operand = 'd' | 'a' | 'b' | 'c' | 'constant' | 'segment' | 'grant' | 'port';

/** Why a program was stopped; one number inside, one uniform answer outside. */
export const traps = {
  label: { code: 1, meaning: 'the result would be more secret than the authority that handles it (C > A)' },
  clearance: { code: 2, meaning: 'the result carries a category that the instruction is not cleared for' },
  overflow: { code: 3, meaning: 'the result does not fit a signed 64-bit word' },
  bounds: { code: 4, meaning: 'the address is outside its segment' },
  upgrade: {
    code: 5,
    meaning: 'a store whose context is more secret than the old word (no sensitive upgrade)',
  },
  ceiling: { code: 6, meaning: 'a store above the ceiling of its segment (no write-down)' },
  port: { code: 7, meaning: 'an output above the label of its port' },
  grant: { code: 8, meaning: 'a declassification or endorsement that its grant does not cover' },
  range: { code: 9, meaning: 'a value outside the range of its grant' },
  fuel: { code: 10, meaning: 'the fuel is used up' },
} as const;

export type TrapName = keyof typeof traps;

export interface Instruction {
  readonly opcode: number;
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  readonly fuel: number;
  readonly meaning: string;
  /** Of the result; e is pc ⊔ I without I's categories, which are a clearance. */
  readonly label: string;
  readonly traps: readonly TrapName[];
}

const checked: readonly TrapName[] = ['label', 'clearance'];
const dab: readonly Operand[] = ['d', 'a', 'b'];

export const instructions: readonly Instruction[] = [
  {
    opcode: 1,
    mnemonic: 'const',
    operands: ['d', 'constant'],
    fuel: 1,
    meaning: 'd ← constant',
    label: 'L(constant) ⊔ e',
    traps: checked,
  },
  {
    opcode: 2,
    mnemonic: 'mov',
    operands: ['d', 'a'],
    fuel: 1,
    meaning: 'd ← a',
    label: 'La ⊔ e',
    traps: checked,
  },
  {
    opcode: 3,
    mnemonic: 'add',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a + b',
    label: 'La ⊔ Lb ⊔ e',
    traps: ['overflow', ...checked],
  },
  {
    opcode: 4,
    mnemonic: 'sub',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a - b',
    label: 'La ⊔ Lb ⊔ e',
    traps: ['overflow', ...checked],
  },
  {
    opcode: 5,
    mnemonic: 'mul',
    operands: dab,
    fuel: 2,
    meaning: 'd ← a × b',
    label: 'La ⊔ Lb ⊔ e',
    traps: ['overflow', ...checked],
  },
  {
    opcode: 6,
    mnemonic: 'and',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a & b, bit by bit',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 7,
    mnemonic: 'or',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a | b, bit by bit',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 8,
    mnemonic: 'xor',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a ^ b, bit by bit',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 9,
    mnemonic: 'eq',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a = b, 1 or 0',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 10,
    mnemonic: 'ne',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a ≠ b, 1 or 0',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 11,
    mnemonic: 'lt',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a < b, signed, 1 or 0',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 12,
    mnemonic: 'le',
    operands: dab,
    fuel: 1,
    meaning: 'd ← a ≤ b, signed, 1 or 0',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 13,
    mnemonic: 'min',
    operands: dab,
    fuel: 1,
    meaning: 'd ← the lesser of a and b, signed',
    label: 'La ⊔ Lb ⊔ e',
    traps: checked,
  },
  {
    opcode: 14,
    mnemonic: 'select',
    operands: ['d', 'a', 'b', 'c'],
    fuel: 1,
    meaning: 'd ← b where a ≠ 0, else c',
    label: 'La ⊔ Lb ⊔ Lc ⊔ e',
    traps: checked,
  },
  {
    opcode: 15,
    mnemonic: 'load',
    operands: ['d', 'segment', 'a'],
    fuel: 2,
    meaning: 'd ← segment[a]',
    label: 'L(word) ⊔ La ⊔ e',
    traps: ['bounds', ...checked],
  },
  {
    opcode: 16,
    mnemonic: 'store',
    operands: ['segment', 'a', 'b'],
    fuel: 2,
    meaning: 'segment[a] ← b',
    label: 'Lb ⊔ La ⊔ e; first pc ⊔ La ⊔ I ⊑ the old label of the word',
    traps: ['bounds', 'upgrade', ...checked, 'ceiling'],
  },
  {
    opcode: 17,
    mnemonic: 'if',
    operands: ['a'],
    fuel: 1,
    meaning: 'goes on here where a ≠ 0, else after `else` or at `end`',
    label: 'pc ← pc ⊔ La ⊔ e; every register written in either arm is raised to pc',
    traps: checked,
  },
  {
    opcode: 18,
    mnemonic: 'else',
    operands: [],
    fuel: 0,
    meaning: 'ends the first arm',
    label: '-',
    traps: [],
  },
  {
    opcode: 19,
    mnemonic: 'end',
    operands: [],
    fuel: 0,
    meaning: 'ends the `if`',
    label: 'pc ← what it was before the `if`',
    traps: [],
  },
  {
    opcode: 20,
    mnemonic: 'declassify',
    operands: ['d', 'a', 'grant'],
    fuel: 2,
    meaning: "d ← a, its secrecy and categories lowered to the grant's; on the audit list",
    label: '(C of the grant, A of La ⊔ e, categories of the grant)',
    traps: ['grant', 'clearance', 'range'],
  },
  {
    opcode: 21,
    mnemonic: 'endorse',
    operands: ['d', 'a', 'grant'],
    fuel: 2,
    meaning: "d ← a, its authority raised to the grant's; on the audit list",
    label: '(C of La ⊔ e, A of the grant, categories of La ⊔ e)',
    traps: ['grant', 'clearance', 'range'],
  },
  {
    opcode: 22,
    mnemonic: 'output',
    operands: ['port', 'a'],
    fuel: 1,
    meaning: 'port ← a',
    label: 'La ⊔ e ⊑ the label of the port',
    traps: ['label', 'clearance', 'port'],
  },
  {
    opcode: 23,
    mnemonic: 'halt',
    operands: [],
    fuel: 0,
    meaning: 'ends the run; only as the last instruction',
    label: '-',
    traps: [],
  },
];

/** What a module and a run may have at most: the machine's memory is laid out for it once. */
export const limits = {
  registers: 32,
  levels: 64,
  constants: 256,
  segments: 16,
  words: 4096,
  ports: 32,
  grants: 16,
  code: 4096,
  depth: 16,
  audit: 64,
  moduleBytes: 65_536,
} as const;

/** Why a module was refused. */
export const refusals = {
  header: { code: 1, meaning: 'not a module of this version, or its length is not what its header says' },
  count: { code: 2, meaning: 'more entries than the machine has room for, or no code' },
  label: { code: 3, meaning: 'a label that is no pair of thermometer codes with C ≤ A' },
  segment: {
    code: 4,
    meaning: 'a segment that is empty, does not fit the memory, or begins above its own ceiling',
  },
  grant: {
    code: 5,
    meaning: 'a grant of an unknown kind, with an empty range, or one that gives what it should take',
  },
  opcode: { code: 6, meaning: 'an opcode that is not defined' },
  operand: { code: 7, meaning: 'an operand out of range, or set where the instruction has none' },
  level: { code: 8, meaning: 'an instruction with a level that the module does not declare' },
  structure: { code: 9, meaning: '`if`, `else` and `end` do not match, or are nested too deep' },
  halt: { code: 10, meaning: 'the last instruction, and only the last, is `halt`' },
  grantKind: { code: 11, meaning: 'an instruction that uses a grant of the other kind' },
} as const;

export type RefusalName = keyof typeof refusals;

/** Byte positions of the operands in an instruction: 0 opcode, 1 level, then registers and table indexes. */
export const operandByte: Readonly<Record<Operand, number>> = {
  d: 2,
  a: 3,
  b: 4,
  c: 5,
  constant: 6,
  segment: 6,
  grant: 6,
  port: 6,
};
