import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Machine,
  type Program,
  type RunResult,
  refusalName,
  startMachine,
  trapName,
} from '../../vm/host.ts';
import { makeLabel } from '../../vm/label.ts';
import { moduleHash, withNames } from '../../vm/module.ts';
import { assembled, freshMachine, fullClearance, loaded, trapOf, wasm } from './machine.ts';

/** Gives back the first word of the first segment, and `offset` more. */
const echo = (offset: string): Uint8Array =>
  assembled(`
level l C0 A8
constant zero 0 C0 A8
constant k ${offset} C0 A8
segment in 2 C0 A8 ceiling C0 A8
port a C0 A8
port unwritten C0 A8
at l
const r0 zero
const r2 k
load r1 in r0
add r1 r1 r2
output a r1
halt`).bytes;

const input = (value: bigint, index = 0): { segment: number; index: number; value: bigint }[] => [
  { segment: 0, index, value },
];

function answer(program: Program, value: bigint): bigint | string | undefined {
  const result = program.run({ inputs: input(value) });
  return result.ok ? result.ports.get(0) : trapOf(result);
}

describe('the host', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await freshMachine();
  });

  it('imports nothing of Node, as nothing in vm/ does', () => {
    for (const name of [
      'host',
      'isa',
      'label',
      'label-text',
      'module',
      'module-reader',
      'assembler',
      'source-line',
      'symbol',
      'specification',
    ]) {
      const source = readFileSync(new URL(`../../vm/${name}.ts`, import.meta.url), 'utf8');
      expect(source.match(/from '(?!\.\/|@noble\/)[^']*'|require\(/g), name).toBeNull();
    }
  });

  it('starts from bytes and from a compiled module', async () => {
    for (const source of [wasm, new WebAssembly.Module(wasm)]) {
      const program = loaded(await startMachine(source), echo('0'));
      expect(program.run({ inputs: input(4n) })).toEqual({
        ok: true,
        ports: new Map([[0, 4n]]),
        audit: [],
        fuelUsed: 6n,
      });
    }
  });

  it('keeps two programs of one machine apart, in any order, and after a refused module', () => {
    const one = loaded(machine, echo('1'));
    const ten = loaded(machine, echo('10'));
    expect([answer(one, 5n), answer(ten, 5n), answer(one, 6n)]).toEqual([6n, 15n, 7n]);
    expect(machine.load(new Uint8Array(40))).toMatchObject({ ok: false, reason: 'header' });
    expect([answer(ten, 1n), answer(one, 1n)]).toEqual([11n, 2n]);
    expect([answer(one, 1n), answer(one, 2n)]).toEqual([2n, 3n]);
  });

  it('keeps programs of different tables and segments apart', () => {
    const other = loaded(
      machine,
      assembled(`level l C0 A8
constant two 2 C0 A8
table t C0 A8 : 100 200 300
segment big 1000 C0 A8 ceiling C0 A8
segment out 4 C0 A8 ceiling C0 A8
port p C0 A8
at l
const r0 two
entry r1 t r0
load r2 out r0
add r1 r1 r2
output p r1
halt`).bytes,
    );
    const one = loaded(machine, echo('1'));
    expect(answer(one, 5n)).toBe(6n);
    expect(other.run({ inputs: [{ segment: 1, index: 2, value: 7n }] })).toMatchObject({
      ports: new Map([[0, 307n]]),
    });
    expect(answer(one, 5n)).toBe(6n);
  });

  it('begins every run with nothing of the last: words, ports, grants', () => {
    const program = loaded(machine, echo('0'));
    expect(program.run({ inputs: input(9n) })).toMatchObject({ ports: new Map([[0, 9n]]) });
    expect(program.run({ inputs: [] })).toMatchObject({ ports: new Map([[0, 0n]]) });
    const released = loaded(
      machine,
      assembled(`level l C0 A8
constant k 1 C4 A8
port p C0 A8
grant g declassify C4 A4 to C0 A4 range 0 1
at l
const r1 k
declassify r2 r1 g
output p r2
halt`).bytes,
    );
    for (let run = 0; run < 3; run++)
      expect(released.run({ inputs: [] })).toMatchObject({
        ok: true,
        ports: new Map([[0, 1n]]),
        audit: [{ instruction: 1, grant: 0 }],
      });
  });

  it('leaves nothing of a run in the memory of the machine, finished, trapped or refused', async () => {
    const instantiate = vi.spyOn(WebAssembly, 'instantiate');
    const own = await startMachine(new WebAssembly.Module(wasm));
    const instance: unknown = await instantiate.mock.results[0]?.value;
    instantiate.mockRestore();
    const { memory } = (instance as { exports: { memory: WebAssembly.Memory } }).exports;
    const secret = 0x1122_3344_5566_7788n;
    const trace = Buffer.alloc(8);
    trace.writeBigInt64LE(secret);
    const isThere = (): boolean => Buffer.from(memory.buffer).includes(trace);
    expect(answer(loaded(own, echo('0')), secret)).toBe(secret);
    expect(isThere()).toBe(false);
    const program = loaded(own, echo('9223372036854775807'));
    expect(answer(program, secret)).toBe('overflow');
    expect(isThere()).toBe(false);
    expect(() => program.run({ inputs: [...input(secret), ...input(0n, 2)] })).toThrow(RangeError);
    expect(isThere()).toBe(false);
  });

  it('is not moved by a module that its caller changes after loading', () => {
    const bytes = echo('1');
    const program = loaded(machine, bytes);
    bytes.fill(0);
    answer(loaded(machine, echo('2')), 0n);
    expect(answer(program, 0n)).toBe(1n);
  });

  it('knows a program by its hash, and has its names', () => {
    const { bytes, names } = assembled('level l C0 A8\nat l\nhalt');
    const program = loaded(machine, withNames(bytes, names));
    expect(program.hash).toEqual(moduleHash(bytes));
    expect(program.names).toEqual(names);
    expect(loaded(machine, bytes).names).toBeUndefined();
    expect(loaded(machine, new Uint8Array([...bytes, 1, 2, 3])).names).toBeUndefined();
  });

  it('refuses a module that does not carry its hash, and keeps the program before it', () => {
    const program = loaded(machine, echo('1'));
    const bytes = echo('3');
    for (const at of [32, 63, 64 + 8, bytes.length - 25]) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      const result = machine.load(damaged);
      expect(result.ok, `byte ${at}`).toBe(false);
      if (at < 64) expect(result).toMatchObject({ reason: 'hash', offset: 32, code: 'module_refused' });
    }
    expect(answer(program, 1n)).toBe(2n);
  });

  it('tells why and at which byte a module is refused', () => {
    const bytes = assembled('level l C0 A8\nat l\nmov r1 r2\nhalt').bytes;
    expect(machine.load(bytes)).toEqual({
      ok: false,
      code: 'module_refused',
      reason: 'type',
      offset: bytes.length - 16,
      message: `module refused at byte ${bytes.length - 16}: a register that is not set on every way to here, or holds a number where a symbol is taken, or the reverse`,
    });
    const huge = new Uint8Array(2 ** 20 + 1);
    expect(machine.load(huge)).toMatchObject({
      reason: 'header',
      message: 'module refused at byte 0: a module of 1048577 bytes: at most 1048576 are accepted',
    });
  });

  it('asks its `trust` first, and loads what that gives, and nothing else', async () => {
    const seen: Uint8Array[] = [];
    const strict = await startMachine(wasm, {
      trust: (signed) => {
        seen.push(signed);
        return signed[0] === 7
          ? { ok: true, file: signed.subarray(1) }
          : { ok: false, message: 'not signed by a key that is trusted' };
      },
    });
    const bytes = echo('1');
    expect(strict.load(bytes)).toEqual({
      ok: false,
      code: 'module_refused',
      reason: 'signature',
      offset: 0,
      message: 'module refused at byte 0: not signed by a key that is trusted',
    });
    expect(answer(loaded(strict, new Uint8Array([7, ...bytes])), 5n)).toBe(6n);
    expect(seen).toHaveLength(2);
  });

  it('has the names of all traps and refusals', () => {
    expect([trapName(1), trapName(13)]).toEqual(['label', 'bound']);
    expect([refusalName(1), refusalName(20)]).toEqual(['header', 'signature']);
    for (const code of [0, 14, -1, 255]) expect(() => trapName(code)).toThrow('invariant broken');
    for (const code of [0, 21, -1, 255]) expect(() => refusalName(code)).toThrow('invariant broken');
  });
});

