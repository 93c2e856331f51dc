import { roundings } from '../../../vm/isa.ts';
import { gives, type InstructionCase, traps } from './case.ts';

const most = '9223372036854775807';
const least = '-9223372036854775808';
/** (2^64 - 1) ÷ 3: three halves of it lie just between 2^63 - 1 and 2^63. */
const third = 'constant third 6148914691236517205 C0 A8\nconstant fourth 4611686018427387904 C0 A8';

/** `result`: the value, or the trap. */
function both(mnemonic: string, a: string, b: string, result: string): InstructionCase {
  const text = `const r1 ${a}, const r2 ${b}, ${mnemonic} r5 r1 r2`;
  return result === 'overflow' || result === 'division'
    ? traps(text, result, 2, 'C0 A8')
    : gives(text, { 5: `${result} C0 A8` });
}

const sums: readonly InstructionCase[] = [
  both('add', 'p3', 'p7', '10'),
  both('add', 'm3', 'p3', '0'),
  both('add', 'big', 'p0', most),
  both('add', 'big', 'p1', 'overflow'),
  both('add', 'p1', 'big', 'overflow'),
  both('add', 'big', 'big', 'overflow'),
  both('add', 'least', 'm1', 'overflow'),
  both('add', 'm1', 'least', 'overflow'),
  both('add', 'least', 'least', 'overflow'),
  both('add', 'least', 'big', '-1'),
  both('add', 'big', 'least', '-1'),
  both('add', 'least', 'p0', least),
  both('sub', 'p3', 'p7', '-4'),
  both('sub', 'least', 'p0', least),
  both('sub', 'least', 'p1', 'overflow'),
  both('sub', 'big', 'm1', 'overflow'),
  both('sub', 'p0', 'least', 'overflow'),
  both('sub', 'm1', 'least', most),
  both('sub', 'least', 'least', '0'),
  both('sub', 'big', 'big', '0'),
  both('sub', 'big', 'least', 'overflow'),
  both('sub', 'least', 'big', 'overflow'),
];

const products: readonly InstructionCase[] = [
  both('mul', 'm3', 'p7', '-21'),
  both('mul', 'm3', 'm7', '21'),
  both('mul', 'big', 'p1', most),
  both('mul', 'big', 'm1', '-9223372036854775807'),
  both('mul', 'big', 'p0', '0'),
  both('mul', 'p0', 'least', '0'),
  both('mul', 'least', 'p1', least),
  both('mul', 'least', 'm1', 'overflow'),
  both('mul', 'm1', 'least', 'overflow'),
  both('mul', 'least', 'least', 'overflow'),
  both('mul', 'big', 'p2', 'overflow'),
  both('mul', 'big', 'big', 'overflow'),
  both('mul', 'half', 'half', 'overflow'),
  // 2^32 × ±2^31: one too many, and just not.
  both('mul', 'half', 'x\nconstant x 2147483648 C0 A8', 'overflow'),
  both('mul', 'half', 'x\nconstant x -2147483648 C0 A8', least),
  both('mul', 'half', 'x\nconstant x 2147483647 C0 A8', '9223372032559808512'),
  both('mul', 'most', 'x\nconstant x -2147483649 C0 A8', 'overflow'),
].map((given) => declared(given));

/** A constant that is told with its name comes before the code. */
function declared(given: InstructionCase): InstructionCase {
  const match = /\n(constant x [^,]*)/.exec(given.text);
  return match === null ? given : { ...given, text: `${match[1]}\n${given.text.replace(match[0], '')}` };
}

/** What comes of each rounding, in the order of the table: floor, ceiling, down, up, half_even, half_up. */
const divisions: readonly [a: number, b: number, ...results: number[]][] = [
  [6, 3, 2, 2, 2, 2, 2, 2],
  [-6, 3, -2, -2, -2, -2, -2, -2],
  [7, 2, 3, 4, 3, 4, 4, 4],
  [-7, 2, -4, -3, -3, -4, -4, -4],
  [7, -2, -4, -3, -3, -4, -4, -4],
  [-7, -2, 3, 4, 3, 4, 4, 4],
  [5, 2, 2, 3, 2, 3, 2, 3],
  [-5, 2, -3, -2, -2, -3, -2, -3],
  [5, -2, -3, -2, -2, -3, -2, -3],
  [-5, -2, 2, 3, 2, 3, 2, 3],
  [7, 3, 2, 3, 2, 3, 2, 2],
  [-7, 3, -3, -2, -2, -3, -2, -2],
  [8, 3, 2, 3, 2, 3, 3, 3],
  [-8, 3, -3, -2, -2, -3, -3, -3],
  [1, 2, 0, 1, 0, 1, 0, 1],
  [-1, 2, -1, 0, 0, -1, 0, -1],
  [0, -5, 0, 0, 0, 0, 0, 0],
  [1, 3, 0, 1, 0, 1, 0, 0],
  [-1, 3, -1, 0, 0, -1, 0, 0],
];

