/** Translated modules put together by hand: they have to answer a host as the machine does with the module that they stand for. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { limits, traps } from '../../../vm/isa.ts';
import { makeLabel } from '../../../vm/label.ts';
import { encodeModule, type Module, type Segment } from '../../../vm/module.ts';
import { readModule } from '../../../vm/module-reader.ts';
import { claimsSection } from '../../../vm/translator/claims.ts';
import { readRuntime } from '../../../vm/translator/runtime-module.ts';
import { Code } from '../../../vm/translator/wasm.ts';
import { assembled, type BareMachine, bareMachine, loadBare, translatorRuntime, wasm } from '../machine.ts';
import { type BareTranslation, bareTranslation, dataOf, runtime } from './bare-runtime.ts';

const secret = makeLabel({ secrecy: 4, authority: 8, categories: [] });

const program = assembled(`
level all C0 A8
constant first 0 C0 A8
segment amount 3 C0 A8 ceiling C0 A8
segment limit 2 C4 A8 ceiling C4 A8
port double C0 A8
port verdict C0 A8
port currency symbol C4 A8
grant bit declassify C4 A8 to C0 A8 range 0 1
at all
const r0 first
load r1 amount r0
add r2 r1 r1
load r3 limit r0
sub r4 r3 r1
declassify r4 r4 bit
output verdict r4
output double r2
halt`).bytes;
const fuelBound = 11n;

function moduleOf(bytes: Uint8Array): Module {
  const read = readModule(bytes);
  if (!read.ok) throw new Error(read.message);
  return read.module;
}

function trap(code: Code, name: keyof typeof traps, at: number, label: number): Code {
  return code
    .op('if')
    .i32(traps[name].code)
    .i32(at)
    .i32(label)
    .call(runtime.functionIndex('stop'))
    .op('return')
    .op('end');
}

const stub = new Code().i32(0).i32(0).call(runtime.functionCount).op('end').bytes;
const taggedParameters = ['i32', 'i32'] as const;

/** The program above, as the templates would have it where all labels are known; `v` is the local of r0. */
function mainBody(): Uint8Array {
  const v = 2;
  const fuel = v + 5;
  const [amount, limit] = [runtime.address('VALUES'), runtime.address('VALUES') + 3 * 8];
  const port = (index: number): number => runtime.address('PORTS') + 32 * index;
  const code = new Code().globalGet(runtime.globalIndex('fuelLeft')).i64(fuelBound).op('i64.sub').set(fuel);
  trap(code.get(fuel).i64(0n).op('i64.lt_s'), 'fuel', 0, 0);
  code
    .i32(0)
    .load('i64.load', amount)
    .set(v + 1);
  code
    .get(v + 1)
    .get(v + 1)
    .op('i64.add')
    .set(v + 2);
  code
    .get(v + 1)
    .get(v + 2)
    .op('i64.xor')
    .get(v + 1)
    .get(v + 2)
    .op('i64.xor')
    .op('i64.and');
  trap(code.i64(0n).op('i64.lt_s'), 'overflow', 2, 0);
  code
    .i32(0)
    .load('i64.load', limit)
    .set(v + 3);
  code
    .get(v + 3)
    .get(v + 1)
    .op('i64.sub')
    .set(v + 4);
  code
    .get(v + 3)
    .get(v + 1)
    .op('i64.xor')
    .get(v + 3)
    .get(v + 4)
    .op('i64.xor')
    .op('i64.and');
  trap(code.i64(0n).op('i64.lt_s'), 'overflow', 4, secret);
  code
    .i32(5)
    .i32(0)
    .i32(0)
    .i32(0x00ff_ff00)
    .i32(secret)
    .get(v + 4)
    .call(runtime.functionIndex('grant'));
  code.op('if').i32(1).op('return').op('end');
  for (const [register, number] of [
    [4, 1],
    [2, 0],
  ] as const) {
    code
      .i32(0)
      .get(v + register)
      .store('i64.store', port(number));
    code
      .i32(0)
      .i32(1)
      .store('i32.store', port(number) + 12);
  }
  return code.get(fuel).globalSet(runtime.globalIndex('fuelLeft')).i32(0).op('end').bytes;
}

function translated(): BareTranslation {
  return bareTranslation({
    functions: [
      {
        parameters: taggedParameters,
        results: ['i32'],
        locals: Array.from({ length: 6 }, () => 'i64' as const),
        body: mainBody(),
      },
    ],
    stub,
    data: dataOf(moduleOf(program), { fuelBound, uniform: [true, true] }),
  });
}

