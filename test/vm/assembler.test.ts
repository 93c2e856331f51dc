import { describe, expect, it } from 'vitest';
import { assemble, type Fault } from '../../vm/assembler.ts';
import { instructions, type Operand, operandByte, roundings } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import { hasItsHash, moduleHash, readNames, stripNames, withNames } from '../../vm/module.ts';
import { readModule } from '../../vm/module-reader.ts';
import { packSymbol } from '../../vm/symbol.ts';
import { assembled, freshMachine, loaded } from './machine.ts';

const declarations = `
level l C0 A8
level m C4 A6 {3}
constant k 5 C0 A8
constant q 6 C0 A8
segment s 2 C0 A8 ceiling C0 A8
segment t 2 symbol C0 A8 ceiling C0 A8
table v sorted C0 A8 : 1 2 3
table w C0 A8 : 'USD' 'EUR'
port o C0 A8
port p C0 A8
grant g declassify C4 A4 {1, 2} to C0 A4 range 0 1
grant h endorse C0 A1 to C0 A6 range -5 5 uses 7
function e () -> ()
at l
return r0
function f () -> ()
return r0
main
at m
`;
/** Lines before the line that a test adds. */
const before = declarations.split('\n').length - 1;

const samples: Readonly<Record<Operand, readonly [text: string, byte: number]>> = {
  d: ['r1', 1],
  a: ['r2', 2],
  b: ['r30', 30],
  c: ['r31', 31],
  constant: ['q', 1],
  segment: ['t', 1],
  table: ['w', 1],
  function: ['f', 1],
  grant: ['h', 1],
  port: ['p', 1],
  rounding: ['half_up', 5],
};

function faultsOf(text: string): readonly Fault[] {
  const result = assemble(text);
  return result.ok ? [] : result.faults;
}