const quotients: readonly InstructionCase[] = divisions.flatMap(([a, b, ...results]) =>
  roundings.flatMap((rounding, index) => {
    const setUp = `constant x ${a} C0 A8\nconstant y ${b} C0 A8\nconst r1 x, const r2 y, const r3 p2`;
    const result = `${results[index]} C0 A8`;
    return [
      gives(`${setUp}, div r5 r1 r2 ${rounding}`, { 5: result }),
      // Twice a, divided by twice b.
      gives(`${setUp}, mul r2 r2 r3, muldiv r5 r1 r3 r2 ${rounding}`, { 5: result }),
    ];
  }),
);

const quotientBounds: readonly InstructionCase[] = [
  ...roundings.flatMap((rounding) => [
    traps(`const r1 p7, const r2 p0, div r5 r1 r2 ${rounding}`, 'division', 2, 'C0 A8'),
    traps(`const r1 least, const r2 m1, div r5 r1 r2 ${rounding}`, 'overflow', 2, 'C0 A8'),
    gives(`const r1 least, const r2 p1, div r5 r1 r2 ${rounding}`, { 5: `${least} C0 A8` }),
    gives(`const r1 big, const r2 m1, div r5 r1 r2 ${rounding}`, { 5: `-${most} C0 A8` }),
    gives(`const r1 least, const r2 least, div r5 r1 r2 ${rounding}`, { 5: '1 C0 A8' }),
    traps(`const r1 p7, const r2 p0, muldiv r5 r1 r1 r2 ${rounding}`, 'division', 2, 'C0 A8'),
    traps(`const r1 big, const r2 p1, muldiv r5 r1 r1 r2 ${rounding}`, 'overflow', 2, 'C0 A8'),
    traps(`const r1 big, const r2 p2, muldiv r5 r1 r1 r2 ${rounding}`, 'overflow', 2, 'C0 A8'),
    traps(`const r1 least, const r2 m1, muldiv r5 r1 r1 r2 ${rounding}`, 'overflow', 2, 'C0 A8'),
    traps(
      `const r1 least, const r2 p1, muldiv r5 r1 r2 r1 ${rounding}, const r3 m1, muldiv r5 r1 r3 r2 ${rounding}`,
      'overflow',
      4,
      'C0 A8',
    ),
    gives(`const r1 least, const r2 m1, muldiv r5 r1 r2 r2 ${rounding}`, { 5: `${least} C0 A8` }),
    gives(`const r1 big, muldiv r5 r1 r1 r1 ${rounding}`, { 5: `${most} C0 A8` }),
    gives(`const r1 least, muldiv r5 r1 r1 r1 ${rounding}`, { 5: `${least} C0 A8` }),
    gives(`const r1 least, const r2 big, muldiv r5 r1 r2 r1 ${rounding}`, { 5: `${most} C0 A8` }),
    gives(`const r1 half, muldiv r5 r1 r1 r1 ${rounding}`, { 5: '4294967296 C0 A8' }),
    gives(`const r1 p0, const r2 least, muldiv r5 r1 r2 r2 ${rounding}`, { 5: '0 C0 A8' }),
  ]),
  // 9223372036854775807.5 and its negative: what is rounded away from zero fits only below it.
  ...Object.entries({ floor: most, ceiling: '', down: most, up: '', half_even: '', half_up: '' }).map(
    ([rounding, result]) => {
      const text = `${third}\nconst r1 third, const r2 p3, const r3 p2, muldiv r5 r1 r2 r3 ${rounding}`;
      return result === '' ? traps(text, 'overflow', 3, 'C0 A8') : gives(text, { 5: `${result} C0 A8` });
    },
  ),
  ...Object.entries({
    floor: least,
    ceiling: `-${most}`,
    down: `-${most}`,
    up: least,
    half_even: least,
    half_up: least,
  }).map(([rounding, result]) =>
    gives(`${third}\nconst r1 third, const r2 m3, const r3 p2, muldiv r5 r1 r2 r3 ${rounding}`, {
      5: `${result} C0 A8`,
    }),
  ),
  // 2^63 exactly, and 2^63 below zero.
  traps(
    `${third}\nconst r1 fourth, const r2 p2, const r3 p1, muldiv r5 r1 r2 r3 floor`,
    'overflow',
    3,
    'C0 A8',
  ),
  gives(`${third}\nconst r1 fourth, const r2 p2, const r3 m1, muldiv r5 r1 r2 r3 floor`, {
    5: `${least} C0 A8`,
  }),
];