/** Of a main function that has neither registers nor labels. */
function ofMain(code: Code, module: Module, uniform: readonly boolean[] = []): BareTranslation {
  const body = code.i32(0).op('end').bytes;
  return bareTranslation({
    functions: [{ parameters: taggedParameters, results: ['i32'], locals: [], body }],
    stub,
    data: dataOf(module, { fuelBound: 0n, uniform }),
  });
}

const numbers = [
  -1,
  -2,
  -(2 ** 31),
  2 ** 31 - 1,
  2,
  3,
  4,
  63,
  64,
  65,
  255,
  256,
  65_535,
  65_536,
  2 ** 29,
  2 ** 30,
];

/** All that it tells, but addresses. */
function told(machine: BareTranslation): unknown {
  return {
    fuelBound: machine.fuelBound(),
    fuelUsed: machine.fuelUsed(),
    trap: [machine.trapCode(), machine.trapAt(), machine.trapLabel()],
    portCount: machine.portCount(),
    auditCount: machine.auditCount(),
    numbered: [0, 1, ...numbers].map((number) => [
      machine.auditEntry(number),
      machine.segmentLength(number),
      machine.segmentAddress(number) === 0,
      machine.portWritten(number),
      machine.portValue(number),
      machine.portLabel(number),
      machine.portIsSymbol(number),
    ]),
  };
}

async function loadedMachine(bytes: Uint8Array): Promise<BareMachine> {
  const machine = await bareMachine();
  expect(loadBare(machine, bytes)).toBe(0);
  return machine;
}

function memoryOf({ memory }: BareTranslation): Uint8Array {
  return new Uint8Array(memory.buffer.slice(0));
}

function changes(before: Uint8Array, after: Uint8Array): number[] {
  if (Buffer.compare(before, after) === 0) return [];
  return [...after.keys()].filter((at) => before[at] !== after[at]);
}

describe('a translated module', () => {
  it('imports nothing, and exports what the machine does but what loads modules', () => {
    const names = (bytes: Uint8Array<ArrayBuffer>): string[] =>
      WebAssembly.Module.exports(new WebAssembly.Module(bytes))
        .map(({ name, kind }) => `${kind} ${name}`)
        .toSorted();
    const bytes = runtime.assemble({
      functions: [],
      stub: new Code().i32(0).op('end').bytes,
      data: [],
      claims: new Uint8Array(),
    });
    expect(WebAssembly.Module.imports(new WebAssembly.Module(bytes))).toEqual([]);
    const loads = ['moduleAddress', 'moduleCapacity', 'loadModule', 'refusedAt'].map(
      (name) => `function ${name}`,
    );
    expect(names(bytes)).toEqual(names(wasm).filter((name) => !loads.includes(name)));
  });

  it('tells a host what the machine tells it, before a run, after it, after a trap and after `reset`', async () => {
    const [machine, translation] = [await loadedMachine(program), translated()];
    expect(told(translation)).toEqual(told(machine));
    for (const [amount, limit] of [
      [5n, 6n],
      [5n, 5n],
      [5n, 9n],
      [2n ** 62n, 0n],
      [2n ** 62n - 1n, -(2n ** 63n)],
      [-(2n ** 62n), -(2n ** 62n)],
    ] as const) {
      for (const fuel of [0n, fuelBound - 1n, fuelBound, 1_000n, 2n ** 60n, 2n ** 61n, -1n, 2n ** 64n - 1n]) {
        const answers = [machine, translation].map((one) => {
          one.reset();
          const answer = [told(one), one.setWord(0, 0, amount), one.setWord(1, 0, limit)];
          answer.push(one.run(fuel), told(one));
          // Only `reset` makes it run again, and what the run said is still to be had.
          answer.push(one.run(fuel), told(one));
          return answer;
        });
        expect(answers[1], `${amount}, ${limit}, fuel ${fuel}`).toEqual(answers[0]);
      }
    }
  });

  it('takes the words that the machine takes, and writes no other', async () => {
    const [machine, translation] = [await loadedMachine(program), translated()];
    const before = memoryOf(translation);
    for (const segment of [0, 1, ...numbers])
      for (const index of [0, 1, ...numbers])
        expect(translation.setWord(segment, index, -1n), `${segment}, ${index}`).toBe(
          machine.setWord(segment, index, -1n),
        );
    const from = translation.segmentAddress(0);
    expect(translation.segmentAddress(1)).toBe(from + 24);
    expect(changes(before, memoryOf(translation))).toEqual(
      Array.from({ length: 40 }, (_, byte) => from + byte),
    );
    translation.reset();
    expect(changes(before, memoryOf(translation))).toEqual([]);
    expect(translation.setWord(0, 0, 2n ** 64n + 5n)).toBe(0);
    expect(new DataView(translation.memory.buffer).getBigInt64(from, true)).toBe(5n);
  });

  it('keeps nothing of a run beyond `reset` but the audit list, which nobody is told', () => {
    const translation = translated();
    const before = memoryOf(translation);
    translation.setWord(0, 0, 5n);
    translation.setWord(1, 0, 6n);
    expect(translation.run(fuelBound)).toBe(0);
    expect([translation.auditCount(), translation.auditEntry(0)]).toEqual([1, 5n << 32n]);
    translation.reset();
    expect(translation.auditEntry(0)).toBe(0n);
    const changed = changes(before, memoryOf(translation));
    const registers = runtime.address('REGISTERS');
    expect(changed.every((at) => at >= registers + limits.registers * 16)).toBe(true);
    expect(changed.length).toBeLessThanOrEqual(8);
  });

  it('gives the main function 2^60 of fuel at most', () => {
    const module: Module = { ...empty, ports: [{ type: 'number', label: 0 }] };
    const code = new Code().i32(0).globalGet(runtime.globalIndex('fuelLeft'));
    const translation = ofMain(code.store('i64.store', runtime.address('PORTS')), module);
    for (const fuel of [0n, 1n, 2n ** 60n - 1n, 2n ** 60n, 2n ** 60n + 1n, 2n ** 63n, -1n, 2n ** 64n - 1n]) {
      translation.reset();
      expect(translation.run(fuel)).toBe(0);
      const unsigned = BigInt.asUintN(64, fuel);
      expect(translation.portValue(0), `${fuel}`).toBe(unsigned < 2n ** 60n ? unsigned : 2n ** 60n);
    }
  });

  it('has a module without words, ports and tables, as the machine has it', async () => {
    const bytes = assembled('level all C0 A8\nat all\nhalt').bytes;
    const [machine, translation] = [await loadedMachine(bytes), ofMain(new Code(), moduleOf(bytes))];
    expect(told(translation)).toEqual(told(machine));
    expect([translation.setWord(0, 0, 1n), translation.run(0n), translation.run(0n)]).toEqual([1, 0, 2]);
    expect(told(translation)).toMatchObject({ fuelUsed: 0n, trap: [0, 0, 0] });
  });
});

