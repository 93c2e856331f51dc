/** Modules that go up to a limit and no further: they are loaded, and run. */
import { limits } from '../../../vm/isa.ts';
import { encodeModule, type Module } from '../../../vm/module.ts';
import { assembled } from '../machine.ts';
import { good, program } from './case.ts';

export interface LimitCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of its one run, which finishes. */
  readonly used: bigint;
  /** What it says in its first port that it writes; `undefined` where it writes none. */
  readonly says?: bigint;
}

const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));
const lines = (count: number, line: (index: number) => string): string => many(count, line).join('\n');

/** As many of everything as there may be, and the last of each in use. */
const everything = `
${lines(limits.levels, (index) => `level l${index} C0 A8 {1}`)}
${lines(limits.constants, (index) => `constant c${index} ${index} C0 A8`)}
${lines(limits.segments, (index) => `segment s${index} ${limits.words / limits.segments} C0 A8 ceiling C0 A8`)}
${lines(limits.tables, (index) => `table t${index} sorted C0 A8 : ${index} 1000`)}
${lines(limits.ports, (index) => `port p${index} C0 A8`)}
${lines(limits.grants, (index) => `grant g${index} declassify C4 A4 to C0 A4 range 0 2000`)}
at l63
${lines(limits.functions - 1, (index) => `function f${index} () -> ()\nreturn r0`)}
main
const r1 c1023
store s63 r1 r1
load r2 s63 r1
const r3 c63
find r3 t63 r3
entry r3 t63 r3
add r2 r2 r3
declassify r2 r2 g63
output p63 r2
${lines(limits.functions - 1, (index) => `call r0 r0 f${index}`)}
halt`;

const shallow = many(limits.depth, () => 'if r1').join(', ');
const shut = many(limits.depth, () => 'end').join(', ');
const chain = (depth: number, before = ''): string =>
  lines(
    depth,
    (index) =>
      `function f${index} () -> ()\n${before}${index === 0 ? '' : `call r0 r0 f${index - 1}\n`}return r0`,
  );
const eight = 'number number number number number number number number';

/**
 * A table that fills the module up to its last byte. A regression: `encodeModule` gave all entries of a table to one
 * call, and failed at some 130,000 of them.
 */
function longest(): Module {
  const empty = { ...good, tables: [], functions: good.functions };
  const [table] = good.tables;
  if (table === undefined) throw new Error('the good module has a table');
  const left = (limits.moduleBytes - encodeModule(empty).length - 16) / 8;
  return { ...empty, tables: [{ ...table, entries: many(left, BigInt) }] };
}

/** Instructions from the first to the last that there may be. */
const body = (count: number): string => lines(count, () => 'mov r1 r1');

export const atLimits: readonly LimitCase[] = [
  {
    name: 'as many of everything as there may be',
    bytes: assembled(everything).bytes,
    // const 1, store 2, load 2, const 1, find 2 + 2, entry 2, add 1, declassify 2, output 1; 255 times call 2 and return 1.
    used: 16n + 255n * 3n,
    says: 1023n + 63n,
  },
  { name: 'as many bytes as there may be', bytes: encodeModule(longest()), used: 7n, says: 2n },
  {
    name: 'as many instructions as there may be',
    bytes: program(`const r1 p1\n${body(limits.code - 2)}\nhalt`),
    used: BigInt(limits.code) - 1n,
  },
  {
    name: 'as many instructions as there may be, in two functions',
    bytes: program(
      `function f () -> ()\nconst r1 p1\n${body(8189)}\nreturn r0\nmain\nconst r1 p1\n${body(8190)}\ncall r0 r0 f\nhalt`,
    ),
    used: 8191n + 8191n + 2n,
  },
  {
    name: 'branches as deep as they may be',
    bytes: program(`const r1 p1, ${shallow}, ${shut}, halt`),
    used: 65n,
  },
  {
    name: 'loops as deep as they may be',
    // Each of 64 loops begins once and goes on at no `while` but the last that is come to: the first.
    bytes: program(`const r1 p0, ${many(64, () => 'loop p1, while r1').join(', ')}, ${shut}, halt`),
    used: 3n,
  },
  {
    name: 'loops as deep as they may be, each of one round',
    // In the innermost the condition is cleared: each is then left at its second `while`.
    bytes: program(
      `const r1 p1, ${many(64, () => 'loop p1, while r1').join(', ')}, const r1 p0, ${shut}, halt`,
    ),
    used: 1n + 64n * 2n + 1n + 64n,
  },
  {
    name: 'calls as deep as they may be',
    bytes: program(`${chain(64)}\nmain\ncall r0 r0 f63, halt`),
    used: 64n * 3n,
  },
  {
    name: 'as many registers as there may be, in functions that are open at once',
    bytes: program(
      `${chain(15, 'const r31 p1\n')}\nmain\nconst r31 p7, call r0 r0 f14, output out r31, halt`,
    ),
    used: 15n * 4n + 2n,
    says: 7n,
  },
  {
    name: 'a loop of the greatest bound',
    bytes: program('const r1 p2, const r2 p1, loop most, while r1, sub r1 r1 r2, end, output out r1, halt'),
    used: 9n,
    says: 0n,
  },
  {
    name: 'as many parameters and results as there may be',
    bytes: program(
      `function f (${eight}) -> (${eight})\nreturn r0\nmain\n${many(8, (index) => `const r${index + 24} ${index === 7 ? 'p7' : 'p1'}`).join(', ')}, call r24 r24 f, output out r31, halt`,
    ),
    used: 12n,
    says: 7n,
  },
];
