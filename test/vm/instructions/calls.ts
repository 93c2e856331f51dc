import { gives, type InstructionCase, traps, writes } from './case.ts';

/** Sum and difference of two numbers. */
const both =
  'function both (number number) -> (number number), add r5 r0 r1, sub r6 r0 r1, return r5\nmain\n';
const same = 'function same (number) -> (number), return r0\nmain\n';
const seven = 'function seven () -> (number), const r9 p7, return r9\nmain\n';
/** 64 functions in one another. */
const deep = Array.from(
  { length: 63 },
  (_, index) => `function f${index + 1} () -> (), call r0 r0 f${index}, return r0`,
).join('\n');

const values: readonly InstructionCase[] = [
  gives(`${both}const r1 p7, const r2 p3, call r8 r1 both`, {
    8: '10 C0 A8',
    9: '4 C0 A8',
    1: '7 C0 A8',
    2: '3 C0 A8',
  }),
  // Results where the arguments were.
  gives(`${both}const r1 p7, const r2 p3, call r1 r1 both`, { 1: '10 C0 A8', 2: '4 C0 A8' }),
  gives(`${both}const r30 p7, const r31 p3, call r30 r30 both`, { 30: '10 C0 A8', 31: '4 C0 A8' }),
  // What the function writes are registers of its own.
  gives(`${both}const r0 p1, const r1 p7, const r2 p3, const r5 p5, const r6 p5, call r8 r1 both`, {
    0: '1 C0 A8',
    5: '5 C0 A8',
    6: '5 C0 A8',
  }),
  gives(`${seven}call r5 r0 seven`, { 5: '7 C0 A8' }),
  gives(
    'function pair (symbol number) -> (number symbol), mov r2 r0, mov r3 r1, mov r0 r3, mov r1 r2, return r0\nmain\nconst r1 yusd, const r2 p7, call r4 r1 pair',
    {
      4: '7 C0 A8',
      5: '6148332683081547776 C0 A8',
    },
  ),
  writes('function tell (number) -> (), output out r0, return r0\nmain\nconst r1 p7, call r0 r1 tell', {
    0: 7n,
  }),
  gives(
    'function put (number) -> (), const r1 p1, store pub r1 r0, return r0\nmain\nconst r1 p7, const r2 p1, call r0 r1 put, load r5 pub r2',
    {
      5: '7 C0 A8',
    },
  ),
  gives(
    `function eight (${'number '.repeat(8).trim()}) -> (${'number '.repeat(8).trim()}), return r0\nmain\n${Array.from({ length: 8 }, (_, index) => `const r${index + 10} ${index % 2 === 0 ? 'p3' : 'm7'}`).join(', ')}, call r20 r10 eight`,
    {
      20: '3 C0 A8',
      21: '-7 C0 A8',
      26: '3 C0 A8',
      27: '-7 C0 A8',
    },
  ),
  // A function that is called by another, twice, and in a loop.
  gives(
    `function one (number) -> (number), const r1 p1, add r0 r0 r1, return r0\nfunction two (number) -> (number), call r0 r0 one, call r0 r0 one, return r0\nmain\nconst r1 p3, const r2 p1, const r5 p0, loop p5, while r1, call r5 r5 two, sub r1 r1 r2, end, call r6 r5 one`,
    {
      5: '6 C0 A8',
      6: '7 C0 A8',
    },
  ),
  // A function begins with nothing of its last run: a register that one way leaves unset is as the caller's pc.
  gives(
    `function lit (number) -> (number), const r2 p3, if r0, const r3 s9, end, return r2\nmain\nconst r1 p1, const r2 p0, call r5 r1 lit, call r6 r2 lit`,
    {
      5: '3 C0 A8',
      6: '3 C0 A8',
    },
  ),
  gives(`function f0 () -> (), return r0\n${deep}\nmain\ncall r0 r0 f63, const r5 p7`, { 5: '7 C0 A8' }),
];

