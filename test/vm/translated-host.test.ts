import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Program } from '../../vm/host.ts';
import { moduleHash } from '../../vm/module.ts';
import { signTranslation, trustTranslations } from '../../vm/signed-translation.ts';
import {
  type OpenResult,
  openTranslated,
  openTranslatedAtOnce,
  type TranslatedProgram,
} from '../../vm/translated-host.ts';
import { claimsSection } from '../../vm/translator/claims.ts';
import { translate } from '../../vm/translator/translate.ts';
import { customSection } from '../../vm/translator/wasm.ts';
import {
  assembled,
  freshMachine,
  fullClearance,
  loaded,
  wasm as machineWasm,
  translatorRuntime as runtime,
} from './machine.ts';
import { newKey } from './signing-key.ts';

/** Words, ports of either type and label, a grant that may be used once, a loop, and traps by value and by label. */
const text = `
level l C0 A8
constant zero 0 C0 A8
constant one 1 C0 A8
constant most 9223372036854775807 C0 A8
segment in 3 C0 A8 ceiling C0 A8
segment secret 1 C4 A8 {1} ceiling C4 A8 {1}
segment code 2 symbol C0 A8 ceiling C0 A8
port sum C0 A8
port kept C4 A8 {1}
port name symbol C0 A8
port less C0 A8
port unwritten C0 A8
grant bit declassify C4 A8 {1} to C0 A8 range 0 1
level bank C0 A8 {1}
at l
const r0 zero
const r1 one
load r2 in r0
load r3 in r1
add r4 r2 r3
output sum r4
load r5 code r0
output name r5
at bank
load r6 secret r0
output kept r6
lt r7 r2 r6
declassify r7 r7 bit
output less r7
if r3
  div r8 r2 r7 down
end
halt`;

const { bytes: source, names } = assembled(text);
const { wasm, claims } = translate({ source, runtime });
const input = (segment: number, index: number, value: bigint) => ({ segment, index, value });

function opened(result: OpenResult): TranslatedProgram {
  if (!result.ok) throw new Error(result.message);
  return result.program;
}

/** A custom section behind what is there already: the shape stays that of a translation. */
function withSection(name: string, content: string): Uint8Array {
  return new Uint8Array([...wasm, ...customSection(name, new TextEncoder().encode(content))]);
}