const empty: Module = {
  levels: [],
  constants: [],
  segments: [],
  tables: [],
  ports: [],
  grants: [],
  functions: [],
};

describe('words of a translated module', () => {
  const segment = (length: number, label: number): Segment => ({
    type: 'number',
    length,
    label,
    ceiling: secret,
  });
  const labels = (translation: BareTranslation, count: number): number[] =>
    Array.from(new Uint32Array(translation.memory.buffer, runtime.address('LABELS'), count));

  /** Stores label 7 at every word, and marks a segment that is uniform as such no more where `dirties`. */
  function relabelling(lengths: readonly [number, number], dirties: boolean): BareTranslation {
    const code = new Code();
    for (let word = 0; word < lengths[0] + lengths[1]; word++)
      code
        .i32(0)
        .i32(7)
        .store('i32.store', runtime.address('LABELS') + 4 * word);
    if (dirties) code.i32(1).globalSet(runtime.globalIndex('dirty'));
    const module = { ...empty, segments: [segment(lengths[0], secret), segment(lengths[1], 0)] };
    return ofMain(code, module, [true, false]);
  }

  it.each([
    [2, 3],
    [64, 1],
    [300, 700],
  ] as const)('of %s and %s have their label back after `reset`', (first, second) => {
    const fresh = [...Array<number>(first).fill(secret), ...Array<number>(second).fill(0)];
    const translation = relabelling([first, second], true);
    for (let round = 0; round < 2; round++) {
      expect(labels(translation, first + second)).toEqual(fresh);
      expect(translation.run(1n)).toBe(0);
      expect(labels(translation, 1)).toEqual([7]);
      translation.reset();
    }
  });

  it('that are uniform keep theirs where nothing says that one is not', () => {
    const translation = relabelling([2, 3], false);
    translation.run(1n);
    translation.reset();
    expect(labels(translation, 5)).toEqual([7, 7, 0, 0, 0]);
  });

  it.each([1, 7, 64, 65, 1_000, limits.words])('are zero after `reset`, all %s', (length) => {
    const translation = ofMain(new Code(), { ...empty, segments: [segment(length, secret)] }, [true]);
    const before = memoryOf(translation);
    expect(labels(translation, length).every((label) => label === secret)).toBe(true);
    for (const word of [0, length >> 1, length - 1]) expect(translation.setWord(0, word, -1n)).toBe(0);
    expect(changes(before, memoryOf(translation)).length).toBeGreaterThanOrEqual(8);
    translation.reset();
    expect(changes(before, memoryOf(translation))).toEqual([]);
    expect(translation.setWord(0, length, -1n)).toBe(1);
  });

  it('are where the machine has room for as many', () => {
    const starts = ['HEADER', 'SEGMENTS', 'PORTS', 'GRANTS', 'VALUES', 'LABELS', 'REGISTERS', 'TABLES'].map(
      (name) => runtime.address(name),
    );
    const sizes = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
    const least = [
      32,
      64 * 32,
      64 * 32,
      64 * 48,
      limits.words * 8,
      limits.words * 4,
      32 * 16 + limits.audit * 8,
    ];
    expect(starts.every((start) => start % 16 === 0)).toBe(true);
    for (const [index, size] of sizes.entries()) expect(size).toBeGreaterThanOrEqual(least[index] ?? 0);
  });
});