describe('the assembler', () => {
  it.each(instructions)('puts the operands of $mnemonic where the table says', (instruction) => {
    const { mnemonic, opcode, operands } = instruction;
    const line = [mnemonic, ...operands.map((operand) => samples[operand][0])].join(' ');
    const expected = new Uint8Array(8);
    expected[0] = opcode;
    expected[1] = 1;
    for (const operand of operands) expected[operandByte[operand]] = samples[operand][1];
    const { bytes, module } = assembled(declarations + line);
    expect(bytes.slice(-8)).toEqual(expected);
    expect(module.functions.at(-1)?.code).toHaveLength(1);
  });

  it('writes every rounding as its number', () => {
    expect(roundings).toHaveLength(6);
    for (const [index, rounding] of roundings.entries())
      expect(assembled(`${declarations}div r1 r2 r3 ${rounding}`).bytes.at(-2)).toBe(index);
  });

  it('lays out the header and the sections as drawn in vm/assembly/load.ts', () => {
    const { bytes } = assembled(`${declarations}halt ; the end`);
    const view = new DataView(bytes.buffer);
    const u32 = (at: number): number => view.getUint32(at, true);
    expect(new TextDecoder().decode(bytes.slice(0, 4))).toBe('RMVM');
    expect(u32(4)).toBe(2);
    expect([8, 10, 12, 14, 16, 18, 20, 22].map((at) => view.getUint16(at, true))).toEqual([
      2, 2, 2, 2, 2, 2, 3, 0,
    ]);
    expect([u32(24), u32(28)]).toEqual([5, 3]);
    expect(bytes.slice(32, 64)).toEqual(moduleHash(bytes));
    const levels = 64;
    expect([u32(levels), u32(levels + 4), u32(levels + 8)]).toEqual([0, 0, 0x0f0008c0]);
    const constants = levels + 2 * 8;
    expect([view.getBigInt64(constants + 16, true), u32(constants + 24), u32(constants + 28)]).toEqual([
      6n,
      0,
      0,
    ]);
    const segments = constants + 2 * 16;
    expect([16, 20, 24, 28].map((at) => u32(segments + at))).toEqual([2, 0, 0, 1]);
    const tables = segments + 2 * 16;
    expect([0, 4, 8, 12, 16, 20, 24, 28].map((at) => u32(tables + at))).toEqual([0, 0, 3, 1, 0, 1, 2, 0]);
    const ports = tables + 2 * 16;
    const grants = ports + 2 * 8;
    expect([0, 4, 8, 12, 32, 36, 40, 44].map((at) => u32(grants + at))).toEqual([
      1,
      makeLabel({ secrecy: 4, authority: 4, categories: [1, 2] }),
      makeLabel({ secrecy: 0, authority: 4, categories: [] }),
      1,
      2,
      makeLabel({ secrecy: 0, authority: 1, categories: [] }),
      makeLabel({ secrecy: 0, authority: 6, categories: [] }),
      7,
    ]);
    expect([view.getBigInt64(grants + 48, true), view.getBigInt64(grants + 56, true)]).toEqual([-5n, 5n]);
    const functions = grants + 2 * 32;
    expect([0, 16, 32].map((at) => u32(functions + at))).toEqual([1, 1, 1]);
    const entries = functions + 3 * 16;
    expect([0, 24, 32].map((at) => view.getBigInt64(entries + at, true))).toEqual([
      1n,
      packSymbol('USD'),
      packSymbol('EUR'),
    ]);
    expect(entries + 5 * 8 + 3 * 8).toBe(bytes.length);
  });

  it('reads every form of every declaration', () => {
    const { module } = assembled(`
      level a C0 A8 {}   ; comments, and blanks before and after   
\tlevel b C8 A8 { 0, 15 }\r
      level c C1 A2 {3 4,5}
      constant n -9223372036854775808 C0 A8
      constant x 9223372036854775807 C1 A2 {3}
      constant y 'a;~!z' C0 A8 ; a semicolon in quotes is none
      segment one 1 number C0 A8 ceiling C4 A4 {1}
      segment two 65536 C0 A8 ceiling C0 A8
      table low C1 A8 {2} : 3 1 2
      table up sorted C0 A8 : 'A' 'AB' 'B'
      port q symbol C4 A4
      port r number C0 A8
      grant g declassify C4 A4 {1} to C0 A4 range -2 3 uses 4294967295
      function f (number symbol) -> (symbol) A6
      at a
      mov r2 r1
      return r2
      function g()->()
      return r0
      main A7
      halt`);
    expect(module).toEqual({
      levels: [0, 0xff800100, 0x010038fc],
      constants: [
        { type: 'number', value: -(2n ** 63n), label: 0 },
        { type: 'number', value: 2n ** 63n - 1n, label: 0x010008fc },
        { type: 'symbol', value: packSymbol('a;~!z'), label: 0 },
      ],
      segments: [
        { type: 'number', length: 1, label: 0, ceiling: 0x0f0002f0 },
        { type: 'number', length: 65_536, label: 0, ceiling: 0 },
      ],
      tables: [
        { type: 'number', label: 0x01000400, sorted: false, entries: [3n, 1n, 2n] },
        { type: 'symbol', label: 0, sorted: true, entries: ['A', 'AB', 'B'].map(packSymbol) },
      ],
      ports: [
        { type: 'symbol', label: 0x0f0000f0 },
        { type: 'number', label: 0 },
      ],
      grants: [
        {
          kind: 'declassify',
          from: 0x0f0002f0,
          to: 0x000000f0,
          least: -2n,
          most: 3n,
          uses: 4_294_967_295,
        },
      ],
      functions: [
        {
          authority: 0xc0,
          parameters: ['number', 'symbol'],
          results: ['symbol'],
          code: [
            { opcode: 2, level: 0, registers: [2, 1, 0, 0], index: 0 },
            { opcode: 34, level: 0, registers: [0, 2, 0, 0], index: 0 },
          ],
        },
        {
          authority: 0,
          parameters: [],
          results: [],
          code: [{ opcode: 34, level: 0, registers: [0, 0, 0, 0], index: 0 }],
        },
        {
          authority: 0x80,
          parameters: [],
          results: [],
          code: [{ opcode: 38, level: 0, registers: [0, 0, 0, 0], index: 0 }],
        },
      ],
    });
  });

  it('writes the same bytes every time, and a program that runs and is read back', async () => {
    const text = 'level l C0 A8\nconstant k 5 C0 A8\nport p C0 A8\nat l\nconst r1 k\noutput p r1\nhalt';
    const { bytes, module } = assembled(text);
    expect(assembled(text).bytes).toEqual(bytes);
    expect(hasItsHash(bytes)).toBe(true);
    expect(readModule(bytes)).toEqual({ ok: true, module });
    const result = loaded(await freshMachine(), bytes).run({ inputs: [], fuel: 10n });
    expect(result).toMatchObject({ ok: true, ports: new Map([[0, 5n]]), fuelUsed: 2n });
  });

  it('keeps the names in the order of their numbers, and the line of every instruction', () => {
    const { names, bytes } = assembled(`${declarations}; nothing\nconst r1 k\n\nhalt`);
    expect(names).toEqual({
      levels: ['l', 'm'],
      constants: ['k', 'q'],
      segments: ['s', 't'],
      tables: ['v', 'w'],
      ports: ['o', 'p'],
      grants: ['g', 'h'],
      functions: ['e', 'f', 'main'],
      lines: [16, 18, 22, 24],
    });
    const file = withNames(bytes, names);
    expect(stripNames(file)).toEqual(bytes);
    expect(readNames(file)).toEqual(names);
    expect(readNames(bytes)).toBeUndefined();
  });
});

