/** What every instruction computes, labels, costs and traps at: cases by hand, on the machine, its stepping twin and the specification. */
import { beforeAll, describe, expect, it } from 'vitest';
import { trapName } from '../../vm/host.ts';
import { instructions, type TrapName, traps } from '../../vm/isa.ts';
import type { Module } from '../../vm/module.ts';
import { specify } from '../../vm/specification.ts';
import { arithmetic } from './instructions/arithmetic.ts';
import { bits } from './instructions/bits.ts';
import { calls } from './instructions/calls.ts';
import type { InstructionCase } from './instructions/case.ts';
import { control } from './instructions/control.ts';
import { fuel } from './instructions/fuel.ts';
import { grants } from './instructions/grants.ts';
import { labelled, labels } from './instructions/labels.ts';
import { memory } from './instructions/memory.ts';
import { order } from './instructions/order.ts';
import {
  assembled,
  type BareMachine,
  type BareSteppingMachine,
  bareMachine,
  bareSteppingMachine,
  loadBare,
} from './machine.ts';
import { differs } from './oracles.ts';
import { auditOf, runText, type Seen, sourceOf } from './text-program.ts';

const noun = { arithmetic, bits, labels, memory, control, calls, grants, fuel, order };
const all = Object.values(noun).flat();

const byOpcode = new Map(instructions.map((instruction) => [instruction.opcode, instruction]));