describe('registers of a translated module', () => {
  it('are told after a run, and wiped by `reset`, where `halt` leaves them', () => {
    const authority = makeLabel({ secrecy: 0, authority: 6, categories: [] });
    const at = runtime.address('REGISTERS') + 16;
    const code = new Code()
      .i32(0)
      .i64(-9n)
      .store('i64.store', at)
      .i32(0)
      .i32(secret | authority);
    const body = code
      .store('i32.store', at + 8)
      .i32(0)
      .op('end').bytes;
    const module = { ...empty, functions: [{ authority, parameters: [], results: [], code: [] }] };
    const [header, ...data] = dataOf(module, { fuelBound: 0n, uniform: [] });
    if (header === undefined) throw new Error('a header');
    new DataView(header.bytes.buffer).setUint32(24, 2, true);
    const translation = bareTranslation({
      functions: [{ parameters: taggedParameters, results: ['i32'], locals: [], body }],
      stub,
      data: [header, ...data],
    });
    const registers = (): unknown =>
      [0, 1, 33, 2].map((register) => [
        translation.registerValue(register),
        translation.registerLabel(register),
      ]);
    const before = registers();
    const unwritten = [0n, authority];
    expect(before).toEqual([unwritten, unwritten, unwritten, unwritten]);
    expect(translation.run(1n)).toBe(0);
    const written = [-9n, secret | authority];
    expect(registers()).toEqual([unwritten, written, written, unwritten]);
    translation.reset();
    expect(registers()).toEqual(before);
  });
});

describe('putting a translated module together', () => {
  it('gives it as much memory as its tables need, which does not grow', () => {
    const claims = new TextEncoder().encode('{"version":1}');
    const bodies = { functions: [], stub: new Code().i32(0).op('end').bytes, claims };
    const tables = runtime.address('TABLES');
    for (const bytes of [0, 1, 65_536, 2 ** 20]) {
      const entries = new Uint8Array(bytes).fill(0xa5);
      const wasmBytes = runtime.assemble({ ...bodies, data: [{ at: tables, bytes: entries }] });
      const module = new WebAssembly.Module(wasmBytes);
      const { memory } = new WebAssembly.Instance(module, {}).exports as unknown as {
        memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
      };
      const pages = memory.buffer.byteLength / 65_536;
      expect(pages).toBe(Math.max(Math.ceil((tables + 16) / 65_536), Math.ceil((tables + bytes) / 65_536)));
      expect(() => memory.grow(1)).toThrow(RangeError);
      expect(new Uint8Array(memory.buffer, tables, bytes).every((byte) => byte === 0xa5)).toBe(true);
      const [section] = WebAssembly.Module.customSections(module, claimsSection);
      expect(new Uint8Array(section ?? new ArrayBuffer())).toEqual(claims);
      // The last section.
      expect(wasmBytes.subarray(-claims.length)).toEqual(claims);
    }
  });

  it('takes the runtime only as it was built: its hash is in git', () => {
    const pinned = readFileSync(new URL('../../../vm/machine.wasm.sha256', import.meta.url), 'utf8');
    const hash = createHash('sha256').update(translatorRuntime).digest('hex');
    expect(pinned).toContain(`${hash}  vm/translator-runtime.wasm\n`);
  });

  it('refuses what is no runtime, and names that it does not export', () => {
    expect(() => readRuntime(wasm)).toThrow('invariant broken');
    expect(() => readRuntime(encodeModule(empty))).toThrow('no WebAssembly');
    for (const length of [4, 9, 500, translatorRuntime.length - 1])
      expect(() => readRuntime(translatorRuntime.slice(0, length))).toThrow();
    for (const ask of [
      () => runtime.functionIndex('quotient'),
      () => runtime.functionIndex('main'),
      () => runtime.globalIndex('stop'),
      () => runtime.address('fuelLeft'),
      () => runtime.address('dirty'),
    ])
      expect(ask).toThrow('invariant broken');
  });
});
