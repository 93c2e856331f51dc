/** Words that are not set on every way, or of the other type; tables, bounds, grants and calls that an instruction cannot use. */
import { instructions, operandByte } from '../../../vm/isa.ts';
import { codeByte, type HostileCase, poked, program, written } from './case.ts';
import { placed } from './code.ts';

/** Each register that an instruction reads, never set; and, of those that take numbers, a symbol. */
const operands: readonly HostileCase[] = placed.flatMap(({ mnemonic, operands: own, bytes, at }) => {
  const typing = instructions.find((instruction) => instruction.mnemonic === mnemonic)?.typing;
  const isOfNumbers = typing === 'numbers';
  return own
    .filter((operand) => ['a', 'b', 'c'].includes(operand))
    .flatMap((operand) => {
      const byte = at + operandByte[operand];
      const of = (what: string, register: number): HostileCase => ({
        name: `${mnemonic} with ${what} in ${operand}`,
        refused: 'type',
        offset: at,
        bytes: poked(bytes, ['u8', byte, register]),
      });
      return isOfNumbers
        ? [of('a register never set', 20), of('a symbol', 8)]
        : [of('a register never set', 20)];
    });
});

const symbols = 'const r1 p1, const r2 p2, const r8 yusd, const r9 yeur, ';

const types: readonly HostileCase[] = [
  written(`${symbols}eq r5 r1 r8, halt`, 'type', 4),
  written(`${symbols}lt r5 r8 r1, halt`, 'type', 4),
  written(`${symbols}select r5 r8 r1 r2, halt`, 'type', 4),
  written(`${symbols}select r5 r1 r1 r8, halt`, 'type', 4),
  written(`${symbols}select r5 r1 r8 r1, halt`, 'type', 4),
  written(`${symbols}find r5 code r1, halt`, 'type', 4),
  written(`${symbols}find r5 five r8, halt`, 'type', 4),
  written(`${symbols}entry r5 code r8, halt`, 'type', 4),
  written(`${symbols}load r5 pub r8, halt`, 'type', 4),
  written(`${symbols}load r5 name r8, halt`, 'type', 4),
  written(`${symbols}store pub r8 r1, halt`, 'type', 4),
  written(`${symbols}store pub r1 r8, halt`, 'type', 4),
  written(`${symbols}store name r1 r2, halt`, 'type', 4),
  written(`${symbols}output out r8, halt`, 'type', 4),
  written(`${symbols}output word r1, halt`, 'type', 4),
  // What comes out has the type of what it came from.
  written(`${symbols}mov r5 r8, not r6 r5, halt`, 'type', 5),
  written(`${symbols}load r5 name r1, add r6 r5 r1, halt`, 'type', 5),
  written(`${symbols}load r5 pub r1, output word r5, halt`, 'type', 5),
  written(`${symbols}entry r5 code r1, if r5, end, halt`, 'type', 5),
  written(`${symbols}entry r5 five r1, output word r5, halt`, 'type', 5),
  written(`${symbols}find r5 code r8, output word r5, halt`, 'type', 5),
  written(`${symbols}select r5 r1 r8 r9, output out r5, halt`, 'type', 5),
  written(`${symbols}eq r8 r8 r9, output word r8, halt`, 'type', 5),
  written(`${symbols}declassify r5 r8 bit, output out r5, halt`, 'type', 5),
  written(`${symbols}endorse r5 r8 lift, add r5 r5 r5, halt`, 'type', 5),
  written(`${symbols}const r1 yusd, add r5 r1 r2, halt`, 'type', 5),
  written(`${symbols}const r8 p1, output word r8, halt`, 'type', 5),
];

/** Ways that come together. */
const joins: readonly HostileCase[] = [
  written('const r1 p1, if r1, const r5 p1, end, mov r6 r5, halt', 'type', 4),
  written('const r1 p1, if r1, else, const r5 p1, end, mov r6 r5, halt', 'type', 5),
  written('const r1 p1, if r1, const r5 p1, else, const r6 p1, end, add r7 r5 r6, halt', 'type', 6),
  written('const r1 p1, if r1, const r5 p1, else, mov r6 r5, end, halt', 'type', 4),
  written('const r1 p1, if r1, const r5 p1, else, const r5 yusd, end, mov r6 r5, halt', 'type', 6),
  written('const r1 p1, const r5 p1, if r1, const r5 yusd, end, output out r5, halt', 'type', 5),
  written('const r1 p1, const r5 yusd, if r1, const r5 p1, end, output word r5, halt', 'type', 5),
  written('const r1 p1, const r5 p1, if r1, if r1, const r5 yusd, end, end, output out r5, halt', 'type', 7),
  written('const r1 p1, if r1, if r1, const r5 p1, end, else, const r5 p1, end, mov r6 r5, halt', 'type', 8),
  // A loop may be left at the first `while`.
  written('const r1 p1, loop p1, while r1, const r5 p1, end, mov r6 r5, halt', 'type', 5),
  written('const r1 p1, loop p1, while r1, const r5 p1, while r1, end, mov r6 r5, halt', 'type', 6),
  written(
    'const r1 p1, loop p1, const r5 yusd, while r1, const r5 p1, while r1, end, mov r6 r5, halt',
    'type',
    7,
  ),
  // The next round begins with what the first one began with: told at `end`.
  written('const r1 p1, loop p1, while r1, const r1 yusd, end, halt', 'type', 4),
  written('const r1 p1, const r5 yusd, loop p1, while r1, const r5 p1, end, halt', 'type', 5),
  written('const r1 p1, const r5 p1, loop p1, while r1, if r1, const r5 yusd, end, end, halt', 'type', 7),
  written(
    'const r1 p1, const r5 p1, loop p1, while r1, if r1, const r5 yusd, else, end, end, halt',
    'type',
    8,
  ),
];