describe('inputs', () => {
  let program: Program;
  beforeAll(async () => {
    program = loaded(await freshMachine(), echo('0'));
  });

  it.each([
    [0, 2],
    [0, -1],
    [0, 0.5],
    [0, Number.NaN],
    [0, 2 ** 32],
    [1, 0],
    [-1, 0],
    [64, 0],
    [0.5, 0],
  ])('segment %d, word %d is refused: there is none', (segment, index) => {
    expect(() => program.run({ inputs: [{ segment, index, value: 1n }] })).toThrow(
      new RangeError(`the module has no word ${index} in segment ${segment}`),
    );
  });

  it.each([2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, 2n ** 64n + 5n])(
    '%s, which is no 64-bit word, is refused rather than wrapped',
    (value) => {
      expect(() => program.run({ inputs: input(value) })).toThrow(
        new RangeError(`${value} does not fit a signed 64-bit word`),
      );
    },
  );

  it.each([2n ** 63n - 1n, -(2n ** 63n)])('%s, the last that fits, is taken', (value) => {
    expect(answer(program, value)).toBe(value);
  });

  it('that were set before one that is refused are wiped', () => {
    expect(() => program.run({ inputs: [...input(9n), ...input(1n, 2)] })).toThrow(RangeError);
    expect(program.run({ inputs: [] })).toMatchObject({ ports: new Map([[0, 0n]]) });
    expect(() => program.run({ inputs: input(9n), fuel: -1n })).toThrow(
      new RangeError('-1 is no amount of fuel: 0 or more is accepted'),
    );
    expect(program.run({ inputs: [] })).toMatchObject({ ports: new Map([[0, 0n]]) });
  });

  it('given twice are as given last', () => {
    expect(program.run({ inputs: [...input(1n), ...input(2n)] })).toMatchObject({
      ports: new Map([[0, 2n]]),
    });
  });

  it('of fuel: the dearest run where nothing is said, and more than 2^60 is as 2^60', () => {
    expect(program.fuelBound).toBe(6n);
    expect(program.run({ inputs: [] })).toMatchObject({ ok: true, fuelUsed: 6n });
    expect(program.run({ inputs: [], fuel: 6n })).toMatchObject({ ok: true });
    expect(trapOf(program.run({ inputs: [], fuel: 5n }))).toBe('fuel');
    expect(trapOf(program.run({ inputs: [], fuel: 0n }))).toBe('fuel');
    for (const fuel of [2n ** 60n, 2n ** 63n, 2n ** 64n, 2n ** 64n + 1n, 2n ** 200n])
      expect(program.run({ inputs: [], fuel }), String(fuel)).toMatchObject({ ok: true, fuelUsed: 6n });
  });
});