const contexts: readonly InstructionCase[] = [
  // Of an argument: its own and pc; of a result: its own and e of `return`.
  gives(`${same}const r1 s9, call r5 r1 same, const r6 p1`, { 5: '9 C4 A8', 6: '1 C0 A8' }),
  gives(`${same}const r1 k1, call r5 r1 same`, { 5: '1 C1 A8 {1}' }),
  gives(`${same}const r1 u1, call r5 r1 same, const r6 p1`, { 5: '1 C0 A1', 6: '1 C0 A8' }),
  // Each argument keeps its own label: a secret and an untrusted one do not meet.
  gives(
    'function none (number number) -> (), return r0\nmain\nconst r1 s1, const r2 u1, call r0 r1 none, const r5 p1',
    {
      1: '1 C4 A8',
      2: '1 C0 A1',
      5: '1 C0 A8',
    },
  ),
  gives(`${same}const r1 p1, at loud, call r5 r1 same, at all, const r6 p1`, { 5: '1 C3 A8', 6: '1 C0 A8' }),
  gives(`${same}const r1 p1, at low, call r5 r1 same, at all, const r6 p1`, { 5: '1 C0 A2', 6: '1 C0 A8' }),
  gives(`${seven}at loud, call r5 r0 seven, at all, const r6 p1`, { 5: '7 C3 A8', 6: '1 C0 A8' }),
  gives(`${seven}const r1 s1, if r1, call r5 r0 seven, end, const r6 p1`, { 5: '7 C4 A8', 6: '1 C0 A8' }),
  gives(
    'function loud1 () -> (number), const r1 p1, at loud, return r1\nmain\nat all, call r5 r0 loud1, const r6 p1',
    {
      5: '1 C3 A8',
      6: '1 C0 A8',
    },
  ),
  // The authority of the function is folded into pc while it runs, and into the results by it.
  gives(
    'function six (number) -> (number) A6, const r1 p1, mov r2 r0, return r1\nmain\nconst r1 p1, call r5 r1 six, const r6 p1',
    {
      5: '1 C0 A6',
      6: '1 C0 A8',
    },
  ),
  gives('main A6\nconst r1 p1, mov r5 r1', { 1: '1 C0 A6', 5: '1 C0 A6' }),
  traps('main A2\nconst r5 s1', 'label', 0, 'C4 A2'),
  traps('function two (number) -> () A2, return r0\nmain\nconst r1 s1, call r0 r1 two', 'label', 2, 'C4 A2'),
  traps(
    'function two () -> () A2, return r0\nmain\nconst r1 s1, if r1, call r0 r0 two, end',
    'label',
    3,
    'C4 A2',
  ),
  traps('function two () -> () A2, return r0\nmain\nat loud, call r0 r0 two', 'label', 1, 'C3 A2'),
  traps(
    'function low3 (number) -> () A2, const r1 s1, return r0\nmain\nconst r1 p1, call r0 r1 low3',
    'label',
    0,
    'C4 A2',
  ),
  // What pc is not cleared for stays out of the function, and what its result carries out of the caller.
  traps(`${same}const r1 k1, at plain, call r5 r1 same`, 'clearance', 2, 'C1 A8 {1}'),
  traps(
    'function ask () -> (number), const r1 k1, at plain, return r1\nmain\nat all, call r5 r0 ask',
    'clearance',
    1,
    'C1 A8 {1}',
  ),
  traps(
    'function ask () -> (number), const r1 k1, return r1\nmain\nat plain, call r5 r0 ask',
    'clearance',
    1,
    'C1 A8 {1}',
  ),
  traps(
    'function ask () -> (number), const r1 s1, at low, return r1\nmain\nat all, call r5 r0 ask',
    'label',
    1,
    'C4 A2',
  ),
  traps(
    'function ask () -> (number number), const r1 p1, const r2 s1, at low, return r1\nmain\nat all, call r5 r0 ask',
    'label',
    2,
    'C4 A2',
  ),
  // A function without results may be secret inside.
  gives('function ask () -> (), const r1 k1, return r0\nmain\nat plain, call r0 r0 ask, const r5 p1', {
    5: '1 C0 A8',
  }),
  // A result is raised where the call is under a branch, whichever way that goes.
  gives(`${seven}const r1 s0, const r5 p1, if r1, call r5 r0 seven, end`, { 5: '1 C4 A8' }),
  traps(`${seven}const r1 s0, const r5 u1, if r1, call r5 r0 seven, end`, 'label', 4, 'C4 A1'),
  // A trap inside is counted over all functions.
  traps(`${both}const r1 big, const r2 p3, call r8 r1 both`, 'overflow', 0, 'C0 A8'),
];

export const calls: readonly InstructionCase[] = [...values, ...contexts];
