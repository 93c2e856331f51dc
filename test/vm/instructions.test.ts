/** What every instruction computes, labels, costs and traps at: cases by hand, on the machine, its stepping twin and the specification. */
import { beforeAll, describe, expect, it } from 'vitest';
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
  trapNamed,
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
    if (outcome !== 0) ran.add(`${nameAt(stepping.trapAt())}: ${trapNamed(outcome)}`);
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