/** A line after the declarations, the column of its fault and what is said. */
const faults: readonly [line: string, column: number, message: string][] = [
  ['fly r1', 1, '`fly` is no instruction and no declaration'],
  ['ADD r1 r2 r3', 1, '`ADD` is no instruction'],
  ['{1}', 1, '`{1}` is no instruction'],
  ['mov r1', 7, 'a register is missing'],
  ['mov r1   ; r2', 7, 'a register is missing'],
  ['mov r1 r32', 8, '`r32` where a register r0 to r31 is accepted'],
  ['mov r1 r-1', 8, 'r0 to r31'],
  ['mov r1 r', 8, 'r0 to r31'],
  ['mov r1 R2', 8, 'r0 to r31'],
  ['mov r1 k', 8, 'r0 to r31'],
  ['  mov r1 r2 r3', 13, '`r3` is one word too many'],
  ['halt halt', 6, 'one word too many'],
  ['const r1 z', 10, 'the constant `z` is not declared: declared are k, q'],
  ['const r1', 9, 'a constant is missing'],
  ['output s r1', 8, 'the port `s` is not declared: declared are o, p'],
  ['load r1 v r2', 9, 'the segment `v` is not declared'],
  ['store v r1 r2', 7, 'the segment `v` is not declared'],
  ['find r1 s r2', 9, 'the table `s` is not declared'],
  ['entry r1 s r2', 10, 'the table `s` is not declared'],
  ['call r1 r2 main', 12, 'the function `main` is not declared: declared are e, f'],
  ['declassify r1 r2 l', 18, 'the grant `l` is not declared'],
  ['loop s', 6, 'the constant `s` is not declared'],
  ['at nowhere', 4, 'the level `nowhere` is not declared: declared are l, m'],
  ['at', 3, 'a level is missing'],
  ['div r1 r2 r3', 13, '`floor` or `ceiling` or `down` or `up` or `half_even` or `half_up` is missing'],
  ['div r1 r2 r3 middle', 14, '`middle` where `floor` or'],
  ['muldiv r1 r2 r3 floor', 17, 'r0 to r31'],
  ['level l C0 A8', 7, 'the level `l` is declared twice'],
  ['constant k 1 C0 A8', 10, 'the constant `k` is declared twice'],
  ['level', 6, 'a name is missing'],
  ['level 1x C0 A8', 7, '`1x` where a name is accepted'],
  ['level a-b C0 A8', 7, '`a-b` where a name is accepted'],
  [`level ${'x'.repeat(65)} C0 A8`, 7, 'where a name is accepted'],
  ['level n', 8, 'C0 to C8 is missing'],
  ['level n C9 A8', 9, '`C9` where C0 to C8 is accepted'],
  ['level n A8 C0', 9, '`A8` where C0 to C8 is accepted'],
  ['level n C0', 11, 'A0 to A8 is missing'],
  ['level n C0 A9', 12, '`A9` where A0 to A8 is accepted'],
  ['level n C0 A8 {16}', 15, '`{16}`: categories are 0 to 15'],
  ['level n C0 A8 {1', 15, '`{1` where categories such as `{1, 2}` are accepted'],
  ['level n C0 A8 {x}', 15, '`{x}` where categories'],
  ['level n C0 A8 {1} {2}', 19, 'one word too many'],
  ['constant n 9223372036854775808 C0 A8', 12, 'does not fit a signed 64-bit word'],
  ['constant n -9223372036854775809 C0 A8', 12, 'does not fit a signed 64-bit word'],
  ['constant n 0x10 C0 A8', 12, '`0x10` where a value, a whole number, is accepted'],
  ['constant n 1.5 C0 A8', 12, 'whole number'],
  ['constant n +1 C0 A8', 12, 'whole number'],
  ["constant n '' C0 A8", 12, "where a symbol such as 'USD' is accepted: one to eight characters"],
  ["constant n 'ABCDEFGHI' C0 A8", 12, 'one to eight characters'],
  ["constant n 'A B' C0 A8", 12, 'one to eight characters'],
  ["constant n 'Ö' C0 A8", 12, 'one to eight characters'],
  ['segment n C0 A8 ceiling C0 A8', 11, '`C0` where a length, a whole number, is accepted'],
  ['segment n -1 C0 A8 ceiling C0 A8', 11, '`-1` where a length from 0 to 4294967295 is accepted'],
  ['segment n 4294967296 C0 A8 ceiling C0 A8', 11, 'a length from 0 to 4294967295'],
  ['segment n 1 word C0 A8 ceiling C0 A8', 13, '`word` where C0 to C8'],
  ['segment n 1 C0 A8 floor C0 A8', 19, '`floor` where `ceiling` is accepted'],
  ['segment n 1 C0 A8 ceiling', 26, 'C0 to C8 is missing'],
  ['table n C0 A8 1 2', 15, '`1` where `:` is accepted'],
  ['table n C0 A8 :', 16, 'a value is missing'],
  ["table n C0 A8 : 1 'USD'", 19, 'a symbol in a table that begins with a number'],
  ["table n C0 A8 : 'USD' 1", 23, 'a number in a table that begins with a symbol'],
  ['table n sorted C0 A8 : 1 1', 26, 'a sorted table ascends'],
  ['table n sorted C0 A8 : 2 1', 26, 'a sorted table ascends'],
  ['port n symbol symbol C0 A8', 15, '`symbol` where C0 to C8'],
  ['grant n leak C0 A8 to C0 A8 range 0 1', 9, '`leak` where `declassify` or `endorse` is accepted'],
  ['grant n endorse C0 A8 C0 A8 range 0 1', 23, '`C0` where `to` is accepted'],
  ['grant n endorse C0 A8 to C0 A8 0 1', 32, '`0` where `range` is accepted'],
  ['grant n endorse C0 A8 to C0 A8 range 0', 39, 'the most is missing'],
  ['grant n endorse C0 A8 to C0 A8 range 0 1 uses x', 47, '`x` where a number of uses, a whole number'],
  ['grant n endorse C0 A8 to C0 A8 range 0 1 uses 4294967296', 47, 'a number of uses from 0 to 4294967295'],
  ['function n () -> ()', 1, 'a function after `main`'],
  ['main', 1, '`main` is there already'],
];

