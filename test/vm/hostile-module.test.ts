import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { issuanceProgram } from '../../src/rules/issuance-program.ts';
import type { Machine } from '../../vm/host.ts';
import { type RefusalName, refusals } from '../../vm/isa.ts';
import { makeLabel } from '../../vm/label.ts';
import { type CodeWord, encodeModule, type Module } from '../../vm/module.ts';
import { assembled, type BareMachine, bareMachine, freshMachine, loadBare } from './machine.ts';
import { randomProgram } from './random-program.ts';

const valid = assembled(issuanceProgram).bytes;
const label = (secrecy: number, authority: number): number =>
  makeLabel({ secrecy, authority, categories: [] });
const word = (
  opcode: number,
  registers: [number, number, number, number] = [0, 0, 0, 0],
  index = 0,
  level = 0,
): CodeWord => ({ opcode, level, registers, index });
const [mov, store, ifOp, elseOp, endOp, declassify, endorse, output, halt] = [
  2, 16, 17, 18, 19, 20, 21, 22, 23,
] as const;

const base: Module = {
  levels: [label(0, 8)],
  constants: [{ value: 1n, label: 0 }],
  segments: [{ length: 2, label: 0, ceiling: 0 }],
  ports: [0],
  grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 4), least: 0n, most: 1n }],
  code: [word(halt)],
};
const coded = (...code: CodeWord[]): Module => ({ ...base, code });
const nested = (depth: number): CodeWord[] => [
  ...Array.from({ length: depth }, () => word(ifOp)),
  ...Array.from({ length: depth }, () => word(endOp)),
  word(halt),
];