const typed =
  'function f (number symbol) -> (symbol number), mov r2 r0, mov r0 r1, mov r1 r2, return r0\nmain\n';
const none = 'function f () -> (), return r0\nmain\n';

const functions: readonly HostileCase[] = [
  // Registers of a function are its own.
  written('function f () -> (), mov r1 r0, return r0\nmain\nconst r0 p1, call r0 r0 f, halt', 'type', 0),
  written('function f (number) -> (number), return r1\nmain\nconst r1 p1, call r1 r1 f, halt', 'type', 0),
  written('function f (number) -> (symbol), return r0\nmain\nconst r1 p1, call r1 r1 f, halt', 'type', 0),
  written('function f (symbol) -> (number), return r0\nmain\nconst r1 yusd, call r1 r1 f, halt', 'type', 0),
  written(
    'function f (number) -> (number number), return r0\nmain\nconst r1 p1, call r1 r1 f, halt',
    'type',
    0,
  ),
  written(
    'function f (number symbol) -> (), add r2 r0 r1, return r0\nmain\nconst r1 p1, const r2 yusd, call r0 r1 f, halt',
    'type',
    0,
  ),
  written(`${typed}const r1 p1, call r3 r1 f, halt`, 'type', 5),
  written(`${typed}const r1 yusd, const r2 p1, call r3 r1 f, halt`, 'type', 6),
  written(`${typed}const r1 p1, const r2 p1, call r3 r1 f, halt`, 'type', 6),
  written(`${typed}const r1 p1, const r2 yusd, call r3 r1 f, output out r3, halt`, 'type', 7),
  written(`${typed}const r1 p1, const r2 yusd, call r3 r1 f, output word r4, halt`, 'type', 7),
  written(
    `${typed}const r1 p1, const r2 yusd, call r2 r1 f, call r5 r1 f, output out r3, output out r2, halt`,
    'type',
    9,
  ),
  // Arguments and results that there are no registers for.
  written(`${typed}const r31 p1, call r3 r31 f, halt`, 'operand', 5),
  written(`${typed}const r1 p1, const r2 yusd, call r31 r1 f, halt`, 'operand', 6),
  written(
    'function f () -> (number number), const r31 p1, return r31\nmain\ncall r1 r0 f, halt',
    'operand',
    1,
  ),
  // Where there are none.
  written(`${none}call r1 r0 f, halt`, 'operand', 1),
  written(`${none}const r1 p1, call r0 r1 f, halt`, 'operand', 2),
  written('function f () -> (), const r1 p1, return r1\nmain\ncall r0 r0 f, halt', 'operand', 1),
];

const bound = (value: string): string => `constant n ${value}\nconst r1 p1, loop n, while r1, end, halt`;

const tables: readonly HostileCase[] = [
  ...['0 C0 A8', '-1 C0 A8', '-9223372036854775808 C0 A8', '4294967296 C0 A8', '4294967297 C0 A8'].map(
    (value) => written(bound(value), 'bound', 1),
  ),
  ...[
    '9223372036854775807 C0 A8',
    '1 C1 A8',
    '5 C8 A8',
    '1 C0 A8 {0}',
    '1 C0 A8 {15}',
    "'USD' C0 A8",
    '#1 C0 A8',
  ].map((value) => written(bound(value), 'bound', 1)),
  written('const r1 p1, find r5 loose r1, halt', 'table', 1),
  written('const r1 p1, declassify r5 r1 lift, halt', 'grantKind', 1),
  written('const r1 p1, endorse r5 r1 bit, halt', 'grantKind', 1),
  written('const r1 p1, if r1, endorse r5 r1 keep, end, halt', 'grantKind', 2),
];

const two = program(
  'function f () -> (), const r1 p1, return r0\nfunction g () -> (), call r0 r0 f, return r0\nmain\ncall r0 r0 g, call r0 r0 f, halt',
);

/** A call of what does not come earlier. */
const later: readonly HostileCase[] = [
  ['itself', 2, 1],
  ['the main function, from another', 2, 2],
  ['the main function, from itself', 4, 2],
  ['the main function, from itself, at the end', 5, 2],
].map(([what, instruction, callee]) => ({
  name: `a call of ${what}`,
  refused: 'call',
  offset: codeByte(two, Number(instruction)),
  bytes: poked(two, ['u16', codeByte(two, Number(instruction)) + 6, Number(callee)]),
}));

/** Two rules broken in one instruction: told is the one that is looked at first. */
const order: readonly HostileCase[] = placed.flatMap(({ mnemonic, bytes, at }) => [
  {
    name: `${mnemonic} with no opcode, no level and no register`,
    refused: 'opcode' as const,
    offset: at,
    bytes: poked(bytes, ['u32', at, 0xffff_ffff]),
  },
  {
    name: `${mnemonic} with no level and no register`,
    refused: 'level' as const,
    offset: at,
    bytes: poked(bytes, ['u8', at + 1, 255], ['u32', at + 2, 0xffff_ffff]),
  },
]);

export const dataFlow: readonly HostileCase[] = [
  ...operands,
  ...types,
  ...joins,
  ...functions,
  ...tables,
  ...later,
  ...order,
];