describe('faults of a text', () => {
  it.each(faults)('`%s` is told at column %i', (line, column, message) => {
    const result = assemble(`${declarations}${line}\nhalt`);
    expect(result).toMatchObject({ ok: false, code: 'assembly_malformed' });
    if (result.ok) return;
    expect(result.faults).toHaveLength(1);
    const [fault] = result.faults;
    expect(fault?.message).toContain(message);
    expect([fault?.line, fault?.column]).toEqual([before + 1, column]);
    expect(result.message).toBe(`line ${fault?.line}, column ${fault?.column}: ${fault?.message}`);
  });

  it.each([
    ['function f number) -> ()', 12, '`number` where `(` is accepted'],
    ['function f (word) -> ()', 13, '`word` where `number` or `symbol` or `)` is accepted'],
    ['function f (number', 19, 'is missing'],
    ['function f () ()', 15, '`(` where `->` is accepted'],
    ['function f () -> () A9', 21, '`A9` where A0 to A8 is accepted'],
    ['function f () -> () A8 A8', 24, 'one word too many'],
  ])('of a function: `%s`', (line, column, message) => {
    const [fault, ...others] = faultsOf(`level l C0 A8\nat l\n${line}\nreturn r0\nmain\nhalt`);
    expect(fault).toMatchObject({ line: 3, column });
    expect(fault?.message).toContain(message);
    // What is wrong with its line is no fault of the code after it.
    expect(others).toEqual([]);
  });

  it('an instruction before any level', () => {
    expect(faultsOf('halt')).toEqual([
      { line: 1, column: 1, message: 'an instruction before any `at LEVEL`' },
    ]);
  });

  it('a name of which nothing is declared', () => {
    expect(faultsOf('level l C0 A8\nat l\nconst r1 k')[0]?.message).toBe(
      'the constant `k` is not declared: none is declared',
    );
  });

  it('a name that was declared with a fault is no second fault where it is used', () => {
    expect(
      faultsOf('level l C0 A8\nconstant k x C0 A8\nat l\nconst r1 k\nhalt').map(({ line }) => line),
    ).toEqual([2]);
  });

  it('are told several at a time in the order of the text, and twenty at most', () => {
    const lines = (count: number): string =>
      Array.from({ length: count }, (_, index) => `bad${index}`).join('\n');
    expect(faultsOf(`level l C0 A8\n${lines(3)}\nat l\nworse`).map(({ line }) => line)).toEqual([2, 3, 4, 6]);
    expect(faultsOf(lines(20))).toHaveLength(20);
    expect(faultsOf(lines(21))).toHaveLength(20);
    expect(faultsOf(lines(21)).at(-1)).toMatchObject({ line: 20 });
    const result = assemble(lines(21));
    expect(result.ok || result.message.split('\n')).toHaveLength(20);
  });

  it.each([
    ['level', 64, (n: number) => `level x${n} C0 A8`],
    ['constant', 1024, (n: number) => `constant x${n} ${n} C0 A8`],
    ['port', 64, (n: number) => `port x${n} C0 A8`],
    // The machine has room for 256, of which one is `main`.
    ['function', 255, (n: number) => `function x${n} () -> ()`],
  ] as const)('one %s more than the machine has room for', (kind, most, line) => {
    const lines = Array.from({ length: most + 1 }, (_, n) => line(n));
    expect(faultsOf(lines.join('\n'))).toEqual([
      {
        line: most + 1,
        column: expect.any(Number) as number,
        message: `the machine has room for ${most} ${kind}s, and this is one more`,
      },
    ]);
    const fits = assemble(`${lines.slice(0, -1).join('\n')}\nlevel own C0 A8\nmain\nat own\nhalt`);
    expect(fits.ok || kind === 'level').toBe(true);
  });

  it('one instruction, or one parameter, more than the machine has room for', () => {
    const code = `level l C0 A8\nat l\n${'halt\n'.repeat(16_384)}`;
    expect(assemble(code).ok).toBe(true);
    expect(faultsOf(`${code}halt`)[0]?.message).toBe(
      'the machine has room for 16384 instructions, and this is one more',
    );
    expect(faultsOf(`function f (${'number '.repeat(9)}) -> ()`)[0]?.message).toBe(
      'more than 8 words: a function has at most as many',
    );
  });
});
