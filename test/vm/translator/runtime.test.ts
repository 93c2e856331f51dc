/** What code of translated functions calls, against the rules of docs/ISA.md on whole numbers and sets of categories. */
import { describe, expect, it } from 'vitest';
import { limits, roundings, traps } from '../../../vm/isa.ts';
import { makeLabel, readLabel } from '../../../vm/label.ts';
import type { Grant, Module } from '../../../vm/module.ts';
import { divide, fits, floorDivide } from '../../../vm/specification/whole-number.ts';
import { Dice } from '../random-program.ts';
import { bareRuntime, dataOf, runtime } from './bare-runtime.ts';

const most = 2n ** 63n - 1n;
const edges = [
  0n,
  1n,
  2n,
  3n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 32n + 1n,
  3_037_000_499n,
  3_037_000_500n,
  2n ** 62n,
  most - 1n,
  most,
].flatMap((value) => [value, -value]);
edges.push(-(2n ** 63n));

const dice = new Dice(20_261_122);

/** As often an edge as a number of any length. */
function word(): bigint {
  if (dice.below(2) === 0) return dice.pick(edges);
  const bits = (BigInt(dice.below(2 ** 32)) << 32n) | BigInt(dice.below(2 ** 32));
  return BigInt.asIntN(64, bits) >> BigInt(dice.below(64));
}

const bare = bareRuntime();

describe('arithmetic of the runtime', () => {
  function expectQuotient(x: bigint, y: bigint, c: bigint): void {
    for (const [number, rounding] of roundings.entries()) {
      const what = `${x} × ${y} ÷ ${c}, ${rounding}`;
      if (c === 0n) {
        expect(bare.divide(x, y, c, number), what).toBe(traps.division.code);
        continue;
      }
      const quotient = divide(x * y, c, rounding);
      const code = bare.divide(x, y, c, number);
      if (code !== (fits(quotient) ? 0 : traps.overflow.code)) expect(code, what).toBe('another answer');
      if (fits(quotient) && bare.quotient.value !== quotient)
        expect(bare.quotient.value, what).toBe(quotient);
    }
  }

  it('divides products of 128 bits, rounded in every way', () => {
    for (const x of edges) for (const c of edges) expectQuotient(x, 1n, c);
    for (const x of edges) for (const y of edges) expectQuotient(x, y, dice.pick(edges));
    for (let i = 0; i < 10_000; i++) expectQuotient(word(), word(), word());
  });

  it('divides what is halfway between two whole numbers', () => {
    for (let i = 0; i < 2_000; i++) {
      const half = BigInt(1 + dice.below(2 ** 31));
      const odd = BigInt(2 * dice.below(2 ** 30) + 1);
      for (const c of [2n * half, -2n * half]) for (const y of [odd, -odd]) expectQuotient(half, y, c);
    }
  });

  it('tells which products do not fit a word', () => {
    for (const x of edges)
      for (const y of edges) expect(bare.productOverflows(x, y), `${x} × ${y}`).toBe(fits(x * y) ? 0 : 1);
    for (let i = 0; i < 10_000; i++) {
      const [x, y] = [word(), word()];
      expect(bare.productOverflows(x, y), `${x} × ${y}`).toBe(fits(x * y) ? 0 : 1);
    }
  });

  it('gives remainders the sign of the divisor', () => {
    for (let i = 0; i < 10_000; i++) {
      const [x, y] = [word(), word()];
      if (y !== 0n) expect(bare.remainder(x, y), `${x}, ${y}`).toBe(x - y * floorDivide(x, y));
    }
    expect(bare.remainder(-(2n ** 63n), -1n)).toBe(0n);
  });

  it('finds words in ascending tables of any length', () => {
    const at = runtime.address('TABLES');
    for (const count of [1, 2, 3, 7, 64, 1_000]) {
      const entries = [...new Set(Array.from({ length: count }, word))].sort((x, y) => (x < y ? -1 : 1));
      new BigInt64Array(bare.memory.buffer, at).set(entries);
      for (const value of [...entries.flatMap((entry) => [entry - 1n, entry, entry + 1n]), ...edges])
        if (fits(value)) expect(bare.find(at, entries.length, value)).toBe(BigInt(entries.indexOf(value)));
    }
  });

  it('counts what the rounds of a loop may cost, 2^63 - 1 at most', () => {
    const least = (x: bigint, y: bigint): bigint => (x < y ? x : y);
    const counts = [
      0n,
      1n,
      2n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 61n,
      most - 1n,
      most,
      2n ** 63n,
      2n ** 64n - 1n,
    ];
    for (const dearest of counts)
      for (const round of counts)
        for (const left of counts)
          expect(bare.roundsCost(dearest, round, left), `${dearest} + ${round} × ${left}`).toBe(
            least(dearest + least(round * left, most), most),
          );
  });
});

