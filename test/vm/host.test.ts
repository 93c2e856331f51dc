import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startMachine } from '../../vm/host.ts';
import { makeLabel } from '../../vm/label.ts';
import { assembled, freshMachine, fullClearance, loaded, trapOf, wasm } from './machine.ts';

const echo = (offset: string): Uint8Array =>
  assembled(`
level l C0 A8
constant k ${offset} C0 A8
segment in 2 C0 A8 ceiling C0 A8
port a C0 A8
port unwritten C0 A8
at l
const r2 k
load r1 in r0
add r1 r1 r2
output a r1
halt`).bytes;

const input = (value: bigint, index = 0) => [{ segment: 0, index, value }];

describe('the host', () => {
  it('imports nothing of Node', () => {
    for (const name of ['host', 'isa', 'label', 'module', 'assembler']) {
      const source = readFileSync(new URL(`../../vm/${name}.ts`, import.meta.url), 'utf8');
      expect(source.match(/from '(?!\.\/)[^']*'|require\(/g), name).toBeNull();
    }
  });

  it('starts from bytes and from a compiled module', async () => {
    const machine = await startMachine(new WebAssembly.Module(wasm));
    expect(loaded(machine, echo('0')).run({ inputs: input(4n), fuel: 10n })).toMatchObject({
      ok: true,
      ports: new Map([[0, 4n]]),
      audit: [],
    });
  });

  it('keeps two programs of one machine apart, in any order, and after a refused module', async () => {
    const machine = await freshMachine();
    const one = loaded(machine, echo('1'));
    const ten = loaded(machine, echo('10'));
    const answer = (program: typeof one, value: bigint): bigint | undefined => {
      const result = program.run({ inputs: input(value), fuel: 10n });
      return result.ok ? result.ports.get(0) : undefined;
    };
    expect([answer(one, 5n), answer(ten, 5n), answer(one, 6n)]).toEqual([6n, 15n, 7n]);
    expect(machine.load(new Uint8Array(40))).toMatchObject({
      ok: false,
      code: 'module_refused',
      reason: 'header',
    });
    expect([answer(ten, 1n), answer(one, 1n)]).toEqual([11n, 2n]);
  });

  it('begins every run with nothing of the last', async () => {
    const program = loaded(await freshMachine(), echo('0'));
    expect(program.run({ inputs: input(9n), fuel: 10n })).toMatchObject({ ports: new Map([[0, 9n]]) });
    expect(program.run({ inputs: [], fuel: 10n })).toMatchObject({ ports: new Map([[0, 0n]]) });
  });

  it('is not moved by a module that its caller changes after loading', async () => {
    const machine = await freshMachine();
    const bytes = echo('1');
    const program = loaded(machine, bytes);
    bytes.fill(0);
    loaded(machine, echo('2')).run({ inputs: [], fuel: 10n });
    expect(program.run({ inputs: [], fuel: 10n })).toMatchObject({ ports: new Map([[0, 1n]]) });
  });

  it('refuses a word that the module does not have', async () => {
    const program = loaded(await freshMachine(), echo('0'));
    expect(() => program.run({ inputs: input(1n, 2), fuel: 10n })).toThrow(RangeError);
    expect(() => program.run({ inputs: [{ segment: 1, index: 0, value: 1n }], fuel: 10n })).toThrow(
      RangeError,
    );
  });

  it.each([2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, 2n ** 64n + 5n])(
    'refuses %s, which is no 64-bit word, rather than to wrap it',
    async (value) => {
      const program = loaded(await freshMachine(), echo('0'));
      expect(() => program.run({ inputs: input(value), fuel: 10n })).toThrow(RangeError);
    },
  );

  it.each([2n ** 63n - 1n, -(2n ** 63n)])('takes %s, the last that fits', async (value) => {
    expect(loaded(await freshMachine(), echo('0')).run({ inputs: input(value), fuel: 10n })).toMatchObject({
      ports: new Map([[0, value]]),
    });
  });

  it('tells of a trap nothing but that it was one, save to a reader who is cleared', async () => {
    const secret = '{1} ceiling C4 A8 {1}';
    const machine = await freshMachine();
    const module = (operation: string): Uint8Array =>
      assembled(
        `level l C0 A8 {1}\nconstant k 9223372036854775807 C0 A8\nsegment s 1 C4 A8 ${secret}\nport p C0 A8\nat l\nload r1 s r0\nconst r2 k\noutput p r2\n${operation}\nhalt`,
      ).bytes;
    const overflow = loaded(machine, module('add r3 r1 r2')).run({ inputs: input(1n), fuel: 99n });
    const leak = loaded(machine, module('output p r1')).run({ inputs: input(1n), fuel: 99n });
    expect(JSON.stringify(overflow)).toBe(JSON.stringify(leak));
    expect(Object.keys(overflow).sort()).toEqual(['code', 'detail', 'ok']);
    expect([trapOf(overflow), trapOf(leak)]).toEqual(['overflow', 'port']);
    for (const clearance of [
      0,
      makeLabel({ secrecy: 8, authority: 0, categories: [2] }),
      makeLabel({ secrecy: 3, authority: 0, categories: [1] }),
    ]) {
      expect(overflow.ok || overflow.detail(clearance)).toBeUndefined();
    }
    expect(
      overflow.ok || overflow.detail(makeLabel({ secrecy: 4, authority: 0, categories: [1] })),
    ).toMatchObject({ trap: 'overflow', instruction: 3 });
    expect(overflow.ok || overflow.detail(fullClearance)).toBeDefined();
  });
});
