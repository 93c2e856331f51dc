/** Branches, loops and functions that do not end where they should, nest too deep, or are never come to. */
import { limits } from '../../../vm/isa.ts';
import { type HostileCase, written } from './case.ts';

const unmatched: readonly HostileCase[] = [
  written('end, halt', 'structure', 0),
  written('else, halt', 'structure', 0),
  written('const r1 p1, while r1, halt', 'structure', 1),
  written('const r1 p1, else, end, halt', 'structure', 1),
  written('const r1 p1, if r1, end, end, halt', 'structure', 3),
  written('const r1 p1, if r1, else, else, end, halt', 'structure', 3),
  written('const r1 p1, if r1, else, end, else, halt', 'structure', 4),
  written('const r1 p1, if r1, if r1, else, end, else, else, end, halt', 'structure', 6),
  written('const r1 p1, if r1, while r1, end, halt', 'structure', 2),
  written('const r1 p1, if r1, else, while r1, end, halt', 'structure', 3),
  written('const r1 p1, loop p1, else, while r1, end, halt', 'structure', 2),
  written('const r1 p1, loop p1, while r1, else, end, halt', 'structure', 3),
  written('const r1 p1, loop p1, while r1, end, end, halt', 'structure', 4),
  written('const r1 p1, loop p1, while r1, end, while r1, halt', 'structure', 4),
  // Only in the loop itself, not in a branch of it.
  written('const r1 p1, loop p1, if r1, while r1, end, end, halt', 'structure', 3),
  written('const r1 p1, loop p1, while r1, if r1, else, while r1, end, end, halt', 'structure', 5),
  // What is open in one function is not closed in the next.
  written('function f () -> (), end, return r0\nmain\nconst r1 p1, call r0 r0 f, halt', 'structure', 0),
];

const last: readonly HostileCase[] = [
  written('mov r1 r1', 'type', 0),
  written('const r1 p1', 'last', 0),
  written('halt, halt', 'last', 0),
  written('const r1 p1, halt, const r1 p1', 'last', 1),
  written('const r1 p1, halt, const r1 p1, halt', 'last', 1),
  written('const r1 p1, if r1, halt', 'last', 2),
  written('const r1 p1, if r1, halt, end, halt', 'last', 2),
  written('const r1 p1, if r1, end', 'last', 2),
  written('const r1 p1, if r1', 'last', 1),
  written('const r1 p1, if r1, else', 'last', 2),
  written('const r1 p1, loop p1', 'last', 1),
  written('const r1 p1, loop p1, while r1', 'last', 2),
  written('const r1 p1, loop p1, while r1, halt', 'last', 3),
  written('const r1 p1, loop p1, while r1, halt, end, halt', 'last', 3),
  written('const r1 p1, loop p1, while r1, end', 'last', 3),
  written('return r0', 'last', 0),
  written('const r1 p1, return r0, halt', 'last', 1),
  written('const r1 p1, if r1, return r0, end, halt', 'last', 2),
  written('function f () -> (), halt\nmain\ncall r0 r0 f, halt', 'last', 0),
  written('function f () -> (), const r1 p1\nmain\ncall r0 r0 f, halt', 'last', 0),
  written('function f () -> (), return r0, return r0\nmain\ncall r0 r0 f, halt', 'last', 0),
  written('function f () -> (), return r0, halt\nmain\ncall r0 r0 f, halt', 'last', 0),
  written('function f () -> (), const r1 p1, if r1, return r0\nmain\ncall r0 r0 f, halt', 'last', 2),
  written(
    'function f () -> (), const r1 p1, if r1, return r0, end, return r0\nmain\ncall r0 r0 f, halt',
    'last',
    2,
  ),
  written(
    'function f () -> (), const r1 p1, loop p1, while r1, return r0\nmain\ncall r0 r0 f, halt',
    'last',
    3,
  ),
  written('function f () -> (), return r0\nmain\ncall r0 r0 f', 'last', 1),
  written('function f () -> (), return r0\nmain\ncall r0 r0 f, return r0', 'last', 2),
];

