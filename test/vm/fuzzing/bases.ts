/** Small good modules that mutations begin with: together every instruction, near the limits too. */
import { encodeModule } from '../../../vm/module.ts';
import { goodBytes } from '../hostile/case.ts';
import { assembled } from '../machine.ts';
import { randomProgram } from '../random-program.ts';

const few = `level all C0 A8 {1}
level plain C0 A8
level low C0 A2 {1}
level loud C3 A8 {1}
constant zero 0 C0 A8
constant one 1 C0 A8
constant three 3 C0 A8
constant secret 1 C4 A8 {1}
constant vague 1 C0 A1
constant usd 'USD' C0 A8
constant eur 'EUR' C4 A8
constant top 9223372036854775807 C0 A8
constant c64 64 C0 A8
constant most 4294967295 C0 A8
segment pub 2 C0 A8 ceiling C0 A8
segment sec 2 C4 A8 {1} ceiling C4 A4 {1}
segment low2 2 C0 A8 ceiling C0 A6
segment open 2 C0 A8 ceiling C4 A8
segment name 2 symbol C0 A8 ceiling C4 A8
table five sorted C0 A8 : -3 0 1 7 9
table loose C0 A6 : 7 -3 7
table code sorted C0 A8 : 'CHF' 'EUR' 'USD'
port out C0 A8
port high C4 A4 {1}
port word symbol C4 A8
grant bit declassify C4 A4 {1} to C0 A4 range 0 1 uses 2
grant lift endorse C0 A1 to C0 A6 range 0 9
at all
`;

/** Each on one line; parted by commas. */
const texts: readonly string[] = [
  'const r1 one, const r2 three, add r3 r1 r2, mul r4 r3 r3, sub r5 r4 r1, output out r5, halt',
  'const r1 three, const r2 one, div r3 r1 r2 floor, muldiv r4 r1 r2 r1 half_even, rem r5 r4 r2, output out r5, halt',
  'const r1 three, and r2 r1 r1, or r3 r2 r1, xor r4 r3 r1, not r5 r4, min r6 r1 r5, max r7 r1 r5, halt',
  'const r1 three, const r2 one, shl r3 r1 r2, shr r4 r3 r2, sar r5 r4 r2, rotl r6 r1 r2, output high r6, halt',
  'const r1 top, const r2 c64, add r3 r1 r2, shl r4 r1 r2, halt',
  'const r1 one, const r2 usd, const r3 eur, eq r4 r2 r3, ne r5 r2 r3, lt r6 r2 r3, le r7 r2 r3, select r8 r1 r2 r3, output word r8, halt',
  'const r1 one, const r2 usd, find r3 five r1, find r4 code r2, entry r5 loose r1, entry r6 code r1, output out r3, output word r6, halt',
  'const r1 one, const r2 usd, store pub r1 r1, load r3 pub r1, store sec r1 r1, load r4 sec r1, store name r1 r2, load r5 name r1, halt',
  'const r0 zero, const r1 one, const r2 secret, const r3 vague, store open r0 r1, store open r1 r0, load r4 open r1, mov r5 r2, mov r6 r3, halt',
  'const r0 zero, const r1 one, store pub r0 r1, store sec r0 r1, store open r0 r1, store pub r1 r0, store low2 r0 r1, halt',
  'const r1 secret, const r2 zero, if r1, const r2 one, else, mov r2 r1, end, output high r2, halt',
  'const r0 zero, load r1 sec r0, const r2 one, if r1, if r0, mov r2 r1, end, store sec r0 r2, end, output high r2, halt',
  'const r1 three, const r2 one, const r3 zero, loop c64, while r1, sub r1 r1 r2, add r3 r3 r2, end, output out r3, halt',
  'const r0 one, load r1 sec r0, const r2 one, loop three, while r1, loop three, while r2, const r2 zero, end, sub r1 r1 r0, end, output high r1, halt',
  'const r1 one, loop three, mov r2 r1, while r1, while r2, end, halt',
  'const r1 secret, declassify r2 r1 bit, output out r2, const r3 vague, endorse r4 r3 lift, halt',
  'const r0 zero, load r1 sec r0, eq r2 r1 r0, declassify r2 r2 bit, output high r2, declassify r3 r2 bit, halt',
  'function twice (number) -> (number)\nadd r0 r0 r0, return r0\nmain\nconst r1 three, call r2 r1 twice, call r3 r2 twice, output out r3, halt',
  'function pick (number symbol symbol) -> (symbol number) A6\nconst r5 one, select r4 r0 r1 r2, return r4\nfunction two (symbol) -> (symbol)\nconst r1 one, mov r2 r0, mov r3 r0, call r6 r1 pick, return r6\nmain\nconst r1 usd, call r2 r1 two, output word r2, halt',
  'function f (number) -> ()\nif r0, output high r0, end, return r0\nmain\nconst r0 one, load r1 sec r0, at loud, call r0 r1 f, at low, mov r3 r0, at plain, mov r4 r0, halt',
  'function g () -> (number)\nconst r31 three, return r31\nmain A6\nconst r1 secret, const r5 one, if r1, call r5 r0 g, end, output high r5, halt',
];

const nested = (open: string, depth: number): string =>
  `const r1 one, ${Array(depth).fill(open).join(', ')}, ${Array(depth).fill('end').join(', ')}, halt`;

/** As deep, or with as many registers, as there may be, and so near to more. */
const deep: readonly string[] = [
  nested('if r1', 64),
  nested('loop one, while r1', 40),
  `${Array.from({ length: 16 }, (_, index) => `function f${index} () -> ()\nconst r${index === 15 ? 15 : 31} one, ${index === 0 ? '' : `call r0 r0 f${index - 1}, `}return r0`).join('\n')}\nmain\nconst r15 one, const r1 one, call r0 r0 f15, halt`,
  'const r1 one, loop most, while r1, loop most, while r1, const r1 zero, end, end, halt',
  'const r0 zero, load r1 sec r0, loop most, while r1, loop c64, while r1, loop three, while r1, end, end, end, halt',
  `function f () -> ()\nreturn r0\nmain\nconst r1 one, ${Array(63).fill('if r1').join(', ')}, call r0 r0 f, ${Array(63).fill('end').join(', ')}, halt`,
];

export const bases: readonly Uint8Array[] = [
  goodBytes,
  ...[...texts, ...texts, ...deep, ...deep].map(
    (text) => assembled(`${few}${text.replaceAll(/, */g, '\n')}`).bytes,
  ),
  ...Array.from({ length: 12 }, (_, seed) => encodeModule(randomProgram({ seed: seed + 1, releases: true }))),
];
