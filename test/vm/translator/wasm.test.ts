/** The encoder of WebAssembly: what it writes, Node's engine has to read as it was meant. */
import { describe, expect, it } from 'vitest';
import {
  Code,
  functionBody,
  functionType,
  joined,
  type Opcode,
  section,
  sized,
  type ValueType,
  vector,
} from '../../../vm/translator/wasm.ts';

type Run = (...words: (number | bigint)[]) => number | bigint;

interface Written {
  readonly parameters?: readonly ValueType[];
  readonly result: ValueType;
  readonly locals?: readonly ValueType[];
  readonly code: Code;
}

/** In a module of one function, with a page of memory and a global i64. */
function functionOf({ parameters = [], result, locals = [], code }: Written): Run {
  const module = joined(
    new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]),
    section(1, vector([functionType(parameters, [result])])),
    section(3, vector([new Uint8Array([0])])),
    section(5, vector([new Uint8Array([0, 1])])),
    section(6, vector([new Uint8Array([0x7e, 1, 0x42, 0, 0x0b])])),
    section(7, vector([joined(sized(new TextEncoder().encode('run')), new Uint8Array([0, 0]))])),
    section(10, vector([functionBody(locals, code.op('end').bytes)])),
  );
  return new WebAssembly.Instance(new WebAssembly.Module(module), {}).exports['run'] as Run;
}

const edges = [
  0n,
  1n,
  63n,
  64n,
  127n,
  128n,
  8_191n,
  8_192n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 62n,
];
const longs = [...edges, 2n ** 63n - 1n].flatMap((edge) => [edge, -edge - 1n]);

const widths = { i32: 32, i64: 64 } as const;
const signed = (type: ValueType, word: bigint): bigint => BigInt.asIntN(widths[type], word);
const unsigned = (type: ValueType, word: bigint): bigint => BigInt.asUintN(widths[type], word);
/** As the engine takes and gives it. */
const given = (type: ValueType, word: bigint): number | bigint =>
  type === 'i32' ? Number(signed(type, word)) : signed(type, word);

type Operation = (a: bigint, b: bigint, type: ValueType) => bigint | boolean;

/** Of two signed words of a type. */
const operations: Readonly<Record<string, Operation>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt_s: (a, b) => a < b,
  gt_s: (a, b) => a > b,
  le_s: (a, b) => a <= b,
  ge_s: (a, b) => a >= b,
  lt_u: (a, b, type) => unsigned(type, a) < unsigned(type, b),
  gt_u: (a, b, type) => unsigned(type, a) > unsigned(type, b),
  le_u: (a, b, type) => unsigned(type, a) <= unsigned(type, b),
  ge_u: (a, b, type) => unsigned(type, a) >= unsigned(type, b),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, type) => a << (b & BigInt(widths[type] - 1)),
  shr_s: (a, b, type) => a >> (b & BigInt(widths[type] - 1)),
  shr_u: (a, b, type) => unsigned(type, a) >> (b & BigInt(widths[type] - 1)),
};

const ofLongsOnly: Readonly<Record<string, Operation>> = {
  mul: (a, b) => a * b,
  rotl: (a, b) => (a << (b & 63n)) | (unsigned('i64', a) >> ((64n - (b & 63n)) & 63n)),
};

const binary = [
  ...(['i32', 'i64'] as const).flatMap((type) =>
    Object.entries(operations).map(([name, meant]) => ({ type, name: `${type}.${name}` as Opcode, meant })),
  ),
  ...Object.entries(ofLongsOnly).map(([name, meant]) => ({
    type: 'i64' as const,
    name: `i64.${name}` as Opcode,
    meant,
  })),
];

const unary: readonly {
  name: Opcode;
  from: ValueType;
  to: ValueType;
  meant: (word: bigint) => bigint | boolean;
}[] = [
  { name: 'i32.eqz', from: 'i32', to: 'i32', meant: (word) => word === 0n },
  { name: 'i64.eqz', from: 'i64', to: 'i32', meant: (word) => word === 0n },
  { name: 'i32.wrap_i64', from: 'i64', to: 'i32', meant: (word) => word },
  { name: 'i64.extend_i32_s', from: 'i32', to: 'i64', meant: (word) => word },
  { name: 'i64.extend_i32_u', from: 'i32', to: 'i64', meant: (word) => unsigned('i32', word) },
  { name: 'i64.extend32_s', from: 'i64', to: 'i64', meant: (word) => signed('i32', word) },
];

