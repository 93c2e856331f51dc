/** Programs that break two rules in one instruction: the trap is the one that the table names first. */
import { type InstructionCase, traps } from './case.ts';

const setUp = `level lowplain C0 A2
constant sk 1 C4 A8 {1}
constant sbig 9223372036854775807 C4 A8 {1}
constant sleast -9223372036854775808 C4 A8 {1}
constant s64 64 C4 A8 {1}
constant kbig 9223372036854775807 C1 A8 {1}
constant k64 64 C1 A8 {1}
`;

/** a and b so that the operation cannot be done; the label of both is C4 {1}. */
const impossible: readonly [operation: string, a: string, b: string, trap: InstructionCase['trap']][] = [
  ['add r5 r1 r2', 'sbig', 'p1', 'overflow'],
  ['sub r5 r1 r2', 'sleast', 'p1', 'overflow'],
  ['mul r5 r1 r2', 'sbig', 'p2', 'overflow'],
  ['div r5 r1 r2 down', 'sk', 'p0', 'division'],
  ['div r5 r1 r2 down', 'sleast', 'm1', 'overflow'],
  ['muldiv r5 r1 r1 r2 up', 'sbig', 'p0', 'division'],
  ['muldiv r5 r1 r1 r2 up', 'sbig', 'p1', 'overflow'],
  ['rem r5 r1 r2', 'sk', 'p0', 'division'],
  ['shl r5 r2 r1', 's64', 'p1', 'shift'],
  ['shr r5 r2 r1', 's64', 'p1', 'shift'],
  ['sar r5 r2 r1', 's64', 'p1', 'shift'],
  ['rotl r5 r2 r1', 's64', 'p1', 'shift'],
  ['entry r5 five r1', 's64', 'p1', 'bounds'],
  ['load r5 pub r1', 's64', 'p1', 'bounds'],
  ['store pub r1 r2', 's64', 'p1', 'bounds'],
];

/** On a secret of a category, at a level that may handle neither. */
const unhandled: readonly string[] = [
  'mov r5 r1',
  ...['add', 'sub', 'mul', 'rem', 'and', 'or', 'xor', 'shl', 'shr', 'sar', 'rotl'].map(
    (name) => `${name} r5 r1 r1`,
  ),
  ...['eq', 'ne', 'lt', 'le', 'min', 'max'].map((name) => `${name} r5 r1 r1`),
  'not r5 r1',
  'select r5 r1 r1 r1',
  'div r5 r1 r1 up',
  'muldiv r5 r1 r1 r1 up',
  'find r5 five r1',
  'entry r5 five r1',
  'load r5 pub r1',
  'if r1',
  'output out r1',
];

export const order: readonly InstructionCase[] = [
  ...impossible.flatMap(([operation, a, b, trap]) => {
    if (trap === undefined) return [];
    const isStore = operation.startsWith('store');
    return [
      // Above label and clearance at once, and above clearance alone.
      traps(`${setUp}const r1 ${a}, const r2 ${b}, at lowplain, ${operation}`, trap, 2, 'C4 A2 {1}'),
      traps(`${setUp}const r1 ${a}, const r2 ${b}, at plain, ${operation}`, trap, 2, 'C4 A8 {1}'),
      ...(isStore
        ? []
        : [traps(`${setUp}const r1 ${a}, const r2 ${b}, at low, ${operation}`, trap, 2, 'C4 A2 {1}')]),
    ];
  }),
  ...unhandled.map((operation) =>
    traps(
      `${setUp}const r1 sk, at lowplain, ${operation}${operation === 'if r1' ? ', end' : ''}`,
      'label',
      1,
      'C4 A2 {1}',
    ),
  ),
  traps(`${setUp}at lowplain, const r1 sk`, 'label', 0, 'C4 A2 {1}'),
  traps(`${setUp}const r1 sk, at lowplain, loop p1, while r1, end`, 'label', 2, 'C4 A2 {1}'),
  traps(
    `${setUp}function one (number) -> (), return r0\nmain\nat all, const r1 sk, at lowplain, call r0 r1 one`,
    'label',
    2,
    'C4 A2 {1}',
  ),
  traps(
    `${setUp}function one () -> (number), const r1 sk, at lowplain, return r1\nmain\nat all, call r5 r0 one`,
    'label',
    1,
    'C4 A2 {1}',
  ),
  // store: bounds, upgrade, label, clearance, ceiling.
  traps(`${setUp}const r0 p0, const r1 sk, at lowplain, store pub r0 r1`, 'upgrade', 2, 'C0 A2'),
  traps(`${setUp}const r0 p0, const r1 sk, at lowplain, store low2 r0 r1`, 'label', 2, 'C4 A2 {1}'),
  traps(`${setUp}const r0 p0, const r1 sk, at plain, store pub r0 r1`, 'clearance', 2, 'C4 A8 {1}'),
  traps(`${setUp}const r0 p0, const r1 sk, store pub r0 r1`, 'ceiling', 2, 'C4 A8 {1}'),
  // output: label, clearance, port.
  traps(`${setUp}const r1 sk, at plain, output out r1`, 'clearance', 1, 'C4 A8 {1}'),
  traps(`${setUp}const r1 s1, at low, output out r1`, 'label', 1, 'C4 A2'),
  // Of grants: grant, clearance, range.
  traps(
    `${setUp}constant k9 9 C5 A8 {1}\nconst r1 k9, at plain, declassify r5 r1 bit`,
    'grant',
    1,
    'C5 A8 {1}',
  ),
  traps(
    `${setUp}constant k9 9 C1 A8 {1}\nconst r1 k9, at plain, declassify r5 r1 bit`,
    'clearance',
    1,
    'C1 A8 {1}',
  ),
  traps(`${setUp}constant s5 9 C5 A8\nconst r1 s5, declassify r5 r1 bit`, 'grant', 1, 'C5 A8'),
  traps(
    `${setUp}const r1 p0, const r2 p7, declassify r5 r1 once, declassify r5 r2 once`,
    'grant',
    3,
    'C0 A8',
  ),
  traps(
    `${setUp}constant k0 0 C0 A1 {2}\nconst r1 k0, at plain, endorse r5 r1 lift`,
    'grant',
    1,
    'C0 A1 {2}',
  ),
  traps(
    `${setUp}grant trust endorse C1 A1 {1} to C1 A6 {1} range 5 9\nconst r1 k1, at plain, endorse r5 r1 trust`,
    'clearance',
    1,
    'C1 A8 {1}',
  ),
  traps(`${setUp}const r1 s0, endorse r5 r1 lift`, 'grant', 1, 'C4 A8'),
];
