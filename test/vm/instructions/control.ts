import { gives, type InstructionCase, traps, writes } from './case.ts';

const arms = (condition: string): string =>
  `const r1 ${condition}, const r2 p0, const r5 p0, const r6 p0, if r1, const r5 p3, else, const r6 p7, end, const r7 p1`;

const branches: readonly InstructionCase[] = [
  gives(arms('p1'), { 5: '3 C0 A8', 6: '0 C0 A8', 7: '1 C0 A8' }),
  gives(arms('p0'), { 5: '0 C0 A8', 6: '7 C0 A8', 7: '1 C0 A8' }),
  gives(arms('m1'), { 5: '3 C0 A8', 6: '0 C0 A8' }),
  gives(arms('least'), { 5: '3 C0 A8', 6: '0 C0 A8' }),
  gives(arms('half'), { 5: '3 C0 A8', 6: '0 C0 A8' }),
  // What either arm writes is raised, whichever ran; what neither writes is not, and pc is given back at the join.
  gives(arms('s1'), { 1: '1 C4 A8', 2: '0 C0 A8', 5: '3 C4 A8', 6: '0 C4 A8', 7: '1 C0 A8' }),
  gives(arms('s0'), { 2: '0 C0 A8', 5: '0 C4 A8', 6: '7 C4 A8', 7: '1 C0 A8' }),
  gives(arms('k1'), { 2: '0 C0 A8', 5: '3 C1 A8 {1}', 6: '0 C1 A8 {1}', 7: '1 C0 A8' }),
  gives(arms('u1'), { 2: '0 C0 A8', 5: '3 C0 A1', 6: '0 C0 A1', 7: '1 C0 A8' }),
  gives('const r1 p0, const r5 p1, if r1, const r5 p3, end', { 5: '1 C0 A8' }),
  gives('const r1 p0, const r5 p1, if r1, const r5 p3, else, end', { 5: '1 C0 A8' }),
  gives('const r1 p0, const r5 p1, if r1, else, const r5 p3, end', { 5: '3 C0 A8' }),
  gives('const r1 s0, const r5 p1, if r1, const r5 p3, end', { 5: '1 C4 A8' }),
  gives('const r1 s1, const r5 p1, if r1, else, const r5 p3, end', { 5: '1 C4 A8' }),
  // A register is raised by what is written in an arm in an arm, in a loop in an arm, by the result of a call.
  gives('const r0 p0, const r1 s1, const r5 p1, if r1, if r0, const r5 p3, end, end', { 5: '1 C4 A8' }),
  gives('const r0 p0, const r1 s1, const r5 p1, if r1, loop p1, while r0, const r5 p3, end, end', {
    5: '1 C4 A8',
  }),
  gives(
    'function f () -> (number), const r1 p7, return r1\nmain\nconst r0 p0, const r1 s1, const r5 p1, if r0, if r1, call r5 r0 f, end, else, if r1, if r0, call r5 r0 f, end, end, end',
    {
      5: '1 C4 A8',
    },
  ),
  gives('const r0 p0, const r1 s1, if r1, if r0, else, const r5 p3, end, else, const r5 p1, end', {
    5: '3 C4 A8',
  }),
  // pc of nested branches is one join; each `end` gives back its own.
  gives('const r1 k1, const r2 s1, if r1, if r2, const r5 p1, end, const r6 p1, end, const r7 p1', {
    5: '1 C4 A8 {1}',
    6: '1 C1 A8 {1}',
    7: '1 C0 A8',
  }),
  gives('const r1 p1, at loud, if r1, at all, const r5 p1, end, const r6 p1', { 5: '1 C3 A8', 6: '1 C0 A8' }),
  gives('const r1 p1, at low, if r1, at all, const r5 p1, end, const r6 p1', { 5: '1 C0 A2', 6: '1 C0 A8' }),
  traps('const r1 s1, at low, if r1, end', 'label', 1, 'C4 A2'),
  traps('const r1 k1, at plain, if r1, end', 'clearance', 1, 'C1 A8 {1}'),
  // The untrusted r5 would be raised to secret, whether it is then written or not.
  traps('const r1 s1, const r5 u1, if r1, const r5 p1, end', 'label', 2, 'C4 A1'),
  traps('const r1 s0, const r5 u1, if r1, const r5 p1, end', 'label', 2, 'C4 A1'),
  traps('const r1 u1, const r5 s1, if r1, else, const r5 p1, end', 'label', 2, 'C4 A1'),
];

const counted = (count: string, bound: string): string =>
  `const r1 ${count}, const r2 p1, const r5 p0, loop ${bound}, while r1, add r5 r5 r2, sub r1 r1 r2, end, const r7 p1`;