describe('a translated module', () => {
  let machine: Program;
  let translated: TranslatedProgram;
  beforeAll(async () => {
    machine = loaded(await freshMachine(), source);
    translated = opened(await openTranslated(wasm, { module: moduleHash(source), names }));
  });

  it('is known by the hash of its source, has the names that it is given, and the same bound of fuel', async () => {
    expect(translated.hash).toEqual(machine.hash);
    expect(translated.names).toEqual(names);
    expect(translated.fuelBound).toBe(machine.fuelBound);
    expect(opened(await openTranslated(wasm)).names).toBeUndefined();
  });

  it('tells what its exports tell: lengths of segments, types and labels of ports', () => {
    const labels = Array.from({ length: 5 }, (_, port) => translated.ports[port]?.label);
    expect(translated.segmentLengths).toEqual([3, 1, 2]);
    expect(translated.ports.map(({ type }) => type)).toEqual([
      'number',
      'number',
      'symbol',
      'number',
      'number',
    ]);
    expect(new Set(labels).size).toBe(2);
    expect(labels[1]).toBeGreaterThan(labels[0] ?? 0);
  });

  const given = [
    [],
    [input(0, 0, 5n), input(0, 1, 6n)],
    [input(0, 0, 5n), input(1, 0, 7n), input(2, 0, 99n)],
    [input(0, 0, 5n), input(0, 1, 1n), input(1, 0, 7n)],
    [input(0, 0, 9n), input(0, 1, 1n), input(1, 0, 7n)],
    [input(0, 0, (1n << 63n) - 1n), input(0, 1, 1n)],
    [input(0, 2, -1n), input(2, 1, 3n)],
  ];

  it.each(given.map((inputs, index) => [index, inputs] as const))(
    'comes to what the machine comes to: inputs %i, every amount of fuel, every reader',
    (_, inputs) => {
      for (const clearance of [undefined, 0, 0x0f, fullClearance])
        for (let fuel = 0n; fuel <= machine.fuelBound + 1n; fuel++) {
          const options = { inputs, fuel, ...(clearance === undefined ? {} : { clearance }) };
          const [expected, actual] = [machine.run(options), translated.run(options)];
          const detail = (result: typeof actual): unknown =>
            result.ok ? result : [result.code, result.detail(0), result.detail(fullClearance)];
          expect(detail(actual), `fuel ${fuel}`).toEqual(detail(expected));
        }
      expect(translated.run({ inputs })).toMatchObject({ ok: machine.run({ inputs }).ok });
    },
  );

  it.each([
    ['a word that is not there', [input(0, 3, 1n)]],
    ['a segment that is not there', [input(3, 0, 1n)]],
    ['a half word', [input(0, 0.5, 1n)]],
    ['a number of more than 64 bits', [input(0, 0, 1n << 63n)]],
  ])('throws for %s as the machine does', (_, inputs) => {
    const thrown = (program: Program): unknown => {
      try {
        return program.run({ inputs });
      } catch (error) {
        return error;
      }
    };
    expect(thrown(translated)).toBeInstanceOf(RangeError);
    expect(thrown(translated)).toEqual(thrown(machine));
    expect(() => translated.run({ inputs: [], fuel: -1n })).toThrow(RangeError);
  });

  it('leaves nothing of a run in its memory, finished, trapped or refused', async () => {
    const instantiate = vi.spyOn(WebAssembly, 'instantiate');
    const own = opened(await openTranslated(new WebAssembly.Module(new Uint8Array(wasm))));
    const instance: unknown = await instantiate.mock.results[0]?.value;
    instantiate.mockRestore();
    const { memory } = (instance as { exports: { memory: WebAssembly.Memory } }).exports;
    const value = 0x1122_3344_5566_7788n;
    const trace = Buffer.alloc(8);
    trace.writeBigInt64LE(value);
    const isThere = (): boolean => Buffer.from(memory.buffer).includes(trace);
    const finished = own.run({ inputs: [input(0, 0, value)] });
    expect(finished.ok && finished.ports.get(0)).toBe(value);
    expect(isThere()).toBe(false);
    expect(own.run({ inputs: [input(0, 0, value), input(0, 1, value), input(1, 0, value)] }).ok).toBe(false);
    expect(isThere()).toBe(false);
    expect(() => own.run({ inputs: [input(0, 0, value), input(9, 0, 0n)] })).toThrow(RangeError);
    expect(isThere()).toBe(false);
  });

  it('is opened from bytes, from a Buffer, compiled, and at once; each has a memory of its own', async () => {
    const compiled = new WebAssembly.Module(new Uint8Array(wasm));
    const programs = [
      opened(await openTranslated(wasm)),
      opened(await openTranslated(Buffer.from(wasm))),
      opened(await openTranslated(compiled)),
      opened(openTranslatedAtOnce(compiled, { module: moduleHash(source), names })),
    ];
    for (const [index, program] of programs.entries())
      expect(program.run({ inputs: [input(0, 0, BigInt(index)), input(0, 2, 7n)] })).toMatchObject({
        ok: true,
        ports: new Map([
          [0, BigInt(index)],
          [2, 0n],
          [3, 0n],
        ]),
      });
    expect(programs.at(-1)?.names).toEqual(names);
  });
});