const categories = [0, 1, 2, 7, 15];

function label(): number {
  const authority = dice.below(9);
  return makeLabel({
    secrecy: dice.below(9),
    authority,
    categories: categories.filter(() => dice.below(3) === 0),
  });
}

describe('traps of the runtime', () => {
  it('notes the trap that ends a run', () => {
    expect(bare.stop(traps.bounds.code, 16_383, 0xff00_00ff)).toBe(1);
    expect([bare.trapCode(), bare.trapAt(), bare.trapLabel() >>> 0]).toEqual([
      traps.bounds.code,
      16_383,
      0xff00_00ff,
    ]);
  });

  it('tells labels that break C ≤ A from those that are only not cleared', () => {
    for (let i = 0; i < 2_000; i++) {
      const of = label();
      const { secrecy, authority } = readLabel(of);
      expect(bare.stopUnallowed(i, of)).toBe(1);
      expect([bare.trapCode(), bare.trapAt(), bare.trapLabel() >>> 0]).toEqual([
        (secrecy > authority ? traps.label : traps.clearance).code,
        i,
        of,
      ]);
    }
  });
});

/** A grant that the loader accepts. */
function grant(): Grant {
  const kind = dice.pick(['declassify', 'endorse'] as const);
  const authority = dice.below(9);
  const secrecy = dice.below(authority + 1);
  const from = { secrecy, authority, categories: categories.filter(() => dice.below(2) === 0) };
  const to =
    kind === 'declassify'
      ? {
          secrecy: dice.below(secrecy + 1),
          authority,
          categories: from.categories.filter(() => dice.below(2) === 0),
        }
      : { ...from, authority: authority + dice.below(9 - authority) };
  const range = [word(), word()].sort((x, y) => (x < y ? -1 : 1));
  return {
    kind,
    from: makeLabel(from),
    to: makeLabel(to),
    uses: 1 + dice.below(3),
    least: range[0] ?? 0n,
    most: range[1] ?? 0n,
  };
}

interface Use {
  readonly at: number;
  readonly context: number;
  readonly uncleared: number;
  readonly operand: number;
  readonly value: bigint;
}

/** The trap of a use of `granted` after `used` uses of it and `all` of any, or undefined: docs/ISA.md, `declassify` and `endorse`. */
function trapOf(granted: Grant, used: number, all: number, use: Use): keyof typeof traps | undefined {
  const [from, to, context, operand] = [granted.from, granted.to, use.context, use.operand].map(readLabel);
  if (from === undefined || to === undefined || context === undefined || operand === undefined)
    throw new Error('four labels');
  const least = granted.kind === 'declassify' ? from.authority : to.authority;
  const isPublic = context.secrecy === 0 && context.categories.length === 0;
  const covers =
    operand.secrecy <= from.secrecy &&
    operand.authority >= from.authority &&
    operand.categories.every((category) => from.categories.includes(category));
  if (!isPublic || context.authority < least || !covers) return 'grant';
  if (used === granted.uses || all === limits.audit) return 'grant';
  if (operand.categories.some((category) => (use.uncleared >> (8 + category)) & 1)) return 'clearance';
  return use.value < granted.least || use.value > granted.most ? 'range' : undefined;
}