const loops: readonly InstructionCase[] = [
  gives(counted('p0', 'p5'), { 1: '0 C0 A8', 5: '0 C0 A8', 7: '1 C0 A8' }),
  gives(counted('p3', 'p5'), { 1: '0 C0 A8', 5: '3 C0 A8' }),
  // The bound is how often `end` may be come to: exactly so often, and not once more.
  gives(counted('p5', 'p5'), { 1: '0 C0 A8', 5: '5 C0 A8' }),
  traps(counted('p7', 'p5'), 'bound', 7, 'C0 A8'),
  gives(counted('p1', 'p1'), { 5: '1 C0 A8' }),
  traps(counted('p2', 'p1'), 'bound', 7, 'C0 A8'),
  gives(counted('p5', 'most'), { 5: '5 C0 A8' }),
  // The loop is left at `while`; what is before it runs once more.
  gives(
    'const r1 p2, const r2 p1, const r5 p0, const r6 p0, loop p5, add r6 r6 r2, while r1, add r5 r5 r2, sub r1 r1 r2, end',
    {
      5: '2 C0 A8',
      6: '3 C0 A8',
    },
  ),
  // Two ways out.
  gives(
    'const r1 p3, const r2 p1, const r3 p0, const r5 p0, loop p5, while r1, sub r1 r1 r2, ne r4 r1 r2, while r4, add r5 r5 r2, end',
    {
      1: '1 C0 A8',
      5: '1 C0 A8',
    },
  ),
  // A secret count: all that the loop writes is as secret, and pc is given back where it is left.
  gives(
    'constant s3 3 C4 A8\nconst r1 s3, const r2 p1, const r5 p0, loop p5, while r1, add r5 r5 r2, sub r1 r1 r2, end, const r7 p1',
    {
      1: '0 C4 A8',
      2: '1 C0 A8',
      5: '3 C4 A8',
      7: '1 C0 A8',
    },
  ),
  // Also of what is before `while`, and of a loop that is left at once.
  gives(
    'const r1 s0, const r2 p1, const r5 p0, const r6 p0, loop p5, mov r6 r2, while r1, add r5 r5 r2, end, const r7 p1',
    {
      5: '0 C4 A8',
      6: '1 C4 A8',
      7: '1 C0 A8',
    },
  ),
  gives(
    'const r1 u1, const r2 p1, const r5 p0, loop p5, while r1, add r5 r5 r2, sub r1 r1 r2, end, const r7 p1',
    {
      5: '1 C0 A1',
      7: '1 C0 A8',
    },
  ),
  // A second `while` raises the rest of the round and the next one's beginning.
  gives(
    'const r0 p0, const r1 p1, const r2 s0, const r5 p0, loop p5, while r1, mov r5 r1, while r2, end, const r7 p1',
    {
      1: '1 C0 A8',
      5: '1 C4 A8',
      7: '1 C0 A8',
    },
  ),
  // A loop begins again each time it is come to.
  gives(
    'const r1 p2, const r2 p1, const r5 p0, loop p2, while r1, const r3 p3, loop p3, while r3, add r5 r5 r2, sub r3 r3 r2, end, sub r1 r1 r2, end',
    {
      5: '6 C0 A8',
    },
  ),
  traps(
    'constant s7 7 C4 A8\nconst r1 s7, const r2 p1, loop p5, while r1, sub r1 r1 r2, end',
    'bound',
    5,
    'C4 A8',
  ),
  traps('const r1 s1, at low, loop p1, while r1, end', 'label', 2, 'C4 A2'),
  traps('const r1 k1, at plain, loop p1, while r1, end', 'clearance', 2, 'C1 A8 {1}'),
  traps('const r1 s1, const r5 u1, loop p1, while r1, const r5 p1, end', 'label', 3, 'C4 A1'),
  traps('const r1 s0, const r5 u1, loop p1, const r5 u1, while r1, end', 'label', 4, 'C4 A1'),
  // The level of `loop` says nothing of what is in it.
  gives('const r1 p1, const r2 p1, at loud, loop p5, at all, while r1, sub r1 r1 r2, end, const r5 p1', {
    1: '0 C0 A8',
    5: '1 C0 A8',
  }),
];

const ends: readonly InstructionCase[] = [
  { ...writes('const r1 p7, output out r1', { 0: 7n }), used: 2n },
  { ...gives('', {}), used: 0n },
  gives(`const r1 p1, const r5 p0, ${'if r1, '.repeat(64)}const r5 p3${', end'.repeat(64)}`, {
    5: '3 C0 A8',
  }),
];

export const control: readonly InstructionCase[] = [...branches, ...loops, ...ends];