describe('what is no translation', () => {
  /** A module of one memory and no code, `length` pages. */
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const importing = new Uint8Array([...empty, 2, 8, 1, 1, 0x61, 1, 0x62, 2, 0, 1]);

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'WebAssembly.compile()'],
    ['noise', new Uint8Array(100).fill(7), 'WebAssembly.compile()'],
    ['the source module', source, 'WebAssembly.compile()'],
    ['WebAssembly without anything', empty, 'it does not export `memory`'],
    ['WebAssembly that imports', importing, 'it imports `a.b`'],
    ['the machine', machineWasm, '0 sections `ringmint.claims`'],
    ['the runtime', runtime, 'it imports `env.main`'],
    ['a translation cut off', wasm.slice(0, -1), 'WebAssembly.compile()'],
    ['two claims', withSection(claimsSection, JSON.stringify(claims)), '2 sections `ringmint.claims`'],
  ])('%s is refused', async (_, bytes, message) => {
    const result = await openTranslated(bytes);
    expect(result).toMatchObject({ ok: false, code: 'translation_malformed' });
    expect(result.ok || result.message).toContain(`not a translated module: ${message}`);
  });

  it.each<[string, string]>([
    ['no JSON', '{'],
    ['no object', 'null'],
    ['an array', '[]'],
    ['another version', JSON.stringify({ ...claims, version: 2 })],
    ['no module', JSON.stringify({ version: 1 })],
    ['a hash that is cut off', JSON.stringify({ ...claims, module: claims.module.slice(2) })],
    ['a hash in capitals', JSON.stringify({ ...claims, module: claims.module.toUpperCase() })],
  ])('claims that are %s are refused', async (_, content) => {
    // What is there already has another name of the same length.
    const bytes = withSection(claimsSection, content);
    const name = Buffer.from(claimsSection);
    bytes.set(Buffer.from('another.section'.slice(0, name.length)), Buffer.from(bytes).indexOf(name));
    const expected = { ok: false, code: 'translation_malformed' };
    expect(await openTranslated(bytes)).toMatchObject(expected);
    expect(openTranslatedAtOnce(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>))).toMatchObject(
      expected,
    );
  });

  it('exports of other types are refused', async () => {
    // Two names of one length, each in the place of the other.
    const bytes = Buffer.from(wasm);
    const [first, second] = [bytes.indexOf('portCount'), bytes.indexOf('fuelBound')];
    bytes.write('fuelBound', first);
    bytes.write('portCount', second);
    const result = await openTranslated(bytes);
    expect(result).toMatchObject({ ok: false, code: 'translation_malformed' });
    expect(result.ok || result.message).toContain('its exports have other types');
  });

  it('what stops as it is instantiated is refused', async () => {
    // A memory that its data do not fit: section 5 has one, of pages at least and at most.
    const at = Buffer.from(wasm).indexOf(Buffer.from([5, 4, 1, 1]));
    const bytes = new Uint8Array(wasm).fill(1, at + 4, at + 6);
    const expected = { ok: false, code: 'translation_malformed' };
    expect(at).toBeGreaterThan(0);
    expect(await openTranslated(bytes)).toMatchObject(expected);
    expect(openTranslatedAtOnce(new WebAssembly.Module(bytes))).toMatchObject(expected);
  });

  it('a translation of another module is refused, by both hashes', async () => {
    const module = new Uint8Array(32).fill(0xab);
    for (const result of [
      await openTranslated(wasm, { module }),
      openTranslatedAtOnce(new WebAssembly.Module(new Uint8Array(wasm)), { module }),
    ]) {
      expect(result).toMatchObject({ ok: false, code: 'translation_foreign' });
      expect(result.ok || result.message).toBe(
        `a translation of module \`${claims.module.slice(0, 16)}…\`, where \`abababababababab…\` is expected`,
      );
    }
  });

  it('throws for what is neither bytes nor compiled', async () => {
    await expect(openTranslated('module.wasm' as unknown as Uint8Array)).rejects.toThrow(TypeError);
  });
});

describe('a host that trusts keys', () => {
  const key = newKey();
  const trust = trustTranslations([key.publicKey.point]);
  const module = moduleHash(source);

  it('opens what one of them signed', async () => {
    const signed = await signTranslation({ wasm, module }, key);
    expect(opened(await openTranslated(signed, { trust })).run({ inputs: [] }).ok).toBe(true);
    expect(opened(await openTranslated(signed, { trust, module })).hash).toEqual(module);
  });

  it.each<[string, () => Promise<Uint8Array | WebAssembly.Module>, object, string]>([
    ['a bare translation', async () => wasm, {}, 'translation_untrusted'],
    ['a compiled one', async () => new WebAssembly.Module(new Uint8Array(wasm)), {}, 'translation_untrusted'],
    ['one of another key', () => signTranslation({ wasm, module }, newKey()), {}, 'translation_untrusted'],
    [
      'one that was signed as of another module',
      () => signTranslation({ wasm, module: new Uint8Array(32) }, key),
      {},
      'translation_foreign',
    ],
    [
      'one of another module than is expected',
      () => signTranslation({ wasm, module }, key),
      { module: new Uint8Array(32) },
      'translation_foreign',
    ],
    [
      'signed WebAssembly that is none',
      () => signTranslation({ wasm: machineWasm, module }, key),
      {},
      'translation_malformed',
    ],
  ])('refuses %s', async (_, make, options, code) => {
    expect(await openTranslated(await make(), { trust, ...options })).toMatchObject({ ok: false, code });
  });
});