describe('instructions', () => {
  let machine: BareMachine;
  let stepping: BareSteppingMachine;
  beforeAll(async () => {
    machine = await bareMachine();
    stepping = await bareSteppingMachine();
  });

  function compare(given: InstructionCase, seen: Seen, audit: string): void {
    const { trap = 'none', registers = {}, ports = {} } = given;
    expect(seen.trap).toBe(trap);
    if (given.at !== undefined) expect([seen.trapAt, seen.trapLabel]).toEqual([given.at, given.label]);
    for (const [index, expected] of Object.entries(registers))
      expect(`r${index} ${seen.register(Number(index))}`).toBe(`r${index} ${expected}`);
    for (const [index, expected] of Object.entries(ports)) expect(seen.port(Number(index))).toBe(expected);
    if (given.audit !== undefined) expect(audit).toBe(given.audit);
    // A run that trapped tells nothing of its fuel.
    if (trap !== 'none') expect(seen.fuel).toBe(0n);
    else if (given.used !== undefined) expect(seen.fuel).toBe(given.used);
  }

  describe.each(Object.entries(noun))('%s', (_, cases) => {
    it.each(cases)('$text', (given) => {
      compare(given, runText(machine, given.text, given.limit), auditOf(machine));
      compare(given, runText(stepping, given.text, given.limit), auditOf(stepping));
      if (given.used !== undefined && given.used > 0n)
        expect(runText(machine, given.text, given.used - 1n).trap).toBe('fuel');
      const { module } = assembled(sourceOf(given.text));
      expect(differs(machine, module, [], given.limit ?? 1_000_000n, new Map())).toBeUndefined();
    });
  });

  /** Steps through the program: every instruction that ran, and the last with its trap. */
  function follow(module: Module, bytes: Uint8Array, limit: bigint, ran: Set<string>): void {
    const code = module.functions.flatMap((body) => body.code);
    const nameAt = (at: number): string => byOpcode.get(code[at]?.opcode ?? 0)?.mnemonic ?? 'nothing';
    expect(loadBare(stepping, bytes)).toBe(0);
    stepping.reset();
    let outcome = stepping.begin(limit);
    if (outcome === 0) {
      do {
        const name = nameAt(stepping.position());
        outcome = stepping.step();
        if (outcome === 255 || outcome === 0) ran.add(name);
      } while (outcome === 255);
    }
    if (outcome !== 0) ran.add(`${nameAt(stepping.trapAt())}: ${trapName(outcome)}`);
  }

  it('each run to their end and trap in every way that the table has for them', () => {
    const ran = new Set<string>();
    for (const { text, limit } of all) {
      const { module, bytes } = assembled(sourceOf(text));
      follow(module, bytes, limit ?? 1_000_000n, ran);
    }
    const missing = instructions.flatMap(({ mnemonic, traps: own }) =>
      [mnemonic, ...own.map((trap) => `${mnemonic}: ${trap}`)].filter((name) => !ran.has(name)),
    );
    expect(missing).toEqual([]);
    // And in no other: fuel is charged where a block begins, whatever its first instruction.
    const other = [...ran].filter((name) => {
      const [mnemonic, trap] = name.split(': ');
      if (trap === undefined || trap === 'fuel') return false;
      return instructions.find((own) => own.mnemonic === mnemonic)?.traps.includes(trap as TrapName) !== true;
    });
    expect(other).toEqual([]);
    const trapped = new Set([...ran].flatMap((name) => name.split(': ').slice(1)));
    expect(Object.keys(traps).filter((name) => !trapped.has(name))).toEqual([]);
    expect(labelled).toEqual(['declassify', 'endorse']);
    console.log(`instructions: ${all.length} programs, ${ran.size} instructions and traps of instructions`);
  });

  // By hand: what was charged when the trap came, of 100.
  it.each([
    ['const r1 big, add r2 r1 r1, mul r3 r1 r1', 'overflow', 1, 4n],
    ['const r1 big, mul r3 r1 r1, mul r3 r1 r1, div r3 r1 r1 up', 'overflow', 1, 8n],
    // The first block, then the arm up to its end; nothing of what comes after it.
    ['const r1 p1, const r2 big, if r1, add r3 r2 r2, mul r3 r2 r2, end, mul r3 r2 r2', 'overflow', 3, 6n],
    ['const r1 p0, const r2 big, if r1, mul r3 r2 r2, else, add r3 r2 r2, end', 'overflow', 5, 4n],
    // On a secret the dearer arm, whichever traps.
    [
      'const r1 s1, const r2 big, if r1, add r3 r2 r2, else, div r3 r2 r2 up, div r3 r2 r2 up, end',
      'overflow',
      3,
      9n,
    ],
    ['const r1 s0, const r2 big, if r1, div r3 r2 r2 up, else, add r3 r2 r2, end', 'overflow', 5, 6n],
    // The second round, and the round that is one too many.
    ['const r1 p1, const r2 p1, loop p5, while r1, const r1 big, add r2 r1 r2, end', 'overflow', 5, 6n],
    ['const r1 p1, loop p1, while r1, end', 'bound', 3, 4n],
    [
      'function f () -> (), const r1 p64, shl r1 r1 r1, mul r1 r1 r1, return r0\nmain\nconst r1 p1, call r0 r0 f, mul r1 r1 r1',
      'shift',
      1,
      8n,
    ],
    // Of a block that there is no fuel for, nothing is run: it is charged, and that is the trap.
    ['const r1 big, add r2 r1 r1, mul r3 r1 r1', 'fuel', 0, 4n, 3n],
  ] as const)('%s: %s at %i, of %i fuel', (text, trap, at, charged, limit: bigint = 100n) => {
    expect(loadBare(stepping, assembled(sourceOf(text)).bytes)).toBe(0);
    stepping.reset();
    let outcome = stepping.begin(limit);
    if (outcome === 0) {
      do {
        outcome = stepping.step();
      } while (outcome === 255);
    }
    expect([trapName(outcome), stepping.trapAt()]).toEqual([trap, at]);
    expect(limit - stepping.fuelLeft()).toBe(charged);
  });

  it('that break several rules trap by the one that the table names first', () => {
    const pairs = new Set<string>();
    for (const { text, limit, trap, at } of all) {
      if (trap === undefined || at === undefined) continue;
      const { module } = assembled(sourceOf(text));
      const outcome = specify(module, [], limit ?? 1_000_000n);
      if (outcome.ok || outcome.traps.length < 2) continue;
      const opcode = module.functions.flatMap((body) => body.code)[at]?.opcode ?? 0;
      const { mnemonic = '', traps: table = [] } = byOpcode.get(opcode) ?? {};
      expect(
        table.find((name) => outcome.traps.includes(name)),
        text,
      ).toBe(trap);
      for (const other of outcome.traps)
        if (other !== trap) pairs.add(`${mnemonic}: ${trap} before ${other}`);
    }
    // Rules that can be broken together; the others exclude each other, or are asked one after the other.
    for (const { mnemonic, traps: table } of instructions)
      if (table.includes('label') && table.includes('clearance'))
        expect([...pairs]).toContain(`${mnemonic}: label before clearance`);
    console.log(`order of traps: ${pairs.size} pairs`);
  });
});
