import { describe, expect, it } from 'vitest';
import { assemble } from '../../vm/assembler.ts';
import { instructions, type Operand, operandByte } from '../../vm/isa.ts';
import { assembled, freshMachine, loaded } from './machine.ts';

const declarations = `
level l C0 A8
constant k 5 C0 A8
segment s 2 C0 A8 ceiling C0 A8
port p C0 A8
grant g declassify C4 A4 {1, 2} to C0 A4 range 0 1
grant h endorse C0 A1 to C0 A6 range -5 5
at l
`;

const sample: Readonly<Record<Operand, string>> = {
  d: 'r1',
  a: 'r2',
  b: 'r3',
  c: 'r31',
  constant: 'k',
  segment: 's',
  port: 'p',
  grant: 'g',
};

describe('the assembler', () => {
  it.each(instructions)(
    'puts the operands of $mnemonic where the table says',
    ({ mnemonic, opcode, operands }) => {
      const { bytes, module } = assembled(
        `${declarations}${[mnemonic, ...operands.map((operand) => sample[operand])].join(' ')}`,
      );
      const expected = new Uint8Array(8);
      expected[0] = opcode;
      const numbers: Partial<Record<Operand, number>> = { d: 1, a: 2, b: 3, c: 31 };
      for (const operand of operands) expected[operandByte[operand]] = numbers[operand] ?? 0;
      expect(bytes.slice(-8)).toEqual(expected);
      expect(module.code).toHaveLength(1);
    },
  );

  it('lays out the header and the sections as drawn in vm/assembly/load.ts', () => {
    const { bytes, names } = assembled(`${declarations}halt ; the end`);
    const view = new DataView(bytes.buffer);
    expect(new TextDecoder().decode(bytes.slice(0, 4))).toBe('RMVM');
    expect([8, 10, 12, 14, 16, 18].map((at) => view.getUint16(at, true))).toEqual([1, 1, 1, 1, 2, 1]);
    expect(view.getUint32(20, true)).toBe(bytes.length);
    expect(view.getBigInt64(32 + 8, true)).toBe(5n);
    expect(names.grants.get('h')).toBe(1);
    const grants = 32 + 8 + 16 + 16 + 8;
    expect([
      view.getUint32(grants, true),
      view.getUint32(grants + 4, true),
      view.getUint32(grants + 8, true),
    ]).toEqual([1, 0x6f00f, 0xf000]);
    expect([view.getBigInt64(grants + 48, true), view.getBigInt64(grants + 56, true)]).toEqual([-5n, 5n]);
  });

  it('writes the same bytes every time, and a program that runs', async () => {
    const text = `${declarations}const r1 k\noutput p r1\nhalt`;
    expect(assembled(text).bytes).toEqual(assembled(text).bytes);
    const result = loaded(await freshMachine(), assembled(text).bytes).run({ inputs: [], fuel: 10n });
    expect(result).toMatchObject({ ok: true, ports: new Map([[0, 5n]]), fuelUsed: 2n });
  });

  it.each([
    ['fly r1', 'is no instruction'],
    ['mov r1', 'a is missing'],
    ['mov r1 r32', 'r0 to r31'],
    ['mov r1 k', 'r0 to r31'],
    ['mov r1 r2 r3', 'one word too many'],
    ['const r1 q', 'is not declared'],
    ['output s r1', 'is not declared'],
    ['level l C0 A8', 'declared twice'],
    ['level m C9 A8', 'C0 to C8'],
    ['level m A8', 'C0 to C8'],
    ['level m C0', 'A0 to A8 is missing'],
    ['level m C0 A8 {16}', 'categories are 0 to 15'],
    ['level m C0 A8 {1', 'categories such as'],
    ['level m C0 A8 {x}', 'categories such as'],
    ['constant m 9223372036854775808 C0 A8', 'does not fit'],
    ['constant m 0x10 C0 A8', 'whole number'],
    ['segment m 1 C0 A8 floor C0 A8', '`ceiling` is accepted'],
    ['grant m leak C0 A8 to C0 A8 range 0 1', '`declassify` or `endorse`'],
    ['at nowhere', 'is not declared'],
  ])('refuses `%s`, and tells the line', (line, message) => {
    const result = assemble(`${declarations}${line}\nhalt`);
    expect(result).toMatchObject({ ok: false, code: 'assembly_malformed', line: 9 });
    if (!result.ok) expect(result.message).toContain(message);
  });

  it('refuses an instruction before any level', () => {
    expect(assemble('halt')).toMatchObject({ ok: false, line: 1 });
  });
});