describe('hostile modules', () => {
  let machine: Machine;
  let bare: BareMachine;
  beforeAll(async () => {
    machine = await freshMachine();
    bare = await bareMachine();
  });

  /** Loads and, where that is allowed, runs; whatever happens is an answer. */
  function answer(bytes: Uint8Array): string {
    const result = machine.load(bytes);
    if (!result.ok) {
      expect(result.offset).toBeLessThanOrEqual(Math.max(bytes.length, 0));
      return result.reason;
    }
    const run = result.program.run({ inputs: [], fuel: 100_000n });
    return run.ok ? 'ran' : run.code;
  }

  const refused: [name: string, reason: RefusalName, module: Module][] = [
    ['no code', 'count', coded()],
    ['code without halt', 'halt', coded(word(mov))],
    ['halt in the middle', 'halt', coded(word(halt), word(halt))],
    ['halt inside a branch', 'halt', coded(word(ifOp), word(halt), word(endOp))],
    ['an open branch', 'halt', coded(word(ifOp), word(halt))],
    ['code that ends in end', 'halt', coded(word(ifOp), word(endOp))],
    ['end without if', 'structure', coded(word(endOp), word(halt))],
    ['else without if', 'structure', coded(word(elseOp), word(halt))],
    ['two elses', 'structure', coded(word(ifOp), word(elseOp), word(elseOp), word(endOp), word(halt))],
    ['seventeen branches in one another', 'structure', coded(...nested(17))],
    ['opcode 0', 'opcode', coded(word(0), word(halt))],
    ['opcode 24', 'opcode', coded(word(24), word(halt))],
    ['opcode 255', 'opcode', coded(word(255), word(halt))],
    ['register 32', 'operand', coded(word(mov, [32, 0, 0, 0]), word(halt))],
    ['register 255', 'operand', coded(word(mov, [0, 255, 0, 0]), word(halt))],
    ['an operand that the instruction has not', 'operand', coded(word(mov, [0, 0, 1, 0]), word(halt))],
    ['an index that the instruction has not', 'operand', coded(word(mov, [0, 0, 0, 0], 1), word(halt))],
    ['a constant that is not there', 'operand', coded(word(1, [0, 0, 0, 0], 1), word(halt))],
    ['a segment that is not there', 'operand', coded(word(store, [0, 0, 0, 0], 1), word(halt))],
    ['a port that is not there', 'operand', coded(word(output, [0, 0, 0, 0], 1), word(halt))],
    ['a grant that is not there', 'operand', coded(word(declassify, [0, 0, 0, 0], 1), word(halt))],
    ['index 65,535', 'operand', coded(word(store, [0, 0, 0, 0], 65_535), word(halt))],
    ['an operand of halt', 'operand', coded(word(halt, [1, 0, 0, 0]))],
    ['a grant of the other kind', 'grantKind', coded(word(endorse), word(halt))],
    ['a level that is not there', 'level', coded(word(halt, [0, 0, 0, 0], 0, 1))],
    ['no levels', 'level', { ...base, levels: [] }],
    ['a level that is no thermometer', 'label', { ...base, levels: [2] }],
    ['a level with C above A', 'label', { ...base, levels: [label(4, 3)] }],
    ['a constant with C above A', 'label', { ...base, constants: [{ value: 0n, label: label(1, 0) }] }],
    ['a port that is no thermometer', 'label', { ...base, ports: [0x4000] }],
    ['an empty segment', 'segment', { ...base, segments: [{ length: 0, label: 0, ceiling: 0 }] }],
    ['a segment of 4,097 words', 'segment', { ...base, segments: [{ length: 4097, label: 0, ceiling: 0 }] }],
    [
      'a segment of 2^32 - 1 words',
      'segment',
      { ...base, segments: [{ length: 0xffffffff, label: 0, ceiling: 0 }] },
    ],
    [
      'segments of 4,097 words together',
      'segment',
      { ...base, segments: [4000, 97].map((length) => ({ length, label: 0, ceiling: 0 })) },
    ],
    [
      'a segment above its ceiling',
      'segment',
      { ...base, segments: [{ length: 1, label: label(1, 8), ceiling: 0 }] },
    ],
    [
      'a grant that raises secrecy',
      'grant',
      { ...base, grants: [{ kind: 'declassify', from: 0, to: label(1, 8), least: 0n, most: 1n }] },
    ],
    [
      'a declassification that raises authority',
      'grant',
      { ...base, grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 8), least: 0n, most: 1n }] },
    ],
    [
      'an endorsement that lowers secrecy',
      'grant',
      { ...base, grants: [{ kind: 'endorse', from: label(1, 2), to: label(0, 8), least: 0n, most: 1n }] },
    ],
    [
      'an endorsement that lowers authority',
      'grant',
      { ...base, grants: [{ kind: 'endorse', from: label(0, 8), to: label(0, 2), least: 0n, most: 1n }] },
    ],
    [
      'a grant with an empty range',
      'grant',
      { ...base, grants: [{ kind: 'declassify', from: label(4, 4), to: label(0, 4), least: 1n, most: 0n }] },
    ],
    ['65 levels', 'count', { ...base, levels: Array.from({ length: 65 }, () => 0) }],
    [
      '257 constants',
      'count',
      { ...base, constants: Array.from({ length: 257 }, () => ({ value: 0n, label: 0 })) },
    ],
    [
      '17 segments',
      'count',
      { ...base, segments: Array.from({ length: 17 }, () => ({ length: 1, label: 0, ceiling: 0 })) },
    ],
    ['33 ports', 'count', { ...base, ports: Array.from({ length: 33 }, () => 0) }],
    [
      '17 grants',
      'count',
      {
        ...base,
        grants: Array.from(
          { length: 17 },
          () => ({ kind: 'declassify', from: 0, to: 0, least: 0n, most: 0n }) as const,
        ),
      },
    ],
    ['4,097 instructions', 'count', coded(...Array.from({ length: 4096 }, () => word(mov)), word(halt))],
  ];

  it.each(refused)('are refused: %s', (_, reason, module) => {
    expect(answer(encodeModule(module))).toBe(reason);
  });

  it('are not those that go up to every limit', () => {
    const most: Module = {
      levels: Array.from({ length: 64 }, () => 0),
      constants: Array.from({ length: 256 }, () => ({ value: 0n, label: 0 })),
      segments: Array.from({ length: 16 }, () => ({ length: 256, label: 0, ceiling: 0 })),
      ports: Array.from({ length: 32 }, () => 0),
      grants: Array.from(
        { length: 16 },
        () => ({ kind: 'declassify', from: 0, to: 0, least: 0n, most: 0n }) as const,
      ),
      code: [...Array.from({ length: 4095 }, () => word(store, [0, 0, 0, 0], 15)), word(halt)],
    };
    expect(answer(encodeModule(most))).toBe('ran');
    expect(answer(encodeModule(coded(...nested(16))))).toBe('ran');
  });

  it('tell the byte of the instruction at fault', () => {
    const bytes = encodeModule(coded(word(mov), word(mov, [0, 40, 0, 0]), word(halt)));
    expect(machine.load(bytes)).toMatchObject({ reason: 'operand', offset: bytes.length - 16 });
  });

  it('have the kinds of their refusals all in this file', () => {
    const tried = new Set<string>([...refused.map(([, reason]) => reason), 'header']);
    expect(Object.keys(refusals).filter((name) => !tried.has(name))).toEqual([]);
  });

  it('of every length below and above the whole are refused', () => {
    for (let length = 0; length < valid.length; length++)
      expect(answer(valid.slice(0, length))).toBe('header');
    expect(answer(new Uint8Array([...valid, 0]))).toBe('header');
    expect(answer(new Uint8Array(65_536))).toBe('header');
    expect(answer(new Uint8Array(65_537))).toBe('header');
  });

  it('with any one bit turned are refused, trapped or run, and never crash', () => {
    const seen = new Map<string, number>();
    for (let bit = 0; bit < valid.length * 8; bit++) {
      const bytes = valid.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const reason = answer(bytes);
      seen.set(reason, (seen.get(reason) ?? 0) + 1);
    }
    console.log('bit flips', Object.fromEntries(seen));
    expect(seen.size).toBeGreaterThan(5);
  });

  it('of random bytes, with and without a header, never crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, header) => {
        if (header && bytes.length >= 32) {
          bytes.set(valid.slice(0, 8));
          new DataView(bytes.buffer, bytes.byteOffset).setUint32(20, bytes.length, true);
        }
        expect(['ran', 'trapped', ...Object.keys(refusals)]).toContain(answer(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('made of valid ones with bytes changed in the code never crash', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (seed, changes) => {
          const module = randomProgram({ seed, releases: true });
          const bytes = encodeModule(module);
          for (const [at, value] of changes)
            bytes[bytes.length - 1 - (at % (module.code.length * 8))] = value;
          expect(['ran', 'trapped', ...Object.keys(refusals)]).toContain(answer(bytes));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('once refused leave nothing behind that runs or can be written to', () => {
    const huge = encodeModule(base);
    new DataView(huge.buffer).setUint16(12, 65_535, true); // segments
    new DataView(huge.buffer).setUint16(14, 65_535, true); // ports
    expect(loadBare(bare, huge)).toBe(refusals.count.code);
    const before = new Uint8Array(bare.memory.buffer.slice(0));
    expect(bare.setWord(17, 0, -1n), 'segment 17 of at most 16').toBe(1);
    expect(bare.portWritten(40)).toBe(0);
    bare.reset();
    expect(bare.run(10n)).toBe(0);
    expect(Buffer.compare(before, new Uint8Array(bare.memory.buffer))).toBe(0);
  });
});
