/** Text from modules: the same bytes again, whatever is in them; or a refusal that says why not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../vm/assembler.ts';
import { disassemble } from '../../vm/disassembler.ts';
import { type WordType, wordTypes } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import { encodeModule, type Module, withNames } from '../../vm/module.ts';
import { issuanceProgram } from '../rules/older-program.ts';
import { assembled } from './machine.ts';
import { randomProgram } from './random-program.ts';

function textOf(file: Uint8Array): string {
  const result = disassemble(file);
  if (!result.ok) throw new Error(`${result.code}: ${result.message}`);
  return result.text;
}

const word = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const label = fc
  .record({
    secrecy: fc.integer({ min: 0, max: 8 }),
    authority: fc.integer({ min: 0, max: 8 }),
    categories: fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { maxLength: 4 }),
  })
  .map(makeLabel);
const type = fc.constantFrom<WordType>(...wordTypes);
const count = fc.integer({ min: 0, max: 0xffff_ffff });
const authority = fc
  .integer({ min: 0, max: 8 })
  .map((level) => makeLabel({ secrecy: 0, authority: level, categories: [] }));
/** Everything that is in a module's tables, with words that are no symbols, or symbols with a quote, among the symbols. */
const tables: fc.Arbitrary<Omit<Module, 'functions'>> = fc.record({
  levels: fc.array(label, { minLength: 1, maxLength: 4 }),
  constants: fc.array(fc.record({ type, value: word, label }), { maxLength: 6 }),
  segments: fc.array(fc.record({ type, length: count, label, ceiling: label }), { maxLength: 4 }),
  tables: fc.array(
    fc.record({
      type,
      label,
      sorted: fc.constant(false),
      entries: fc.array(word, { minLength: 1, maxLength: 5 }),
    }),
    { maxLength: 3 },
  ),
  ports: fc.array(fc.record({ type, label }), { maxLength: 3 }),
  grants: fc.array(
    fc.record({
      kind: fc.constantFrom('declassify' as const, 'endorse' as const),
      from: label,
      to: label,
      uses: count,
      least: word,
      most: word,
    }),
    { maxLength: 3 },
  ),
});

const halt = { opcode: 38, level: 0, registers: [0, 0, 0, 0] as const, index: 0 };

describe('the disassembler', () => {
  it('gives text that assembles to the same bytes, for generated programs', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const bytes = encodeModule(randomProgram({ seed, releases: true }));
      const again = assemble(textOf(bytes));
      expect(again.ok && Buffer.from(again.bytes).equals(bytes), `seed ${seed}`).toBe(true);
    }
  });

  it('gives text that assembles to the same bytes, whatever words and labels the tables hold', () => {
    fc.assert(
      fc.property(tables, authority, (parts, main) => {
        const bytes = encodeModule({
          ...parts,
          functions: [{ authority: main, parameters: [], results: [], code: [halt] }],
        });
        const again = assemble(textOf(bytes));
        expect(again.ok && Buffer.from(again.bytes).equals(bytes)).toBe(true);
      }),
      { seed: 20261121, numRuns: 500 },
    );
  });

  it('keeps names, symbols, functions and blocks readable', () => {
    const source = assembled(`
level all C0 A8
constant one 1 C0 A8
constant usd 'USD' C0 A8
constant raw #00ff C0 A8
port out symbol C0 A8
function pick (number symbol symbol) -> (symbol) A6
at all
if r0
mov r3 r1
else
mov r3 r2
end
return r3
main
const r0 one
const r1 usd
const r2 raw
call r3 r0 pick
output out r3
halt`);
    const text = textOf(withNames(source.bytes, source.names));
    expect(text).toContain("constant usd 'USD' C0 A8\nconstant raw #ff C0 A8\n");
    expect(text).toContain('function pick (number symbol symbol) -> (symbol) A6\nat all\n  if r0 ');
    expect(text).toContain('\n    mov r3 r1 ');
    expect(text).toContain('\nmain\n  const r0 one ');
    const again = assembled(text);
    expect(again.names.functions).toEqual(['pick', 'main']);
    expect(again.bytes).toEqual(source.bytes);
  });

  it('makes names up where a module has none, too few, or one twice', () => {
    const { bytes, names } = assembled(issuanceProgram);
    expect(textOf(bytes)).toContain('output port0 ');
    expect(textOf(withNames(bytes, { ...names, ports: names.ports.slice(1) }))).toContain('output port0 ');
    expect(textOf(withNames(bytes, { ...names, ports: names.ports.map(() => 'same') }))).toContain(
      'output port0 ',
    );
    expect(textOf(withNames(bytes, names))).toContain('output approved r19');
  });

  it('refuses what is no module, and bytes that no text gives', () => {
    const { bytes } = assembled(issuanceProgram);
    expect(disassemble(new TextEncoder().encode('RMVM and not more'))).toMatchObject({
      code: 'module_malformed',
    });
    expect(disassemble(bytes.subarray(0, bytes.length - 3))).toMatchObject({ code: 'module_malformed' });
    const opcode = bytes.slice();
    opcode[bytes.length - 8] = 99;
    expect(disassemble(opcode)).toMatchObject({ code: 'not_expressible' });
    const reserved = bytes.slice();
    reserved[22] = 1;
    expect(disassemble(reserved)).toMatchObject({ code: 'not_expressible' });
    const level = bytes.slice();
    level[bytes.length - 7] = 9;
    expect(disassemble(level)).toMatchObject({ code: 'not_expressible' });
    const label = bytes.slice();
    label[64] = 0x55;
    expect(disassemble(label)).toMatchObject({ code: 'not_expressible' });
  });
});