const remainders: readonly InstructionCase[] = [
  both('rem', 'p7', 'p3', '1'),
  both('rem', 'm7', 'p3', '2'),
  both('rem', 'p7', 'm3', '-2'),
  both('rem', 'm7', 'm3', '-1'),
  both('rem', 'p3', 'm3', '0'),
  both('rem', 'p0', 'm3', '0'),
  both('rem', 'm1', 'big', '9223372036854775806'),
  both('rem', 'p1', 'least', '-9223372036854775807'),
  both('rem', 'least', 'm1', '0'),
  both('rem', 'least', 'big', '9223372036854775806'),
  both('rem', 'big', 'least', '-1'),
  both('rem', 'p7', 'p1', '0'),
  both('rem', 'p7', 'p0', 'division'),
  both('rem', 'p0', 'p0', 'division'),
];

const bounds: readonly InstructionCase[] = [
  both('min', 'm3', 'p3', '-3'),
  both('min', 'p7', 'p3', '3'),
  both('min', 'least', 'big', least),
  both('max', 'm3', 'p3', '3'),
  both('max', 'p7', 'p3', '7'),
  both('max', 'least', 'big', most),
  both('max', 'least', 'least', least),
];

const copies: readonly InstructionCase[] = [
  gives('const r5 s9', { 5: '9 C4 A8' }),
  gives('const r5 big, const r6 least', { 5: `${most} C0 A8`, 6: `${least} C0 A8` }),
  gives('const r5 yusd, const r31 yusd', { 5: '6148332683081547776 C0 A8', 31: '6148332683081547776 C0 A8' }),
  gives('const r1 s9, mov r5 r1, const r1 p1', { 1: '1 C0 A8', 5: '9 C4 A8' }),
  gives('const r1 ysec, mov r5 r1', { 5: '6148332683081547776 C4 A8' }),
  gives('const r1 p1, mov r1 r1', { 1: '1 C0 A8' }),
];

const choices: readonly InstructionCase[] = [
  gives('const r1 p1, const r2 p3, const r3 p7, select r5 r1 r2 r3', { 5: '3 C0 A8' }),
  gives('const r1 p0, const r2 p3, const r3 p7, select r5 r1 r2 r3', { 5: '7 C0 A8' }),
  gives('const r1 m1, const r2 p3, const r3 p7, select r5 r1 r2 r3', { 5: '3 C0 A8' }),
  gives('const r1 least, const r2 p3, const r3 p7, select r5 r1 r2 r3', { 5: '3 C0 A8' }),
  gives('const r1 half, const r2 p3, const r3 p7, select r5 r1 r2 r3', { 5: '3 C0 A8' }),
  gives('const r1 p0, const r2 yusd, const r3 yeur, select r5 r1 r2 r3', { 5: '4995989521590910976 C0 A8' }),
  // The label of what was not taken is in it too.
  gives('const r1 p1, const r2 p3, const r3 s9, select r5 r1 r2 r3', { 5: '3 C4 A8' }),
  gives('const r1 p0, const r2 s9, const r3 p7, select r5 r1 r2 r3', { 5: '7 C4 A8' }),
];

export const arithmetic: readonly InstructionCase[] = [
  ...sums,
  ...products,
  ...quotients,
  ...quotientBounds,
  ...remainders,
  ...bounds,
  ...copies,
  ...choices,
];