describe('who gets what', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await freshMachine();
  });

  const labels = {
    public: { secrecy: 0, authority: 8, categories: [] },
    untrusted: { secrecy: 0, authority: 0, categories: [] },
    secret: { secrecy: 4, authority: 8, categories: [] },
    category: { secrecy: 0, authority: 8, categories: [1] },
    both: { secrecy: 8, authority: 8, categories: [1, 2] },
  };
  const ports = Object.entries(labels);

  /** Writes 1, 2, … to a port of each label. */
  const source = `level l C0 A8
constant k 1 C0 A8
${ports
  .map(
    ([name, { secrecy, authority, categories }]) =>
      `port ${name} C${secrecy} A${authority} {${categories.join(' ')}}`,
  )
  .join('\n')}
at l
const r1 k
const r2 k
${ports.map(([name]) => `output ${name} r1\nadd r1 r1 r2`).join('\n')}
halt`;

  function told(clearance?: number): number[] {
    const result = loaded(machine, assembled(source).bytes).run(
      clearance === undefined ? { inputs: [] } : { inputs: [], clearance },
    );
    return result.ok ? [...result.ports.keys()] : [];
  }

  it('ports above the clearance of the reader are left out; the public gets the public ones', () => {
    expect(told()).toEqual([0, 1]);
    expect(told(makeLabel({ secrecy: 0, authority: 8, categories: [] }))).toEqual([0]);
    expect(told(makeLabel({ secrecy: 4, authority: 8, categories: [] }))).toEqual([0, 2]);
    expect(told(makeLabel({ secrecy: 3, authority: 0, categories: [1] }))).toEqual([0, 1, 3]);
    expect(told(makeLabel({ secrecy: 4, authority: 0, categories: [] }))).toEqual([0, 1, 2]);
    expect(told(makeLabel({ secrecy: 8, authority: 0, categories: [2] }))).toEqual([0, 1, 2]);
    expect(told(makeLabel({ secrecy: 8, authority: 0, categories: [1, 2] }))).toEqual([0, 1, 2, 3, 4]);
    expect(told(fullClearance)).toEqual([0, 1, 2, 3, 4]);
  });

  it('a trap tells nothing but that it was one, save to a reader who is cleared', () => {
    const module = (operation: string): Uint8Array =>
      assembled(
        `level l C0 A8 {1}\nconstant z 0 C0 A8\nconstant k 9223372036854775807 C0 A8\nsegment s 1 C4 A8 {1} ceiling C4 A8 {1}\nport p C0 A8\nat l\nconst r0 z\nload r1 s r0\nconst r2 k\noutput p r2\n${operation}\nhalt`,
      ).bytes;
    const run = (operation: string): RunResult =>
      loaded(machine, module(operation)).run({ inputs: input(1n), fuel: 99n });
    const overflow = run('add r3 r1 r2');
    const leak = run('output p r1');
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
    const label = makeLabel({ secrecy: 4, authority: 8, categories: [1] });
    expect(overflow.ok || overflow.detail(label)).toEqual({ trap: 'overflow', instruction: 4, label });
    expect(overflow.ok || overflow.detail(fullClearance)).toBeDefined();
    // It is of its own run, whatever ran since.
    run('output p r1');
    expect(trapOf(overflow)).toBe('overflow');
  });
});