describe('the encoder of WebAssembly', () => {
  it.each(binary)('writes $name', ({ type, name, meant }) => {
    const results = typeof meant(0n, 0n, type) === 'boolean' ? 'i32' : type;
    const code = new Code().get(0).get(1).op(name);
    const run = functionOf({ parameters: [type, type], result: results, code });
    for (const a of longs.map((word) => signed(type, word)))
      for (const b of longs.map((word) => signed(type, word)))
        expect(run(given(type, a), given(type, b)), `${a}, ${b}`).toBe(
          given(results, BigInt(meant(a, b, type))),
        );
  });

  it.each(unary)('writes $name', ({ name, from, to, meant }) => {
    const run = functionOf({ parameters: [from], result: to, code: new Code().get(0).op(name) });
    for (const word of longs.map((long) => signed(from, long)))
      expect(run(given(from, word)), `${word}`).toBe(given(to, BigInt(meant(word))));
  });

  it('writes constants as they are given, signed or not, and no other', () => {
    for (const long of longs) {
      for (const word of [signed('i64', long), unsigned('i64', long)])
        expect(functionOf({ result: 'i64', code: new Code().i64(word) })()).toBe(signed('i64', long));
      for (const word of [signed('i32', long), unsigned('i32', long)])
        expect(functionOf({ result: 'i32', code: new Code().i32(Number(word)) })()).toBe(given('i32', long));
    }
    for (const word of [2 ** 32, -(2 ** 31) - 1, 0.5, Number.NaN])
      expect(() => new Code().i32(word)).toThrow(RangeError);
    for (const word of [2n ** 64n, -(2n ** 63n) - 1n]) expect(() => new Code().i64(word)).toThrow(RangeError);
    for (const index of [-1, 2 ** 32, 0.5]) expect(() => new Code().get(index)).toThrow(RangeError);
  });

  it('writes constants in as few bytes as they need', () => {
    const sizes = [0, 63, -64, 64, -65, 8_191, 8_192, -(2 ** 31), 2 ** 32 - 1].map(
      (word) => new Code().i32(word).bytes.length - 1,
    );
    expect(sizes).toEqual([1, 1, 1, 2, 2, 2, 3, 5, 1]);
    expect([127, 128, 2 ** 32 - 1].map((index) => new Code().br(index).bytes.length - 1)).toEqual([1, 2, 5]);
  });

  it('writes blocks, branches and loops', () => {
    // The sum of 1 … n.
    const code = new Code()
      .op('block')
      .op('loop')
      .get(0)
      .op('i64.eqz')
      .brIf(1)
      .get(1)
      .get(0)
      .op('i64.add')
      .set(1)
      .get(0)
      .i64(1n)
      .op('i64.sub')
      .set(0)
      .br(0)
      .op('end')
      .op('end')
      .get(1);
    const run = functionOf({ parameters: ['i64'], result: 'i64', locals: ['i64'], code });
    expect([run(0n), run(1n), run(100n)]).toEqual([0n, 1n, 5_050n]);
  });

  it('writes both arms of a decision, select, drop, return and unreachable', () => {
    const code = new Code()
      .get(0)
      .op('if')
      .i32(7)
      .i32(8)
      .get(0)
      .i32(1)
      .op('i32.eq')
      .op('select')
      .op('return')
      .op('else')
      .i32(9)
      .op('drop')
      .op('end')
      .op('unreachable');
    const run = functionOf({ parameters: ['i32'], result: 'i32', code });
    expect([run(1), run(2)]).toEqual([7, 8]);
    expect(() => run(0)).toThrow(WebAssembly.RuntimeError);
  });

  it('writes locals of either type, globals, calls, loads and stores', () => {
    const locals = ['i64', 'i64', 'i32', 'i32', 'i64'] as const;
    const code = new Code()
      .get(0)
      .tee(5)
      .set(2)
      .i32(3)
      .set(3)
      .i32(0)
      .get(2)
      .store('i64.store', 300)
      .i32(0)
      .get(3)
      .store('i32.store', 304)
      .i32(0)
      .load('i64.load', 300)
      .globalSet(0)
      .i32(0)
      .load('i32.load', 300)
      .op('i64.extend_i32_s')
      .globalGet(0)
      .op('i64.xor')
      .set(1);
    const run = functionOf({ parameters: ['i64'], result: 'i64', locals, code: code.get(1) });
    expect(run(0x1234_5678n)).toBe(3n << 32n);
    expect(functionBody(locals, new Uint8Array()).length).toBe(1 + 1 + 3 * 2);
    const countdown = new Code().get(0).op('i64.eqz').op('if').i64(5n).op('return').op('end');
    const called = functionOf({
      parameters: ['i64'],
      result: 'i64',
      code: countdown.get(0).i64(1n).op('i64.sub').call(0),
    });
    expect(called(3n)).toBe(5n);
  });
});