const unreachable: readonly HostileCase[] = [
  written('loop p1, end, halt', 'unreachable', 1),
  written('const r1 p1, loop p1, loop p1, while r1, end, end, halt', 'unreachable', 5),
  written('const r1 p1, loop p1, if r1, loop p1, while r1, end, end, end, halt', 'unreachable', 7),
  written('const r1 p1, if r1, loop p1, mov r2 r1, end, end, halt', 'unreachable', 4),
  written('function f () -> (), loop p1, end, return r0\nmain\ncall r0 r0 f, halt', 'unreachable', 1),
  written('function f () -> (), return r0\nmain\nhalt', 'unreachable', 0),
  written(
    'function f () -> (), return r0\nfunction g () -> (), return r0\nmain\ncall r0 r0 f, halt',
    'unreachable',
    1,
  ),
  written(
    'function f () -> (), return r0\nfunction g () -> (), const r1 p1, return r0\nmain\ncall r0 r0 g, halt',
    'unreachable',
    0,
  ),
  // Called by one that is never called.
  written(
    'function f () -> (), return r0\nfunction g () -> (), call r0 r0 f, return r0\nmain\nhalt',
    'unreachable',
    1,
  ),
  // The first of two.
  written('function f () -> (), return r0\nfunction g () -> (), return r0\nmain\nhalt', 'unreachable', 0),
  written(
    `${Array.from({ length: limits.functions - 1 }, (_, index) => `function f${index} () -> (), return r0`).join('\n')}\nmain\n${Array.from({ length: limits.functions - 1 }, (_, index) => (index === 200 ? 'const r1 p1' : `call r0 r0 f${index}`)).join(', ')}, halt`,
    'unreachable',
    200,
  ),
];

const nested = (open: string, depth: number, inside = 'mov r2 r1'): string =>
  `${Array(depth).fill(open).join(', ')}, ${inside}, ${Array(depth).fill('end').join(', ')}`;

/** `depth` functions, each with `before` calling the one before it with it. */
const chain = (depth: number, before = ''): string =>
  Array.from(
    { length: depth },
    (_, index) =>
      `function f${index} () -> (), ${before}${index === 0 ? '' : `call r0 r0 f${index - 1}, `}return r0`,
  ).join('\n');

const all = 'const r31 p1, ';

const deep: readonly HostileCase[] = [
  written(`const r1 p1, ${nested('if r1', 65)}, halt`, 'depth', 65),
  written(`const r1 p1, ${nested('if r1', 70)}, halt`, 'depth', 65),
  written(`const r1 p1, ${nested('loop p1, while r1', 65)}, halt`, 'depth', 129),
  written(`const r1 p1, ${nested('if r1', 32, nested('loop p1, while r1', 33))}, halt`, 'depth', 1 + 32 + 64),
  // A call opens one more: told at the last instruction, when it is known how deep it goes.
  written(
    `${chain(1)}\nmain\nconst r1 p1, ${nested('if r1', 64, 'call r0 r0 f0')}, halt`,
    'depth',
    1 + 1 + 64 + 1 + 64,
  ),
  written(`${chain(65)}\nmain\ncall r0 r0 f64, halt`, 'depth', 1 + 64 * 2 + 1),
  written(`${chain(66)}\nmain\ncall r0 r0 f65, halt`, 'depth', 65 * 2),
  // Registers of functions that are open at once: 17 × 32 is more than 512.
  written(`${chain(17, all)}\nmain\nconst r0 p1, call r0 r0 f16, halt`, 'depth', 2 + 16 * 3 - 1),
  written(`${chain(16, all)}\nmain\nconst r0 p1, call r0 r0 f15, halt`, 'depth', 2 + 15 * 3 + 2),
  written(`${chain(16, all)}\nmain\ncall r0 r0 f15, halt`, 'depth', 2 + 15 * 3 + 1),
];

const calls: readonly HostileCase[] = [
  written('function f () -> (), call r0 r0 f, return r0\nmain\ncall r0 r0 f, halt', 'call', 0),
  written(
    'function f (number) -> (number), const r1 p1, if r0, call r0 r1 f, end, return r0\nmain\nconst r1 p1, call r0 r1 f, halt',
    'call',
    2,
  ),
];

export const structure: readonly HostileCase[] = [...unmatched, ...last, ...unreachable, ...deep, ...calls];