describe('grants of the runtime', () => {
  it('let through what they cover, as often as they say, and put it on the audit list', () => {
    const counts = new Map<string, number>();
    const emptyModule = { levels: [], constants: [], segments: [], tables: [], ports: [], functions: [] };
    for (let round = 0; round < 150; round++) {
      const grants = Array.from({ length: 1 + dice.below(4) }, grant);
      let uses: Use[] = [];
      let answers: number[] = [];
      const machine = bareRuntime(() => {
        answers = uses.map(({ at, context, uncleared, operand, value }, index) =>
          machine.grant(at, index % grants.length, context, uncleared, operand, value),
        );
        return 0;
      });
      const bytes = new Uint8Array(machine.memory.buffer);
      const module: Module = { ...emptyModule, grants };
      for (const data of dataOf(module, { fuelBound: 0n, uniform: [] })) bytes.set(data.bytes, data.at);
      // A second run has all uses again.
      for (let run = 0; run < 2; run++) {
        machine.reset();
        uses = Array.from({ length: 20 }, (_, index) => {
          const granted = grants[index % grants.length];
          const context =
            dice.below(4) === 0
              ? label()
              : makeLabel({ secrecy: 0, authority: 8 - dice.below(3), categories: [] });
          const operand = dice.below(4) === 0 ? label() : (granted?.from ?? 0);
          const within = dice.below(2) === 0 ? granted?.least : granted?.most;
          const uncleared = dice.below(3) === 0 ? dice.below(2 ** 16) << 8 : 0;
          return {
            at: dice.below(limits.code),
            context,
            uncleared,
            operand,
            value: dice.below(3) === 0 ? word() : (within ?? 0n),
          };
        });
        const used = grants.map(() => 0);
        const audit: bigint[] = [];
        const expected = uses.map((use, index) => {
          const number = index % grants.length;
          const trap = trapOf(grants[number] ?? grant(), used[number] ?? 0, audit.length, use);
          counts.set(trap ?? 'used', (counts.get(trap ?? 'used') ?? 0) + 1);
          if (trap !== undefined) return { trap, use };
          used[number] = (used[number] ?? 0) + 1;
          audit.push((BigInt(use.at) << 32n) | BigInt(number));
          return undefined;
        });
        expect(machine.run(0n)).toBe(0);
        expect(answers).toEqual(expected.map((trap) => (trap === undefined ? 0 : 1)));
        const last = expected.findLast((trap) => trap !== undefined);
        if (last !== undefined)
          expect([machine.trapCode(), machine.trapAt(), machine.trapLabel() >>> 0]).toEqual([
            traps[last.trap].code,
            last.use.at,
            (last.use.context | last.use.operand) >>> 0,
          ]);
        expect(Array.from({ length: machine.auditCount() }, (_, index) => machine.auditEntry(index))).toEqual(
          audit,
        );
      }
    }
    for (const answer of ['used', 'grant', 'clearance', 'range'])
      expect(counts.get(answer) ?? 0, answer).toBeGreaterThan(100);
  });

  it('end where the audit list has no room', () => {
    const machine = bareRuntime(() => {
      for (let use = 0; use < limits.audit; use++) expect(machine.grant(use, 0, 0, 0, 0, 0n)).toBe(0);
      return machine.grant(limits.audit, 0, 0, 0, 0, 0n);
    });
    const open: Grant = { kind: 'declassify', from: 0, to: 0, uses: limits.audit + 1, least: 0n, most: 0n };
    const module: Module = {
      levels: [],
      constants: [],
      segments: [],
      tables: [],
      ports: [],
      grants: [open],
      functions: [],
    };
    const bytes = new Uint8Array(machine.memory.buffer);
    for (const data of dataOf(module, { fuelBound: 0n, uniform: [] })) bytes.set(data.bytes, data.at);
    machine.reset();
    expect([machine.run(0n), machine.trapCode(), machine.trapAt()]).toEqual([
      1,
      traps.grant.code,
      limits.audit,
    ]);
    // Of a run that trapped nothing is told.
    expect(machine.auditCount()).toBe(0);
  });
});
