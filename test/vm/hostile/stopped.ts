/** Modules that are loaded and do harm, if they can: each is stopped by its one trap, at its one instruction. */
import type { TrapName } from '../../../vm/isa.ts';
import { program } from './case.ts';

export interface StoppedCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly trap: TrapName;
  readonly at: number;
  /** A million where nothing is said. */
  readonly limit?: bigint;
}

const stopped = (text: string, trap: TrapName, at: number, name = text): StoppedCase => ({
  name,
  bytes: program(text),
  trap,
  at,
});

/** Just outside, outside of everything, and back inside where an address is cut to 32 bits or multiplied by 4 or 8. */
const addresses = [
  ['just outside', 0n],
  ['one further', 1n],
  ['-1', -1n, 'absolute'],
  ['2^29, which times 8 is nothing in 32 bits', 2n ** 29n, 'absolute'],
  ['2^30, which times 4 is nothing in 32 bits', 2n ** 30n, 'absolute'],
  ['2^31', 2n ** 31n, 'absolute'],
  ['2^32', 2n ** 32n, 'absolute'],
  ['2^32 + 1', 2n ** 32n + 1n, 'absolute'],
  ['2^61, which times 8 is nothing in 64 bits', 2n ** 61n, 'absolute'],
  ['2^62', 2n ** 62n, 'absolute'],
  ['the greatest word', 2n ** 63n - 1n, 'absolute'],
  ['the least word', -(2n ** 63n), 'absolute'],
] as const;

/** `load`, `store` and `entry` in the first, the last and the longest place that there is. */
const places = [
  ['load r5 pub r1', '', 2n],
  ['store pub r1 r2', '', 2n],
  ['load r5 name r1', '', 2n],
  ['load r5 wide r1', 'segment wide 65526 C0 A8 ceiling C0 A8\n', 65_526n],
  ['store wide r1 r2', 'segment wide 65526 C0 A8 ceiling C0 A8\n', 65_526n],
  ['entry r5 five r1', '', 5n],
  ['entry r5 loose r1', '', 3n],
  ['entry r5 ends r1', 'table ends C0 A8 : 1\n', 1n],
] as const;

const outside: readonly StoppedCase[] = places.flatMap(([instruction, declaration, length]) =>
  addresses.map(([name, value, kind]) => {
    const address = kind === 'absolute' ? value : length + value;
    return stopped(
      `${declaration}constant away ${address} C0 A8\nconst r1 away, const r2 p1, ${instruction}, halt`,
      'bounds',
      2,
      `${instruction}, where r1 is ${name}`,
    );
  }),
);

const chain = Array.from(
  { length: 64 },
  (_, index) =>
    `function f${index} () -> ()\n${index === 0 ? '' : `call r0 r0 f${index - 1}\ncall r0 r0 f${index - 1}\n`}return r0`,
).join('\n');

const twice = `${chain}\nmain\ncall r0 r0 f63, halt`;

const endless: readonly StoppedCase[] = [
  stopped('const r1 p1, loop most, while r1, end, halt', 'fuel', 2),
  stopped('const r1 p1, loop p7, while r1, end, halt', 'bound', 3),
  stopped('const r1 p1, loop most, while r1, loop most, while r1, end, end, halt', 'fuel', 4),
  // Of a secret count all rounds are charged before the first.
  stopped('const r1 s0, loop most, while r1, end, halt', 'fuel', 2),
  stopped('const r0 p0, const r1 s1, if r1, loop most, while r0, end, end, halt', 'fuel', 2),
  // 2^64 calls: 64 on the way down, of 2 each, and then of the first function that returns.
  {
    ...stopped(twice, 'fuel', 0, '64 functions, each calling the one before it twice'),
    limit: 128n,
  },
  { ...stopped(twice, 'fuel', 2, 'the same, and the second call'), limit: 129n },
  stopped(
    `${chain}\nmain\nat loud, call r0 r0 f63, halt`,
    'fuel',
    190,
    'the same, above public: charged at once',
  ),
  // 64 loops in one another, each of 2^32 rounds: more than any number of the machine.
  stopped(
    `const r1 s1, ${Array(64).fill('loop most, while r1').join(', ')}, ${Array(64).fill('end').join(', ')}, halt`,
    'fuel',
    2,
    '64 endless loops in one another, on a secret',
  ),
];

/** As often as the list of uses has room for, and once more. */
const audit: readonly StoppedCase[] = [
  stopped(
    'constant c300 300 C0 A8\nconst r1 c300, const r2 p1, loop c300, while r1, declassify r3 r2 bit, sub r1 r1 r2, end, halt',
    'grant',
    4,
  ),
  stopped('const r2 p1, declassify r3 r2 once, declassify r3 r2 once, halt', 'grant', 2),
];

/** Ways to tell a secret, or to be trusted. */
const leaks: readonly StoppedCase[] = [
  stopped('const r1 s1, output out r1, halt', 'port', 1),
  stopped('const r1 s1, const r2 p0, if r1, output out r2, end, halt', 'port', 3),
  stopped('const r1 s1, const r2 p0, if r1, store pub r2 r2, end, halt', 'upgrade', 3),
  stopped('const r1 s1, const r2 p0, store pub r2 r1, halt', 'ceiling', 2),
  stopped('const r1 s1, store open r1 r1, halt', 'upgrade', 1),
  stopped('const r1 s1, const r2 p1, if r1, const r2 p0, end, output out r2, halt', 'port', 5),
  stopped('const r1 s1, entry r2 five r1, output out r2, halt', 'port', 2),
  stopped('const r1 s1, const r2 p1, select r3 r1 r2 r2, output out r3, halt', 'port', 3),
  stopped('const r1 s1, xor r1 r1 r1, output out r1, halt', 'port', 2),
  stopped('const r1 s1, const r2 p0, mul r1 r1 r2, output out r1, halt', 'port', 3),
  stopped('const r1 u1, output out r1, halt', 'port', 1),
  stopped('const r1 s1, if r1, declassify r2 r1 bit, end, halt', 'grant', 2),
  stopped('const r1 s9, declassify r2 r1 bit, halt', 'range', 1),
  stopped('at low, const r1 s1, halt', 'label', 0),
  stopped('const r1 k1, at plain, mov r2 r1, halt', 'clearance', 1),
  stopped('const r1 big, add r1 r1 r1, halt', 'overflow', 1),
  stopped('const r1 p0, rem r1 r1 r1, halt', 'division', 1),
  stopped('const r1 p64, shl r1 r1 r1, halt', 'shift', 1),
];

export const stoppedPrograms: readonly StoppedCase[] = [...outside, ...endless, ...audit, ...leaks];
